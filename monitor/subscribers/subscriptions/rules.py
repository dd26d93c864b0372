"""Filters of subscriptions, which choose the steps of alerts to report. News and the preview use the same function."""

from typing import NamedTuple

from detection.models import AlertTransition
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from monitor.models.subscriptions import Subscription

SEVERITIES = [step.value for step in Severity]  # from the lowest
NEWS = [State.FIRST.value, State.PROVISIONAL.value, State.CONFIRMED.value, State.FINISHED.value]


class Wanted(NamedTuple):
    """Filter values, read from a subscription's row or chosen in a form; named like the fields of a subscription."""

    kinds: list[str]
    lowest_severity: str
    unreviewed: bool
    updates: bool = True
    least_exposure: int = 0


WISH = (*Wanted._fields, "frequency")  # fields of a subscription that its owner chooses


class Step(NamedTuple):
    """A step of an alert's life, with the fields that subscription filters use."""

    kinds: frozenset[str]
    severities: frozenset[str]
    reviewed: bool
    follow_up: bool
    exposed: float | None  # people or buildings on it, the larger number; None: no layer says
    news: bool


def step_of(transition: AlertTransition) -> Step:
    """Return a transition as filters use it. transition: read with its alert; what else is needed is read here."""
    # A kind or severity before its change counts too, so that readers of the old one hear of the new one.
    alert, exposure = transition.alert, getattr(transition.alert, "exposure", None)
    known = [value for value in (exposure.people, exposure.buildings) if value is not None] if exposure else []
    return Step(
        kinds=frozenset({alert.kind, *_before(transition, "kind", "named")}),
        severities=frozenset({alert.severity, *_before(transition, "severity")}),
        reviewed=_is_reviewed(transition),
        follow_up=not transition.changes_state or transition.to_state == State.FINISHED,
        exposed=max(known, default=None),
        news=transition.to_state in NEWS,
    )


def wants(wish: Wanted | Subscription, step: Step) -> bool:
    """Return whether a step matches these filters; its position is not checked."""
    return (
        step.news
        and not step.kinds.isdisjoint(wish.kinds)
        and max(map(SEVERITIES.index, step.severities)) >= SEVERITIES.index(wish.lowest_severity)
        and (wish.unreviewed or step.reviewed)
        and (wish.updates or not step.follow_up)
        and (step.exposed is None or step.exposed >= wish.least_exposure)
    )


def _before(transition: AlertTransition, *causes: str) -> list[str]:
    """Return the previous values of an update's changes that have one of these causes; empty if there are none."""
    update = getattr(transition, "update", None)
    return [change["before"] for change in update.changes if change["cause"] in causes] if update else []


def _is_reviewed(transition: AlertTransition) -> bool:
    """Return whether a specialist confirmed the alert; for a finished one, whether one had confirmed or ended it."""
    if transition.to_state == State.FINISHED:
        return transition.from_state == State.CONFIRMED or hasattr(transition, "review")
    return transition.to_state == State.CONFIRMED
