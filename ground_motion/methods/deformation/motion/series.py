"""Motion of one displacement series: present and earlier rate, date of the change, and whether it came to rest."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.motion.model import RATE, Change, Fit, SeriesLikelihood
from ground_motion.methods.deformation.motion.noise import Float64, NoiseModel
from ground_motion.methods.deformation.motion.search import find_changes, likely_days
from ground_motion.methods.deformation.series.cycles import MAX_WHOLE, MIN_WHOLE, WHOLE_SIGMAS
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.methods.deformation.series.summary import summarise
from ground_motion.statistics.robust import MAD_TO_SIGMA

MIN_DATES = 24
MIN_YEARS = 1.0
WITHIN_90 = 1.645  # standard deviations
DROP_90 = 5.0  # Twice the log-likelihood drops this much: 2.7 if the noise were known, 5 on validation series.
STILL_MM_YR = 2.0  # Ground is at rest if its rate lies within this, with 90 % certainty.
SURELY = 3.0  # A rate of this many standard deviations is surely not 0.
MIN_CHANGE_MM_YR = 1.0  # Smaller changes of the rate are not reported.
WILD = 5.0  # A value is wild if it differs this much from the medians of its neighbours (robust standard deviations).
BESIDE = 3  # Number of neighbours on either side.
MIN_NOISE_MM = 0.1
SURE_SEASON = 4.0  # The season is sure if its coefficients have this mean square, in their standard deviations.


class Trend(StrEnum):
    """Trend of the motion at the end of a series."""

    STEADY = "steady"  # no change, or only small ones
    FASTER = "faster"
    SLOWER = "slower"
    AT_REST = "at rest"  # It moved before.
    BEGAN = "began"  # moves, and did not before
    REVERSED = "reversed"
    SPEEDING = "speeding"  # gradually faster, without a day on which it began
    SLOWING = "slowing"


EVENLY = {  # trends of a rate that changes evenly all the time
    Trend.STEADY: Trend.STEADY,
    Trend.REVERSED: Trend.STEADY,
    Trend.FASTER: Trend.SPEEDING,
    Trend.BEGAN: Trend.SPEEDING,
    Trend.SLOWER: Trend.SLOWING,
    Trend.AT_REST: Trend.SLOWING,
}


class Rate(NamedTuple):
    """Rate in mm/yr with one standard deviation; its sign is the series'."""

    mm_yr: float
    sigma_mm_yr: float

    @property
    def still(self) -> bool:
        """Whether the ground is at rest."""
        return abs(self.mm_yr) + WITHIN_90 * self.sigma_mm_yr <= STILL_MM_YR

    @property
    def moves(self) -> bool:
        """Whether the ground moves."""
        return abs(self.mm_yr) >= SURELY * self.sigma_mm_yr and not self.still


class DatedChange(NamedTuple):
    """Change with its date.

    kind: rate, step, curve (the rate changes evenly all the time) or unwrapping: a step of whole cycles, probably an
    error of processing. first, last: 90 % interval of its day; size: mm/yr, mm or mm/yr², sigma its standard deviation.
    """

    kind: str
    day: date
    first: date
    last: date
    size: float
    sigma: float

    def as_dict(self) -> dict[str, Any]:
        """Return the change for JSON: rounded, dates as 2024-05-31."""
        days = {name: getattr(self, name).isoformat() for name in ("day", "first", "last")}
        return {"kind": self.kind, **days, "size": round(self.size, 2), "sigma": round(self.sigma, 2)}


class SeriesMotion(NamedTuple):
    """Motion of a series.

    trend: at the end of the series, after the last change of its rate; now: the rate there; before: the rate before
    that change, None without a change; changed: that change.

    accelerating_since, at_rest_since, moving_since: dates of the first change that led to this, None if it did not
    happen or began before the series. season_mm: half the difference between the highest and the lowest day of the
    year, 0 if no season is sure; season_month: of the highest day. changes: all, also remaining unwrapping errors.
    fit_mm: (dates,), the curve; values_mm: (dates,), the series without undone errors, NaN if missing or an outlier.
    """

    n_dates: int
    trend: Trend
    now: Rate
    before: Rate | None
    changed: DatedChange | None
    accelerating_since: date | None
    at_rest_since: date | None
    moving_since: date | None
    season_mm: float
    season_month: int | None
    noise_mm: float
    noise: NoiseModel
    changes: tuple[DatedChange, ...]
    fit_mm: Float64
    values_mm: Float64


