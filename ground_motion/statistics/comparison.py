"""Comparison of two releases of the same ground: points gone, new points, and a verdict on each cell."""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from ground_motion.readers.records import Float32, Float64
from ground_motion.statistics.decomposition import Cells, cells_around, count_by_cell, median_by_cell

POSTING_M = 100.0
MATCH_M = 20.0  # Points of two releases this near show the same ground: about the resolution of Sentinel-1.
MAX_CELLS = 10**7
STILL_MM_YR = 2.0  # Ground that differs less from the stable ground of its release counts as stable.
SIGMAS = 2.0  # A change of speed counts if it exceeds this number of its standard deviations.
MIN_SIGMA_MM_YR = 0.5  # Two processings of the same images differ by about as much.
VANISHED_SHARE, VANISHED_POINTS = 0.5, 3  # Points vanished if at least this share and number of a cell's are gone.
MAD_TO_SIGMA = 1.4826


class Verdict(IntEnum):
    """Verdict on a cell that two releases cover. Where tracks overlap, the map shows the greatest value."""

    UNCHANGED = 0
    SLOWER = 1
    VANISHED = 2
    FASTER = 3
    NEW_MOTION = 4


class Released(NamedTuple):
    """Points of one release. x, y: (n,), metres; velocity: (n,), mm/yr; usual_std_mm_yr: as the source states it."""

    x: Float64
    y: Float64
    velocity_mm_yr: Float32
    usual_std_mm_yr: float = 0.0


class Change(NamedTuple):
    """Changes between releases: numbers of points, and by cell, (rows, cols), the bands of the raster.

    common_offset_mm_yr: median change of still cells, which is the difference between the references of the two
    releases; NaN if no cell has points of both. It is subtracted from `velocity_change_mm_yr`.
    """

    n_gone: int
    n_new: int
    n_kept: int
    common_offset_mm_yr: float
    cells: Cells
    gone: Float32
    new: Float32
    velocity_change_mm_yr: Float32
    sigma_mm_yr: Float32
    verdict: Float32

    def verdict_counts(self) -> dict[str, int]:
        """Return the number of cells by the name of their verdict."""
        return {verdict.name.lower(): int((self.verdict == verdict).sum()) for verdict in Verdict}


def compare(older: Released, newer: Released) -> Change:
    """Compare points by position and velocities by cell; the cells are enlarged to have at most MAX_CELLS."""
    x, y = np.concatenate([older.x, newer.x]), np.concatenate([older.y, newer.y])
    posting_m = POSTING_M
    while np.ptp(x) * np.ptp(y) / posting_m**2 > MAX_CELLS:
        posting_m *= 2
    cells = cells_around(x, y, posting_m)
    gone, new = ~_has_near(older, newer), ~_has_near(newer, older)
    before, after = cells.number_of(older.x, older.y), cells.number_of(newer.x, newer.y)
    n_before, n_after = count_by_cell(cells, before), count_by_cell(cells, after)
    v_before, v_after = (
        median_by_cell(cells, index, points.velocity_mm_yr) for index, points in ((before, older), (after, newer))
    )
    still = _still(v_before, v_after)
    raw = v_after - v_before
    offset = float(np.median(raw[still])) if still.any() else math.nan
    zero = float(np.median(v_before[still])) if still.any() else math.nan
    stated_mm_yr = math.hypot(older.usual_std_mm_yr, newer.usual_std_mm_yr)
    sigma = _sigma(raw - np.float32(offset), still, (n_before, n_after), stated_mm_yr)
    gone_by_cell = count_by_cell(cells, before[gone])
    vanished = (gone_by_cell >= VANISHED_POINTS) & (gone_by_cell >= VANISHED_SHARE * n_before)
    return Change(
        n_gone=int(gone.sum()),
        n_new=int(new.sum()),
        n_kept=int((~new).sum()),
        common_offset_mm_yr=offset,
        cells=cells,
        gone=gone_by_cell,
        new=count_by_cell(cells, after[new]),
        velocity_change_mm_yr=raw - np.float32(offset),
        sigma_mm_yr=sigma,
        verdict=_verdict(v_before - np.float32(zero), v_after - np.float32(zero + offset), sigma, vanished),
    )


def _still(before: Float32, after: Float32) -> NDArray[np.bool_]:
    """Return the cells that are still in both releases; all cells of both releases if none is. (rows, cols), mm/yr."""
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return known
    still = known & (abs(before - np.median(before[known])) <= STILL_MM_YR)
    still &= abs(after - np.median(after[known])) <= STILL_MM_YR
    return still if still.any() else known


def _sigma(change: Float32, still: NDArray[np.bool_], counts: tuple[Float32, Float32], stated_mm_yr: float) -> Float32:
    """Return the standard deviation of each cell's change, (rows, cols), mm/yr.

    It is the greatest of three: the stated one, undivided because the points of a cell share their errors; the scatter
    of still cells; and the scatter per point of still cells, scaled to the cell's numbers of points.
    change: without the common offset; counts: numbers of points, older and newer release.
    """
    known = np.isfinite(change)
    per_point = np.full(change.shape, np.nan)
    per_point[known] = np.sqrt(1 / counts[0][known] + 1 / counts[1][known])
    size = abs(change[still])
    scatter, scatter_per_point = (
        MAD_TO_SIGMA * float(np.median(sizes)) if sizes.size else 0.0 for sizes in (size, size / per_point[still])
    )
    sigma = np.maximum(max(stated_mm_yr, scatter, MIN_SIGMA_MM_YR), scatter_per_point * per_point)
    return np.asarray(sigma, dtype=np.float32)


def _verdict(before: Float32, after: Float32, sigma: Float32, vanished: NDArray[np.bool_]) -> Float32:
    """Return the verdict on each cell; NaN where a release has no points, unless they vanished.

    before, after: (rows, cols), mm/yr relative to still ground.
    """
    known, moves = np.isfinite(sigma), abs(after) > STILL_MM_YR
    differs = known & (abs(after - before) > SIGMAS * sigma) & (moves | (abs(before) > STILL_MM_YR))
    other_way = (abs(before) <= STILL_MM_YR) | (before * after < 0)
    verdict = np.where(known, np.float32(Verdict.UNCHANGED), np.float32(np.nan))
    verdict[vanished] = Verdict.VANISHED
    verdict[differs] = np.where(abs(after) > abs(before), Verdict.FASTER, Verdict.SLOWER)[differs]
    verdict[differs & moves & other_way] = Verdict.NEW_MOTION
    return verdict


def _has_near(points: Released, others: Released) -> NDArray[np.bool_]:
    tree = scipy.spatial.cKDTree(np.column_stack([others.x, others.y]))
    distance, _ = tree.query(np.column_stack([points.x, points.y]), distance_upper_bound=MATCH_M)
    return np.asarray(np.isfinite(distance))
