"""What the subscriptions of a person have brought, as a list."""

from typing import Any

from monitor.models.messages import Notification
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.steps import what_happened

MOST = 300


def news_of(*, email: str) -> dict[str, Any]:
    """rows: each step once, the newest first, with the regions that it lies in; more: whether there are others."""
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
    alerts = {each[0].transition.alert_id: each[0].transition.alert for each in shown}
    cards = dict(zip(alerts, alert_cards(alerts.values()), strict=True))
    rows = [
        {
            "card": cards[each[0].transition.alert_id],
            "at": each[0].transition.created_at,
            "happened": what_happened(each[0].transition),
            "regions": list(dict.fromkeys(one.subscription.label for one in each)),
        }
        for each in shown
    ]
    return {"rows": rows, "more": len(steps) > MOST, "most": MOST}
