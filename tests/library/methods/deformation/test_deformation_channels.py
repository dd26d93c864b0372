"""From points to what a network sees: gridding, filling, wrapping."""

import numpy as np
import pytest

from ground_motion.methods.deformation.features.atmosphere import RADII_CELLS
from ground_motion.methods.deformation.features.channels import grid_noise, noise_scale
from ground_motion.methods.deformation.features.relief import relief
from ground_motion.methods.deformation.features.surroundings import (
    OF_ATMOSPHERE,
    OF_HEIGHTS,
    PLANES,
    REACH_CELLS,
    WINDOWS_CELLS,
    CellRates,
    surroundings,
)
from ground_motion.methods.deformation.filters.baseline import cell_noise
from ground_motion.methods.deformation.filters.still import StillGround, still_ground
from ground_motion.methods.deformation.gridding.cells import distance_to_points_m, grid_robust
from ground_motion.methods.deformation.gridding.despike import median_of, neighbours
from ground_motion.methods.deformation.gridding.noise import point_noise
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.network import make_lattice

WEST, SOUTH = 4_600_000.0, 1_740_000.0


def cloud(x: list[float], y: list[float], rates: list[float]) -> PointCloud:
    return PointCloud(np.array(x) + WEST, np.array(y) + SOUTH, np.array(rates, dtype=np.float32), 3035)


def test_a_robust_grid_holds_median_number_spread_and_distance():
    points = cloud([10, 50, 90, 450], [20, 20, 20, 20], [1, 2, 9, 5])
    grid = grid_robust(points)
    np.testing.assert_array_equal(grid.n_points, [[3, 0, 0, 0, 1]])
    np.testing.assert_array_equal(grid.velocity_mm_yr, [[2, np.nan, np.nan, np.nan, 5]])
    np.testing.assert_array_equal(grid.mad_mm_yr, [[1, np.nan, np.nan, np.nan, 0]])
    np.testing.assert_array_equal(distance_to_points_m(grid.n_points > 0, 100.0), [[0, 100, 200, 100, 0]])


def test_neighbours_are_those_that_every_distance_would_name(monkeypatch):
    monkeypatch.setattr("ground_motion.methods.deformation.gridding.despike.AT_ONCE", 17)
    rng = np.random.default_rng(6)
    x, y = rng.uniform(0, 1500, (2, 120))
    points = cloud(list(x), list(y), list(rng.normal(0, 1, 120)))
    nearest = neighbours(points)
    for number in range(120):
        away = np.hypot(x - x[number], y - y[number])
        near = [other for other in np.argsort(away)[:5] if away[other] <= 250]
        assert set(nearest[number]) - {120} == set(near if len(near) > 2 else [number])
    medians = median_of(points.velocity_mm_yr, nearest)
    held = np.append(points.velocity_mm_yr, np.float32(np.nan))[nearest]
    np.testing.assert_array_equal(medians, np.nanmedian(held, axis=1))


def test_a_spike_does_not_reach_the_grid_but_shows_in_the_spread():
    points = cloud([10, 20, 30, 40, 50, 60], [50] * 6, [1, 1, 1, 1, 90, 1])
    assert grid_robust(points).velocity_mm_yr.item() == 1
    lonely = cloud([10, 120, 130, 140, 150, 160], [50] * 6, [90, 1, 1, 1, 1, 1])
    assert grid_robust(lonely).velocity_mm_yr[0, 0] == 1
    assert grid_robust(lonely).mad_mm_yr[0, 0] == 89
    assert grid_robust(lonely, despiked=False).velocity_mm_yr[0, 0] == 90


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no point"):
        grid_robust(cloud([], [], []))


