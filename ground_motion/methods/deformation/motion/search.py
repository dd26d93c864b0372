"""Stepwise search for changes in a series; a change is kept if its likelihood ratio exceeds a critical value.

The ratio compares the likeliest curves with and without a change, each under its likeliest noise model, because
correlated noise is no change. Critical values come from simulated series without change (docs/models/series.md).
"""

import numpy as np

from ground_motion.methods.deformation.motion.model import Candidates, Change, Fit, Kind, SeriesLikelihood
from ground_motion.methods.deformation.motion.noise import Float64
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR

KINDS: tuple[Kind, ...] = ("rate", "step")  # The search looks for these kinds of changes.
CRITICAL = {"rate": 22.0, "step": 24.0}  # twice the log of the likelihood ratio that a change needs
MAX_CHANGES = 5
EDGE_DATES, EDGE_YEARS = 6, 0.3  # A change of rate needs this many dates and years on either side.
STEP_DATES = 4  # A step needs this many dates on either side.
APART_YEARS = 0.3  # Two changes of rate lie at least this far apart.
TRIED = 40  # Number of dates tried first, before those between them.
MAX_DATES = 120  # The interval of a change is sought among at most this many dates.


def find_changes(series: SeriesLikelihood) -> Fit:
    """Fit the curve with every change that is significant in addition to the others."""
    tried = (Change(kind, float(day)) for kind in KINDS for day in _thin(series.days, kind, TRIED))
    candidates = series.candidates(tuple(tried))
    changes: tuple[Change, ...] = ()
    while len(changes) < MAX_CHANGES:
        best = _next(series, changes, candidates)
        if best is None:
            break
        changes = _refine(series, (*changes, best))
    return _prune(series, changes)


def _thin(days: Float64, kind: Kind, most: int) -> Float64:
    possible = _possible(days, kind)
    return possible[:: 1 + possible.size // most]


def _possible(days: Float64, kind: Kind) -> Float64:
    """Return the dates at which a change of this kind is allowed."""
    if kind == "step":
        return days[STEP_DATES : days.size - STEP_DATES + 1]
    inside = days[EDGE_DATES : max(0, days.size - EDGE_DATES)]
    edge = EDGE_YEARS * DAYS_PER_YEAR
    return np.asarray(inside[(inside >= days[0] + edge) & (inside <= days[-1] - edge)], dtype=np.float64)


def _free(change: Change, changes: tuple[Change, ...]) -> bool:
    apart = APART_YEARS * DAYS_PER_YEAR if change.kind == "rate" else 1.0
    return all(known.kind != change.kind or abs(known.day - change.day) >= apart for known in changes)


def _next(series: SeriesLikelihood, changes: tuple[Change, ...], candidates: Candidates) -> Change | None:
    if not candidates.changes:
        return None
    profile = series.profile(changes, candidates)
    beyond = profile.twice_log - profile.without - [CRITICAL[candidate.kind] for candidate in candidates.changes]
    beyond[[not _free(candidate, changes) for candidate in candidates.changes]] = -np.inf
    at = int(np.argmax(beyond))
    return candidates.changes[at] if beyond[at] > 0 else None


def _refine(series: SeriesLikelihood, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Move every change to its likeliest date given the others, beginning with the last one, twice."""
    for number in [*reversed(range(len(changes))), *range(len(changes) - 1)]:
        others = changes[:number] + changes[number + 1 :]
        near = _dates_near(series.days, changes[number], others)
        profile = series.profile(others, series.candidates(near))
        changes = (*changes[:number], near[int(np.argmax(profile.twice_log))], *changes[number + 1 :])
    return changes


def _dates_near(days: Float64, change: Change, others: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return copies of a change, moved to each of the dates around it."""
    possible = _possible(days, change.kind)
    reach = 2 * max(1, -(-possible.size // TRIED))
    at = int(np.argmin(np.abs(possible - change.day)))
    near = tuple(Change(change.kind, float(day)) for day in possible[max(0, at - reach) : at + reach + 1])
    return tuple(candidate for candidate in near if _free(candidate, others)) or (change,)


def _prune(series: SeriesLikelihood, changes: tuple[Change, ...]) -> Fit:
    """Drop changes that are not significant given all others, the least significant one first."""
    fit = series.fit(changes)
    while fit.changes:
        without = [series.fit(fit.changes[:i] + fit.changes[i + 1 :]) for i in range(len(fit.changes))]
        beyond = [
            fit.twice_log - smaller.twice_log - CRITICAL[change.kind]
            for smaller, change in zip(without, fit.changes, strict=True)
        ]
        least = int(np.argmin(beyond))
        if beyond[least] > 0:
            break
        fit = series.fit(_refine(series, without[least].changes))
    return fit


def likely_days(series: SeriesLikelihood, fit: Fit, number: int, drop: float) -> tuple[float, float]:
    """Return the first and last day of a change: dates whose twice-log-likelihood is within `drop` of the best."""
    change, others = fit.changes[number], fit.changes[:number] + fit.changes[number + 1 :]
    nearly = SeriesLikelihood(series.days, series.values_mm, fit.noises)
    days = _thin(series.days, change.kind, MAX_DATES)
    tried = nearly.candidates((change, *(Change(change.kind, float(day)) for day in days)))
    twice_log = nearly.profile(others, tried).twice_log
    likely = np.flatnonzero(twice_log[1:] >= twice_log.max() - drop)
    if not likely.size:
        return change.day, change.day
    first, last = days[max(0, likely[0] - 1)], days[min(days.size - 1, likely[-1] + 1)]
    return min(float(days[likely[0]] + first) / 2, change.day), max(float(days[likely[-1]] + last) / 2, change.day)
