"""Stepwise search for changes in a series; a change is kept if its likelihood ratio exceeds a critical value.

The ratio compares the likeliest curves with and without a change, each under its likeliest noise model, so that
correlated noise is not taken for a change. Critical values come from simulated series without change
(docs/models/series.md).
"""

from dataclasses import dataclass

import numpy as np

from ml.deformation.motion.model import DAYS_PER_YEAR, Candidates, Change, Fit, Kind, SeriesLikelihood
from ml.deformation.motion.noise import Float64

KINDS: tuple[Kind, ...] = ("rate", "step")  # of changes that are searched
MOST_DATES = 120  # tried for the interval of a change


@dataclass(frozen=True)
class SearchConfig:
    """Settings of the search for changes of a series' motion.

    critical_rate, critical_step: twice the log of the likelihood ratio that a change needs. most: number of changes.

    At least edge_dates and edge_years lie on either side of a change of rate, step_dates on either side of a step, and
    apart_years between two changes of rate. tried: number of dates tried first, before those between them.
    """

    critical_rate: float = 22.0
    critical_step: float = 24.0
    most: int = 5
    edge_dates: int = 6
    edge_years: float = 0.3
    step_dates: int = 4
    apart_years: float = 0.3
    tried: int = 40

    def critical(self, change: Change) -> float:
        """Return the critical value for a change of this kind."""
        return self.critical_rate if change.kind == "rate" else self.critical_step


def find_changes(series: SeriesLikelihood, config: SearchConfig) -> Fit:
    """Fit the curve with every change that is significant in addition to the others."""
    candidates = series.candidates(tuple(_tried(series.days, config)))
    changes: tuple[Change, ...] = ()
    while len(changes) < config.most:
        best = _next(series, changes, candidates, config)
        if best is None:
            break
        changes = _refined(series, (*changes, best), config)
    return _pruned(series, changes, config)


def _tried(days: Float64, config: SearchConfig) -> list[Change]:
    tried: list[Change] = []
    for kind in KINDS:
        possible = _possible(days, kind, config)
        tried += [Change(kind, float(day)) for day in possible[:: 1 + possible.size // config.tried]]
    return tried


def _possible(days: Float64, kind: Kind, config: SearchConfig) -> Float64:
    """Return the dates at which a change of this kind is allowed."""
    if kind == "step":
        return days[config.step_dates : days.size - config.step_dates + 1]
    inside = days[config.edge_dates : max(0, days.size - config.edge_dates)]
    edge = config.edge_years * DAYS_PER_YEAR
    return np.asarray(inside[(inside >= days[0] + edge) & (inside <= days[-1] - edge)], dtype=np.float64)


def _free(change: Change, changes: tuple[Change, ...], config: SearchConfig) -> bool:
    apart = config.apart_years * DAYS_PER_YEAR if change.kind == "rate" else 1.0
    return all(one.kind != change.kind or abs(one.day - change.day) >= apart for one in changes)


def _next(
    series: SeriesLikelihood, changes: tuple[Change, ...], candidates: Candidates, config: SearchConfig
) -> Change | None:
    if not candidates.changes:
        return None
    profile = series.profile(changes, candidates)
    beyond = profile.twice_log - profile.without - [config.critical(one) for one in candidates.changes]
    beyond[[not _free(one, changes, config) for one in candidates.changes]] = -np.inf
    at = int(np.argmax(beyond))
    return candidates.changes[at] if beyond[at] > 0 else None


def _refined(series: SeriesLikelihood, changes: tuple[Change, ...], config: SearchConfig) -> tuple[Change, ...]:
    """Move every change to its likeliest date given the others, beginning with the last one, twice."""
    for number in [*reversed(range(len(changes))), *range(len(changes) - 1)]:
        others = changes[:number] + changes[number + 1 :]
        near = _near(series.days, changes[number], others, config)
        profile = series.profile(others, series.candidates(near))
        changes = (*changes[:number], near[int(np.argmax(profile.twice_log))], *changes[number + 1 :])
    return changes


def _near(days: Float64, change: Change, others: tuple[Change, ...], config: SearchConfig) -> tuple[Change, ...]:
    """Return copies of a change, moved to each of the dates around it."""
    possible = _possible(days, change.kind, config)
    reach = 2 * max(1, -(-possible.size // config.tried))
    at = int(np.argmin(np.abs(possible - change.day)))
    near = tuple(Change(change.kind, float(day)) for day in possible[max(0, at - reach) : at + reach + 1])
    return tuple(one for one in near if _free(one, others, config)) or (change,)


def _pruned(series: SeriesLikelihood, changes: tuple[Change, ...], config: SearchConfig) -> Fit:
    """Drop changes that are not significant given all others, the least significant one first."""
    fit = series.fit(changes)
    while fit.changes:
        without = [series.fit(fit.changes[:i] + fit.changes[i + 1 :]) for i in range(len(fit.changes))]
        beyond = [
            fit.twice_log - one.twice_log - config.critical(change)
            for one, change in zip(without, fit.changes, strict=True)
        ]
        least = int(np.argmin(beyond))
        if beyond[least] > 0:
            break
        fit = series.fit(_refined(series, without[least].changes, config))
    return fit


def likely_days(
    series: SeriesLikelihood, fit: Fit, number: int, drop: float, config: SearchConfig
) -> tuple[float, float]:
    """Return the first and last day of a change: dates whose twice-log-likelihood is within `drop` of the best."""
    change, others = fit.changes[number], fit.changes[:number] + fit.changes[number + 1 :]
    nearly = SeriesLikelihood(series.days, series.values_mm, fit.noises)
    days = _possible(series.days, change.kind, config)
    days = days[:: 1 + days.size // MOST_DATES]
    tried = nearly.candidates((change, *(Change(change.kind, float(day)) for day in days)))
    twice_log = nearly.profile(others, tried).twice_log
    likely = np.flatnonzero(twice_log[1:] >= twice_log.max() - drop)
    if not likely.size:
        return change.day, change.day
    first, last = days[max(0, likely[0] - 1)], days[min(days.size - 1, likely[-1] + 1)]
    return min(float(days[likely[0]] + first) / 2, change.day), max(float(days[likely[-1]] + last) / 2, change.day)
