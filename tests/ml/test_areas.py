"""From probability to outlines: enter high, leave low."""

import numpy as np
import pytest
from affine import Affine

from ml.areas import AreaThresholds, count_within, find_areas, to_geographic

GRID = Affine(100, 0, 4_600_000, 0, -100, 1_741_000)


def flat(shape=(10, 10)) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def test_an_area_grows_from_its_core_to_the_low_threshold():
    p = flat()
    p[4:7, 2:8] = 0.3
    p[5, 5] = 0.9
    (area,) = find_areas({"subsidence": p}, np.full(p.shape, -7.0, dtype=np.float32), GRID)
    assert area.area_m2 == pytest.approx(18 * 100**2)
    assert area.score == pytest.approx(0.9)
    assert area.rate_mm_yr == -7


def test_without_a_core_there_is_no_area():
    assert find_areas({"uplift": flat() + 0.4}, flat(), GRID) == []


def test_small_specks_are_left_out():
    p = flat()
    p[2, 2] = 1.0
    assert find_areas({"uplift": p}, flat(), GRID) == []
    assert len(find_areas({"uplift": p}, flat(), GRID, AreaThresholds(smallest_m2=5000))) == 1


def test_the_peak_is_on_the_side_of_the_sign():
    p, rate = flat(), flat()
    p[2:6, 2:6] = 1
    rate[2:6, 2:6] = -5
    rate[3, 3] = rate[4, 4] = -30
    (area,) = find_areas({"subsidence": p}, rate, GRID)
    assert area.rate_mm_yr == -5
    assert area.peak_rate_mm_yr < -20


def test_cells_that_touch_at_a_corner_belong_together_and_stay_valid():
    p = flat()
    for step in range(6):
        p[step, step] = 1
    (area,) = find_areas({"uplift": p}, flat(), GRID)
    assert area.polygon.is_valid
    assert area.area_m2 == pytest.approx(6e4)


def test_unknown_cells_are_no_motion():
    p = np.full((10, 10), np.nan, dtype=np.float32)
    assert find_areas({"uplift": p}, flat(), GRID) == []


def test_outlines_go_to_degrees_and_points_inside_are_counted():
    p = flat()
    p[0:2, 0:2] = 1
    (area,) = find_areas({"uplift": p}, flat(), GRID)
    geographic = to_geographic(area.polygon, 3035)
    assert geographic.geom_type == "MultiPolygon"
    assert geographic.centroid.x == pytest.approx(13.18, abs=0.05)
    assert count_within(area.polygon, np.array([4_600_050.0, 4_600_450.0]), np.array([1_740_950.0, 1_740_950.0])) == 1