def test_tracks_lie_on_one_lattice_each_minus_its_own_background():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 3000, (2, 2000))
    first = grid_robust(cloud(list(x), list(y), list(rng.normal(1.5, 0.2, 2000))))
    second = grid_robust(cloud(list(x + 700), list(y - 900), list(rng.normal(-1, 0.2, 2000))))
    lattice = make_lattice([first, second])
    rows, cols = lattice.tracks[0].velocity_mm_yr.shape
    assert rows % 16 == cols % 16 == 0
    assert lattice.transform.c % 1600 == lattice.transform.f % 1600 == 0
    assert [still.rate_mm_yr for still in lattice.still] == pytest.approx([1.5, -1], abs=0.1)
    for grid, track, still in zip([first, second], lattice.tracks, lattice.still, strict=True):
        row = round((lattice.transform.f - grid.transform.f) / 100)
        col = round((grid.transform.c - lattice.transform.c) / 100)
        inside = track.velocity_mm_yr[row : row + grid.n_points.shape[0], col : col + grid.n_points.shape[1]]
        np.testing.assert_allclose(inside, grid.velocity_mm_yr - still.rate_mm_yr, atol=1e-5)
        assert track.n_points.sum() == 2000
    with pytest.raises(ValueError, match="differ"):
        make_lattice([first, second._replace(epsg=25832)])


def test_a_noisy_product_is_looked_at_in_larger_units_and_a_slope_is_no_noise():
    rng = np.random.default_rng(0)
    x, y = (part.ravel() + 50.0 for part in np.meshgrid(np.arange(60) * 100.0, np.arange(60) * 100.0))
    noise = rng.normal(0, 1, x.size)
    scales = [
        noise_scale([grid_noise(grid_robust(cloud(list(x), list(y), list(rates)), despiked=False))])
        for rates in (0.1 * noise, 1.5 * noise, 1.5 * noise + 0.02 * x)
    ]
    assert scales[0] == 1
    assert scales[1:] == pytest.approx([3.75, 3.75], rel=0.1)
    noisy = make_lattice([grid_robust(cloud(list(x), list(y), list(1.5 * noise)), despiked=False)])
    assert np.nanstd(noisy.tracks[0].velocity_mm_yr) == pytest.approx(1.5 / noisy.scale, rel=0.1)


