"""Decomposition of two viewing directions into up and east on a grid, as in EGMS's Ortho product.

Points of one direction that fall into a cell are averaged; where both directions see the cell, their velocities and
their series are solved for up and east with no motion to the north (EGMS algorithm document; `ingest.geometry`).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.geometry import LineOfSight, decompose_up_east
from ingest.products.lattice import Cells, mean_of_runs
from ingest.readers.records import Float32, Float64


class View(NamedTuple):
    """Points of one direction in columns. velocity and std (n,), mm/yr; series (n, dates), mm; LOS toward plus."""

    x: Float64
    y: Float64
    velocity_mm_yr: Float32
    velocity_std_mm_yr: Float32
    height_m: Float32
    los: NDArray[np.float32]  # (n, 3): east, north, up
    displacement_mm: Float32


class UpEastCells(NamedTuple):
    """k cells that both directions see. (k,) mm/yr and (k, dates) mm, up and east positive."""

    index: NDArray[np.int64]
    height_m: Float32
    up_mm_yr: Float32
    east_mm_yr: Float32
    up_std_mm_yr: Float32
    east_std_mm_yr: Float32
    up_mm: Float32
    east_mm: Float32


def decompose_cells(
    cells: Cells, ascending: View, descending: View, dates: tuple[Sequence[date], Sequence[date]]
) -> UpEastCells:
    """Average two directions over the cells and solve for up and east. dates: those of the two views' series."""
    first_index, first = _averaged(cells, ascending)
    second_index, second = _averaged(cells, descending)
    both, in_first, in_second = np.intersect1d(first_index, second_index, return_indices=True)
    first, second = View(*(column[in_first] for column in first)), View(*(column[in_second] for column in second))
    los = tuple(LineOfSight(*view.los.T) for view in (first, second))
    velocity = decompose_up_east(first.velocity_mm_yr, los[0], second.velocity_mm_yr, los[1])
    unit = [decompose_up_east(np.float64(a), los[0], np.float64(b), los[1]) for a, b in ((1, 0), (0, 1))]
    std = [
        np.hypot(unit[0][part] * first.velocity_std_mm_yr, unit[1][part] * second.velocity_std_mm_yr) for part in (0, 1)
    ]
    shared = common_dates(*dates)
    series = decompose_up_east(
        on_dates(first.displacement_mm, dates[0], shared),
        LineOfSight(*(part[:, None] for part in los[0])),
        on_dates(second.displacement_mm, dates[1], shared),
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


def _averaged(cells: Cells, view: View) -> tuple[NDArray[np.int64], View]:
    """Return the cells with points, in order, and each column's mean over them, without NaN."""
    where = cells.index(view.x, view.y)
    order = np.argsort(where, kind="stable")
    order = order[where[order] >= 0]
    index, starts = np.unique(where[order], return_index=True)
    return index, View(*(mean_of_runs(column[order], starts) for column in view))


def on_dates(displacement_mm: Float32, own: Sequence[date], wanted: Sequence[date]) -> Float32:
    """Interpolate series linearly to other dates; NaN beyond their ends and beside NaN. (k, own) -> (k, wanted)."""
    if not wanted:
        return np.empty((displacement_mm.shape[0], 0), dtype=np.float32)
    if list(own) == list(wanted):
        return displacement_mm
    days, at = (np.array([day.toordinal() for day in group], dtype=float) for group in (own, wanted))
    later = np.clip(np.searchsorted(days, at), 1, len(days) - 1)
    weight = ((at - days[later - 1]) / (days[later] - days[later - 1])).astype(np.float32)
    before, after = displacement_mm[:, later - 1], displacement_mm[:, later]
    # on one of its own dates a value needs no neighbour, and before the first or after the last there is none
    mixed = np.where(weight == 0, before, np.where(weight == 1, after, before + weight * (after - before)))
    mixed[:, (weight < 0) | (weight > 1)] = np.nan
    return mixed.astype(np.float32)
