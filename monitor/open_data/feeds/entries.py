"""What the feeds of a subscription hold: the steps that its wishes match, by the rule that decides about its messages.

Where a place was in the feed, it also says that a specialist took it back, or that it is followed under another code.
"""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import State
from monitor.models.messages import CapMessage
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions.rules import step_of, wants
from monitor.subscribers.subscriptions.selectors import steps_in

YEARS = 2
MOST_ALERTS = 100
TAKEN_BACK = (State.REJECTED, State.MERGED)


class Entry(NamedTuple):
    """An alert and its steps, the oldest first; at least one."""

    alert: Alert
    steps: list[AlertTransition]

    @property
    def last(self) -> AlertTransition:
        return self.steps[-1]

    @property
    def changed(self) -> datetime:
        """When what the feed says of it last changed."""
        return max(self.alert.updated_at, self.last.created_at)


def entries_of(*, subscription: Subscription) -> list[Entry]:
    """The last hundred alerts of two years, whatever has changed last first."""
    kept: dict[int, Entry] = {}
    for step in steps_in(region=subscription.region, years=YEARS).order_by("created_at", "id"):
        entry = kept.get(step.alert_id)
        if wants(subscription, step_of(step)) or (entry and step.to_state in TAKEN_BACK):
            kept.setdefault(step.alert_id, Entry(step.alert, [])).steps.append(step)
    return sorted(kept.values(), key=lambda entry: entry.last.pk, reverse=True)[:MOST_ALERTS]


def messages_of(*, entries: list[Entry]) -> list[CapMessage]:
    """The CAP messages that tell of these steps, the newest first. Steps that came together share a message."""
    issued: dict[int, list[CapMessage]] = defaultdict(list)
    for one in CapMessage.objects.filter(alert__in=[entry.alert.pk for entry in entries]).order_by("transition_id"):
        issued[one.alert_id].append(one)
    told: dict[int, CapMessage] = {}
    for entry in entries:
        for step in entry.steps:
            of_step = next((one for one in issued[entry.alert.pk] if one.transition_id >= step.pk), None)
            if of_step:
                told[of_step.pk] = of_step
    return sorted(told.values(), key=lambda one: one.pk, reverse=True)[:MOST_ALERTS]
