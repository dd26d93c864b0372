"""Overlapping frames judge each other: an area that another frame shows is true, one that it excludes is false.

An area's rate is its mean against the ground around it, in each frame alike. A frame's error is what the same outline
reaches elsewhere in that frame, its real motion included. Motion whose mean is up to a third as fast sideways as
vertically keeps at least the share KEPT of its rate along another line of sight. If even that share lies above what the
other frame shows, by both errors at CONFIDENCE, the area is excluded. Seen from the other side, ground that moves
sideways looks reversed; so an area is not judged where a frame of the other side shows the opposite. Still ground is
judged where an area of RADIUS_CELLS that exceeds its own frame's error JUDGED_ERRORS times would be excluded.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from scipy import ndimage
from scipy.signal import fftconvolve
from shapely.geometry.base import BaseGeometry

from ground_motion.methods.deformation.gridding.boxes import common_grid
from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud

BoolMap = NDArray[np.bool_]
CELL_M = 500.0  # Frames are compared on cells of this side, or of their own posting if it is wider.
AROUND_M = 12_000.0  # An area is measured against ground of this width.
MIN_CELLS, MIN_SHARED = 5, 0.4  # A frame sees an area in at least this many cells, and this share of the other's.
CONFIDENCE = 0.95
KEPT = {"same side": 0.6, "other side": 0.4}  # Least shares of a rate, for incidences of 29° to 46°.
JUDGED_ERRORS, RADIUS_CELLS = 3.0, 3  # North Anatolia's areas exceed their errors two to four times.


class Verdict(StrEnum):
    """What other frames say of an area."""

    CONFIRMED = "confirmed"
    EXCLUDED = "excluded"
    UNJUDGED = "unjudged"


class Frame(NamedTuple):
    """Rates of a track, (rows, cols), mm/yr, NaN unknown, on cells common to all frames of a group."""

    rate_mm_yr: Float32
    transform: Affine
    direction: str

    def kept(self, other: "Frame") -> float:
        """Return the least share of this frame's rate that another one sees."""
        same = self.direction == other.direction != ""
        return KEPT["same side" if same else "other side"]


class Contrast(NamedTuple):
    """Rate of an outline centred on each cell against the ground around, NaN unknown, and the known cells in it."""

    rate_mm_yr: Float64
    cells: Float64

    def error_mm_yr(self, fewest: float) -> float:
        """Return what a share of 1 - CONFIDENCE of places exceeds in one direction; NaN if none has enough cells."""
        seen = self.rate_mm_yr[np.isfinite(self.rate_mm_yr) & (self.cells >= fewest)]
        return float(np.quantile(np.abs(seen), 2 * CONFIDENCE - 1)) if seen.size else np.nan


def frames_of(tracks: Sequence[PointCloud]) -> list[Frame]:
    """Grid overlapping tracks, which share a projected system, on common cells."""
    cell_m = max([CELL_M, *(float(np.ceil(track.posting_m or 0.0)) for track in tracks)])
    grids = [grid_robust(track, cell_m, workers=1) for track in tracks]
    transform, shape, windows = common_grid([at.transform for at in grids], [at.velocity_mm_yr.shape for at in grids])
    frames = []
    for track, grid, window in zip(tracks, grids, windows, strict=True):
        rate = np.full(shape, np.nan, dtype=np.float32)
        rate[window] = grid.velocity_mm_yr
        frames.append(Frame(rate, transform, track.direction))
    return frames


def contrast(frame: Frame, outline: BoolMap) -> Contrast:
    """Measure an outline, of odd numbers of rows and columns, at every place of a frame."""
    cell_m, known = frame.transform.a, np.isfinite(frame.rate_mm_yr)
    inside = np.pad(outline, int(np.ceil(AROUND_M / cell_m)))
    away_m = ndimage.distance_transform_edt(~inside) * cell_m
    around = (away_m > cell_m) & (away_m <= AROUND_M)
    means, counts = [], []
    for cells in (inside, around):
        kernel = cells[::-1, ::-1].astype(np.float64)
        total, count = (fftconvolve(of, kernel, "same") for of in (np.where(known, frame.rate_mm_yr, 0.0), 1.0 * known))
        counts.append(np.rint(count))
        means.append(total / np.maximum(counts[-1], 1))
    enough = (counts[0] >= MIN_CELLS) & (counts[1] >= MIN_CELLS)
    return Contrast(np.where(enough, means[0] - means[1], np.nan), counts[0])


def judge(area: BaseGeometry, own: Frame, others: Sequence[Frame]) -> Verdict:
    """Compare an area of one frame with other frames; if their verdicts differ, it is not judged."""
    cells = geometry_mask([area], own.rate_mm_yr.shape, own.transform, all_touched=True, invert=True)
    if not cells.any():
        return Verdict.UNJUDGED
    row, col = (int(np.flatnonzero(cells.any(axis=axis)).mean()) for axis in (1, 0))
    half = max(np.abs(np.argwhere(cells) - (row, col)).max(axis=0))
    outline = np.pad(cells, half)[row : row + 2 * half + 1, col : col + 2 * half + 1]
    mine = contrast(own, outline)
    rate, fewest = mine.rate_mm_yr[row, col], max(MIN_CELLS, MIN_SHARED * mine.cells[row, col])
    error, verdicts = mine.error_mm_yr(mine.cells[row, col]), set[Verdict]()
    for other in others:
        theirs = contrast(other, outline)
        if theirs.cells[row, col] < fewest or not np.isfinite(rate):
            continue
        seen, doubt = float(np.sign(rate) * theirs.rate_mm_yr[row, col]), theirs.error_mm_yr(fewest)
        kept, same = own.kept(other), own.direction == other.direction != ""
        if seen > doubt:
            verdicts.add(Verdict.CONFIRMED)
        elif kept * abs(rate) - seen > np.hypot(kept * error, doubt) and (same or seen > -doubt):
            verdicts.add(Verdict.EXCLUDED)
    return verdicts.pop() if len(verdicts) == 1 else Verdict.UNJUDGED


def judged_ground(own: Frame, others: Sequence[Frame]) -> BoolMap:
    """Return the known cells of a frame, (rows, cols), in which a false area could be distinguished from motion."""
    down, right = np.mgrid[-RADIUS_CELLS : RADIUS_CELLS + 1, -RADIUS_CELLS : RADIUS_CELLS + 1]
    disk = np.hypot(down, right) <= RADIUS_CELLS
    mine, judged = contrast(own, disk), np.zeros(own.rate_mm_yr.shape, dtype=bool)
    fewest, doubt = np.maximum(MIN_CELLS, MIN_SHARED * mine.cells), mine.error_mm_yr(MIN_CELLS)
    for other in others:
        theirs, kept = contrast(other, disk), own.kept(other)
        error = np.hypot(kept * doubt, theirs.error_mm_yr(MIN_CELLS))
        judged |= (theirs.cells >= fewest) & (kept * JUDGED_ERRORS * doubt - np.abs(theirs.rate_mm_yr) > error)
    return np.asarray(judged & np.isfinite(own.rate_mm_yr) & np.isfinite(mine.rate_mm_yr))


def km2(frame: Frame, cells: BoolMap) -> float:
    """Return the area of cells, km²."""
    return float(np.count_nonzero(cells) * (frame.transform.a / 1000) ** 2)
