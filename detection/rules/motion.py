"""Figures of an alert's motion, each with its part, period, reference and uncertainty, and what they say. Pure.

Everything that states motion asks here, so that none calls a place at rest that another one calls moving.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import copysign, hypot, isfinite
from typing import Any, Protocol

from detection.kinds import Extent, Family, family
from ground_motion.core.errors import promised
from ground_motion.methods.deformation.motion.series import STILL_MM_YR, WITHIN_90, Trend

AROUND, DATUM = "around", "datum"  # Rates of a place are relative to one of these.
TURNED = (Trend.AT_REST, Trend.REVERSED)  # After these, the alert's own rate is mostly that from before the change.
COMPARED = (*TURNED, Trend.BEGAN)  # These are known relative to the ground around only.
MIN_FAST = 2.0  # A place this many times as fast as the area's median stands for its alert.
SHOWN_SIGMAS = 2.0  # A figure is stated with this many standard deviations, and is motion only beyond them.
UNKNOWN_SIGMA = {"mm/yr": 2.0, "m/day": 0.0}  # About the slowest motion found; m/day: any counts.


class Part(StrEnum):
    """Part that a figure describes: the whole area (its median), its fastest place, or the ground around it."""

    WHOLE = "whole"
    FASTEST = "fastest"
    AROUND = "around"


@dataclass(frozen=True, slots=True)
class Figure:
    """One rate of an area, and all that a reader must know of it.

    Attributes:
        value: Rate, signed as its component.
        sigma: One standard deviation; None if it is not known.
        since, until: Days between which it was measured.
        unit: mm/yr, or m/day along the ground.
        along: Component (los, up, east or north), or ground for motion along the ground.
        against: What it is relative to: around (the ground around), datum (the zero of the data set), gnss, local (the
            stillest ground of a product) or image (the rest of it).
        ends: Measured 90 % interval, signed, if any.
    """

    value: float
    sigma: float | None
    since: date
    until: date
    part: Part = Part.WHOLE
    unit: str = "mm/yr"
    along: str = ""
    against: str = AROUND
    ends: tuple[float, float] | None = None

    @property
    def known_sigma(self) -> float:
        """Return the standard deviation; a usual one if it is not known."""
        return self.sigma if self.sigma is not None and isfinite(self.sigma) else UNKNOWN_SIGMA[self.unit]

    @property
    def margin(self) -> float | None:
        """Return the uncertainty that is stated with the value; None if it is not known."""
        return SHOWN_SIGMAS * self.sigma if self.sigma is not None and isfinite(self.sigma) else None

    @property
    def likely(self) -> tuple[float, float] | None:
        """Return the 90 % interval of the magnitude, below 0 if the sign may differ; None if it is not known."""
        if self.ends is not None:
            low, high = sorted(copysign(1.0, self.value) * end for end in self.ends)
            return low, high
        if self.margin is None:
            return None
        half = WITHIN_90 / SHOWN_SIGMAS * self.margin
        return abs(self.value) - half, abs(self.value) + half

    @property
    def is_motion(self) -> bool:
        """Return whether the value is at least as large as its stated uncertainty, and its sign is sure."""
        sure = self.ends is None or min(self.likely or (0.0,)) > 0
        return sure and abs(self.value) >= (self.known_sigma if self.margin is None else self.margin)

    @property
    def surely_moves(self) -> bool:
        """Return whether a point, or the mean of points, moves: by STILL_MM_YR, and by more than its uncertainty."""
        return abs(self.value) >= STILL_MM_YR and self.is_motion

    @property
    def is_still(self) -> bool:
        """Return whether the ground surely moves by less than STILL_MM_YR, with a probability of 90 %."""
        return self.unit == "mm/yr" and abs(self.value) + WITHIN_90 * self.known_sigma <= STILL_MM_YR


class MotionFigures(Protocol):
    """Figures of an alert's motion, columns of `detection.models.AlertMotion`: mm/yr, signed as the component."""

    trend: str
    rate_mm_yr: float
    rate_sigma_mm_yr: float
    before_mm_yr: float | None
    before_sigma_mm_yr: float | None
    changed_on: date | None
    changed_sigma_days: float | None
    season_mm: float
    season_month: int | None


