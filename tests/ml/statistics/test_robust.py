"""The median of layers is that of each pixel's known values, however many layers there are."""

import numpy as np
import pytest

from ml.statistics.robust import median_of_known


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12, 13])
def test_the_median_of_layers_is_that_of_what_each_pixel_knows(n):
    rng = np.random.default_rng(n)
    layers = rng.normal(0, 1, (n, 300, 90)).astype(np.float32)
    np.testing.assert_array_equal(median_of_known(layers), np.median(layers, axis=0))
    layers[rng.random(layers.shape) < 0.3] = np.nan
    layers[:, 5, 7] = np.nan
    known = median_of_known(layers)
    np.testing.assert_array_equal(known, np.nanmedian(layers, axis=0))
    assert np.isnan(known[5, 7])
