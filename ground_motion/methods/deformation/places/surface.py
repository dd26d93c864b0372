"""A local robust rate surface from scattered points, with its standard error.

Spikes are left out point by point; then every node uses the widest kernel that agrees with all narrower ones
(intersection of confidence intervals: Goldenshluger & Nemirovski 1997; Katkovnik 1999). The scale thus follows density
and noise of the points, and a small core remains as high as its points.
"""

from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.statistics.robust import MAD_TO_SIGMA

NEIGHBOURS = 8
SPIKE_SIGMAS = 4.0  # A spike differs from its neighbours' median by this many sigmas.
SPIKE_SHARE = 0.5  # A spike also differs by more than this share of that median.
MIN_ALIKE, ALIKE_SIGMAS, ALIKE_SHARE = 2, 2.0, 0.3  # A point with this many neighbours so like it is no spike.
CORRELATED_M = 50.0  # Points closer together than this share their errors.
REACH_M = 200.0  # No motion is drawn farther than this from all points.
FINEST_M, MAX_NODES = 50.0, 250  # The grid is no finer, and has no more nodes along its longer side.
SCALES = tuple(0.6 * 2 ** (0.5 * j) for j in range(9))  # standard deviations of the kernels, in nodes
AGREEMENT = 2.0  # Two kernels agree if they differ by at most this number of standard errors.
NOISE_POINTS = 3_000  # The noise is estimated from at most this many points.
MIN_CELLS = 3.0  # The narrowest kernel of a node averages this many cells.
MIN_NOISE_MM_YR = 0.2


class Samples(NamedTuple):
    """Points of one track around a place, (n,): m in a projected system; mm/yr with the product's sign.

    height_m: NaN unknown. spacing_m: mean distance between neighbours; noise_mm_yr: of one point, standard deviation.
    """

    x: Float64
    y: Float64
    velocity_mm_yr: Float64
    height_m: Float64
    spacing_m: float
    noise_mm_yr: float


class Surface(NamedTuple):
    """Nodes (rows, cols), row 0 in the north. rate_mm_yr: NaN out of reach of all points.

    sigma_mm_yr: standard error; it grows with the distance from the nearest point; measured: nodes with points.
    """

    rate_mm_yr: Float64
    sigma_mm_yr: Float64
    measured: NDArray[np.bool_]
    transform: Affine

    @property
    def cell_m(self) -> float:
        """Size of a cell, metres."""
        return float(self.transform.a)


def drop_spikes(x: Float64, y: Float64, velocity_mm_yr: Float32, height_m: Float32 | None = None) -> Samples | None:
    """Drop points (n,) that their neighbours contradict; return None for fewer points than NEIGHBOURS.

    A point unlike the median of its NEIGHBOURS is dropped, unless MIN_ALIKE of them move like it.
    """
    if x.size < NEIGHBOURS:
        return None
    at, velocity = np.column_stack([x, y]), np.asarray(velocity_mm_yr, dtype=np.float64)
    away, near = _tree(at).query(at, k=NEIGHBOURS, workers=-1)
    around, noise = velocity[near[:, 1:]], _noise_mm_yr(at, velocity)
    middle = _middle(around)
    scatter = MAD_TO_SIGMA * _middle(np.abs(around - middle[:, None]))
    allowed = np.maximum(SPIKE_SIGMAS * np.maximum(noise, scatter), SPIKE_SHARE * np.abs(middle))
    stands_out = np.abs(velocity - middle) > allowed
    apart = np.abs(around - velocity[:, None])
    alike = apart <= np.maximum(ALIKE_SIGMAS * noise, ALIKE_SHARE * np.abs(velocity))[:, None]
    kept = ~stands_out | (alike.sum(axis=1) >= MIN_ALIKE)
    heights = np.full(x.size, np.nan) if height_m is None else np.asarray(height_m, dtype=np.float64)
    # A circle that holds four points on average has a radius of 1.13 spacings.
    spacing = max(1.0, float(np.median(away[:, 4])) / 1.13)
    return Samples(x[kept], y[kept], velocity[kept], heights[kept], spacing, noise)


def _middle(values: Float64) -> Float64:
    """Return the median of each row of an odd number of values."""
    middle = values.shape[1] // 2
    return np.asarray(np.partition(values, middle, axis=1)[:, middle])


