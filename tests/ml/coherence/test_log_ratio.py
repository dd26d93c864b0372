"""Change of backscatter: a gain is no event, a brighter field is."""

import numpy as np
import pytest
import torch
from affine import Affine

from ml.coherence.log_ratio import backscatter_change_db
from ml.rasters.imagery import ImagePair


def test_a_field_that_grew_brighter_stands_out_and_a_gain_does_not():
    rng = np.random.default_rng(2)
    first, second = rng.gamma(30, 1 / 30, (2, 90, 90)).astype(np.float32)
    second *= 1.6
    second[30:60, 30:60] *= 2
    first[:5] = np.nan
    change_db = backscatter_change_db(ImagePair(first, second, Affine.identity(), None).source(), torch.device("cpu"))
    assert float(change_db[36:54, 36:54].mean()) == pytest.approx(10 * np.log10(2), abs=0.2)
    assert float(change_db[65:, 65:].mean()) == pytest.approx(0, abs=0.2)
    assert np.isnan(change_db[:5]).all()
