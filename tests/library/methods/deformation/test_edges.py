"""Bowls and patches of unwrapping errors differ by the rates between still ground and the fastest."""

import numpy as np
import pytest
from affine import Affine

from ground_motion.methods.deformation.bowls.edges import edges_of
from ground_motion.methods.deformation.gridding.points import PointCloud

CELLS = 50
TRANSFORM = Affine(100.0, 0, 500_000.0, 0, -100.0, 5_000_000.0)
RADIUS_M, PEAK_MM_YR, NOISE_MM_YR = 500.0, -5.0, 0.8


def shape_of(order: float):
    """Return a bowl's shape: Gaussian for 2, steeper for more, a patch for infinity."""
    return lambda away_m: np.exp(-0.5 * (away_m / RADIUS_M) ** order) if np.isfinite(order) else away_m < RADIUS_M


def track(shape, points=6_000, seed=0, towns=False) -> PointCloud:
    """Return points with motion of a shape in the middle of a square; `towns`: most of them in two towns."""
    rng, side = np.random.default_rng(seed), CELLS * 100.0
    x, y = rng.uniform(0, side, (2, points))
    if towns:
        middle = np.array([[0.5, 0.5], [0.75, 0.5]])[rng.integers(0, 2, points)] * side
        clustered = rng.random(points) < 0.9
        at = middle + rng.normal(0, 250, (points, 2))
        x, y = np.where(clustered, at[:, 0], x), np.where(clustered, at[:, 1], y)
    rate = PEAK_MM_YR * shape(np.hypot(x - side / 2, y - side / 2)) + rng.normal(0, NOISE_MM_YR, points)
    return PointCloud(500_000 + x, 5_000_000 - y, rate.astype(np.float32), 32632)


def nats(*tracks: PointCloud) -> float:
    """Return what is said of the place in the middle."""
    row, col = np.indices((CELLS, CELLS)) + 0.5 - CELLS / 2
    candidate = np.hypot(row, col) * 100 < RADIUS_M
    found = edges_of(candidate, np.zeros_like(candidate), TRANSFORM, tracks)
    assert not found[~candidate].any()
    return float(found.max())


@pytest.mark.parametrize("order", [2, 3, 4, 8])
@pytest.mark.parametrize("towns", [False, True])
def test_bowls_of_any_steepness_and_points_in_towns_are_no_patch(order, towns):
    assert nats(track(shape_of(order), towns=towns)) < 3


def test_a_patch_is_recognised_more_surely_with_more_points_until_they_are_many():
    few, more, many = (nats(track(shape_of(np.inf), points)) for points in (400, 1_500, 20_000))
    assert few < 5 < more
    assert 5 < many < 2 * more


def test_a_second_track_without_the_patch_changes_little_and_one_with_it_adds():
    patch, still = track(shape_of(np.inf)), track(lambda away_m: 0 * away_m, seed=1)
    alone = nats(patch)
    assert abs(nats(patch, still) - alone) < 0.2 * alone
    assert nats(patch, track(shape_of(np.inf), seed=2)) > 1.5 * alone


def test_a_place_of_few_points_says_nothing():
    assert nats(track(shape_of(np.inf), 60)) == 0


def test_series_whose_cycles_were_undone_leave_no_patch_that_is_an_error():
    assert nats(track(shape_of(np.inf))._replace(cycles_undone=True)) == 0


def test_places_of_both_signs_side_by_side_are_judged_apart():
    rng, side = np.random.default_rng(3), CELLS * 100.0
    x, y = rng.uniform(0, side, (2, 6_000))
    patch = 5.0 * ((np.abs(x - 2_000) < 500) & (np.abs(y - 2_500) < 500))
    bowl = -5.0 * np.exp(-0.5 * ((x - 3_100) ** 2 + (y - 2_500) ** 2) / 400**2)
    rate = (patch + bowl + rng.normal(0, NOISE_MM_YR, 6_000)).astype(np.float32)
    candidate = np.zeros((CELLS, CELLS), dtype=bool)
    candidate[20:30, 15:25] = candidate[21:29, 27:35] = True
    toward = np.arange(CELLS)[None, :] < 25
    found = edges_of(
        candidate,
        np.broadcast_to(toward, candidate.shape),
        TRANSFORM,
        [PointCloud(500_000 + x, 5_000_000 - y, rate, 32632)],
    )
    assert found[25, 20] > 7
    assert found[25, 31] < 3
