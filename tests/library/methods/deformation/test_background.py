"""The zero of a place: tectonics and long-wave delay go with it, places that move do not."""

import numpy as np
import pytest

from ground_motion.methods.deformation.filters.background import against_backgrounds, background_of
from ground_motion.methods.deformation.gridding.points import PointCloud

SIDE_M, SPACING_M, NOISE_MM_YR = 120_000.0, 1_500.0, 0.5
X, Y = (axis.ravel() for axis in np.meshgrid(*[np.arange(0.0, SIDE_M, SPACING_M)] * 2))


def cloud(rate_mm_yr: np.ndarray, side_m: float = SIDE_M) -> PointCloud:
    noise = np.random.default_rng(1).normal(0, NOISE_MM_YR, X.size)
    inside = (side_m > X) & (side_m > Y)
    return PointCloud(X[inside], Y[inside], (rate_mm_yr + noise).astype(np.float32)[inside], 32633)


def left_of(points: PointCloud) -> np.ndarray:
    (flat,), *_ = against_backgrounds([points])
    return flat.velocity_mm_yr


def away_m(east_m: float = SIDE_M / 2, north_m: float = SIDE_M / 2) -> np.ndarray:
    return np.hypot(X - east_m, Y - north_m)


def bowl(peak_mm_yr: float, radius_m: float, east_m: float = SIDE_M / 2, north_m: float = SIDE_M / 2) -> np.ndarray:
    return peak_mm_yr * np.exp(-((away_m(east_m, north_m) / radius_m) ** 2))


def test_the_slope_of_plates_and_orbits_is_no_motion_even_at_the_edge_of_a_scene():
    left = left_of(cloud(8 + 20 * X / SIDE_M - 10 * Y / SIDE_M))
    assert np.abs(left).max() < 4 * NOISE_MM_YR + 0.5


def test_the_shear_of_a_fault_is_no_motion():
    """It is ± 10 mm/yr, locked to a depth of 15 km."""
    left = left_of(cloud(10 * np.arctan((Y - SIDE_M / 2) / 15_000) / (np.pi / 2)))
    assert np.abs(left).max() < 4 * NOISE_MM_YR + 1.0


@pytest.mark.parametrize("radius_m", [2_000.0, 4_000.0])
def test_a_bowl_keeps_its_rate_and_no_ring_of_the_other_sign_is_left_beside_it(radius_m):
    left = left_of(cloud(20 * X / SIDE_M + bowl(-20, radius_m)))
    near, beside = away_m() < radius_m / 2, (away_m() > 2 * radius_m) & (away_m() < 20_000)
    assert left[near].min() < -19
    assert np.abs(np.median(left[beside])) < 0.3


def test_between_the_bowls_of_a_sinking_city_the_ground_keeps_its_own_rate():
    middles = [(54_000.0, 54_000.0), (66_000.0, 54_000.0), (54_000.0, 66_000.0), (66_000.0, 66_000.0)]
    left = left_of(cloud(sum(bowl(-40, 4_000, *middle) for middle in middles) - 3))
    assert left.min() < -38
    assert left[away_m() > 30_000].max() < 4 * NOISE_MM_YR + 0.5
    assert np.median(left[away_m() < 12_000]) < 0.5  # no ring of uplift between the bowls


def test_a_scene_hardly_wider_than_its_surroundings_has_no_background():
    """Most of it slides: what is left of it would be no zero. Its still ground is (`filters.still`)."""
    points = cloud(np.where(X < 9_000, -10.0, 0.5), side_m=14_000)
    assert not background_of(points).at(points.x, points.y).any()


def test_a_scene_that_moves_as_a_whole_has_no_background():
    """A basin that sinks by 300 mm/yr fills it, so that no ring around the basin is its zero."""
    points = cloud(bowl(-300, 12_000, 12_000, 12_000), side_m=24_000)
    assert not background_of(points).at(points.x, points.y).any()


def test_cells_count_and_not_points():
    """A city with most of the points that sinks is not the zero of the country around it."""
    rng = np.random.default_rng(2)
    city = rng.uniform(58_000, 62_000, (20_000, 2))
    x, y = np.concatenate([X, city[:, 0]]), np.concatenate([Y, city[:, 1]])
    rate = np.concatenate([np.zeros(X.size), np.full(20_000, -6.0)]).astype(np.float32)
    (flat,), (zero,), _ = against_backgrounds([PointCloud(x, y, rate, 32633)])
    assert zero == pytest.approx(0, abs=0.1)
    assert np.median(flat.velocity_mm_yr[X.size :]) == pytest.approx(-6, abs=0.3)
