"""Two lines of sight separate up from east."""

import numpy as np
import pytest

from ingest.geometry import LineOfSight, decompose_up_east

ASCENDING = LineOfSight(np.float64(-0.62), np.float64(-0.10), np.float64(0.78))
DESCENDING = LineOfSight(np.float64(0.59), np.float64(-0.12), np.float64(0.80))


def seen(los: LineOfSight, up: float, east: float) -> np.float64:
    return los.up * up + los.east * east


@pytest.mark.parametrize(("up", "east"), [(-10.0, 0.0), (0.0, 7.0), (3.0, -4.0)])
def test_motion_seen_from_both_sides_comes_back(up, east):
    back = decompose_up_east(seen(ASCENDING, up, east), ASCENDING, seen(DESCENDING, up, east), DESCENDING)
    assert back.up_mm_yr == pytest.approx(up)
    assert back.east_mm_yr == pytest.approx(east)


def test_one_direction_twice_is_not_two_directions():
    assert np.isnan(decompose_up_east(np.float64(1.0), ASCENDING, np.float64(1.1), ASCENDING).up_mm_yr)