@dataclass(frozen=True, slots=True)
class Stated:
    """Every rate that is stated of an alert, all relative to the same zero.

    Attributes:
        whole: Rate of the whole area over all dates.
        now: Rate of the whole area since its last change; `whole` without one.
        before: Rate of the whole area before that change.
        fastest: Rate of the fastest place over all dates; None if it was not measured apart.
        change: The motion that changed.
        n_fast_places: Number of places that surely move far faster than the median.
        around: Rate of the ground around; None where it does not surely move, or rates are not compared with it.
    """

    whole: Figure
    now: Figure
    before: Figure | None
    fastest: Figure | None
    change: MotionFigures | None
    n_fast_places: int
    around: Figure | None = None

    @property
    def at_rest(self) -> bool:
        """Return whether the ground has come to rest, by the figure and the uncertainty that are shown."""
        return self.change is not None and self.change.trend == Trend.AT_REST and self.now.is_still

    @property
    def headline(self) -> Figure:
        """Return the figure to show: the present one, or the fastest part if far faster or alone certain."""
        stands_out = self.n_fast_places or not self.whole.is_motion
        if self.change is None and self.fastest and self.fastest.is_motion and stands_out:
            return self.fastest
        return self.now

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Return each figure once, the headline first."""
        every = (self.headline, self.now, self.whole, self.fastest, self.before, self.around)
        return tuple(dict.fromkeys(one for one in every if one is not None))

    @property
    def shift_mm_yr(self) -> float:
        """Return the rate of the ground around, where it was added so that rates are relative to the datum; else 0."""
        return self.around.value if self.around and self.whole.against == DATUM else 0.0

    def against_datum(self, datum_sigma_mm_yr: float) -> "Stated":
        """Return the rates relative to the datum: with that of the ground around, unless this reverses one of them.

        A reversed rate would contradict the kind of the alert, so that rates then stay relative to the ground around.
        """
        if self.around is None:
            return self
        if self.change and (Trend(self.change.trend) in COMPARED or self.now.value * self.around.value < 0):
            return self
        figures = [self.whole, self.now, self.before, self.fastest]
        moved = [one and _moved(one, self.around.value, datum_sigma_mm_yr) for one in figures]
        if any(one and other and one.value * other.value <= 0 for one, other in zip(moved, figures, strict=True)):
            return self
        whole, now, before, fastest = moved
        now = whole if self.now is self.whole else now
        both = replace(self, whole=promised(whole), now=promised(now), before=before, fastest=fastest)
        return both if both.headline.is_motion else self


def motion_of(alert: Any) -> MotionFigures | None:
    """Return an alert's motion if its series show a change of rate and move in the alert's direction, else None."""
    motion: MotionFigures | None = getattr(alert, "motion", None)
    if motion is None or motion.changed_on is None or motion.trend == Trend.STEADY or alert.rate_mm_yr is None:
        return None
    main = motion.before_mm_yr if motion.trend in TURNED else motion.rate_mm_yr
    return motion if main is not None and main * alert.rate_mm_yr > 0 else None


def stated(alert: Any) -> Stated | None:
    """Return the figures that are stated of an alert; None if no rate or speed of it was measured.

    Rates are relative to the datum where the ground around surely moves, else to that ground.
    """
    told = compared(alert)
    return told and told.against_datum(getattr(alert, "datum_sigma_mm_yr", None) or 0.0)


def compared(alert: Any) -> Stated | None:
    """Return the figures of an alert relative to the ground around, on which decisions rest."""
    if family(alert.kind) is Family.OFFSETS and is_known(alert.speed_m_day):
        return _speeds(alert)
    if family(alert.kind) is not Family.VELOCITY or not is_known(alert.rate_mm_yr):
        return None
    whole = rate_of(alert, alert.component, alert.first_motion, alert.last_motion)
    change = motion_of(alert)
    if change is not None:
        # Points at rest no longer differ; else the deviation includes how much they do, as that of the alert does.
        spread = 0.0 if change.trend == Trend.AT_REST else alert.rate_sigma_mm_yr or 0.0
        told = changed(whole, change, max(change.rate_sigma_mm_yr, spread))
        n_fast, around = alert.n_fast_places, around_of(alert, whole)
        return replace(told, fastest=_fastest(alert, whole), n_fast_places=n_fast, around=around)
    return Stated(whole, whole, None, _fastest(alert, whole), None, alert.n_fast_places, around_of(alert, whole))


def changed(whole: Figure, change: MotionFigures, sigma_mm_yr: float) -> Stated:
    """Return the figures before and after a dated change. sigma_mm_yr: standard deviation of the rate since."""
    day = promised(change.changed_on)
    now = replace(whole, value=change.rate_mm_yr, sigma=sigma_mm_yr, since=day)
    before = replace(whole, value=change.before_mm_yr or 0.0, sigma=change.before_sigma_mm_yr, until=day)
    return Stated(whole, now, before, None, change, 0)


def rate_of(area: Any, component: str, since: date, until: date) -> Figure:
    """Return the rate of the whole area of an alert or a detection of velocity fields."""
    against = area.reference if area.extent == Extent.REGION else AROUND
    return Figure(area.rate_mm_yr, area.rate_sigma_mm_yr, since, until, along=component, against=against)


def rate_stated(area: Any, component: str, since: date, until: date) -> Figure:
    """Return the rate of a detection's whole area, relative to the datum where the ground around surely moves."""
    whole = rate_of(area, component, since, until)
    told = Stated(whole, whole, None, None, None, 0, around_of(area, whole))
    return told.against_datum(getattr(area, "datum_sigma_mm_yr", None) or 0.0).whole


