"""Methods without learning look at a place that another one flagged."""

import pytest
from shapely.geometry import Point

from ground_motion.methods.deformation.classical import COMPARED, TILE_M, ground_around, results_at
from tests.library.methods.deformation.test_deformation import field, with_bowl

MIDDLE = Point(4_604_000, 1_744_000)


def test_a_fast_bowl_is_flagged_by_both_and_still_ground_by_none():
    place = MIDDLE.buffer(400)
    for result in results_at(place, [field(1), with_bowl(field(2), -15.0)]):
        assert result.score > 0.9
        assert result.share > 0.5
        assert -18 < result.peak_rate_mm_yr < -8
    for result in results_at(place, [field(1)]):
        assert result.score < 0.1
        assert (result.share, result.peak_rate_mm_yr) == (0.0, None)


def test_what_is_flagged_elsewhere_says_nothing_of_a_place():
    beside = Point(4_601_000, 1_744_000).buffer(300)
    assert [(result.method, result.share) for result in results_at(beside, [with_bowl(field(2), -15.0)])] == [
        (name, 0.0) for name in COMPARED
    ]


@pytest.mark.parametrize(("radius_m", "side_m"), [(300.0, TILE_M), (10_000.0, 26_000.0)])
def test_they_look_at_a_tile_or_at_wide_ground_and_what_lies_around_it(radius_m, side_m):
    west, south, east, north = ground_around(MIDDLE.buffer(radius_m))
    assert (east - west, north - south) == pytest.approx((side_m, side_m))
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx(MIDDLE.coords[0])
