"""Invented villages stand on the land of the simulated island, and its heights are those of the terrain."""

import csv

import numpy as np
import rasterio
from pyproj import Transformer

from ml.simulation.context_files import write_heights, write_villages
from ml.simulation.velocity import simulate_region


def test_villages_stand_on_dry_land(tmp_path):
    region = simulate_region(7)
    with rasterio.open(write_heights(region, tmp_path / "heights.tif")) as raster:
        height, transform = raster.read(1), raster.transform
    np.testing.assert_array_equal(height, region.terrain.height_m)
    with write_villages(region, tmp_path / "villages.csv").open() as stream:
        villages = list(csv.DictReader(stream))
    assert len(villages) == len(region.truths)
    for village in villages:
        x, y = Transformer.from_crs(4326, 3035, always_xy=True).transform(village["longitude"], village["latitude"])
        assert np.isfinite(height[int((y - transform.f) / transform.e), int((x - transform.c) / transform.a)])
