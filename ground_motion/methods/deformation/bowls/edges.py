"""Whether a place has the edges of an unwrapping error: one rate inside, the ground's outside.

Ground that moves has rates of every size between its fastest part and the still ground around it. An error of whole
cycles moves a patch as one; of its points hardly any lie between. Each candidate is compared with both, by the
distribution of its points' rates alone, so that outline and density of points do not matter.
"""

from collections.abc import Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud
from ground_motion.rasters.regions import regions
from ground_motion.statistics.robust import MAD_TO_SIGMA

CANDIDATE = -4.0  # Edges are examined from these log-odds on; no threshold in use is lower.
MIN_CELLS = 3
MIN_POINTS, MIN_POINTS_INSIDE = 12, 4  # A track needs this many points around and inside a candidate.
MAX_INSIDE = 75.0  # More points inside a candidate do not count: over kilometres no ground is as simple as the models.
MIN_RING_M, MAX_RING_M = 300.0, 1_500.0  # The ring around a candidate is as wide as its radius, within these limits.
APART_M = 200.0  # Points farther from a candidate show its stable ground.
MIN_SIGMA_MM_YR = 0.5
MAX_CYCLE_MM_YR = 35.0  # A cycle of C band lost in each winter moves a patch by 28 mm/yr; faster ones are no error.
JOINED_CELLS = 2  # Candidates that meet when widened by this many cells are one.
# Areas of exp(-(r/a)^(2/s)) beyond a share u of its peak grow as ln(1/u)^s: from a Gaussian bowl to one of order 8.
STEEPNESS = (1.0, 0.5, 0.25)
SHARES = np.exp(-np.linspace(0.0, 4.0, 26))  # These are shares of the peak.
PEAKS = np.linspace(0.5, 1.6, 12)  # The peak is sought among these multiples of the highest tenth's rate.
OUTLIER_SHARE, OUTLIER_WIDTH = 0.05, 20.0  # Share of outliers, and the width of their distribution in deviations.
BIN_SIGMA = 0.2  # width of the histogram's bins, deviations
ROUNDS = 15  # The share of moving ground takes this many rounds of expectation and maximisation.


def edges_of(
    candidate: NDArray[np.bool_], toward: NDArray[np.bool_], transform: Affine, tracks: Sequence[PointCloud]
) -> Float32:
    """Return how much better a patch fits each candidate than any bowl, nats, at least 0, (rows, cols); 0 elsewhere.

    candidate: (rows, cols), cells that may move; toward: whether they move toward the satellite. Cells of one sign that
    are connected are one place. Tracks add up, but for those whose series have no cycles left to undo.
    """
    nats = np.zeros(candidate.shape, dtype=np.float32)
    if not candidate.any():
        return nats
    held = [_Held(track, transform, candidate.shape) for track in tracks if not track.cycles_undone]
    for sign in (False, True):
        here = (candidate & (toward == sign)).astype(np.float32)
        for region in regions(here, 0.5, 0.5, JOINED_CELLS):
            if region.mask.sum() < MIN_CELLS:
                continue
            radius_m = float(np.sqrt(region.mask.sum() / np.pi)) * transform.a
            ring_m = float(np.clip(radius_m, MIN_RING_M, MAX_RING_M))
            pad = int(np.ceil(ring_m / transform.a))
            row, col = (side.start for side in region.window)
            away = ndimage.distance_transform_edt(~np.pad(region.mask, pad)) * transform.a
            views = [track.points_around(row - pad, col - pad, away, ring_m) for track in held]
            said = sum(patch_over_bowl(rates if sign else -rates, *rest) for rates, *rest in views)
            nats[region.window][region.mask] = max(said, 0.0)
    return nats


