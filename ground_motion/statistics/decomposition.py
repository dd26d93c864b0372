"""Decomposition of two viewing directions into up and east on a grid of cells, as in EGMS's Ortho product.

Points of one direction within a cell are averaged. In cells with points of both directions, velocities and series are
solved for up and east, assuming no motion to the north (EGMS algorithm document; `ground_motion.core.geometry`).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.core.geometry import LineOfSight, decompose_up_east
from ground_motion.readers.records import Float32, Float64


class Cells(NamedTuple):
    """Grid of square cells: cell (0, 0) has its north-west corner at x0, y0 (metres); rows go south."""

    x0: float
    y0: float
    posting_m: float
    rows: int
    cols: int

    def number_of(self, x: Float64, y: Float64) -> NDArray[np.int64]:
        """Return row * cols + col of the cell at each position, (n,), -1 outside. x, y: (n,), metres."""
        col, row = np.floor((x - self.x0) / self.posting_m), np.floor((self.y0 - y) / self.posting_m)
        inside = (row >= 0) & (row < self.rows) & (col >= 0) & (col < self.cols)
        return np.where(inside, row * self.cols + col, -1).astype(np.int64)

    def centre(self, index: NDArray[np.int64]) -> tuple[Float64, Float64]:
        """Return x and y of the centres of cells, (n,) each, metres. index: cell numbers, (n,)."""
        row, col = np.divmod(index, self.cols)
        return self.x0 + (col + 0.5) * self.posting_m, self.y0 - (row + 0.5) * self.posting_m

    @property
    def transform(self) -> Affine:
        """The raster's affine transform."""
        return Affine(self.posting_m, 0, self.x0, 0, -self.posting_m, self.y0)


def cells_around(x: Float64, y: Float64, posting_m: float) -> Cells:
    """Return the smallest grid, with edges at multiples of the posting, that contains all positions (metres)."""
    west, north = np.floor(x.min() / posting_m) * posting_m, np.ceil(y.max() / posting_m) * posting_m
    cols, rows = int((x.max() - west) // posting_m) + 1, int((north - y.min()) // posting_m) + 1
    return Cells(float(west), float(north), posting_m, rows, cols)


def mean_of_runs(values: NDArray[np.floating], starts: NDArray[np.int64]) -> NDArray[np.floating]:
    """Average rows between successive starts, ignoring NaN. values: (n,) or (n, m); returns (len(starts), …)."""
    if not starts.size:
        return values[:0]
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0), starts, axis=0, dtype=np.float64)
    count = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.floating] = (total / count).astype(values.dtype)
    return mean


def count_by_cell(cells: Cells, index: NDArray[np.int64]) -> Float32:
    """Count positions by cell; returns (rows, cols). index: (n,), cell of each position, -1 outside."""
    counts = np.bincount(index[index >= 0], minlength=cells.rows * cells.cols)
    return counts.reshape(cells.rows, cells.cols).astype(np.float32)


def median_by_cell(cells: Cells, index: NDArray[np.int64], values: Float32) -> Float32:
    """Return the median of the values in each cell, (rows, cols), NaN if none. index, values: (n,), by position."""
    known = (index >= 0) & np.isfinite(values)
    index, values = index[known], values[known]
    order = np.lexsort((values, index))
    where, starts, counts = np.unique(index[order], return_index=True, return_counts=True)
    ordered = values[order]
    medians = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2
    grid = np.full(cells.rows * cells.cols, np.nan, dtype=np.float32)
    grid[where] = medians
    return grid.reshape(cells.rows, cells.cols)


class DirectionPoints(NamedTuple):
    """Columns of n points from one viewing direction. x, y, height: metres; LOS positive toward the satellite."""

    x: Float64
    y: Float64
    velocity_mm_yr: Float32
    velocity_std_mm_yr: Float32
    height_m: Float32
    los: NDArray[np.float32]  # (n, 3): east, north, up
    displacement_mm: Float32


