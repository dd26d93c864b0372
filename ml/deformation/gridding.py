"""Scattered points become a north-up grid of cells."""

from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ml.deformation.points import Float32, Float64, PointCloud

CELL_M = 100.0


class VelocityGrid(NamedTuple):
    """velocity_mm_yr: (rows, cols), NaN where a cell has no point; n_points: (rows, cols). Row 0 is the north."""

    velocity_mm_yr: Float32
    n_points: NDArray[np.int32]
    transform: Affine
    epsg: int

    @property
    def cell_m(self) -> float:
        return float(self.transform.a)


class Cells(NamedTuple):
    """Which cell each point falls into. cell: (n,), row-major; shape: (rows, cols)."""

    cell: NDArray[np.int64]
    shape: tuple[int, int]
    transform: Affine


def assign_cells(x: Float64, y: Float64, cell_m: float = CELL_M) -> Cells:
    """Lay a grid whose edges are whole multiples of cell_m over the points (as EGMS L3's are) and place each point.

    x, y: (n,), m. A point on an edge belongs to the cell east and north of it.
    """
    col, up = np.floor(x / cell_m).astype(np.int64), np.floor(y / cell_m).astype(np.int64)
    west, top = int(col.min()), int(up.max())
    rows, cols = top - int(up.min()) + 1, int(col.max()) - west + 1
    transform = Affine(cell_m, 0, west * cell_m, 0, -cell_m, (top + 1) * cell_m)
    return Cells((top - up) * cols + (col - west), (rows, cols), transform)


def grid_median(points: PointCloud, cell_m: float | None = None) -> VelocityGrid:
    """Median velocity of the points of each cell. cell_m: 100 m, or the posting where that is wider."""
    size = cell_m or max(CELL_M, float(np.ceil(points.posting_m or 0.0)))
    cells = assign_cells(points.x, points.y, size)
    order = np.lexsort((points.velocity_mm_yr, cells.cell))
    index, first, count = np.unique(cells.cell[order], return_index=True, return_counts=True)
    sorted_velocity = points.velocity_mm_yr[order]
    middle = (sorted_velocity[first + (count - 1) // 2] + sorted_velocity[first + count // 2]) / 2
    velocity = np.full(cells.shape, np.nan, dtype=np.float32)
    counts = np.zeros(cells.shape, dtype=np.int32)
    velocity.flat[index], counts.flat[index] = middle, count
    return VelocityGrid(velocity, counts, cells.transform, points.epsg)


def cell_mean(cells: Cells, values: NDArray[np.floating]) -> Float64:
    """Mean of each cell's values (n,); returns (rows, cols), NaN where a cell is empty."""
    size = cells.shape[0] * cells.shape[1]
    count = np.bincount(cells.cell, minlength=size)
    with np.errstate(invalid="ignore"):
        mean: Float64 = (np.bincount(cells.cell, weights=values, minlength=size) / count).reshape(cells.shape)
    return mean
