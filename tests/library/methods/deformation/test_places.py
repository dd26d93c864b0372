"""From a flagged area to measured places: made fields of which outline, peak and number of places are known."""

import numpy as np
import pytest
from shapely import Point, Polygon, box, contains_xy, get_parts

from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas
from ground_motion.methods.deformation.places.measure import measure, surroundings_of
from ground_motion.methods.deformation.places.outlines import peaks_of
from ground_motion.methods.deformation.places.peak import Cells, field_draws
from ground_motion.methods.deformation.places.surface import drop_spikes, rate_surface
from ground_motion.rasters.areas import Area, SortedPoints

WEST, SOUTH = 500_000.0, 5_000_000.0


def on_cells(cell_m: float, side_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the cells of a square, m from its middle."""
    at = np.arange(-side_m / 2 + cell_m / 2, side_m / 2, cell_m)
    x, y = np.meshgrid(at, at)
    return x.ravel(), y.ravel()


def cloud(x: np.ndarray, y: np.ndarray, rate: np.ndarray, noise: float, posting_m: float | None = None) -> PointCloud:
    velocity = rate + np.random.default_rng(3).normal(0, noise, x.size)
    return PointCloud(x + WEST, y + SOUTH, velocity.astype(np.float32), 32632, posting_m)


def flagged(polygon: Polygon, rate_mm_yr: float) -> Area:
    """What a detector might hand over, m from the middle of the field."""
    moved = Polygon([(x + WEST, y + SOUTH) for x, y in polygon.exterior.coords])
    return Area(moved, "subsidence", 1.0, rate_mm_yr, 2 * rate_mm_yr, moved.area)


def measured(points: PointCloud, area: Area) -> list[Area]:
    return measure(area, [SortedPoints(*points[:3])], [0.0])


def nested_bowl(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Over a mine: a core of 500 m down to -28 mm/yr in a bowl of 2 km at about -6."""
    away = np.hypot(x, y)
    return -22.0 * np.exp(-((away / 300) ** 4)) - 6.0 * np.exp(-((away / 1100) ** 4))


def iou(one: Polygon, truth: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    mask = contains_xy(one, x + WEST, y + SOUTH)
    return float((mask & truth).sum() / (mask | truth).sum())


def test_a_slide_beside_faster_ones_is_measured_against_still_ground():
    """Most of the ground around the slow slide slides faster; against that it would rise."""
    x, y = on_cells(50, 8000)
    slides = np.hypot(x, y) < 300, (np.abs(x) < 2500) & (np.abs(y) < 2500) & ((x > 700) | (np.abs(y) > 700))
    points = cloud(x, y, np.select(slides, (-9.0, -40.0)), 1.0)
    slow = flagged(Point(0, 0).buffer(300), -9.0)
    fast = flagged(box(-2500, -2500, 2500, 2500).difference(box(-2500, -700, 700, 700)), -40.0)
    (area,) = measure(slow, [SortedPoints(*points[:3])], [0.0], [slow, fast])
    assert area.peak_rate_mm_yr == pytest.approx(-9.0, abs=2.0)


def test_a_bowl_in_a_city_that_sinks_as_a_whole_keeps_its_own_motion():
    """The bowl is measured against the city; with the rate of the city it is as fast as its points."""
    x, y = on_cells(85, 8000)
    points, area = cloud(x, y, nested_bowl(x, y) - 13.0, 1.0, 85.0), flagged(Point(300, 0).buffer(1500), -3.9)
    (bowl,), around = measured(points, area), surroundings_of(area, SortedPoints(*points[:3]), 0.0)
    assert around.rate_mm_yr == pytest.approx(-13.0, abs=0.5)
    assert bowl.peak_rate_mm_yr + around.rate_mm_yr == pytest.approx(-41.0, rel=0.1)


def test_where_nothing_lies_around_a_track_is_held_against_its_own_still_ground():
    """Two tracks see the same bowl; the zero of one of them lies 4 mm a year off."""
    x, y = on_cells(85, 2500)
    bowl = -12.0 * np.exp(-((np.hypot(x, y) / 500) ** 4))
    tracks = [cloud(x, y, bowl, 0.5), cloud(x, y, bowl - 4.0, 0.5)]
    for zeros, given in (([0.0, -4.0], tracks), ([-4.0, 0.0], tracks[::-1])):
        held = [SortedPoints(*points[:3]) for points in given]
        (area,) = measure(flagged(Point(0, 0).buffer(2500), -8.0), held, zeros)
        assert area.peak_rate_mm_yr == pytest.approx(-12.0, abs=1.5)


def test_no_patch_without_points_is_drawn_as_moving():
    """Weak motion on scattered points: extrapolated rates drew rectangles on ground that nothing measured."""
    alone = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(-1500, 1500, (2, 300))
        rate = -7.0 * np.exp(-((np.hypot(x, y) / 300) ** 2)) + rng.normal(0, 2.5, x.size)
        for area in measured(cloud(x, y, rate, 0.0, 90.0), flagged(Point(0, 0).buffer(1400), -4.0)):
            alone += sum(not contains_xy(part, x + WEST, y + SOUTH).any() for part in get_parts(area.moving))
    assert alone == 0


def test_a_peak_does_not_depend_on_which_eigenvectors_a_processor_finds(monkeypatch):
    """Cells on a regular grid have equal eigenvalues, whose vectors may be turned: peaks differed by 0.5 %."""
    x, y = on_cells(100, 900)
    rate = -10.0 * np.exp(-((np.hypot(x, y) / 450) ** 2)) + np.random.default_rng(1).normal(0, 1, x.size)
    cells = Cells(x, y, rate, np.full(x.size, 0.7))
    here = field_draws(cells, 500.0, -1.0)
    found = np.linalg.eigh

    def turned(matrix):
        values, vectors = found(matrix)
        return values, vectors * np.where(np.arange(values.size) % 2, -1.0, 1.0)

    monkeypatch.setattr(np.linalg, "eigh", turned)
    np.testing.assert_allclose(field_draws(cells, 500.0, -1.0), here, rtol=1e-9)


def test_a_core_inside_a_wide_bowl_is_found_and_the_outline_leaves_the_slow_rim_to_the_surroundings():
    """Cells of 85 m, a flagged area of 7 km², of which a third moves: as a wide score drew it."""
    x, y = on_cells(85, 8000)
    points = cloud(x, y, nested_bowl(x, y), 1.0, 85.0)
    (area,) = measured(points, flagged(Point(300, 0).buffer(1500), -3.9))
    (place,) = area.places
    assert place.peak.value == pytest.approx(-28, rel=0.15)
    assert abs(place.peak.low) < 28 < abs(place.peak.high)
    fine_x, fine_y = on_cells(20, 5000)
    truth = nested_bowl(fine_x, fine_y)
    assert iou(area.moving, truth <= -2, fine_x, fine_y) >= 0.8
    assert iou(area.polygon, truth <= -4.2, fine_x, fine_y) >= 0.8
    assert area.polygon.area < 0.9 * area.moving.area
    assert place.half.within(area.polygon.buffer(1))
    assert iou(place.half, truth <= -14, fine_x, fine_y) >= 0.7
    assert place.core.area < place.half.area < place.motion.area < 5e6
    assert place.core.within(place.half.buffer(1))
    assert place.half.within(place.motion.buffer(1))


BOWLS = {(-9000.0, 6000.0): 60.0, (5000.0, 9000.0): 45.0, (8000.0, -6000.0): 38.0, (-6000.0, -8000.0): 27.0}


def city(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sinks as a whole by 10 mm/yr, and in four bowls of 5-10 km by 27-60 more."""
    rate = -10.0 / (1 + np.exp((np.hypot(x, y) - 17_000) / 500))
    for (east, north), depth in BOWLS.items():
        rate -= depth * np.exp(-(((x - east) ** 2 + (y - north) ** 2) / 3000**2))
    return rate


def test_four_bowls_of_a_sinking_city_are_four_places_of_one_region():
    x, y = on_cells(450, 50_000)
    points = cloud(x, y, city(x, y), 1.0, 450.0)
    (area,) = measured(points, flagged(Point(0, 0).buffer(17_500), -10))
    assert len(area.places) == 4
    for place, depth in zip(area.places, BOWLS.values(), strict=True):
        assert place.peak.value == pytest.approx(-10 - depth, rel=0.1)
    assert not any(one.half.intersects(two.half) for one in area.places for two in area.places if one is not two)
    assert area.polygon.area == pytest.approx(np.pi * 17_400**2, rel=0.1)


def test_four_bowls_whose_surroundings_sink_too_are_four_areas():
    """The ground around sinks as the city does: what is left is four bowls, each drawn by itself."""
    x, y = on_cells(450, 60_000)
    rate = city(x, y) + 10.0 / (1 + np.exp((np.hypot(x, y) - 17_000) / 500)) - 10.0
    areas = measured(cloud(x, y, rate, 1.0, 450.0), flagged(Point(0, 0).buffer(17_500), -10))
    assert [len(area.places) for area in areas] == [1, 1, 1, 1]
    assert sum(area.area_m2 for area in areas) < 0.6 * np.pi * 17_500**2


@pytest.mark.parametrize(("spacing_m", "radius_m"), [(50.0, 400.0), (120.0, 600.0), (300.0, 1200.0), (1000.0, 5000.0)])
def test_the_peak_of_a_bowl_is_measured_whatever_the_spacing_of_the_points(spacing_m, radius_m):
    rng = np.random.default_rng(5)
    side = max(16 * radius_m, 30 * spacing_m)
    x, y = rng.uniform(-side / 2, side / 2, (2, round((side / spacing_m) ** 2)))
    points = cloud(x, y, -15 * np.exp(-((np.hypot(x, y) / radius_m) ** 2)), 0.8)
    (area,) = measured(points, flagged(Point(0, 0).buffer(1.5 * radius_m), -7))
    (place,) = area.places
    assert place.peak.value == pytest.approx(-15, rel=0.15)
    half_m = radius_m * np.sqrt(np.log(2))
    assert place.half.area == pytest.approx(np.pi * half_m**2, rel=0.35)


def test_one_wild_point_is_no_peak_and_three_that_agree_are():
    x, y = on_cells(60, 3000)
    near = np.hypot(x, y)
    wild, core = np.zeros(x.size), np.zeros(x.size)
    wild[near.argmin()] = -25.0
    core[np.argsort(near)[:4]] = -25.0
    for rate, lowest in ((wild, -3.0), (core, -15.0)):
        samples = drop_spikes(*cloud(x, y, rate, 0.5)[:3])
        assert samples is not None
        surface = rate_surface(samples, (WEST - 500, SOUTH - 500, WEST + 500, SOUTH + 500))
        assert (np.nanmin(surface.rate_mm_yr) < lowest) == (rate is core)


def test_a_shoulder_is_no_place_of_its_own():
    """A second maximum that falls by a third of its height before it meets the first belongs to it."""
    x, y = np.meshgrid(np.arange(100.0), np.arange(40.0))

    def two(second: float, apart: float) -> np.ndarray:
        return 20 * np.exp(-(((x - 20) ** 2 + (y - 20) ** 2) / 100)) + second * np.exp(
            -(((x - 20 - apart) ** 2 + (y - 20) ** 2) / 100)
        )

    sigma = np.full(x.shape, 0.2)
    assert len(peaks_of(two(12, 19), sigma, 1.0)) == 1
    assert len(peaks_of(two(12, 45), sigma, 1.0)) == 2


def test_unmeasured_ground_divides_no_place():
    """The middle of a fast bowl has lost its points: its rim is one ring, not many peaks."""
    x, y = on_cells(60, 6000)
    away = np.hypot(x, y)
    kept = (away > 300) & ~((np.abs(x) < 60) & (away < 900))
    rate = -40 * np.exp(-((away / 700) ** 2))
    points = cloud(x[kept], y[kept], rate[kept], 0.8)
    (area,) = measured(points, flagged(Point(0, 0).buffer(1200), -10))
    (place,) = area.places
    assert place.peak.value == pytest.approx(rate[kept].min(), rel=0.15)
    assert place.core.area < place.half.area < area.area_m2


def test_outlines_are_nested_where_few_points_leave_wide_gaps():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-5000, 5000, (2, 250))
    points = cloud(x, y, -6 * np.exp(-((np.hypot(x, y) / 1500) ** 2)), 0.8)
    for area in measured(points, flagged(Point(0, 0).buffer(2500), -3)):
        for place in area.places:
            assert place.core.area <= place.half.area <= place.motion.area <= area.area_m2


def test_a_steep_slide_in_a_noisy_product_is_not_drawn_over_still_ground():
    """Sharp flanks, 400 m by 240 m at -20 mm/yr, points that err by 2.5; nothing lies around to show the still rate."""
    shares = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(-500, 500, (2, 600))
        rate = np.where((x / 200) ** 2 + (y / 120) ** 2 < 1, -20.0, 0.0) + rng.normal(0, 2.5, x.size)
        points = PointCloud(x + WEST, y + SOUTH, rate.astype(np.float32), 32632)
        (area,) = measured(points, flagged(box(-300, -220, 300, 220), -10.0))
        shares.append(area.area_m2 / (np.pi * 200 * 120))
    assert 0.8 < np.median(shares) < 1.8  # 2.9 where the surroundings count as exactly known


def test_too_few_points_leave_the_area_as_it_was_flagged():
    few = cloud(np.array([0.0, 100, 200]), np.zeros(3), np.full(3, -20.0), 0.1)
    area = flagged(box(-100, -100, 300, 100), -20)
    assert measured(few, area) == [area]


def test_a_flagged_area_of_a_result_carries_its_places_and_its_region():
    rng = np.random.default_rng(8)
    x, y = rng.uniform(-4000, 4000, (2, 20_000))
    points = cloud(x, y, -15 * np.exp(-((np.hypot(x, y) / 600) ** 2)), 1.0)
    ((area, n_points),) = flagged_areas(detect_tracks([points], "matched-filter"), [points])
    assert area.region == 1
    assert abs(area.places[0].peak.low) < 15 < abs(area.places[0].peak.high)
    assert area.peak_rate_mm_yr == area.places[0].peak.value
    assert n_points == contains_xy(area.polygon, points.x, points.y).sum()


def test_the_tilt_is_the_steepest_slope_of_a_bowl_and_even_motion_has_hardly_any():
    """Of -20 mm/yr times exp(-(r / 400 m)²): 0.858 times peak over radius, 0.043 mm/yr per m."""
    x, y = on_cells(50, 4000)
    points = cloud(x, y, -20 * np.exp(-(x**2 + y**2) / 400**2), 0.5)
    ((place,),) = (area.places for area in measured(points, flagged(Point(0, 0).buffer(700), -10)))
    assert place.tilt.value == pytest.approx(0.858 * 20 / 400, rel=0.2)
    assert place.tilt.low < 0.858 * 20 / 400 < place.tilt.high
    wide = cloud(x, y, -20 * np.exp(-(x**2 + y**2) / 1600**2), 0.5)
    ((flat, *_),) = (area.places for area in measured(wide, flagged(Point(0, 0).buffer(1500), -10)))
    assert flat.tilt.value < place.tilt.value / 2