class UpEastCells(NamedTuple):
    """k cells with points of both directions. Velocities (k,), mm/yr; series (k, dates), mm; up and east positive."""

    cell: NDArray[np.int64]
    height_m: Float32
    up_mm_yr: Float32
    east_mm_yr: Float32
    up_std_mm_yr: Float32
    east_std_mm_yr: Float32
    up_mm: Float32
    east_mm: Float32


def decompose_cells(
    cells: Cells, ascending: DirectionPoints, descending: DirectionPoints, dates: tuple[Sequence[date], Sequence[date]]
) -> UpEastCells:
    """Average two views over the cells and solve for up and east. dates: those of the series of either view."""
    first_index, first = _average(cells, ascending)
    second_index, second = _average(cells, descending)
    both, in_first, in_second = np.intersect1d(first_index, second_index, return_indices=True)
    first, second = (
        DirectionPoints._make(part[in_first] for part in first),
        DirectionPoints._make(part[in_second] for part in second),
    )
    los = tuple(LineOfSight(*view.los.T) for view in (first, second))
    velocity = decompose_up_east(first.velocity_mm_yr, los[0], second.velocity_mm_yr, los[1])
    unit = [decompose_up_east(np.array(a), los[0], np.array(b), los[1]) for a, b in ((1.0, 0.0), (0.0, 1.0))]
    std = [
        np.hypot(unit[0][part] * first.velocity_std_mm_yr, unit[1][part] * second.velocity_std_mm_yr) for part in (0, 1)
    ]
    shared = common_dates(*dates)
    series = decompose_up_east(
        interpolate_dates(first.displacement_mm, dates[0], shared),
        LineOfSight(*(part[:, None] for part in los[0])),
        interpolate_dates(second.displacement_mm, dates[1], shared),
        LineOfSight(*(part[:, None] for part in los[1])),
    )
    columns = (first.height_m, *velocity, *std, *series)
    good = np.isfinite(velocity.up_mm_yr)
    return UpEastCells(both[good], *(column[good].astype(np.float32) for column in columns))


def common_dates(first: Sequence[date], second: Sequence[date]) -> tuple[date, ...]:
    """Return the dates of the shorter series within the span of the longer; empty where they do not overlap."""
    if not first or not second:
        return ()
    start, end = max(first[0], second[0]), min(first[-1], second[-1])
    fewer = min(first, second, key=len)
    return tuple(day for day in fewer if start <= day <= end)


def _average(cells: Cells, view: DirectionPoints) -> tuple[NDArray[np.int64], DirectionPoints]:
    where = cells.number_of(view.x, view.y)
    order = np.argsort(where, kind="stable")
    order = order[where[order] >= 0]
    index, starts = np.unique(where[order], return_index=True)
    return index, DirectionPoints._make(mean_of_runs(column[order], starts) for column in view)


def interpolate_dates(displacement_mm: Float32, own: Sequence[date], wanted: Sequence[date]) -> Float32:
    """Interpolate series linearly to other dates; NaN beyond their ends and next to NaN. (k, own) -> (k, wanted)."""
    if not wanted:
        return np.empty((displacement_mm.shape[0], 0), dtype=np.float32)
    if list(own) == list(wanted):
        return displacement_mm
    days, at = (np.array([day.toordinal() for day in group], dtype=float) for group in (own, wanted))
    later = np.clip(np.searchsorted(days, at), 1, len(days) - 1)
    weight = ((at - days[later - 1]) / (days[later] - days[later - 1])).astype(np.float32)
    before, after = displacement_mm[:, later - 1], displacement_mm[:, later]
    # A value on an own date needs no neighbour, so that a NaN beside it does not spread; outside the span it is NaN.
    mixed = np.where(weight == 0, before, np.where(weight == 1, after, before + weight * (after - before)))
    mixed[:, (weight < 0) | (weight > 1)] = np.nan
    return mixed.astype(np.float32)
