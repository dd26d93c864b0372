"""The life of an alert. First: found in one data set. Provisional: found in two. Reviewers decide the rest."""

from enum import StrEnum


class State(StrEnum):
    FIRST = "first"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    FINISHED = "finished"
    MERGED = "merged"


ALLOWED: dict[State, frozenset[State]] = {
    State.FIRST: frozenset({State.PROVISIONAL, State.CONFIRMED, State.REJECTED, State.FINISHED, State.MERGED}),
    State.PROVISIONAL: frozenset({State.CONFIRMED, State.REJECTED, State.FINISHED, State.MERGED}),
    # back to an unreviewed state: a verdict was taken back
    State.CONFIRMED: frozenset({State.REJECTED, State.FINISHED, State.FIRST, State.PROVISIONAL}),
    State.REJECTED: frozenset({State.CONFIRMED, State.FIRST, State.PROVISIONAL}),
    State.FINISHED: frozenset(),
    State.MERGED: frozenset(),  # its place is followed under another alert
}


def may_become(state: State, target: State) -> bool:
    return target in ALLOWED[state]


def after_sighting(state: State, independent_products: int) -> State:
    """The state after an area was seen: seen by two products, a first alert is provisional; people decide the rest."""
    if state is State.FIRST and independent_products >= 2:
        return State.PROVISIONAL
    return state
