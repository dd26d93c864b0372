"""What a detector must get right before it is worth measuring: physics on made fields with a known answer."""

import numpy as np
import pytest
from affine import Affine

from ground_motion.core.geometry import utm_epsg
from ground_motion.methods.deformation.filters.baseline import background_and_noise
from ground_motion.methods.deformation.filters.hotspots import AdaConfig, GetisOrdConfig, active_areas, getis_ord
from ground_motion.methods.deformation.gridding.cells import RobustGrid, grid_robust
from ground_motion.methods.deformation.gridding.points import PointCloud, project
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas, strongest
from ground_motion.rasters.areas import Area

SIDE_M = 8000.0


def field(seed: int = 1, n: int = 20_000, still_mm_yr: float = 0.0, noise_mm_yr: float = 1.0) -> PointCloud:
    """Still ground with white noise of 1 mm/yr per point, about 300 points per square kilometre."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE_M, (2, n)) + np.array([[4_600_000.0], [1_740_000.0]])
    velocity = rng.normal(still_mm_yr, noise_mm_yr, n).astype(np.float32)
    return PointCloud(x, y, velocity, 3035)


def with_bowl(points: PointCloud, rate_mm_yr: float, radius_m: float = 600.0) -> PointCloud:
    """Add a Gaussian bowl in the middle of the field."""
    distance = np.hypot(points.x - 4_604_000, points.y - 1_744_000)
    bowl = rate_mm_yr * np.exp(-0.5 * (distance / radius_m) ** 2)
    return points._replace(velocity_mm_yr=(points.velocity_mm_yr + bowl).astype(np.float32))


def areas(points: PointCloud, method: str = "matched-filter") -> list[Area]:
    return [area for area, _ in flagged_areas(detect_tracks([points], method), [points])]


@pytest.mark.parametrize("seed", range(3))
def test_still_ground_raises_nothing(seed):
    assert areas(field(seed)) == []


@pytest.mark.parametrize(("rate", "kind"), [(-15.0, "subsidence"), (15.0, "uplift")])
def test_a_bowl_is_found_once_where_it_is_with_its_sign_and_rate(rate, kind):
    (area,) = areas(with_bowl(field(), rate))
    assert area.kind == kind
    assert area.peak_rate_mm_yr == pytest.approx(rate, rel=0.25)
    centre = area.polygon.centroid
    assert np.hypot(centre.x - 4_604_000, centre.y - 1_744_000) < 150
    assert area.score > 0.99


def test_the_outline_follows_the_moving_ground_not_the_kernel():
    """15 mm/yr falls below 2 mm/yr at two standard deviations: 1.2 km; a wide kernel must not paint further."""
    (area,) = areas(with_bowl(field(), -15.0, radius_m=600.0))
    assert area.area_m2 == pytest.approx(np.pi * 1200**2, rel=0.25)


def test_an_offset_of_the_whole_product_is_not_motion():
    assert areas(field(still_mm_yr=-1.6)) == []


def test_a_scene_of_which_most_sinks_keeps_its_zero():
    points = field()
    sinking = points.x > 4_601_500  # four fifths
    rates = np.where(sinking, -60.0, 0.0).astype(np.float32)
    (area,) = areas(points._replace(velocity_mm_yr=points.velocity_mm_yr + rates))
    assert area.kind == "subsidence"
    assert area.rate_mm_yr == pytest.approx(-60, abs=1)


def test_spikes_of_single_points_raise_nothing():
    points = field()
    rng = np.random.default_rng(3)
    spiked = points.velocity_mm_yr.copy()
    spiked[rng.choice(spiked.size, spiked.size // 100, replace=False)] += 40
    assert areas(points._replace(velocity_mm_yr=spiked)) == []


def test_cells_given_by_their_corners_fill_one_cell_each_though_rounding_moves_them():
    row, col = (part.ravel().astype(np.float64) for part in np.mgrid[0:40, 0:40])
    moved = np.random.default_rng(4).uniform(-0.01, 0.01, (2, row.size))
    x, y = 450 * col + 9_000 + moved[0], 450 * row + 2_250_000 + moved[1]
    grid = grid_robust(PointCloud(x, y, np.zeros(row.size, np.float32), 32614, 450.0))
    assert grid.n_points.shape == (40, 40)
    assert (grid.n_points == 1).all()


def test_active_points_need_company_of_their_own_sign():
    """Four fast points close together are no area; five are, unless one of them moves the other way."""
    points = field(n=8_000)
    for signs, wanted in (((1, 1, 1, 1), False), ((1, 1, 1, 1, 1), True), ((1, 1, 1, 1, -1), False)):
        x = np.append(points.x, 4_604_000 + 20.0 * np.arange(len(signs)))
        y = np.append(points.y, np.full(len(signs), 1_744_050.0))
        rate = np.append(points.velocity_mm_yr, 60.0 * np.array(signs)).astype(np.float32)
        alone = (np.hypot(x - 4_604_050, y - 1_744_050) > 400) | (np.arange(x.size) >= points.x.size)
        cloud = PointCloud(x[alone], y[alone], rate[alone], 3035)
        maps = active_areas(cloud, grid_robust(cloud, despiked=False), AdaConfig())
        assert bool((np.nan_to_num(maps.probability) > 0.5).any()) == wanted


def test_gi_star_is_the_mean_of_its_band_in_standard_errors():
    """A lone hot cell among n: (x − x̄)·m / (s·√((n·m − m²)/(n − 1))) for the m cells of its band, worked out here."""
    rates = np.random.default_rng(0).normal(0, 1, (40, 40)).astype(np.float32)
    grid = RobustGrid(rates, np.full((40, 40), 5, dtype=np.int32), rates, Affine(100, 0, 0, 0, -100, 0), 3035)
    row, col = np.mgrid[:40, :40]
    band = np.hypot(row - 20, col - 20) <= 5
    n, m = rates.size, band.sum()
    z = (rates[band].sum() - rates.mean() * m) / (rates.std() * np.sqrt((n * m - m**2) / (n - 1)))
    at_half = GetisOrdConfig(z_at_half=abs(float(z)), z_width=0.1)
    assert getis_ord(grid, at_half).probability[20, 20] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("method", ["ada", "getis-ord", "threshold"])
def test_every_baseline_finds_a_fast_bowl_with_its_sign_and_nothing_on_still_ground(method):
    assert areas(field(), method) == []
    for rate, kind in ((-15.0, "subsidence"), (15.0, "uplift")):
        assert {area.kind for area in areas(with_bowl(field(), rate), method)} == {kind}


def test_noise_is_measured_between_neighbours_so_that_motion_is_not_noise():
    quiet = grid_robust(field(), despiked=False)
    moving = grid_robust(with_bowl(field(), -50.0, 1500.0), despiked=False)
    assert background_and_noise(moving.velocity_mm_yr, 5)[1] == pytest.approx(
        background_and_noise(quiet.velocity_mm_yr, 5)[1], rel=0.35
    )


def test_where_two_tracks_overlap_the_surer_one_stands():
    still, moving = field(1), with_bowl(field(2), -15.0)
    together = strongest([detect_tracks([p], "matched-filter") for p in (still, moving)])
    alone = detect_tracks([moving], "matched-filter")
    assert np.nanmax(together.maps.subsidence) == np.nanmax(alone.maps.subsidence)
    assert together.maps.probability.shape >= alone.maps.probability.shape


def test_the_local_utm_zone_is_chosen():
    assert utm_epsg(-99.1, 19.4) == 32614  # Mexico City
    assert utm_epsg(151.2, -33.9) == 32756  # Sydney
    cloud = project(np.array([-99.0]), np.array([0.0]), np.zeros(1, dtype=np.float32))
    assert (cloud.x[0], cloud.y[0]) == pytest.approx((500_000, 0), abs=1e-3)  # the central meridian of zone 14

    assert cloud.epsg == 32614


def test_ground_that_nothing_measured_is_not_flagged_by_what_lies_around_it():
    """A forest in the middle of sinking ground: the kernel reaches in, the flag must not."""
    points = with_bowl(field(), -30.0, 1500.0)
    outside = np.hypot(points.x - 4_604_000, points.y - 1_744_000) > 600
    around = PointCloud(points.x[outside], points.y[outside], points.velocity_mm_yr[outside], 3035)
    result = detect_tracks([around], "matched-filter")
    col, row = ~result.transform @ (4_604_000, 1_744_000)
    assert np.isnan(result.maps.probability[int(row), int(col)])
