"""The heights that are loaded as context are those of the terrain."""

import numpy as np
import rasterio

from ml.simulation.files.context import write_heights


def test_heights_are_those_of_the_terrain(region, tmp_path):
    with rasterio.open(write_heights(region, tmp_path / "heights.tif")) as raster:
        np.testing.assert_array_equal(raster.read(1), region.terrain.height_m)
        assert raster.tags()["SIMULATED"] == "yes"
