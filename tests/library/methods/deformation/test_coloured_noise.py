"""Detectors of bowls in coloured noise, by whitening and by generalised least squares, on made fields."""

import numpy as np
import pytest
import torch

from ground_motion.methods.deformation.bowls import search
from ground_motion.methods.deformation.bowls.noise_covariance import NoiseCovariance, fit_noise_covariance, pairs_of
from ground_motion.methods.deformation.bowls.pyramid import WIDE_CELLS
from ground_motion.methods.deformation.bowls.search import best_bowls, rarity
from ground_motion.methods.deformation.bowls.torus import TOLERANCE, gaussian, solve, variance
from ground_motion.methods.deformation.gridding.boxes import boxes
from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas
from ground_motion.methods.deformation.whitening import WhiteningConfig, whitening
from ground_motion.simulation.ground.terrain import fractal_field
from tests.library.methods.deformation.test_deformation import areas, with_bowl

SIDE_M = 9_600.0
BOTH = pytest.mark.parametrize("method", ["whitening", "gls"])


def field(seed: int, delay_mm_yr: float = 0.0) -> PointCloud:
    """Still ground: white noise of 1 mm/yr a point, and delay whose spectrum falls with the third power."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE_M, (2, 25_000))
    delay = delay_mm_yr * fractal_field(rng, 128, -3.0)
    rate = rng.normal(0, 1, x.size) + delay[(y / 100).astype(int), (x / 100).astype(int)]
    return PointCloud(x + 4_599_200, y + 1_739_200, rate.astype(np.float32), 3035)


@BOTH
@pytest.mark.parametrize("delay_mm_yr", [0.0, 0.5])
def test_still_ground_and_delay_raise_nothing(method, delay_mm_yr):
    assert areas(field(1, delay_mm_yr), method) == []


@BOTH
def test_a_slope_of_the_rates_is_no_motion(method):
    points = field(2)
    tilted = points.velocity_mm_yr + (points.x - points.x.mean()).astype(np.float32) / 1_000
    assert areas(points._replace(velocity_mm_yr=tilted), method) == []


def test_what_follows_the_heights_is_no_motion():
    points = field(6)
    hill = 300 * np.exp(-(((points.x - 4_604_000) / 1_500) ** 2) - ((points.y - 1_744_000) / 1_500) ** 2)
    hills = (
        hill
        + 40
        * fractal_field(np.random.default_rng(7), 128, -3.0)[
            ((points.y - 1_739_200) / 100).astype(int), ((points.x - 4_599_200) / 100).astype(int)
        ]
    )
    follows = points._replace(velocity_mm_yr=points.velocity_mm_yr + (hills / 60).astype(np.float32))
    assert areas(follows._replace(height_m=hills.astype(np.float32)), "gls") == []
    assert areas(follows, "gls") != []


@BOTH
@pytest.mark.parametrize("radius_m", [400.0, 800.0, 2_000.0])
@pytest.mark.parametrize(("rate_mm_yr", "kind"), [(-6.0, "subsidence"), (6.0, "uplift")])
def test_bowls_of_any_width_are_found_with_their_sign(method, radius_m, rate_mm_yr, kind):
    (area,) = areas(with_bowl(field(3, 0.3), rate_mm_yr, radius_m / np.sqrt(2)), method)
    assert area.kind == kind
    centre = area.polygon.centroid
    assert np.hypot(centre.x - 4_604_000, centre.y - 1_744_000) < radius_m


def test_the_score_decides_and_not_the_rate_alone():
    points = with_bowl(field(4), -4.0, 800.0 / np.sqrt(2))
    grid = grid_robust(points)
    flagged = [
        (np.nan_to_num(whitening(points, grid, WhiteningConfig(score_at_half=at)).probability) > 0.5).sum()
        for at in (3.0, 1e3)
    ]
    assert flagged[0] > 10
    assert flagged[1] == 0


@BOTH
def test_cells_wider_than_100_m_are_taken_as_they_are(method):
    rng = np.random.default_rng(5)
    x, y = (values.ravel() for values in np.meshgrid(np.arange(96) * 450.0, np.arange(96) * 450.0))
    away = np.hypot(x - 21_600, y - 21_600)
    rate = rng.normal(0, 0.3, x.size) - 20 * np.exp(-((away / 4_000) ** 2))
    points = PointCloud(x + 225, y + 225, rate.astype(np.float32), 3035, posting_m=450.0)
    result = detect_tracks([points], method)
    assert result.transform.a == 450
    col, row = (int(at) for at in ~result.transform @ (21_600.0, 21_600.0))
    assert result.maps.probability[row, col] > 0.5


def test_a_slow_slide_beside_a_fast_one_in_a_forest_keeps_its_sign():
    points = field(11)
    slow, fast = (np.hypot(points.x - at, points.y - 1_744_000) for at in (4_604_650, 4_603_350))
    rate = np.where(fast < 450, -30, np.where(slow < 250, -6, 0)) + points.velocity_mm_yr
    meadows = np.minimum(fast - 450, slow - 250) < 0
    forest = np.hypot(points.x - 4_604_000, points.y - 1_744_000) < 3_000
    held = points._replace(velocity_mm_yr=rate.astype(np.float32)).part(np.flatnonzero(meadows | ~forest))
    bowls = best_bowls([held])
    col, row = (int(at) for at in ~bowls.transform @ (4_604_650.0, 1_744_000.0))
    assert bowls.amplitude_mm_yr[row, col] < -3


def test_rates_count_from_still_ground_and_not_from_the_products_zero():
    points = with_bowl(field(10), -6.0, 800.0 / np.sqrt(2))
    moved = points._replace(velocity_mm_yr=points.velocity_mm_yr + np.float32(3))
    result = detect_tracks([moved], "gls")
    assert result.maps.backgrounds_mm_yr[0] == pytest.approx(3.0, abs=0.3)
    assert result.still_share > 0.6
    ((area, _),) = flagged_areas(result, [moved])
    assert area.peak_rate_mm_yr == pytest.approx(-6.0, abs=1.0)


def test_the_noise_covariance_is_found_again():
    """White noise of 1 (mm/yr)² and a part of 0.5 that fades over 600 m, in the mean of eight fields."""
    noises = [_fit_simulated_noise(seed) for seed in range(8, 16)]
    white, parts = (float(np.mean(each)) for each in zip(*noises, strict=True))
    assert white == pytest.approx(1.0, abs=0.2)
    assert parts == pytest.approx(0.5, abs=0.2)
    assert white + parts == pytest.approx(1.5, abs=0.05)


def _fit_simulated_noise(seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 12_800, (2, 20_000))
    away = np.hypot(*(np.minimum(at, 256 - at) * 50.0 for at in np.meshgrid(np.arange(256), np.arange(256))))
    spectrum = np.fft.fft2(0.5 * np.exp(-away / 600)).real.clip(min=0)
    part = np.fft.ifft2(np.fft.fft2(rng.normal(size=away.shape)) * np.sqrt(spectrum)).real
    noise = fit_noise_covariance(x, y, rng.normal(0, 1, x.size) + part[(y / 50).astype(int), (x / 50).astype(int)])
    return noise.white_mm2_yr2, sum(noise.parts_mm2_yr2)


def test_motion_is_no_noise():
    """A fifth of the ground sinks by 20 mm/yr; the law is that of the rest."""
    points = field(9)
    sinks = (points.x < 4_601_120).astype(np.float32) * -20
    noise = fit_noise_covariance(points.x, points.y, points.velocity_mm_yr + sinks)
    assert noise.white_mm2_yr2 + sum(noise.parts_mm2_yr2) < 1.5


def test_the_equations_are_solved_where_cells_are_known():
    generator = torch.Generator().manual_seed(1)
    seen = torch.rand((32, 32), generator=generator) < 0.4
    rate, noise = torch.randn((32, 32), generator=generator) * seen, torch.full((32, 32), 0.5)
    spectrum, _ = NoiseCovariance(0.0, (0.0, 0.5, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0)).cell_spectrum(
        100.0, (32, 32), torch.device("cpu")
    )
    solved = solve(rate, noise, seen, spectrum)
    back = torch.fft.irfft2(torch.fft.rfft2(solved) * spectrum, s=(32, 32)) + noise * solved
    assert (solved[~seen] == 0).all()
    assert torch.linalg.norm((back - rate)[seen]) < 1.01 * TOLERANCE * torch.linalg.norm(rate)


def test_the_information_of_a_bowl_is_the_sum_over_all_waves_of_a_torus():
    covariance, size, cpu = (
        NoiseCovariance(0.2, (0.3, 0.1, 0.1, 0.05, 0.05, 0.05, 0.15, 0.05)),
        (320, 320),
        torch.device("cpu"),
    )
    for cell_m, radius in ((50.0, 2.0), (100.0, 3.0), (1_600.0, 4.2)):
        left = 1 - gaussian(size, WIDE_CELLS, cpu)
        bowl = gaussian(size, radius / 2**0.5, cpu) * torch.pi * radius**2 * left
        narrow = covariance.cell_spectrum(cell_m, size, cpu)[0] * left**2 + 1e-6
        summed = torch.stack([variance(bowl**2 / (narrow + noise), size) for noise in search.NOISES])
        torch.testing.assert_close(search._information(covariance, radius, cell_m), summed, rtol=1e-3, atol=0)


def test_places_far_apart_are_searched_in_boxes_of_their_own():
    places = np.zeros((256, 256), dtype=bool)
    for row, col in ((10, 20), (200, 30), (220, 240)):
        places[row : row + 12, col : col + 9] = True
    found = boxes(places, search.MARGIN, search.SIZES)
    covered = np.zeros(places.shape, dtype=int)
    for box in found:
        covered[box] += 1
    assert len(found) == 3
    assert covered.max() == 1
    assert (covered[places] == 1).all()
    assert boxes(np.ones((256, 256), dtype=bool), search.MARGIN, search.SIZES) == [(slice(0, 256), slice(0, 256))]
    assert boxes(np.zeros((256, 256), dtype=bool), search.MARGIN, search.SIZES) == []


@pytest.fixture
def searched(monkeypatch):
    """Sides of the cells of each box that is searched."""
    sides_m, views = [], search._views

    def seen(level, *args):
        sides_m.append(level.cell_m)
        return views(level, *args)

    monkeypatch.setattr(search, "_views", seen)
    return sides_m


def test_cells_of_50_m_are_searched_only_where_wider_ones_propose_a_bowl(searched):
    still = field(17)
    assert best_bowls([still]).score.max() < search.PROPOSED
    assert min(searched) == 2 * search.FINEST_M
    bowls = best_bowls([with_bowl(still, -12.0, 120.0 / np.sqrt(2))])
    assert searched.count(search.FINEST_M) == 1
    assert bowls.radius_m[bowls.score == bowls.score.max()][0] < 200


def test_pairs_of_points_serve_every_turn():
    points = field(18)
    at, pairs = (points.x, points.y), pairs_of(points.x, points.y)
    assert fit_noise_covariance(*at, points.velocity_mm_yr, pairs) == fit_noise_covariance(*at, points.velocity_mm_yr)
    assert (np.diff(pairs.distance_m) >= 0).all()
    assert 0 < pairs.distance_m[0] < 50 < 5_000 < pairs.distance_m[-1]


def test_scores_of_still_ground_are_as_rare_as_they_say(monkeypatch):
    """On 20 fields of 92 km² with white noise, maxima of one in 1,000 km² are expected 1.8 times at each radius.

    All radii are searched everywhere.
    """
    monkeypatch.setattr(search, "PROPOSED", -np.inf)
    highest = [best_bowls([field(100 + n)]).score.max() for n in range(20)]
    assert 4 < np.count_nonzero(np.array(highest) > 0) < 20
    assert np.count_nonzero(np.array(highest) > 2) <= 3


def test_a_ratio_is_rarer_under_a_wider_bowl():
    ratio = torch.tensor([3.0, 4.0, 5.0])
    assert (rarity(ratio, 1_000.0) > rarity(ratio, 200.0))[1:].all()
    assert (rarity(ratio, 500.0).diff() > 0).all()


def hidden_below(*tracks: PointCloud) -> float:
    return float(np.median(best_bowls(tracks).detectable_mm_yr[32:64, 32:64]))


def every(points: PointCloud, nth: int) -> PointCloud:
    return points._replace(x=points.x[::nth], y=points.y[::nth], velocity_mm_yr=points.velocity_mm_yr[::nth])


def test_fewer_points_and_more_delay_hide_more_and_a_second_track_hides_less():
    clear, delayed = field(11), field(12, 0.5)
    assert 0.5 < hidden_below(clear) < hidden_below(every(clear, 30)) < hidden_below(every(clear, 100))
    assert hidden_below(clear) < hidden_below(delayed) < hidden_below(field(12, 1.0))
    assert hidden_below(delayed, field(13, 0.5)) < hidden_below(delayed)


def test_a_bowl_hides_little_of_its_own_surroundings():
    points = field(14)
    assert hidden_below(with_bowl(points, -6.0, 800.0)) < 1.5 * hidden_below(points)


def test_where_no_point_stands_nothing_can_be_detected():
    points = field(15)
    west = points.x < 4_603_200
    limit = best_bowls([PointCloud(points.x[west], points.y[west], points.velocity_mm_yr[west], 3035)]).detectable_mm_yr
    assert np.isfinite(limit[:, 8:40]).all()
    assert np.isinf(limit[:, 64:]).all()


@pytest.mark.parametrize("posting_m", [None, 450.0])
def test_points_on_the_edges_of_cells_are_counted(posting_m):
    """The southernmost points of a gridded product may lie on an edge of the widest cells."""
    step_m = posting_m or 100.0
    x, y = (step_m * part.ravel() for part in np.meshgrid(np.arange(96.0), np.arange(96.0)))
    rate = np.random.default_rng(3).normal(0, 0.1, x.size).astype(np.float32)
    bowls = best_bowls([PointCloud(x, y, rate, 3035, posting_m)])
    points = bowls.tracks[0].points
    assert points.sum() == x.size
    assert points[-1, 0] > 0