class _Held:
    """Points of a track by the cells of a grid; those of one cell share errors: n of them count as √n."""

    def __init__(self, track: PointCloud, transform: Affine, shape: tuple[int, int]) -> None:
        col, row = (np.floor(side).astype(np.int64) for side in ~transform @ (track.x, track.y))
        inside = np.flatnonzero((row >= 0) & (row < shape[0]) & (col >= 0) & (col < shape[1]))
        cell = row[inside] * shape[1] + col[inside]
        order = np.argsort(cell, kind="stable")
        self._cell, self._rate, self._shape = cell[order], track.velocity_mm_yr[inside[order]], shape
        _, of, beside = np.unique(self._cell, return_inverse=True, return_counts=True)
        self._weight = 1 / np.sqrt(beside[of])

    def points_around(self, row: int, col: int, away_m: Float64, ring_m: float) -> tuple[Float32, Float64, Float64]:
        """Return rates, weights and distances, m, of the points in a window, (rows, cols), within a ring's width."""
        rates, weights, apart = [], [], []
        first, end = max(col, 0), min(col + away_m.shape[1], self._shape[1])
        for at in range(max(row, 0), min(row + away_m.shape[0], self._shape[0])):
            low, high = np.searchsorted(self._cell, (at * self._shape[1] + first, at * self._shape[1] + end))
            rates.append(self._rate[low:high])
            weights.append(self._weight[low:high])
            apart.append(away_m[at - row, self._cell[low:high] - at * self._shape[1] - col])
        rate, weight, distance = (np.concatenate(parts) for parts in (rates, weights, apart))
        near = distance <= ring_m
        return rate[near], weight[near], distance[near]


def patch_over_bowl(rate: Float32, weight: Float64, apart_m: Float64) -> float:
    """Return the log-likelihood of a patch less that of the best bowl, nats; 0 where too few points tell.

    rate: (n,), mm/yr, + as the candidate moves; apart_m: (n,), distance from the candidate, 0 inside.
    """
    inside, around = apart_m == 0, rate[apart_m > APART_M]
    if len(around) < MIN_POINTS - MIN_POINTS_INSIDE:
        around = rate[~inside]
    if len(rate) < MIN_POINTS or inside.sum() < MIN_POINTS_INSIDE or len(around) < MIN_POINTS_INSIDE:
        return 0.0
    zero = float(np.median(around))
    sigma = max(MIN_SIGMA_MM_YR, MAD_TO_SIGMA * float(np.median(np.abs(around - zero))))
    in_sigmas = (rate - zero) / sigma
    peak = max(float(np.quantile(in_sigmas[inside], 0.9)), 0.5 / sigma)
    if peak * sigma > MAX_CYCLE_MM_YR:
        return 0.0
    values, of = np.unique(np.round(in_sigmas / BIN_SIGMA), return_inverse=True)
    counted = weight * min(1.0, MAX_INSIDE / float(weight[inside].sum()))
    at, counts = values * BIN_SIGMA, np.asarray(np.bincount(of, counted), dtype=np.float64)
    patch = _best(at, counts, peak, np.ones(1), np.ones(1))
    bowls = [_best(at, counts, peak, *_shares(steepness)) for steepness in STEEPNESS]
    return patch - max(bowls)


def _shares(steepness: float) -> tuple[Float64, Float64]:
    """Return rates, as shares of a bowl's peak, and for each the share of the bowl's area that moves so fast."""
    area = np.log(1 / SHARES) ** steepness
    return np.sqrt(SHARES[1:] * SHARES[:-1]), np.diff(area) / np.ptp(area)


def _best(at: Float64, counts: Float64, peak: float, shares: Float64, area: Float64) -> float:
    """Return the highest log-likelihood of the rates `at`, in deviations, over PEAKS and shares of moving ground."""
    spread = OUTLIER_SHARE / OUTLIER_WIDTH
    still = (1 - OUTLIER_SHARE) * np.exp(-0.5 * at**2) + spread
    highest = -np.inf
    for tried in PEAKS * peak:
        moves = (1 - OUTLIER_SHARE) * (np.exp(-0.5 * (at[:, None] - tried * shares) ** 2) @ area) + spread
        share = 0.4
        for _ in range(ROUNDS):
            owned = share * moves / (share * moves + (1 - share) * still)
            share = float(counts @ owned) / counts.sum()
        highest = max(highest, float(counts @ np.log(share * moves + (1 - share) * still)))
    return highest
