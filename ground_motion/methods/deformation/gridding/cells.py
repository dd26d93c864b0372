"""Gridding of scattered points on north-up cells."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.core.errors import UnusableData
from ground_motion.methods.deformation.gridding.despike import NEIGHBOURS, Near, median_of, neighbours
from ground_motion.methods.deformation.gridding.noise import stated_noise
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud

CELL_M = 100.0
ON_EDGE = 1e-4  # Gridded products give corners or centres of cells, exactly or to the centimetre.
HALF, SIGN = np.uint64(32), np.uint32(1 << 31)


class RobustGrid(NamedTuple):
    """Rates and scatter of one track in each cell, (rows, cols). Row 0 is in the north.

    velocity_mm_yr: median of the despiked points, with the product's sign, NaN without points; n_points; mad_mm_yr:
    median absolute deviation of the points as released from that median, NaN without points; raw_mm_yr: median of the
    points as released; height_m: mean height of the points, None if the product has no heights; noise_mm_yr: standard
    deviation of one cell's rate without motion, from points or series, None if unknown; near: `despike.neighbours` of
    the points, None if they were not despiked.
    """

    velocity_mm_yr: Float32
    n_points: NDArray[np.int32]
    mad_mm_yr: Float32
    transform: Affine
    epsg: int
    raw_mm_yr: Float32 | None = None
    height_m: Float32 | None = None
    noise_mm_yr: float | None = None
    near: Near | None = None

    @property
    def cell_m(self) -> float:
        """Size of a cell, metres."""
        return float(self.transform.a)


class Cells(NamedTuple):
    """Cell of each point. cell: (n,), row-major; shape: (rows, cols)."""

    cell: NDArray[np.int64]
    shape: tuple[int, int]
    transform: Affine


def assign_cells(x: Float64, y: Float64, cell_m: float = CELL_M) -> Cells:
    """Assign points, m, to cells with edges at whole multiples of cell_m; one on an edge lies east and north of it."""
    col, up = np.floor(x / cell_m + ON_EDGE).astype(np.int64), np.floor(y / cell_m + ON_EDGE).astype(np.int64)
    west, top = int(col.min()), int(up.max())
    rows, cols = top - int(up.min()) + 1, int(col.max()) - west + 1
    transform = Affine(cell_m, 0, west * cell_m, 0, -cell_m, (top + 1) * cell_m)
    return Cells((top - up) * cols + (col - west), (rows, cols), transform)


def grid_robust(points: PointCloud, cell_m: float = CELL_M, despiked: bool = True, workers: int = -1) -> RobustGrid:
    """Grid points by medians; empty cells stay NaN. ValueError without points.

    Args:
        points: Points of a track.
        cell_m: Side of a cell; at least the posting is used.
        despiked: Whether each velocity is first replaced by the median of the point and its nearest neighbours.
        workers: Number of threads, -1 for all.
    """
    if not points.x.size:
        raise UnusableData("there is no point to grid")
    cells = assign_cells(points.x, points.y, max(cell_m, float(np.ceil(points.posting_m or 0.0))))
    released = points.velocity_mm_yr.astype(np.float32, copy=False)
    with ThreadPoolExecutor(1) as beside:  # Numpy sorts and counts while a thread searches neighbours.
        as_released = beside.submit(cell_median, cells, released)
        heights = beside.submit(_heights, cells, points)
        kept, noise, near = released, None, None
        if despiked and released.size >= NEIGHBOURS:
            near = neighbours(points, workers=workers)
            kept = median_of(released, near)
            noise = stated_noise(points, near, kept)
        raw, counts = as_released.result()
        velocity = raw if kept is released else cell_median(cells, kept)[0]
        mad, _ = cell_median(cells, np.abs(released - velocity.flat[cells.cell]))
        return RobustGrid(velocity, counts, mad, cells.transform, points.epsg, raw, heights.result(), noise, near)


def _heights(cells: Cells, points: PointCloud) -> Float32 | None:
    return None if points.height_m is None else cell_mean(cells, points.height_m).astype(np.float32)


def middles(transform: Affine, shape: tuple[int, ...]) -> tuple[Float64, Float64]:
    """Return x and y of the middle of each cell, both (rows, cols)."""
    col, row = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    return transform.c + col * transform.a, transform.f + row * transform.e


def distance_to_points_m(occupied: NDArray[np.bool_], cell_m: float) -> Float32:
    """Return the distance between the centres of each cell and its nearest occupied one, (rows, cols), m."""
    if not occupied.any():
        return np.full(occupied.shape, np.inf, dtype=np.float32)
    return np.asarray(ndimage.distance_transform_edt(~occupied) * cell_m, dtype=np.float32)


def cell_median(cells: Cells, values: Float32) -> tuple[Float32, NDArray[np.int32]]:
    """Return the median of each cell's values (n,), NaN for an empty cell, and their number; both (rows, cols).

    Cell and value are sorted as one integer, many times faster than by two keys. NaN counts as the largest value.
    """
    ordered = np.sort((cells.cell.astype(np.uint64) << HALF) | _rank(values))
    cell = (ordered >> HALF).astype(np.int64)
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    count = np.diff(first, append=cell.size)
    median = np.full(cells.shape, np.nan, dtype=np.float32)
    counts = np.zeros(cells.shape, dtype=np.int32)
    low, high = (_values_of_ranks(ordered[first + at]) for at in ((count - 1) // 2, count // 2))
    median.flat[cell[first]] = (low + high) / 2
    counts.flat[cell[first]] = count
    return median, counts


def _rank(values: Float32) -> NDArray[np.uint32]:
    """Return integers in the order of the values, because floats' bits have it once negative ones are inverted."""
    bits = np.where(np.isnan(values), np.float32(np.nan), values).astype(np.float32).view(np.uint32)
    return bits ^ np.where(bits & SIGN, ~np.uint32(0), SIGN)


def _values_of_ranks(ordered: NDArray[np.uint64]) -> Float32:
    """Return the values whose ranks are the lower halves of the numbers."""
    rank = ordered.astype(np.uint32)
    return (rank ^ np.where(rank & SIGN, SIGN, ~np.uint32(0))).view(np.float32)


def cell_mean(cells: Cells, values: NDArray[np.floating]) -> Float64:
    """Return the mean of each cell's values (n,), (rows, cols), NaN where a cell is empty."""
    size = cells.shape[0] * cells.shape[1]
    count = np.bincount(cells.cell, minlength=size)
    with np.errstate(invalid="ignore"):
        mean: Float64 = (np.bincount(cells.cell, weights=values, minlength=size) / count).reshape(cells.shape)
    return mean
