"""Rasters written in parts, coordinates of web maps, and two lines of sight that separate up from east."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from ground_motion.core.geometry import LineOfSight, decompose_up_east
from ground_motion.core.projections import transformer, web_mercator
from ground_motion.core.rasters import RasterExtent, write_cog_parts
from ground_motion.readers.gate import MAX_LATITUDE


@pytest.mark.parametrize(("shape", "levels"), [((512, 300), 0), ((514, 300), 1), ((1500, 2500), 3)])
def test_a_raster_written_in_parts_has_means_as_overviews_until_one_tile_holds_it(tmp_path, shape, levels):
    rng = np.random.default_rng(1)
    whole = {name: rng.normal(0, 1, shape).astype(np.float32) for name in ("a", "b", "nowhere")}
    whole["a"][:3] = np.nan
    whole["nowhere"][:] = np.nan
    parts = (((row, 0), {name: whole[name][row : row + 400] for name in ("a", "b")}) for row in range(0, shape[0], 400))
    units = {"a": "m", "b": "1", "nowhere": "1"}
    path = tmp_path / "a.tif"
    write_cog_parts(path, RasterExtent(shape, Affine(10, 0, 5e5, 0, -10, 5e6), 32632), parts, units, {"tag": "kept"})
    with rasterio.open(path) as raster:
        assert {name: raster.tags(index)["units"] for index, name in enumerate(raster.descriptions, 1)} == units
        assert (raster.tags()["tag"], raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"]) == ("kept", "COG")
        assert raster.overviews(1) == [2**step for step in range(1, levels + 1)]
        for band, (name, values) in zip(raster.read(), whole.items(), strict=True):
            np.testing.assert_array_equal(band, values, err_msg=name)
    if levels:
        with rasterio.open(path, overview_level=0) as raster:
            half = raster.read(2)
            assert np.isnan(raster.read(3)).all()
        even = whole["b"][: shape[0] // 2 * 2, : shape[1] // 2 * 2].astype(np.float64)
        means = even.reshape(shape[0] // 2, 2, shape[1] // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(half[: shape[0] // 2, : shape[1] // 2], means, atol=1e-6)


def test_web_mercator_is_that_of_proj_to_a_micrometre():
    longitude = np.linspace(-180, 180, 50_001)
    latitude = np.random.default_rng(1).uniform(-MAX_LATITUDE, MAX_LATITUDE, longitude.size)
    latitude[:3] = 0, MAX_LATITUDE, -MAX_LATITUDE
    for ours, proj in zip(
        web_mercator(longitude, latitude), transformer(4326, 3857).transform(longitude, latitude), strict=True
    ):
        np.testing.assert_allclose(ours, proj, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("source", "target"), [(3035, 4326), (4326, 3035)])
def test_what_is_known_of_a_pair_of_systems_is_what_proj_finds(source, target):
    rng = np.random.default_rng(1)
    x, y = transformer(4326, source).transform(rng.uniform(-180, 180, 5000), rng.uniform(-90, 90, 5000))
    known, found = transformer(source, target), Transformer.from_crs(source, target, always_xy=True)
    np.testing.assert_array_equal(known.transform(x, y), found.transform(x, y))


ASCENDING = LineOfSight(np.float64(-0.62), np.float64(-0.10), np.float64(0.78))


def test_one_direction_twice_is_not_two_directions():
    assert np.isnan(decompose_up_east(np.float64(1.0), ASCENDING, np.float64(1.1), ASCENDING).up_mm_yr)
