"""Feeds of a subscription: its entries, and these as Atom for feed readers and as an index of CAP messages.

Entries are the steps that the filters match, by the rule that decides about messages. Where a place was in the feed,
it also says that a specialist took it back, or that it is followed under another code.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import State
from monitor.models.messages import CapMessage
from monitor.models.subscriptions import Subscription
from monitor.open_data.cap.views import CapFeed
from monitor.open_data.feeds.alerts import AlertFeed
from monitor.subscribers.subscriptions.rules import step_of, wants
from monitor.subscribers.subscriptions.selectors import steps_in
from monitor.wording.cards.cards import AlertCard, alert_cards
from monitor.wording.cards.steps import what_happened

YEARS = 2
MOST_ALERTS = 100
TAKEN_BACK = (State.REJECTED, State.MERGED)


class Entry(NamedTuple):
    """An alert and its steps, the oldest first; at least one."""

    alert: Alert
    steps: list[AlertTransition]

    @property
    def last(self) -> AlertTransition:
        """Return the newest step."""
        return self.steps[-1]

    @property
    def changed(self) -> datetime:
        """Return when the feed's text about the alert last changed."""
        return max(self.alert.updated_at, self.last.created_at)


def entries_of(*, subscription: Subscription) -> list[Entry]:
    """Return the last hundred alerts of two years, the last changed first."""
    kept: dict[int, Entry] = {}
    for step in steps_in(region=subscription.region, years=YEARS).order_by("created_at", "id"):
        entry = kept.get(step.alert_id)
        if wants(subscription, step_of(step)) or (entry and step.to_state in TAKEN_BACK):
            kept.setdefault(step.alert_id, Entry(step.alert, [])).steps.append(step)
    return sorted(kept.values(), key=lambda entry: entry.last.pk, reverse=True)[:MOST_ALERTS]


def messages_of(*, entries: list[Entry]) -> list[CapMessage]:
    """Return the CAP messages of these steps, the newest first. Steps that came together share a message."""
    issued: dict[int, list[CapMessage]] = defaultdict(list)
    for one in CapMessage.objects.filter(alert__in=[entry.alert.pk for entry in entries]).order_by("transition_id"):
        issued[one.alert_id].append(one)
    found: dict[int, CapMessage] = {}
    for entry in entries:
        for step in entry.steps:
            of_step = next((one for one in issued[entry.alert.pk] if one.transition_id >= step.pk), None)
            if of_step:
                found[of_step.pk] = of_step
    return sorted(found.values(), key=lambda one: one.pk, reverse=True)[:MOST_ALERTS]


def feed_id(subscription: Subscription, name: str) -> str:
    """Return an identifier that lasts at any address of the feed."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"subscriptions/{subscription.created_at.isoformat()}/{name}").urn


class SubscriptionAtom(AlertFeed):
    """One entry for each alert; it counts as changed when a step came that is wanted."""

    def __init__(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        self.subscription, self.entries = subscription, {entry.alert.pk: entry for entry in entries}
        self.title = _("Ground Motion Monitor: %(place)s") % {"place": subscription.title}

    def get_object(self, request: HttpRequest, *args: object, **kwargs: object) -> list[tuple[Alert, AlertCard]]:
        """Return the alerts of the entries with their cards."""
        alerts = [entry.alert for entry in self.entries.values()]
        with_message = set(CapMessage.objects.filter(alert__in=self.entries).values_list("alert", flat=True))
        for alert in alerts:
            alert.has_message = alert.pk in with_message
        self.address, self.site = request.build_absolute_uri(), request.build_absolute_uri("/")[:-1]
        return list(zip(alerts, alert_cards(alerts), strict=True))

    def feed_guid(self, entries: list[tuple[Alert, AlertCard]]) -> str:
        """Return the feed's lasting identifier."""
        return feed_id(self.subscription, "atom")

    def item_description(self, item: tuple[Alert, AlertCard]) -> str:
        """Return what happened last, and the alert's sentences."""
        return " ".join([what_happened(self.entries[item[0].pk].last), *item[1].sentences])

    def item_updateddate(self, item: tuple[Alert, AlertCard]) -> datetime:
        """Return when the last wanted step came."""
        return self.entries[item[0].pk].last.created_at


class SubscriptionCap(CapFeed):
    """One entry for each message."""

    def __init__(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        self.subscription, self.messages = subscription, messages_of(entries=list(entries))
        self.title = _("Ground Motion Monitor, CAP messages: %(place)s") % {"place": subscription.title}

    def get_object(self, request: HttpRequest, *args: object, **kwargs: object) -> list[CapMessage]:
        """Return the messages of the entries."""
        self.address, self.english = request.build_absolute_uri(), get_language() == settings.LANGUAGE_CODE
        return self.messages

    def feed_guid(self, messages: list[CapMessage]) -> str:
        """Return the feed's lasting identifier."""
        return feed_id(self.subscription, "cap")
