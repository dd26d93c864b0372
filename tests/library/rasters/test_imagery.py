"""Images are read as linear power whatever scale a file holds, window by window."""

import numpy as np
import pytest
from affine import Affine

from ground_motion.rasters.geotiffs import open_pair
from ground_motion.rasters.windows import Window
from tests.makers.geotiff import write

NODATA = -99.0


@pytest.mark.parametrize(
    ("scale", "linear"),
    [("power", lambda v: v), ("amplitude", lambda v: v**2), ("db", lambda v: np.float32(10) ** (v / 10))],
)
def test_a_window_of_any_height_is_linear_power_and_nan_where_nothing_is_known(tmp_path, scale, linear):
    values = np.random.default_rng(1).gamma(4, 0.25, (2, 203, 31)).astype(np.float32)
    values[0, 60:70, 3:9], values[1, 130:, 20] = NODATA, 0.0
    grid = {"crs": "EPSG:32632", "transform": Affine(10, 0, 5e5, 0, -10, 5e6), "nodata": NODATA}
    paths = [write(tmp_path / f"{n}.tif", image, **grid) for n, image in enumerate(values)]
    read = open_pair(*paths, scale).read(Window(2, 1, 197, 29))
    inner = values[:, 2:199, 1:30]
    power = linear(np.where(inner == NODATA, np.float32(np.nan), inner))
    expected = np.where(power > 0, power, np.nan)
    assert read.dtype == np.float32
    assert np.isnan(expected[0]).any()
    np.testing.assert_allclose(read, expected, rtol=1e-6)
