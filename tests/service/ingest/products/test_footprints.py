"""A footprint is a box around each group of points: small, whole at 180 degrees, and never of many parts."""

import numpy as np
import pytest
from shapely import MultiPoint

from ingest.products.footprints import MAX_PARTS, Footprint


def footprint(longitude, latitude, batches: int = 1):
    made = Footprint()
    for at in np.array_split(np.arange(len(longitude)), batches):
        made.add(np.asarray(longitude, dtype=float)[at], np.asarray(latitude, dtype=float)[at])
    return made.outline()


@pytest.mark.parametrize("batches", [1, 7])
def test_points_of_one_region_have_the_box_around_all_of_them_and_two_cities_a_box_each(batches):
    rng = np.random.default_rng(1)
    longitude, latitude = rng.uniform(9.3, 12.6, 5000), rng.uniform(44.1, 46.4, 5000)
    (box,) = footprint(longitude, latitude, batches).geoms
    assert box.bounds == (longitude.min(), latitude.min(), longitude.max(), latitude.max())
    assert box.area == pytest.approx(np.ptp(longitude) * np.ptp(latitude))
    cities = footprint([12.4, 12.6, 139.6, 139.8], [41.8, 42.0, 35.6, 35.8], min(batches, 4)).geoms
    assert {city.bounds for city in cities} == {(12.4, 41.8, 12.6, 42.0), (139.6, 35.6, 139.8, 35.8)}


@pytest.mark.parametrize("batches", [1, 4])
def test_ground_on_both_sides_of_180_has_a_part_on_each_that_ends_there(batches):
    parts = footprint([179.99, -179.98, 179.5, -179.5], [-16.8, -16.7, -16.8, -16.8], batches).geoms
    assert sorted(part.bounds for part in parts) == [
        (pytest.approx(-180), -16.8, pytest.approx(-179.5), -16.7),
        (pytest.approx(179.5), -16.8, pytest.approx(180), -16.7),
    ]


@pytest.mark.parametrize(
    ("longitude", "latitude"), [(12.5, 41.9), (12.5, 90.0), (180.0, 41.9), (180.0, -90.0), (-180.0, 90.0)]
)
def test_one_point_has_a_footprint_that_holds_it(longitude, latitude):
    shape = footprint([longitude], [latitude])
    assert shape.is_valid
    assert 0 < shape.area < 1e-11
    assert shape.distance(MultiPoint([(longitude, latitude)])) < 1e-9


@pytest.mark.parametrize("n", [500, 20_000])
def test_points_all_over_the_earth_have_few_parts_that_hold_all_of_them(n):
    rng = np.random.default_rng(n)
    longitude, latitude = rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    shape = footprint(longitude, latitude, batches=3)
    assert shape.is_valid
    assert len(shape.geoms) <= 2 * MAX_PARTS
    assert shape.buffer(1e-9).covers(MultiPoint(np.column_stack([longitude, latitude])))
    villages = (axis.ravel() for axis in np.meshgrid(np.arange(-150, 150, 7.0), np.arange(-70, 71, 7.0)))
    assert len(footprint(*villages).geoms) <= MAX_PARTS
