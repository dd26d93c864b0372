"""The life of an alert. First: found in one data set. Provisional: found in two. Reviewers decide the rest.

An alert begins above the thresholds of the search, and ends at a lower level: it is finished if the newest data show
no motion, or less than half of the rate that counts as motion, for a time that depends on their noise. It can resume.
Events (a surge, a change of the surface) end in the same way and never resume: the next one is another alert.
"""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from statistics import NormalDist
from typing import Any, NamedTuple

LEAVING_MM_YR = 2.0  # Faster ground moves; ground below half of it rests.
MIN_OBSERVATIONS, MAX_OBSERVATIONS = 2, 12
MISSED_BY_ALL = 0.01  # All observations miss an ongoing event with this probability.
MIN_REST, MAX_REST = timedelta(days=90), timedelta(days=3 * 365)
YEAR = timedelta(days=365)


class State(StrEnum):
    """States of an alert."""

    FIRST = "first"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    FINISHED = "finished"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"


class Source(StrEnum):
    """First finder of an alert's place."""

    COMPUTER = "computer"
    PERSON = "person"


_ENDS = frozenset({State.REJECTED, State.FINISHED, State.MERGED, State.WITHDRAWN})
ALLOWED: dict[State, frozenset[State]] = {
    State.FIRST: _ENDS | {State.PROVISIONAL, State.CONFIRMED},
    State.PROVISIONAL: _ENDS | {State.CONFIRMED},
    # It returns to an unreviewed state if its verdict is taken back.
    State.CONFIRMED: _ENDS | {State.FIRST, State.PROVISIONAL},
    State.REJECTED: frozenset({State.CONFIRMED, State.FIRST, State.PROVISIONAL}),
    # It returns if it moves again, or if the verdict that ended it is taken back.
    State.FINISHED: frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.WITHDRAWN}),
    # Its place is followed under another alert until the verdict of a duplicate is taken back.
    State.MERGED: frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED}),
    # It returns if its data are restored, or if other data show it.
    State.WITHDRAWN: frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.FINISHED}),
}
LIVING = (State.FIRST, State.PROVISIONAL, State.CONFIRMED)
END_UNPROVED = "the data that showed its end were taken back"  # This is the reason of a step out of FINISHED.
TAKEN_BACK = (State.REJECTED, State.WITHDRAWN)  # Who had news of such an alert gets a correction.


class Observation(NamedTuple):
    """Observation of a place by one run. until: last date of its data; moves: whether it shows motion (`is_motion`)."""

    until: date
    moves: bool


class ViewLife(NamedTuple):
    """Observations by one view. moved_until: last date of data with motion; rest_looks: observations of rest since.

    rest_until: last date of the data that show this rest; None if there are none.
    """

    moved_until: date
    rest_looks: int = 0
    rest_until: date | None = None


class Proof(NamedTuple):
    """Proof required that motion is over: observations without motion, and time from the last motion to the newest."""

    observations: int
    time: timedelta


class SeriesMotion(NamedTuple):
    """Dates since when a time series has accelerated, rested, or moved after a rest; None where it has not."""

    accelerating_since: date | None = None
    at_rest_since: date | None = None
    moving_since: date | None = None


def is_motion(rate_mm_yr: float) -> bool:
    """Return whether a rate counts as motion of a known place: at least half of the rate required to find a new one."""
    return abs(rate_mm_yr) >= LEAVING_MM_YR / 2


def may_become(state: State, target: State) -> bool:
    """Return whether an alert may change from one state to another."""
    return target in ALLOWED[state]


def state_after_sighting(state: State, independent_products: int) -> State:
    """Return the state after a sighting: first becomes provisional in two independent views; others stay."""
    if state is State.FIRST and independent_products >= 2:
        return State.PROVISIONAL
    return state


def life_after_observation(life: ViewLife | None, observation: Observation) -> ViewLife | None:
    """Return the life of a view after another observation; rest grows only by data that end later."""
    if life is None:
        return ViewLife(observation.until) if observation.moves else None
    if observation.moves:
        return ViewLife(observation.until) if observation.until >= (life.rest_until or life.moved_until) else life
    if observation.until <= (life.rest_until or life.moved_until):
        return life
    return life._replace(rest_looks=life.rest_looks + 1, rest_until=observation.until)


def required_rest(sigma_mm_yr: float | None) -> timedelta:
    """Return how long data must show rest: a year if the rate's error is half of LEAVING_MM_YR.

    A rate's error falls with the 1.5th power of time. Pairs of images have none: a year, so that no snow ends an alert.
    """
    if sigma_mm_yr is None:
        return YEAR
    required = YEAR * math.pow(sigma_mm_yr / (LEAVING_MM_YR / 2), 2 / 3)
    return min(max(required, MIN_REST), MAX_REST)


def rest_proof(sigma_mm_yr: float | None) -> Proof:
    """Return the proof required that lasting motion is over. sigma_mm_yr: error of the rate, None for image pairs."""
    return Proof(MIN_OBSERVATIONS, required_rest(sigma_mm_yr))


def event_proof(z: float, found_from: float, fewest: int = MIN_OBSERVATIONS) -> Proof:
    """Return the proof required that an event is over: three months, and so many observations that not all miss it.

    z: significance of the event, in standard deviations; found_from: z above which one observation finds it.
    """
    missed = max(NormalDist().cdf(found_from - abs(z)), MISSED_BY_ALL)
    observations = math.ceil(math.log(MISSED_BY_ALL) / math.log(missed)) if missed < 1.0 else MAX_OBSERVATIONS
    return Proof(min(max(observations, fewest), MAX_OBSERVATIONS), MIN_REST)


def rest_proved_since(views: Mapping[str, ViewLife], proof: Proof) -> date | None:
    """Return the last date with motion in any view, if rest since then is proved; else None."""
    if not views:
        return None
    moved_until = max(life.moved_until for life in views.values())
    for life in views.values():
        if life.rest_until and life.rest_looks >= proof.observations and life.rest_until - moved_until >= proof.time:
            return moved_until
    return None


def series_rest(at_rest_since: date | None, until: date, sigma_mm_yr: float | None) -> date | None:
    """Return at_rest_since if the series has rested for long enough when the data end (`until`); else None."""
    long_enough = at_rest_since is not None and until - at_rest_since >= required_rest(sigma_mm_yr)
    return at_rest_since if long_enough else None


def moves_again(life: ViewLife | None, observation: Observation) -> bool:
    """Return whether a view observes motion after it observed rest."""
    rested_until = life.rest_until if life else None
    return rested_until is not None and observation.moves and observation.until > rested_until


def as_json(values: Any) -> Any:
    """Return named tuples and mappings as dicts, and dates in ISO 8601, at every depth; other values unchanged."""
    if isinstance(values, date):
        return values.isoformat()
    fields = values._asdict() if hasattr(values, "_asdict") else values
    return {name: as_json(value) for name, value in fields.items()} if isinstance(fields, Mapping) else fields


def with_dates(stored: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return values that `as_json` stored, with dates again. names: of the dates, each of which may be null."""
    return {**stored} | {name: date.fromisoformat(day) if (day := stored[name]) else None for name in names}