def series_motion(
    dates: Sequence[date], displacement_mm: NDArray[np.floating], half_wave_mm: float | None = HALF_WAVE_MM
) -> SeriesMotion | None:
    """Describe the motion of one series, (dates,), mm, NaN where missing; None with too few dates.

    half_wave_mm: size of an unwrapping error, None if the series cannot contain any.
    """
    all_days = np.array([(day - dates[0]).days for day in dates], dtype=np.float64)
    values = _remove_cycles(all_days, np.asarray(displacement_mm, dtype=np.float64), half_wave_mm)
    values[_wild(values)] = np.nan
    known = np.isfinite(values)
    days = all_days[known]
    if days.size < MIN_DATES or np.ptp(days) < MIN_YEARS * DAYS_PER_YEAR:
        return None
    series = SeriesLikelihood(days, values[known])
    fit = _prefer_even_change(series, find_changes(series))
    changes = tuple(
        _whole(_date_change(series, fit, number, dates[0]), half_wave_mm) for number in range(len(fit.changes))
    )
    return _describe(fit, days, changes, dates[0], np.interp(all_days, days, series.curve(fit)), values)


def _remove_cycles(days: Float64, values_mm: Float64, half_wave_mm: float | None) -> Float64:
    values = values_mm.copy()
    if half_wave_mm is not None:
        steps = summarise(values_mm[None].astype(np.float32), days.astype(np.int64), half_wave_mm).steps
        for at, cycles in zip(steps.date, steps.cycles, strict=True):
            values[at:] -= cycles * half_wave_mm
    return values


def _wild(values_mm: Float64) -> NDArray[np.bool_]:
    """Flag outliers: values far above, or far below, both the median before and the median after, unlike in a step."""
    known = np.flatnonzero(np.isfinite(values_mm))
    wild = np.zeros(values_mm.size, dtype=bool)
    if known.size > BESIDE:
        series = values_mm[known]
        padded = np.pad(series, BESIDE, mode="reflect", reflect_type="odd")
        medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, BESIDE), axis=1)
        before, after = series - medians[: series.size], series - medians[BESIDE + 1 :]
        off = np.where(before * after > 0, np.minimum(np.abs(before), np.abs(after)), 0.0)
        scatter = MAD_TO_SIGMA * float(np.median(np.abs(before + after) / 2))
        wild[known] = off > WILD * max(scatter, MIN_NOISE_MM)
    return wild


def _prefer_even_change(series: SeriesLikelihood, fit: Fit) -> Fit:
    """Prefer one rate that changes evenly all the time, if that is as likely as sudden changes of rate."""
    steps = tuple(change for change in fit.changes if change.kind == "step")
    if len(steps) == len(fit.changes):
        return fit
    even = series.fit((Change("curve", float(series.days[0])), *steps))
    return even if even.twice_log >= fit.twice_log else fit


def _date_change(series: SeriesLikelihood, fit: Fit, number: int, first: date) -> DatedChange:
    change, at = fit.changes[number], number - len(fit.changes)
    ends = (change.day, change.day) if change.kind == "curve" else likely_days(series, fit, number, DROP_90)
    day, low, high = (first + timedelta(days=days) for days in (change.day, *ends))
    return DatedChange(change.kind, day, low, high, float(fit.coefficients[at]), float(fit.covariance[at, at] ** 0.5))


def _whole(change: DatedChange, half_wave_mm: float | None) -> DatedChange:
    """Return a change, renamed to an unwrapping error if it is a step of whole cycles."""
    if change.kind != "step" or half_wave_mm is None:
        return change
    cycles, sigma = change.size / half_wave_mm, change.sigma / half_wave_mm
    whole = round(cycles) != 0 and abs(cycles - round(cycles)) <= np.clip(WHOLE_SIGMAS * sigma, MIN_WHOLE, MAX_WHOLE)
    return change._replace(kind="unwrapping") if whole else change