def _fastest(alert: Any, whole: Figure) -> Figure | None:
    """Return the rate of the fastest place; None if it is not known, below that of the whole or its uncertainty."""
    peak, low, high = alert.peak_rate_mm_yr, alert.peak_low_mm_yr, alert.peak_high_mm_yr
    if not is_known(peak) or abs(peak) < abs(whole.value):
        return None
    if is_known(low) and is_known(high):
        return replace(whole, value=peak, sigma=sigma_of(low, high), part=Part.FASTEST, ends=(low, high))
    return replace(whole, value=peak, sigma=None, part=Part.FASTEST) if abs(peak) >= (whole.margin or 0.0) else None


def around_of(area: Any, whole: Figure) -> Figure | None:
    """Return the rate of the ground around relative to the datum; None if it does not surely move."""
    value, sigma = getattr(area, "around_mm_yr", None), getattr(area, "around_sigma_mm_yr", None)
    if whole.against != AROUND or value is None or sigma is None or not isfinite(value + sigma):
        return None
    sigma = hypot(sigma, getattr(area, "datum_sigma_mm_yr", None) or 0.0)
    around = replace(whole, value=value, sigma=sigma, part=Part.AROUND, against=DATUM)
    return around if around.is_motion else None


def _moved(one: Figure, by_mm_yr: float, datum_sigma_mm_yr: float) -> Figure:
    """Return a rate relative to the datum. Its uncertainty includes that of the ground around already."""

    def wider(offset: float, by: float) -> float:
        return copysign(hypot(offset, by), offset)

    value = one.value + by_mm_yr
    datum = WITHIN_90 * datum_sigma_mm_yr
    ends = one.ends and (value + wider(one.ends[0] - one.value, datum), value + wider(one.ends[1] - one.value, datum))
    sigma = None if one.sigma is None else hypot(one.sigma, datum_sigma_mm_yr)
    return replace(one, value=value, sigma=sigma, against=DATUM, ends=ends)


def _speeds(alert: Any) -> Stated:
    first, last = alert.first_motion, alert.last_motion
    whole = Figure(
        alert.speed_m_day, alert.speed_sigma_m_day, first, last, unit="m/day", along="ground", against="image"
    )
    peak = alert.peak_speed_m_day
    fastest = replace(whole, value=peak, part=Part.FASTEST) if is_known(peak) else None
    return Stated(whole, whole, None, fastest, None, 0)


def sigma_of(low: float, high: float) -> float:
    """Return the standard deviation that a 90 % interval implies."""
    return abs(high - low) / 2 / WITHIN_90


def is_known(value: float | None) -> bool:
    """Return whether a figure was measured."""
    return value is not None and isfinite(value)


def count_fast_places(places: Sequence[Mapping[str, Any]], median_mm_yr: float) -> int:
    """Return how many places surely move at least MIN_FAST times as fast as the area's median, mm/yr.

    places: `ground_motion.rasters.areas.place_as_dict`. All places of an area move in its direction.
    """
    return sum(abs(place["peak_low_mm_yr"]) >= MIN_FAST * abs(median_mm_yr) for place in places)
