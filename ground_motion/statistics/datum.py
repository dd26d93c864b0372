"""Datum of a velocity field: the rate that its file gives to ground that stands still. Pure.

Interferometry measures differences only, so that each file has a zero of its own. Rates are stated relative to the
datum: the file's minus this rate. The best source that there is decides; sources are not mixed, because the errors
of the lesser ones (a moving reference point, a scene that sinks as a whole) are not random.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float64
from ground_motion.statistics.robust import MAD_TO_SIGMA
from ground_motion.statistics.stations import Difference

MIN_SIGMA_MM_YR = 0.5  # The frame of stations, and the drift of continents in it, are known no better.
STEP_MM_YR = MIN_SIGMA_MM_YR  # A datum is a multiple of this: a station's next month neither rewrites nor searches all.
USUAL_SCATTER_MM_YR = 1.0  # Rates of InSAR and of a station differ by this at one place (EGMS validation, ESA PSIC4).
STATED_SIGMA_MM_YR = 1.0  # Fields that are calibrated with stations promise this (EGMS, level 2b).
PATCH_SIGMA_MM_YR = 1.0  # Atmospheric delay is common to a patch of ground, so that many points do not reduce it.
OTHER_SIDE_SIGMA_MM_YR = 2.0  # Seen from the other side, or along another component, slow motion differs.
FILE_SIGMA_MM_YR = 3.0  # A reference point is chosen where nothing is seen to move, and still moves by some mm/yr.
MAX_OFF_MM_YR = 20.0  # Four times the usual error (5 mm/yr) of a reference point; what is farther from zero, moves.
CELL_M = 1_000.0
# A narrower scene may lie wholly inside moving ground; the rates of fewer cells are mostly noise.
MIN_ACROSS, MIN_EDGE_CELLS = 15, 40
MIN_EDGE_SHARE = 0.5  # Motion does not follow a field's edge, so a rate that half of it shares is no motion.
EDGE_REACH_MM_YR = 2 * PATCH_SIGMA_MM_YR
MIN_SHARED_CELLS = 10
OUTLIER = 3.0


class Source(StrEnum):
    """What the datum comes from. Calibrated files are not matched to others (overlap)."""

    STATIONS = "stations"
    DECLARED = "declared"
    OVERLAP = "overlap"
    CALIBRATED = "calibrated"
    STILL = "still"
    FILE = "file"

    @property
    def is_outside(self) -> bool:
        """Return whether something besides the values of the file confirms it."""
        return self not in {Source.STILL, Source.FILE}


ANCHORS = (Source.STATIONS, Source.DECLARED, Source.CALIBRATED)  # Fields beside take their datum from these only.


class Datum(NamedTuple):
    """The rate of still ground in a file, mm/yr in its component, with its standard deviation.

    n: number of stations, points or fields that it comes from; share: part of the edge that is still, else 0.
    """

    mm_yr: float
    sigma_mm_yr: float
    source: Source
    n: int = 0
    share: float = 0.0

    @property
    def applied(self) -> "Datum":
        """Return the datum to subtract: a multiple of STEP_MM_YR, or 0 if it is below its standard deviation."""
        if abs(self.mm_yr) <= self.sigma_mm_yr:
            return self._replace(mm_yr=0.0, sigma_mm_yr=float(np.hypot(self.sigma_mm_yr, self.mm_yr)))
        return self._replace(mm_yr=STEP_MM_YR * round(self.mm_yr / STEP_MM_YR))


def from_stations(differences: Sequence[Difference]) -> Datum | None:
    """Return the mean difference, file minus stations, without outliers; None without stations."""
    if not differences:
        return None
    values = np.array([difference.mm_yr for difference in differences])
    sigmas = np.array([difference.sigma_mm_yr for difference in differences])
    away = np.abs(values - np.median(values))
    scatter = max(USUAL_SCATTER_MM_YR, MAD_TO_SIGMA * float(np.median(away)))
    spread = np.hypot(sigmas, scatter)
    kept = away <= OUTLIER * spread
    weight = 1 / spread[kept] ** 2
    sigma = max(MIN_SIGMA_MM_YR, float(weight.sum() ** -0.5))
    return Datum(float(np.average(values[kept], weights=weight)), sigma, Source.STATIONS, int(kept.sum()))


def from_still_ground(rates_mm_yr: Float64) -> Datum | None:
    """Return the median rate of points, (n,), on ground that somebody declares to be still; None without points."""
    if not rates_mm_yr.size:
        return None
    middle = float(np.median(rates_mm_yr))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(rates_mm_yr - middle)))
    sigma = float(np.hypot(PATCH_SIGMA_MM_YR, spread / np.sqrt(rates_mm_yr.size)))
    return Datum(middle, sigma, Source.DECLARED, int(rates_mm_yr.size))


def beside_field(own: Sequence[Float64], other: Sequence[Float64], sigma_mm_yr: float, alike: bool) -> Datum | None:
    """Return the datum that a field on the same ground implies; None with fewer than MIN_SHARED_CELLS common cells.

    Args:
        own: Positions x and y, m, and rates as in the file, mm/yr; each (n,).
        other: The same of the other field, relative to its datum.
        sigma_mm_yr: Standard deviation of the other field's datum.
        alike: Whether both are of one component, seen from the same side.
    """
    cells = _cells(*own), _cells(*other)
    shared, ours, theirs = np.intersect1d(cells[0].name, cells[1].name, assume_unique=True, return_indices=True)
    if shared.size < MIN_SHARED_CELLS:
        return None
    apart = cells[0].rate[ours] - cells[1].rate[theirs]
    middle = float(np.median(apart))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(apart - middle))) / np.sqrt(shared.size)
    own_sigma = MIN_SIGMA_MM_YR if alike else OTHER_SIDE_SIGMA_MM_YR
    return Datum(middle, float(np.linalg.norm([sigma_mm_yr, own_sigma, spread])), Source.OVERLAP, 1)


def from_fields(beside: Sequence[Datum]) -> Datum | None:
    """Return the weighted mean of what neighbouring fields imply; None without any."""
    if not beside:
        return None
    sigmas = np.array([datum.sigma_mm_yr for datum in beside])
    mean = float(np.average([datum.mm_yr for datum in beside], weights=sigmas**-2))
    # Their datums may come from the same stations, so that the mean is no better than the best of them.
    return Datum(mean, float(sigmas.min()), Source.OVERLAP, len(beside))


def from_edge(x_m: Float64, y_m: Float64, rate_mm_yr: Float64) -> Datum | None:
    """Return the rate that most of a field's edge shares; None without such a rate, or if the field is small.

    A field reaches beyond what moves in it, so that what is still lies at its edge, however little of the field it is.
    """
    cells = _cells(x_m, y_m, rate_mm_yr)
    rates = cells.rate[_is_outermost(cells.row, cells.col) | _is_outermost(cells.col, cells.row)]
    if rates.size < MIN_EDGE_CELLS or min(np.ptp(cells.row), np.ptp(cells.col)) < MIN_ACROSS:
        return None
    ordered = np.sort(rates)
    first = np.searchsorted(ordered, rates - EDGE_REACH_MM_YR, "left")
    near = np.searchsorted(ordered, rates + EDGE_REACH_MM_YR, "right") - first
    still = np.abs(rates - rates[np.argmax(near)]) <= EDGE_REACH_MM_YR
    level, share = float(np.median(rates[still])), float(still.mean())
    if share < MIN_EDGE_SHARE or abs(level) > MAX_OFF_MM_YR:
        return None
    spread = MAD_TO_SIGMA * float(np.median(np.abs(rates[still] - level)))
    return Datum(level, max(PATCH_SIGMA_MM_YR, spread), Source.STILL, int(still.sum()), share)


def of_file(calibrated: bool) -> Datum:
    """Return the datum of a file that nothing else is known about. calibrated: with stations, by its provider."""
    if calibrated:
        return Datum(0.0, STATED_SIGMA_MM_YR, Source.CALIBRATED)
    return Datum(0.0, FILE_SIGMA_MM_YR, Source.FILE)


class _Cells(NamedTuple):
    """Known cells, (n,): numbers of row and column, a name that two fields have in common, and median rate, mm/yr."""

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    name: NDArray[np.int64]
    rate: Float64


def _cells(x_m: Float64, y_m: Float64, rate_mm_yr: Float64) -> _Cells:
    col, row = (np.floor(at / CELL_M).astype(np.int64) for at in (x_m, y_m))
    name = row * 1_000_000 + col
    order = np.lexsort((rate_mm_yr, name))
    known, start, count = np.unique(name[order], return_index=True, return_counts=True)
    ordered = rate_mm_yr[order]
    median = (ordered[start + (count - 1) // 2] + ordered[start + count // 2]) / 2
    return _Cells(row[order][start], col[order][start], known, median)


def _is_outermost(line: NDArray[np.int64], along: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which cells are the first or the last of their line, (n,)."""
    order = np.lexsort((along, line))
    change = np.flatnonzero(np.diff(line[order])) + 1
    outer = np.zeros(line.size, dtype=bool)
    outer[order[np.concatenate([[0], change, change - 1, [line.size - 1]])]] = True
    return outer
