"""Motion faster than any error is flagged, whatever the network makes of it."""

import numpy as np
import pytest

from ml.deformation.evident import BEYOND_CYCLES_MM_YR, EVIDENT_MM_YR, evident
from ml.deformation.features.channels import TrackCells
from ml.deformation.gridding.points import PointCloud
from ml.deformation.infer import detect_tracks, flagged_areas

SIDE_M = 6_000.0


def track_of(rate_mm_yr: float, cycles_undone: bool, points_per_cell: int = 3) -> TrackCells:
    """Still cells with a square of 6 x 6 that moves as one."""
    velocity = np.zeros((30, 30), dtype=np.float32)
    velocity[12:18, 12:18] = rate_mm_yr
    count = np.full(velocity.shape, points_per_cell, dtype=np.int32)
    return TrackCells(velocity, count, np.zeros_like(velocity), np.zeros_like(velocity), cycles_undone=cycles_undone)


@pytest.mark.parametrize(("undone", "limit"), [(True, EVIDENT_MM_YR), (False, BEYOND_CYCLES_MM_YR)])
def test_a_square_is_evident_from_the_limit_on_and_ends_at_two_thirds_of_it(undone, limit):
    for rate, expected in ((limit, 0.5), (limit * 0.667, 0.2), (limit * 0.66, 0.0)):
        probability, measured = evident([track_of(-rate, undone)])
        assert probability[14, 14] == pytest.approx(expected, abs=1e-3)
        assert measured[14, 14] == pytest.approx(-rate)
    assert evident([track_of(2 * limit, undone)])[0][:10].max() == 0


def test_few_points_make_nothing_evident():
    alone = track_of(40.0, True)
    alone.velocity_mm_yr[:] = np.nan
    alone.velocity_mm_yr[14, 14] = 40.0
    assert evident([alone])[0].max() == 0


def test_the_track_that_sees_most_counts():
    probability, rate = evident([track_of(1.0, True), track_of(-20.0, True)])
    assert probability[14, 14] > 0.9
    assert rate[14, 14] == pytest.approx(-20.0)


@pytest.mark.parametrize("undone", [True, False])
def test_ground_that_moves_as_one_with_a_sharp_edge_is_flagged_where_no_whole_cycle_can_be_left(undone):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, SIDE_M, (2, 12_000))
    rate = rng.normal(0, 0.6, x.size) - 9.0 * ((np.abs(x - 3_000) < 250) & (np.abs(y - 3_000) < 250))
    cloud = PointCloud(x, y, rate.astype(np.float32), 32633, cycles_undone=undone)
    result = detect_tracks([cloud], "model")
    middle = result.maps.probability[result.maps.probability.shape[0] // 2, result.maps.probability.shape[1] // 2]
    if undone:
        ((area, points),) = flagged_areas(result, [cloud])
        assert middle > 0.5
        assert area.peak_rate_mm_yr == pytest.approx(-9, abs=2)
        assert 0.15e6 < area.area_m2 < 0.5e6
        assert points > 50
    else:
        assert evident([track_of(9.0, False)])[0].max() < 0.5
