"""Past news: what a person's subscriptions brought, and what a new one would have brought under today's rules."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.gis.geos import GEOSGeometry

from detection.models import AlertTransition
from detection.rules.lifecycle import State
from monitor.models.messages import Notification
from monitor.models.subscriptions import DEFAULT_CHANNEL, Subscription
from monitor.notifications.digests import AUTOMATIC, HOLD, MANY_PLACES, Pace, last_moment, paces
from monitor.subscribers.subscriptions.selectors import Quiet, Wanted, quiet_ends, step_of, steps_in, wants
from monitor.wording.cards.cards import alert_cards, what_happened

PREVIEW_YEARS = 2
SHOWN = 20
MOST = 300


class Replay(NamedTuple):
    """Past news of a subscription: the steps that it would have reported, newest first, and the number of mails."""

    steps: list[AlertTransition]
    n_mails: int


def replay(*, region: GEOSGeometry, wish: Wanted, frequency: str, quiet: Quiet | None = None) -> Replay:
    """Return the news that a subscription would have brought, without alerts that were rejected later."""
    past = steps_in(region=region, years=PREVIEW_YEARS).exclude(alert__state=State.REJECTED)
    past = past.order_by("-created_at", "-id")
    steps = [one for one in past if wants(wish, step_of(one))]
    if frequency == Subscription.Frequency.AT_ONCE:
        pace = paces().get(DEFAULT_CHANNEL, Pace(timedelta(0), timedelta(0)))
        return Replay(steps, _gathered(steps, pace, quiet))
    return Replay(steps, len({last_moment(frequency=frequency, now=step.created_at) for step in steps}))


def rows_of(steps: Sequence[AlertTransition]) -> list[dict[str, Any]]:
    """Return steps as rows for a list: the card of the alert, the time, and what happened."""
    alerts = {step.alert_id: step.alert for step in steps}
    cards = dict(zip(alerts, alert_cards(alerts.values()), strict=True))
    return [{"card": cards[step.alert_id], "at": step.created_at, "happened": what_happened(step)} for step in steps]


def _gathered(steps: Sequence[AlertTransition], pace: Pace, quiet: Quiet | None) -> int:
    """Return the number of mails that `monitor.notifications.digests` would have made of these steps."""
    waiting: list[tuple[datetime, AlertTransition]] = sorted(
        ((step.created_at, step) for step in steps), key=lambda each: each[0]
    )
    count, last = 0, None
    while waiting:
        leaves = waiting[0][0] + pace.delay
        leaves = quiet_ends(max(leaves, last + pace.rest) if last else leaves, quiet)
        reported = {one.alert_id for at, one in waiting if at <= leaves}
        waiting = [each for each in waiting if each[0] > leaves]
        if len(reported) > MANY_PLACES:
            held = [(max(at, leaves + HOLD) if one.actor == AUTOMATIC else at, one) for at, one in waiting]
            waiting = sorted(held, key=lambda each: each[0])
        count, last = count + 1, leaves
    return count


def news_of(*, email: str) -> dict[str, Any]:
    """Return `rows`, a person's news with regions, newest first, each step once; `more`: whether older ones exist."""
    brought = (
        Notification.objects.filter(subscription__email=email, withdrawn_at=None)
        .select_related("subscription", "transition__alert", "transition__update", "transition__review")
        .defer("subscription__region")
        .order_by("-transition_id", "subscription_id")
    )
    steps: dict[int, list[Notification]] = {}
    for one in brought[: 2 * MOST]:
        steps.setdefault(one.transition_id, []).append(one)
    shown = list(steps.values())[:MOST]
    rows = [
        row | {"regions": list(dict.fromkeys(one.subscription.label for one in each))}
        for row, each in zip(rows_of([each[0].transition for each in shown]), shown, strict=True)
    ]
    return {"rows": rows, "more": len(steps) > MOST, "most": MOST}
