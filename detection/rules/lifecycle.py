"""The life of an alert. First: found in one data set. Provisional: found in two. Reviewers decide the rest.

An alert enters high, by the thresholds of the search, and leaves low: finished is what the newest data do not show
any more, or below half of the level that counts as motion, for as long as their noise asks for. It can wake up again.
Events (a surge, a change of the surface) end in the same way, and do not wake: the next one is another alert.
"""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

LEAVING_MM_YR = 2.0  # what counts as motion (ml.deformation.reliability.MOVING_MM_YR); rest is less than half of it
FEWEST_OBSERVATIONS, MOST_OBSERVATIONS = 2, 12
MISSED_BY_ALL = 0.01  # probability that all observations miss an event that goes on
SHORTEST_REST, LONGEST_REST = timedelta(days=90), timedelta(days=3 * 365)
YEAR = timedelta(days=365)


class State(StrEnum):
    """States of an alert."""

    FIRST = "first"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    FINISHED = "finished"
    MERGED = "merged"


class Source(StrEnum):
    """First finder of an alert's place."""

    COMPUTER = "computer"
    PERSON = "person"


ALLOWED: dict[State, frozenset[State]] = {
    State.FIRST: frozenset({State.PROVISIONAL, State.CONFIRMED, State.REJECTED, State.FINISHED, State.MERGED}),
    State.PROVISIONAL: frozenset({State.CONFIRMED, State.REJECTED, State.FINISHED, State.MERGED}),
    # back to an unreviewed state: a verdict was taken back
    State.CONFIRMED: frozenset({State.REJECTED, State.FINISHED, State.MERGED, State.FIRST, State.PROVISIONAL}),
    State.REJECTED: frozenset({State.CONFIRMED, State.FIRST, State.PROVISIONAL}),
    # it moves again, or the verdict that ended it was taken back
    State.FINISHED: frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED}),
    # its place is followed under another alert, unless the verdict that said so was taken back
    State.MERGED: frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED}),
}
LIVING = (State.FIRST, State.PROVISIONAL, State.CONFIRMED)


class Observation(NamedTuple):
    """Observation of a place by one run. until: last date of its data; moves: it finds motion there, `is_motion`."""

    until: date
    moves: bool


class ViewLife(NamedTuple):
    """Observations by one view. moved_until: last date of data that show motion; rest_looks: observations since then.

    rest_until: last date of the data of those; None where there is none.
    """

    moved_until: date
    rest_looks: int = 0
    rest_until: date | None = None


class Proof(NamedTuple):
    """Proof that motion is over: observations without it, and the time from the last with it to the last without."""

    observations: int
    time: timedelta


class SeriesMotion(NamedTuple):
    """Motion in the time series: since when it is faster than before, is at rest, and moves after it was still."""

    accelerating_since: date | None = None
    at_rest_since: date | None = None
    moving_since: date | None = None


def is_motion(rate_mm_yr: float) -> bool:
    """Return whether a rate is motion for a place that was found: half of what counts for one that was not."""
    return abs(rate_mm_yr) >= LEAVING_MM_YR / 2


def may_become(state: State, target: State) -> bool:
    """Return whether an alert in one state may go to another."""
    return target in ALLOWED[state]


def after_sighting(state: State, independent_products: int) -> State:
    """Return the state after a sighting: a first alert in two products is provisional; people decide the rest."""
    if state is State.FIRST and independent_products >= 2:
        return State.PROVISIONAL
    return state


def after_observation(life: ViewLife | None, observation: Observation) -> ViewLife | None:
    """Return the life of a view after another observation.

    Data that end no later than known ones say nothing new about rest.
    """
    if life is None:
        return ViewLife(observation.until) if observation.moves else None
    if observation.moves:
        return ViewLife(observation.until) if observation.until >= (life.rest_until or life.moved_until) else life
    if observation.until <= (life.rest_until or life.moved_until):
        return life
    return life._replace(rest_looks=life.rest_looks + 1, rest_until=observation.until)


def required_rest(sigma_mm_yr: float | None) -> timedelta:
    """Return how long the data must show rest: a year where the rate's error is half of the leaving level.

    The error of a rate falls with the 1.5th power of the time: quieter data need less, noisier more, within bounds.
    None: of pairs of images, a year, so that a winter of snow ends nothing.
    """
    if sigma_mm_yr is None:
        return YEAR
    required = YEAR * math.pow(sigma_mm_yr / (LEAVING_MM_YR / 2), 2 / 3)
    return min(max(required, SHORTEST_REST), LONGEST_REST)


def rest_proof(sigma_mm_yr: float | None) -> Proof:
    """Return the proof that lasting motion is over."""
    return Proof(FEWEST_OBSERVATIONS, required_rest(sigma_mm_yr))


def event_proof(z: float, found_from: float, fewest: int = FEWEST_OBSERVATIONS) -> Proof:
    """Return the proof that an event is over: observations that would hardly all miss it, and three months.

    z: by how many standard deviations it stood out; found_from: z from which one observation finds it.
    """
    missed = max(NormalDist().cdf(found_from - abs(z)), MISSED_BY_ALL)
    observations = math.ceil(math.log(MISSED_BY_ALL) / math.log(missed)) if missed < 1.0 else MOST_OBSERVATIONS
    return Proof(min(max(observations, fewest), MOST_OBSERVATIONS), SHORTEST_REST)


def at_rest(views: Mapping[str, ViewLife], proof: Proof) -> date | None:
    """Return the last date that showed motion, where no view has shown any for long enough; else None."""
    if not views:
        return None
    moved_until = max(life.moved_until for life in views.values())
    for life in views.values():
        if life.rest_until and life.rest_looks >= proof.observations and life.rest_until - moved_until >= proof.time:
            return moved_until
    return None


def series_rest(at_rest_since: date | None, until: date, sigma_mm_yr: float | None) -> date | None:
    """Return since when the series rest, where that is long enough by the end of the data; else None."""
    long_enough = at_rest_since is not None and until - at_rest_since >= required_rest(sigma_mm_yr)
    return at_rest_since if long_enough else None


def series_moves_again(rested_since: date | None, series: SeriesMotion) -> bool:
    """Return whether series that said rest show motion that began, or grew, after it."""
    if rested_since is None or series.at_rest_since is not None:
        return False
    return any(day is not None and day > rested_since for day in (series.moving_since, series.accelerating_since))


def moves_again(life: ViewLife | None, observation: Observation) -> bool:
    """Return whether data show motion after data of the same view that showed none."""
    return (
        life is not None and life.rest_until is not None and observation.moves and observation.until > life.rest_until
    )