def test_ground_that_all_moves_is_no_noise_to_its_points_nor_to_its_dates():
    """A slope of a kilometre: rates differ by 8 mm/yr from cell to cell, by 0.5 from the plane of their neighbours."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1000, (2, 1000))
    moving = -20 * np.sin(x / 60) * np.sin(y / 60) + rng.normal(0, 0.5, x.size)
    points = cloud(list(x), list(y), list(moving))
    grid = grid_robust(points)
    assert cell_noise(grid.velocity_mm_yr) > 4
    assert grid_noise(grid) < 2.5
    assert grid_noise(grid_robust(points._replace(sigma_mm_yr=0.2))) == pytest.approx(0.4)


def test_noise_of_still_ground_is_that_of_its_cells():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 3000, (2, 9000))
    points = cloud(list(x), list(y), list(rng.normal(0, 0.6, x.size)))
    grid = grid_robust(points)
    assert point_noise(points, neighbours(points), points.velocity_mm_yr) == pytest.approx(0.6, rel=0.1)
    assert grid_noise(grid) == pytest.approx(cell_noise(grid.velocity_mm_yr), rel=0.3)


def test_noise_that_is_strong_in_some_places_is_larger_than_its_middle_shows():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 6000, (2, 4000))
    noise = rng.normal(0, 0.6, 4000)
    strong = (rng.random((20, 20)) < 0.15)[(y / 300).astype(int), (x / 300).astype(int)]
    fields = (cloud(list(x), list(y), list(noise * factor)) for factor in (1, np.where(strong, 6, 1)))
    usual, larger = (grid_noise(grid_robust(points)) for points in fields)
    assert larger > 1.4 * usual


def test_neither_too_few_points_nor_points_in_one_place_show_a_noise():
    few = cloud([0, 20, 40, 60, 80, 100], [0] * 6, [1, 2, 1, 2, 1, 2])
    assert grid_robust(few).noise_mm_yr is None
    piled = cloud([5.0] * 20, [5.0] * 20, [1.0, 3.0] * 10)
    assert np.isfinite(grid_robust(piled).noise_mm_yr)


def test_a_product_without_still_ground_keeps_its_own_zero():
    rng = np.random.default_rng(2)
    moving = rng.uniform(-30, -4, (30, 30)).astype(np.float32)
    assert still_ground(moving, 0.3, 5.0) == StillGround(0.0, 0.0)
    edge = np.where(rng.random((30, 30)) < 0.25, rng.normal(1.5, 0.2, (30, 30)), moving).astype(np.float32)
    still = still_ground(edge, 0.3, 5.0)
    assert still.rate_mm_yr == pytest.approx(1.5, abs=0.1)
    assert still.share == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("level", [-3.0, -0.7, 2.5])
def test_still_ground_off_a_products_zero_is_still(level):
    rng = np.random.default_rng(3)
    still = still_ground(rng.normal(level, 0.4, (20, 20)).astype(np.float32), 0.3, 5.0)
    assert still.rate_mm_yr == pytest.approx(level, abs=0.1)
    assert still.share > 0.9


def test_stratified_delay_follows_height_and_a_slope_is_shown():
    row, col = np.mgrid[:100, :100]
    height = (150 * np.sin(col / 9) * np.cos(row / 11)).astype(np.float32)
    height[np.random.default_rng(1).random(height.shape) < 0.5] = np.nan
    above, slope, layered = relief(0.01 * height, height, 100.0)
    known = np.isfinite(height)
    inner = known & (row > 10) & (row < 90) & (col > 10) & (col < 90)
    error = layered - 0.01 * height
    assert float(np.nanstd(error[inner])) < 0.2 * float(np.nanstd(0.01 * height[inner]))
    steepest = (
        np.hypot(150 / 9 * np.cos(col / 9) * np.cos(row / 11), 150 / 11 * np.sin(col / 9) * np.sin(row / 11)) / 100
    )
    assert float(np.corrcoef(slope[inner], steepest[inner])[0, 1]) > 0.8
    assert float(np.corrcoef(above[inner], height[inner])[0, 1]) > 0.9
    assert not above[~known].any()
    assert not relief(0.01 * height, np.full_like(height, np.nan), 100.0).any()


def test_a_weak_wide_bowl_stands_out_of_its_surroundings_and_a_constant_does_not():
    rng = np.random.default_rng(3)
    row, col = np.mgrid[:120, :120]
    rate = rng.normal(0.7, 0.3, (120, 120)).astype(np.float32)
    rate[rng.random(rate.shape) < 0.6] = np.nan
    count = np.isfinite(rate).astype(np.int32)
    still = surroundings(CellRates(rate, count, None, 100.0))
    assert still.shape == (PLANES, 120, 120)
    assert not still[:OF_HEIGHTS].any()
    bowl = rate - 3 * np.exp(-((row - 60) ** 2 + (col - 60) ** 2) / 20**2).astype(np.float32)
    there = surroundings(CellRates(bowl, count, None, 100.0))
    middle = OF_HEIGHTS + WINDOWS_CELLS.index(17)
    heart = np.isfinite(rate) & (np.hypot(row - 60, col - 60) < 8)
    assert float(np.median(there[middle][heart])) < -0.8
    assert float(np.abs(still[middle]).max()) < 0.3
    over = middle + len(WINDOWS_CELLS)
    assert float(np.median(there[over][heart])) < -2
    assert not there[:-OF_ATMOSPHERE, ~np.isfinite(rate)].any()
    scores = slice(-OF_ATMOSPHERE, -OF_ATMOSPHERE + len(RADII_CELLS))
    assert float(np.median(there[scores][RADII_CELLS.index(20.0), heart])) < -5
    assert float(np.abs(still[scores]).max()) < 5


def test_surroundings_know_nothing_of_what_lies_beyond_their_reach():
    rng = np.random.default_rng(4)
    rate = rng.normal(0, 1, (60, 300)).astype(np.float32)
    height = rng.normal(0, 80, rate.shape).astype(np.float32)
    count = np.ones(rate.shape, dtype=np.int32)
    whole = surroundings(CellRates(rate, count, height, 100.0))
    changed = rate.copy()
    changed[:, :100] += 5
    other = surroundings(CellRates(changed, count, height, 100.0))
    np.testing.assert_allclose(other[..., 100 + REACH_CELLS :], whole[..., 100 + REACH_CELLS :], atol=1e-4)
    assert np.abs(other - whole)[..., 100 : 100 + REACH_CELLS // 2].max() > 0.05