def _rate_on(fit: Fit, day: float) -> Rate:
    """Return the rate just after a day."""
    parts = np.zeros(fit.coefficients.size)
    parts[RATE] = 1.0
    for at, change in enumerate(fit.changes, parts.size - len(fit.changes)):
        if change.day <= day and change.kind != "step":
            parts[at] = 1.0 if change.kind == "rate" else (day - change.day) / DAYS_PER_YEAR
    return Rate(float(parts @ fit.coefficients), float(np.sqrt(parts @ fit.covariance @ parts)))


def _describe(
    fit: Fit, days: Float64, changes: tuple[DatedChange, ...], first: date, fit_mm: Float64, values_mm: Float64
) -> SeriesMotion:
    """Describe the motion of a fit. fit_mm, values_mm: as in `SeriesMotion`."""
    bends = sorted((change for change in changes if change.kind in ("rate", "curve")), key=lambda change: change.day)
    starts = [float(days[0]), *(float((change.day - first).days) for change in bends if change.kind == "rate")]
    rates = [_rate_on(fit, day) for day in starts]
    if any(change.kind == "curve" for change in bends):  # The rates are those at the beginning and at the end.
        rates, starts = [rates[0], _rate_on(fit, float(days[-1]))], [starts[0], starts[0]]
    trends = [Trend.STEADY, *(_trend(before, now) for before, now in pairwise(rates))]
    if bends and bends[-1].kind == "curve":  # There is no day on which it began, turned or came to rest.
        trends[-1] = EVENLY[trends[-1]]

    def since(those: set[Trend]) -> date | None:
        """Return the first date of the unbroken run of latest changes that have these trends."""
        number = len(trends)
        while trends[number - 1] in those:
            number -= 1
        return bends[number - 1].day if number < len(trends) else None

    moving = trends[::-1].index(Trend.BEGAN) if Trend.BEGAN in trends and rates[-1].moves else None
    season_mm, month = _season(fit, days, first)
    return SeriesMotion(
        n_dates=days.size,
        trend=trends[-1],
        now=rates[-1],
        before=rates[-2] if bends else None,
        changed=bends[-1] if bends else None,
        accelerating_since=since({Trend.FASTER, Trend.SPEEDING}),
        at_rest_since=since({Trend.AT_REST}),
        moving_since=None if moving is None else bends[len(bends) - 1 - moving].day,
        season_mm=season_mm,
        season_month=month,
        noise_mm=fit.sigma_mm,
        noise=fit.noise,
        changes=tuple(sorted(changes, key=lambda change: change.day)),
        fit_mm=fit_mm,
        values_mm=values_mm,
    )


def _trend(before: Rate, now: Rate) -> Trend:
    """Return the trend from one section to the next, between which the rate changed significantly."""
    if abs(now.mm_yr - before.mm_yr) < MIN_CHANGE_MM_YR or (before.still and now.still):
        return Trend.STEADY
    if not before.moves and now.moves:
        return Trend.BEGAN
    if now.still and before.moves:
        return Trend.AT_REST
    if now.moves and before.moves and now.mm_yr * before.mm_yr < 0:
        return Trend.REVERSED
    return Trend.FASTER if abs(now.mm_yr) > abs(before.mm_yr) else Trend.SLOWER


def _season(fit: Fit, days: Float64, first: date) -> tuple[float, int | None]:
    """Return half the range of the season, mm, and the month of its highest day; (0, None) if no season is sure."""
    waves = fit.coefficients.size - len(fit.changes) - 2
    if not waves:
        return 0.0, None
    own, their = fit.coefficients[2 : 2 + waves], fit.covariance[2 : 2 + waves, 2 : 2 + waves]
    if own @ np.linalg.solve(their, own) < SURE_SEASON * waves:
        return 0.0, None
    year = np.arange(365)
    phase = 2 * np.pi * (year - days.mean()) / DAYS_PER_YEAR
    wave = own @ np.stack([np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(2 * phase)])[:waves]
    return float(np.ptp(wave) / 2), (first + timedelta(days=int(np.argmax(wave)))).month
