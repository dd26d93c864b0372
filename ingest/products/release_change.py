"""What changed from one release of a velocity field to the next: points gone, points new, velocities per cell."""

from typing import NamedTuple

import numpy as np
import scipy

from ingest.products.lattice import Cells, cells_around, count_by_cell, median_by_cell
from ingest.readers.records import Float32, Float64

POSTING_M = 100.0
MATCH_M = 20.0  # a point of the other release so near is the same ground: about what Sentinel-1 resolves
MOST_CELLS = 10**7


class Released(NamedTuple):
    """Points of one release. x, y: (n,), metres; velocity: (n,), mm/yr."""

    x: Float64
    y: Float64
    velocity_mm_yr: Float32


class Change(NamedTuple):
    """Counts of points, and (rows, cols) of the cells: counts, and median new minus median old, mm/yr, NaN unknown.

    median_change_mm_yr is that of all cells which both releases see: a shift of the whole reference shows there.
    """

    n_gone: int
    n_new: int
    n_kept: int
    median_change_mm_yr: float
    cells: Cells
    gone: Float32
    new: Float32
    velocity_change_mm_yr: Float32


def compare(older: Released, newer: Released) -> Change:
    """Match points by place and velocities by cell; cells are larger where the ground is too much for small ones."""
    x, y = np.concatenate([older.x, newer.x]), np.concatenate([older.y, newer.y])
    posting_m = POSTING_M
    while np.ptp(x) * np.ptp(y) / posting_m**2 > MOST_CELLS:
        posting_m *= 2
    cells = cells_around(x, y, posting_m)
    gone, new = ~_has_near(older, newer), ~_has_near(newer, older)
    before, after = cells.index(older.x, older.y), cells.index(newer.x, newer.y)
    change = median_by_cell(cells, after, newer.velocity_mm_yr) - median_by_cell(cells, before, older.velocity_mm_yr)
    known = change[np.isfinite(change)]
    return Change(
        n_gone=int(gone.sum()),
        n_new=int(new.sum()),
        n_kept=int((~new).sum()),
        median_change_mm_yr=float(np.median(known)) if known.size else float("nan"),
        cells=cells,
        gone=count_by_cell(cells, before[gone]),
        new=count_by_cell(cells, after[new]),
        velocity_change_mm_yr=change,
    )


def _has_near(points: Released, others: Released) -> np.ndarray:
    tree = scipy.spatial.cKDTree(np.column_stack([others.x, others.y]))
    distance, _ = tree.query(np.column_stack([points.x, points.y]), distance_upper_bound=MATCH_M)
    return np.isfinite(distance)
