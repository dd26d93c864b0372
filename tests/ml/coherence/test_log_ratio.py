"""Change of backscatter: a gain is no event, a brighter field is."""

import numpy as np
import pytest
import torch
from affine import Affine

from ml.coherence.log_ratio import ratio_db
from ml.rasters.imagery import ImagePair
from ml.rasters.windows import Window


def test_a_field_that_grew_brighter_stands_out_and_a_gain_does_not():
    rng = np.random.default_rng(2)
    first, second = rng.gamma(30, 1 / 30, (2, 90, 90)).astype(np.float32)
    second *= 1.6
    second[30:60, 30:60] *= 2
    first[:5] = np.nan
    source = ImagePair(first, second, Affine.identity(), None).source()
    change_db = ratio_db(source, Window(0, 0, 90, 90), torch.device("cpu"))
    part = ratio_db(source, Window(20, 30, 40, 50), torch.device("cpu"))
    np.testing.assert_allclose(part, change_db[20:60, 30:80], atol=1e-5)  # it does not know where the part ends
    change_db -= np.nanmedian(change_db)
    assert float(change_db[36:54, 36:54].mean()) == pytest.approx(10 * np.log10(2), abs=0.2)
    assert float(change_db[65:, 65:].mean()) == pytest.approx(0, abs=0.2)
    assert np.isnan(change_db[:5]).all()