def square_of(x: Float64, y: Float64, side_m: float) -> NDArray[np.int64]:
    """Return the number of the grid square that each point (n,) lies in."""
    col, row = (np.floor(at / side_m).astype(np.int64) for at in (x, y))
    return np.asarray((row - row.min()) * (int(col.max()) - int(col.min()) + 1) + (col - col.min()))


def _tree(at: Float64) -> cKDTree:
    """Build a tree split at the middle, not the median: built in half of the time, and searched as fast."""
    return cKDTree(at, balanced_tree=False, compact_nodes=False)


def _noise_mm_yr(at: Float64, velocity: Float64) -> float:
    """Return the standard deviation of a point's rate, mm/yr, from neighbours too far apart to share their errors."""
    _, first = np.unique(square_of(at[:, 0], at[:, 1], CORRELATED_M), return_index=True)
    if first.size <= 3:
        return MIN_NOISE_MM_YR
    some = first[:: max(1, first.size // NOISE_POINTS)]
    _, near = _tree(at[first]).query(at[some], k=3)
    steps = (velocity[some][:, None] - velocity[first][near[:, 1:]]).ravel()
    return max(MIN_NOISE_MM_YR, float(MAD_TO_SIGMA * np.median(np.abs(steps)) / np.sqrt(2)))


def rate_surface(samples: Samples, bounds: tuple[float, float, float, float]) -> Surface:
    """Fit the rate at each node within bounds (west, south, east, north), from points there and around."""
    west, south, east, north = bounds
    cell = max(FINEST_M, samples.spacing_m / 2, (east - west) / MAX_NODES, (north - south) / MAX_NODES)
    cols, rows = (max(1, int(np.ceil(side / cell))) for side in (east - west, north - south))
    col, row = ((at / cell).astype(np.int64) for at in (samples.x - west, north - samples.y))
    inside = (samples.x >= west) & (samples.y <= north) & (col < cols) & (row < rows)
    flat = row[inside] * cols + col[inside]
    count = np.bincount(flat, minlength=rows * cols).reshape(rows, cols).astype(np.float64)
    total = np.bincount(flat, samples.velocity_mm_yr[inside], rows * cols).reshape(rows, cols).astype(np.float64)
    independent = np.minimum(count, max(1.0, (cell / CORRELATED_M) ** 2))
    weighted = total * np.divide(independent, count, out=np.zeros_like(count), where=count > 0)
    rate, sigma = _widest_that_agrees(weighted, independent, samples.noise_mm_yr)
    away, reach = ndimage.distance_transform_edt(count == 0) * cell, max(REACH_M, 1.5 * samples.spacing_m)
    rate[away > reach] = np.nan
    extrapolated = samples.noise_mm_yr * away / reach
    return Surface(rate, np.hypot(sigma, extrapolated), count > 0, Affine(cell, 0, west, 0, -cell, north))


def _widest_that_agrees(total: Float64, count: Float64, noise_mm_yr: float) -> tuple[Float64, Float64]:
    """Return kernel mean and standard error of each node, (rows, cols). total: sum of the points' rates by cell."""
    low, high = np.full(total.shape, -np.inf), np.full(total.shape, np.inf)
    agrees = np.ones(total.shape, dtype=bool)
    rate, sigma = np.full(total.shape, np.nan), np.full(total.shape, np.nan)
    for scale in SCALES:
        if scale > 0.5 * max(total.shape):
            break
        sums, weights = (ndimage.gaussian_filter(plane, scale, mode="constant", truncate=3) for plane in (total, count))
        squares = ndimage.gaussian_filter(count, scale / np.sqrt(2), mode="constant", truncate=3)
        squares /= 4 * np.pi * scale**2
        share = np.divide(squares, weights**2, out=np.full_like(sums, np.inf), where=weights > 1e-3 / scale**2)
        seen = share.clip(min=0) <= 1 / MIN_CELLS
        mean = np.divide(sums, weights, out=np.zeros_like(sums), where=seen)
        error = noise_mm_yr * np.sqrt(share.clip(min=0))
        low = np.where(seen, np.maximum(low, mean - AGREEMENT * error), low)
        high = np.where(seen, np.minimum(high, mean + AGREEMENT * error), high)
        agrees &= low <= high
        better = seen & (agrees | np.isnan(rate))
        rate[better], sigma[better] = mean[better], error[better]
    return rate, sigma
