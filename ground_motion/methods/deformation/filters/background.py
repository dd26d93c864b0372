"""The zero of a place: what its surroundings do (Gaussian weights of 12 km), without the places that move in them.

Tectonics, plates, orbits and long-wave delay move the ground of many kilometres alike; a place is judged against that
and not against the zero of a product. What is wider is the matter of `ground_motion.methods.deformation.wide`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.filters.still import still_ground
from ground_motion.methods.deformation.gridding.cells import assign_cells, cell_median
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud
from ground_motion.statistics.robust import MAD_TO_SIGMA

CELL_M = 1_000.0
WIDTHS_M = (48_000.0, 24_000.0, 12_000.0)  # Standard deviations of the Gaussian weights, the widest first.
MIN_WIDTHS = 1.25  # Narrower scenes have no background: most of them may move.
MAX_SPREAD_MM_YR = 10.0  # Delay and faults leave less: a scene with more moves itself, like a basin that fills it.
OUTLIER = 4.0  # Cells that differ by more robust deviations have no weight.
MIN_SPREAD_MM_YR = 0.5
ROUNDS = 3  # Rounds at each width: each leaves out the cells that differ from the background found so far.
PRIOR_CELLS = 25.0  # Weight of the wider background, because few cells do not determine a slope.
STILL_WITHIN_MM_YR = 5.0
TERMS = ((0, 0), (1, 0), (0, 1))  # Powers of the offsets down and right in a plane.
REACH_WIDTHS = 3.5  # The Gaussian is cut at this many standard deviations.


class Background(NamedTuple):
    """Rates of the surroundings, (rows, cols), mm/yr with the product's sign, on cells of CELL_M.

    spread_mm_yr: robust standard deviation of what is left of the cells, 0 where there are no surroundings.
    """

    rate_mm_yr: Float64
    transform: Affine
    spread_mm_yr: float = 0.0

    def at(self, x: Float64, y: Float64) -> Float32:
        """Return the rates at positions (n,), m in the same plane."""
        col, row = ~self.transform @ (x, y)
        values = ndimage.map_coordinates(self.rate_mm_yr, [row - 0.5, col - 0.5], order=1, mode="nearest")
        return np.asarray(values, dtype=np.float32)


def background_of(points: PointCloud) -> Background:
    """Estimate the background of one track: local planes through the cells that move like their surroundings.

    Every cell counts once, because a sinking city has most of the points. A mean would leave tectonic slopes at edges.
    A scene that is hardly wider than such surroundings, or that moves as a whole, has none: 0.
    """
    cells = assign_cells(points.x, points.y, max(CELL_M, float(np.ceil(points.posting_m or 0.0))))
    median, _ = cell_median(cells, points.velocity_mm_yr.astype(np.float32, copy=False))
    extent_m = max(median.shape) * cells.transform.a
    nothing = Background(np.zeros(median.shape), cells.transform)
    if extent_m < MIN_WIDTHS * WIDTHS_M[-1]:
        return nothing
    known = np.isfinite(median)
    still = still_ground(median, 0.0, STILL_WITHIN_MM_YR)
    rate = np.where(known, median, 0).astype(np.float64)
    wide = np.full(rate.shape, still.rate_mm_yr)
    for width_m in (width for width in WIDTHS_M if MIN_WIDTHS * width <= extent_m):
        for _ in range(ROUNDS):
            apart = rate - wide
            spread = MAD_TO_SIGMA * float(np.median(np.abs(apart[known]))) + MIN_SPREAD_MM_YR
            weight = np.where(known, np.maximum(1 - (apart / (OUTLIER * spread)) ** 2, 0) ** 2, 0)
            wide = wide + _local_planes(apart, weight, width_m / cells.transform.a)
    left = MAD_TO_SIGMA * float(np.median(np.abs((rate - wide)[known])))
    return Background(wide, cells.transform, left) if left < MAX_SPREAD_MM_YR else nothing


def against_backgrounds(tracks: Sequence[PointCloud]) -> tuple[list[PointCloud], list[float], float]:
    """Subtract each track's background; return the tracks, their median backgrounds and the largest spread, mm/yr."""
    found = [background_of(points) for points in tracks]
    around = [background.at(points.x, points.y) for background, points in zip(found, tracks, strict=True)]
    pairs = zip(tracks, around, strict=True)
    flat = [points._replace(velocity_mm_yr=points.velocity_mm_yr - rate) for points, rate in pairs]
    return flat, [float(np.median(rate)) for rate in around], max(background.spread_mm_yr for background in found)


def _local_planes(values: Float64, weight: NDArray[np.float64], sigma_cells: float) -> Float64:
    """Return at each cell the height of the plane through the values around it, Gaussian weights times `weight`."""
    powers = {(a + c, b + d) for a, b in TERMS for c, d in TERMS}
    sums = {power: _moment(weight, *power, sigma_cells) for power in powers}
    right_side = np.stack([_moment(weight * values, *power, sigma_cells) for power in TERMS], axis=-1)
    matrix = np.stack([np.stack([sums[a + c, b + d] for c, d in TERMS], axis=-1) for a, b in TERMS], axis=-2)
    matrix += PRIOR_CELLS * np.eye(len(TERMS))  # Slopes are counted in widths.
    heights: Float64 = np.linalg.solve(matrix, right_side[..., None])[..., 0, 0].astype(np.float64)
    return heights


def _moment(values: Float64, down: int, right: int, sigma_cells: float) -> Float64:
    """Return sums over the surroundings of each cell of values times powers of the offsets, in widths."""
    half = int(np.ceil(REACH_WIDTHS * sigma_cells))
    for axis, power in ((0, down), (1, right)):
        reach = min(half, values.shape[axis])
        offset = np.arange(-reach, reach + 1) / sigma_cells
        values = ndimage.correlate1d(values, np.exp(-0.5 * offset**2) * offset**power, axis=axis, mode="constant")
    return values
