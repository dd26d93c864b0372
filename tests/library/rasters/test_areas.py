"""From probability to outlines: enter high, leave low."""

import numpy as np
import pytest
from affine import Affine
from shapely import box

from ground_motion.rasters import areas

GRID = Affine(100, 0, 4_600_000, 0, -100, 1_741_000)


def flat(shape=(10, 10)) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def test_an_area_grows_from_its_core_to_the_low_threshold():
    p = flat()
    p[4:7, 2:8] = 0.3
    p[5, 5] = 0.9
    (area,) = areas.find_areas({"subsidence": p}, np.full(p.shape, -7.0, dtype=np.float32), GRID)
    assert area.area_m2 == pytest.approx(18 * 100**2)
    assert area.score == pytest.approx(0.9)
    assert area.rate_mm_yr == -7


def test_without_a_core_there_is_no_area():
    assert areas.find_areas({"uplift": flat() + 0.4}, flat(), GRID) == []


def test_patches_close_to_each_other_are_one_area_and_far_ones_are_two():
    p = flat((10, 30))
    p[2:8, 0:4] = p[2:8, 8:12] = p[2:8, 17:21] = 1  # 500 m apart, middle to middle of the cells between; then 600
    joined, alone = sorted(areas.find_areas({"subsidence": p}, p * -5, GRID), key=lambda area: area.polygon.centroid.x)
    assert joined.polygon.geom_type == "MultiPolygon"
    assert (joined.area_m2, alone.area_m2) == (pytest.approx(48e4), pytest.approx(24e4))
    assert len(areas.find_areas({"subsidence": p}, p * -5, GRID, areas.AreaThresholds(joined_m=0))) == 3


def test_a_slide_that_comes_and_goes_is_one_area_with_the_rates_of_its_larger_part():
    p, rate, names = flat((10, 20)), flat((10, 20)), flat((10, 20))
    p[2:8, 2:8] = p[2:6, 10:13] = 1
    rate[2:8, 2:8], rate[2:6, 10:13] = -9, 20
    names[:] = 0.9
    bands = {"probability": p, "rate_mm_yr": rate} | {name: flat((10, 20)) for name in areas.KINDS}
    (slide,) = areas.areas_in(bands | {"landslide": names}, GRID)
    assert (slide.kind, slide.rate_mm_yr, slide.peak_rate_mm_yr) == ("landslide", -9, -9)
    assert slide.area_m2 == pytest.approx(48e4)
    other = names.copy()
    other[:, 9:] = 0
    both = bands | {"mining_subsidence": other, "uplift": names - other}
    assert [area.kind for area in areas.areas_in(both, GRID)] == ["uplift", "mining_subsidence"]


def test_small_specks_are_left_out():
    p = flat()
    p[2, 2] = 1.0
    assert areas.find_areas({"uplift": p}, flat(), GRID) == []
    assert len(areas.find_areas({"uplift": p}, flat(), GRID, areas.AreaThresholds(smallest_m2=5000))) == 1


def test_the_peak_is_on_the_side_of_the_sign():
    p, rate = flat(), flat()
    p[2:6, 2:6] = 1
    rate[2:6, 2:6] = -5
    rate[3, 3] = rate[4, 4] = -30
    (area,) = areas.find_areas({"subsidence": p}, rate, GRID)
    assert area.rate_mm_yr == -5
    assert area.peak_rate_mm_yr < -20


def test_cells_that_touch_at_a_corner_belong_together_and_stay_valid():
    p = flat()
    for step in range(6):
        p[step, step] = 1
    (area,) = areas.find_areas({"uplift": p}, flat(), GRID)
    assert area.polygon.is_valid
    assert area.area_m2 == pytest.approx(6e4)


def test_unknown_cells_are_no_motion():
    p = np.full((10, 10), np.nan, dtype=np.float32)
    assert areas.find_areas({"uplift": p}, flat(), GRID) == []


def test_a_part_in_a_hole_that_is_filled_counts_once():
    mask = np.ones((7, 7), dtype=bool)
    mask[1:6, 1:6] = False
    mask[3, 3] = True
    drawn = areas.outline(mask, Affine(100, 0, 0, 0, -100, 700), 1e6)
    assert drawn.is_valid
    assert drawn.area == pytest.approx(700**2)


def test_outlines_go_to_degrees_and_points_inside_are_counted():
    p = flat()
    p[0:2, 0:2] = 1
    (area,) = areas.find_areas({"uplift": p}, flat(), GRID)
    geographic = areas.to_geographic(area.polygon, 3035)
    assert geographic.geom_type == "MultiPolygon"
    assert geographic.centroid.x == pytest.approx(13.18, abs=0.05)
    x, y = np.array([4_600_050.0, 4_600_450.0]), np.array([1_740_950.0, 1_740_950.0])
    track = areas.SortedPoints(x, y, np.array([-1, -2], dtype=np.float32))
    assert areas.count_within(area.polygon, [track]) == 1
    assert areas.count_within(area.polygon, [track, track]) == 2


def test_of_sorted_points_those_near_an_area_are_found_and_no_others():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1_000, (2, 3_000)).round(0)  # some stand on the very edge
    velocity = np.arange(3_000, dtype=np.float32)
    square = box(300, 400, 500, 450)
    points = areas.SortedPoints(x, y, velocity)
    beside = (x >= 280) & (x <= 520) & (y >= 380) & (y <= 470)
    assert set(points.near(square, reach_m=20)[2]) == set(velocity[beside])
    inside = (x > 300) & (x < 500) & (y > 400) & (y < 450)  # not on the edge
    assert set(points.rates_within(square)) == set(velocity[inside])


def test_a_raster_that_names_kinds_draws_by_sign_and_names_what_is_likeliest():
    """Two likely names do not cut one bowl in two; ground that rises beside it is another area."""
    shares = {"mining_subsidence": 0.6, "groundwater_subsidence": 0.3}
    p, rate = flat(), flat()
    p[2:8, 0:4], rate[2:8, 0:4] = 0.9, -5
    p[2:8, 4:8], rate[2:8, 4:8] = 0.8, 4
    bands = {"probability": p, "rate_mm_yr": rate}
    bands |= {name: np.where(rate < 0, shares.get(name, 0.0), 0).astype(np.float32) for name in areas.KINDS}
    bands["uplift"] = np.where(rate > 0, p, 0).astype(np.float32)
    bands["groundwater_subsidence"][2:4, 0:4] = 0.9  # at one end it looks like something else
    sinking, rising = areas.areas_in(bands, GRID)
    assert (sinking.kind, rising.kind) == ("mining_subsidence", "uplift")
    assert sinking.area_m2 == pytest.approx(24e4)
    assert sum(sinking.kinds.values()) == pytest.approx(1)
