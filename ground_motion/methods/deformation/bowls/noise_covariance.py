"""Noise covariance of a track: how much the errors of two points differ by their distance, fitted to the track itself.

The semivariance of the rates is estimated by medians, so that spikes and narrow motion do not count; squares of ground
that stand out are left out first. Its noise is white noise of each point, plus parts of fixed scales from 60 m to 8 km
with strengths found by non-negative least squares: short ones for buildings and soils, long ones for atmospheric delay.
A small scene has few independent places of a long scale, and one bowl may fill them: the strengths are drawn toward
usual ones, so that a bowl is not taken for noise.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial import cKDTree
from torch import Tensor

from ground_motion.methods.deformation.bowls.torus import KEPT, variance
from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.places.surface import square_of
from ground_motion.statistics.robust import MAD_TO_SIGMA

EXPONENTIAL_M = (60.0, 200.0, 600.0, 1_800.0, 5_400.0)  # The noise is a sum of parts with covariance exp(-d / scale).
GAUSSIAN_M = (1_000.0, 3_000.0, 8_000.0)  # These parts have the covariance exp(-(d / scale)²).
EDGES_M = (5, 20, 40, 70, 120, 200, 350, 600, 1_000, 1_700, 2_500, 3_500, 5_000, 7_000, 10_000)  # classes of distance
PAIRS, NEAR_POINTS = 40_000, 2_500  # This many random pairs, and the near pairs of this many points, show the noise.
NEAR_RANKS = (2, 3, 5, 9, 17, 33, 65)  # Rank 1 is left out, because the nearest point of a point is itself.
MIN_PAIRS = 150  # A class of distances needs this many pairs.
ROUNDING_MM_YR = 0.1  # Released rates are rounded: without noise, medians of differences would move in steps.
MEDIAN_TO_SIGMA = 0.9539  # median of |a - b| of two normal values of standard deviation 1
# Squares that stand out by 4 deviations are left out.
SQUARE_M, MIN_IN_SQUARE, MIN_SQUARES, STANDS_OUT = 400.0, 4, 20, 4.0
MIN_MM2_YR2 = 0.02
USUAL = (0.2, 0.3, 0.0, 0.0, 0.0, 0.0, 0.05, 0.15, 0.05)  # strengths in products of Sentinel-1, (mm/yr)²
# A strength deviates from the usual one by this share of it, or of this minimum, (mm/yr)².
USUAL_WITHIN, MIN_STRENGTH = 0.5, 0.05
# More independent places of a distance do not count: beyond them, the form of the covariance is what errs.
MAX_PLACES = 50.0
ROUNDS = 8  # The fit is repeated, because its weights follow from its result.


class NoiseCovariance(NamedTuple):
    """White noise of one point, (mm/yr)², and strengths of the parts, (scales,), EXPONENTIAL_M then GAUSSIAN_M."""

    white_mm2_yr2: float
    parts_mm2_yr2: tuple[float, ...]

    def cell_spectrum(self, cell_m: float, size: tuple[int, int], device: torch.device) -> tuple[Tensor, float]:
        """Return the spectrum of cell means on a torus, (rows, cols // 2 + 1), and the white noise of one point there.

        What parts vary within a cell counts as white. (mm/yr)² each; of a unit impulse the spectrum is 1.
        """
        shapes, shares = _spectra(cell_m, size)
        parts = torch.tensor(self.parts_mm2_yr2)
        spectrum = torch.tensordot(parts, shapes, 1).to(device)
        return spectrum, self.white_mm2_yr2 + float((parts * (1 - shares)).sum())

    def radial_spectrum(self, frequency: Tensor, cell_m: float) -> Tensor:
        """Return the spectrum at radial frequencies, 1/cell, (n,), (mm/yr)²; its error is of fourth order."""
        side = frequency / (cell_m * 2**0.5)
        spectrum: Tensor = torch.tensordot(torch.tensor(self.parts_mm2_yr2), _shapes(side, side, cell_m), 1)
        return spectrum


@lru_cache(maxsize=KEPT)
def _spectra(cell_m: float, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the spectrum of cell means for each part at strength 1, and the share of its variance in cell means."""
    down, right = torch.fft.fftfreq(size[0], cell_m)[:, None], torch.fft.rfftfreq(size[1], cell_m)[None]
    shapes = _shapes(down, right, cell_m)
    return shapes, variance(shapes, size).clamp(max=1)


def _shapes(down: Tensor, right: Tensor, cell_m: float) -> Tensor:
    """Return the spectrum of each part at strength 1 in cell means at some frequencies, 1/m, (scales, ...)."""
    square = down**2 + right**2
    mean = (torch.sinc(down * cell_m) * torch.sinc(right * cell_m)) ** 2 / cell_m**2
    exponential = [2 * torch.pi * m**2 / (1 + (2 * torch.pi * m) ** 2 * square) ** 1.5 for m in EXPONENTIAL_M]
    gaussian = [torch.pi * m**2 * torch.exp(-((torch.pi * m) ** 2) * square) for m in GAUSSIAN_M]
    return torch.stack(exponential + gaussian) * mean


class Pairs(NamedTuple):
    """Pairs of points, the nearest first: indices of both, (pairs,), and their distance, m."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    distance_m: NDArray[np.float32]


def pairs_of(x: Float64, y: Float64) -> Pairs:
    """Return pairs at any distance of the points at x, y, (n,), m: random ones, and some points with near ones."""
    n, rng = x.size, np.random.default_rng(0)
    if n < MIN_PAIRS:
        none = np.zeros(0, dtype=np.int32)
        return Pairs(none, none, none.astype(np.float32))
    at, some = np.column_stack([x, y]), rng.choice(n, min(n, NEAR_POINTS), replace=False)
    tree = cKDTree(at, balanced_tree=False, compact_nodes=False)
    chosen = np.zeros(n, dtype=bool)
    chosen[some] = True
    some = tree.indices[chosen[tree.indices]]  # In the tree's order, consecutive searches share memory.
    _, near = tree.query(at[some], k=NEAR_RANKS)
    first = np.concatenate([rng.integers(n, size=PAIRS), np.repeat(some, len(NEAR_RANKS))])
    second = np.concatenate([rng.integers(n, size=PAIRS), np.where(near < n, near, some[:, None]).ravel()])
    distance = np.hypot(*(at[first] - at[second]).T).astype(np.float32)
    order = np.argsort(distance)
    order = order[distance[order] > EDGES_M[0]]
    return Pairs(first[order].astype(np.int32), second[order].astype(np.int32), distance[order])


def fit_noise_covariance(
    x: Float64, y: Float64, rate_mm_yr: NDArray[np.floating], pairs: Pairs | None = None
) -> NoiseCovariance:
    """Fit the covariance of points without spikes, (n,), m and mm/yr. With few points it is the usual one.

    pairs: of these points (`pairs_of`), if they are known.
    """
    distance, variance = semivariances(x, y, rate_mm_yr, pairs or pairs_of(x, y))
    rising = [1 - np.exp(-distance / m) for m in EXPONENTIAL_M]
    rising += [1 - np.exp(-((distance / m) ** 2)) for m in GAUSSIAN_M]
    ground_m2 = np.unique(square_of(x, y, SQUARE_M)).size * SQUARE_M**2
    places = np.minimum(ground_m2 / (np.pi * distance**2), MAX_PLACES)
    terms, usual = np.stack([np.ones_like(distance), *rising], axis=1), np.array(USUAL)
    parts = usual
    for _ in range(ROUNDS):
        surely = np.sqrt(places / 2) / np.maximum(terms @ parts, MIN_MM2_YR2)  # 1 / standard deviation of a variance
        usually = 1 / (USUAL_WITHIN * np.maximum(parts, MIN_STRENGTH))
        rows = np.concatenate([terms * surely[:, None], np.diag(usually)])
        parts, _ = nnls(rows, np.concatenate([variance * surely, usual * usually]))
    return NoiseCovariance(max(float(parts[0]), MIN_MM2_YR2), tuple(map(float, parts[1:])))


def semivariances(x: Float64, y: Float64, rate_mm_yr: NDArray[np.floating], pairs: Pairs) -> tuple[Float64, Float64]:
    """Return the mean distance and the robust semivariance of each class with enough pairs, m and (mm/yr)²."""
    rng = np.random.default_rng(x.size)
    rate = rate_mm_yr + rng.uniform(-ROUNDING_MM_YR / 2, ROUNDING_MM_YR / 2, x.size)
    still = _still(x, y, rate)
    first, second, distance = (part[still[pairs.first] & still[pairs.second]] for part in pairs)
    apart, found = np.abs(rate[first] - rate[second]), []
    for begin, end in pairwise(np.searchsorted(distance, EDGES_M, side="right")):
        if end - begin >= MIN_PAIRS:
            median = np.median(apart[begin:end])
            found.append((distance[begin:end].mean(dtype=np.float64), (median / MEDIAN_TO_SIGMA) ** 2))
    means, variances = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return means, variances


def _still(x: Float64, y: Float64, rate: Float64) -> NDArray[np.bool_]:
    """Return which points lie in no square whose median stands out from those of all squares."""
    _, of, count = np.unique(square_of(x, y, SQUARE_M), return_inverse=True, return_counts=True)
    ordered = rate[np.lexsort((rate, of))]
    median = ordered[np.cumsum(count) - count + count // 2]
    full = median[count >= MIN_IN_SQUARE]
    if full.size < MIN_SQUARES:
        return np.ones(x.size, dtype=bool)
    middle = np.median(full)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(full - middle))) + 0.05
    return np.asarray((np.abs(median - middle) < STANDS_OUT * spread)[of])
