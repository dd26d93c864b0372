"""Points on a grid of cells: the cell of each point, and statistics of each cell's points."""

from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ingest.readers.records import Float32, Float64


class Cells(NamedTuple):
    """Cells of a grid: cell (0, 0) has its north-west corner at x0, y0 (metres); rows go south."""

    x0: float
    y0: float
    posting_m: float
    rows: int
    cols: int

    def index(self, x: Float64, y: Float64) -> NDArray[np.int64]:
        """Return the cell's number for each position, -1 outside. x, y: (n,), metres."""
        col, row = np.floor((x - self.x0) / self.posting_m), np.floor((self.y0 - y) / self.posting_m)
        inside = (row >= 0) & (row < self.rows) & (col >= 0) & (col < self.cols)
        return np.where(inside, row * self.cols + col, -1).astype(np.int64)

    def centre(self, index: NDArray[np.int64]) -> tuple[Float64, Float64]:
        """Return x and y of the cells' centres, metres."""
        row, col = np.divmod(index, self.cols)
        return self.x0 + (col + 0.5) * self.posting_m, self.y0 - (row + 0.5) * self.posting_m

    @property
    def transform(self) -> Affine:
        """The raster's affine transform."""
        return Affine(self.posting_m, 0, self.x0, 0, -self.posting_m, self.y0)


def cells_around(x: Float64, y: Float64, posting_m: float) -> Cells:
    """Return the smallest grid on multiples of the posting that holds all positions (metres)."""
    west, north = np.floor(x.min() / posting_m) * posting_m, np.ceil(y.max() / posting_m) * posting_m
    cols, rows = int((x.max() - west) // posting_m) + 1, int((north - y.min()) // posting_m) + 1
    return Cells(float(west), float(north), posting_m, rows, cols)


def mean_of_runs(values: NDArray[np.floating], starts: NDArray[np.int64]) -> NDArray[np.floating]:
    """Average rows from each start to the next, without NaN. values: (n,) or (n, m); returns (len(starts), …)."""
    if not starts.size:
        return values[:0]
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0), starts, axis=0, dtype=np.float64)
    count = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.floating] = (total / count).astype(values.dtype)
    return mean


def count_by_cell(cells: Cells, index: NDArray[np.int64]) -> Float32:
    """Count the positions in each cell. index: (n,), -1 outside; returns (rows, cols)."""
    counts = np.bincount(index[index >= 0], minlength=cells.rows * cells.cols)
    return counts.reshape(cells.rows, cells.cols).astype(np.float32)


def median_by_cell(cells: Cells, index: NDArray[np.int64], values: Float32) -> Float32:
    """Return the median of each cell's values, NaN where there is none. index, values: (n,); returns (rows, cols)."""
    known = (index >= 0) & np.isfinite(values)
    index, values = index[known], values[known]
    order = np.lexsort((values, index))
    where, starts, counts = np.unique(index[order], return_index=True, return_counts=True)
    ordered = values[order]
    medians = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2
    grid = np.full(cells.rows * cells.cols, np.nan, dtype=np.float32)
    grid[where] = medians
    return grid.reshape(cells.rows, cells.cols)
