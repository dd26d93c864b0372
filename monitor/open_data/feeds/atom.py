"""The feeds of a subscription for feed readers and as an index of CAP messages: those of everybody, less in them."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from detection.models import Alert
from monitor.models.messages import CapMessage
from monitor.models.subscriptions import Subscription
from monitor.open_data.cap.views import CapFeed
from monitor.open_data.feeds.alerts import AlertFeed
from monitor.open_data.feeds.entries import Entry, messages_of
from monitor.wording.cards.cards import AlertCard, alert_cards
from monitor.wording.cards.steps import what_happened


def feed_id(subscription: Subscription, name: str) -> str:
    """The same for ever, whatever the address of the feed."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"subscriptions/{subscription.created_at.isoformat()}/{name}").urn


class SubscriptionAtom(AlertFeed):
    """One entry for each alert; it counts as changed when a step came that is wanted."""

    def __init__(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        self.subscription, self.entries = subscription, {entry.alert.pk: entry for entry in entries}
        self.title = _("Ground Motion Monitor: %(place)s") % {"place": subscription.title}

    def get_object(self, request: HttpRequest, *args: object, **kwargs: object) -> list[tuple[Alert, AlertCard]]:
        alerts = [entry.alert for entry in self.entries.values()]
        told = set(CapMessage.objects.filter(alert__in=self.entries).values_list("alert", flat=True))
        for alert in alerts:
            alert.has_message = alert.pk in told
        self.address, self.site = request.build_absolute_uri(), request.build_absolute_uri("/")[:-1]
        return list(zip(alerts, alert_cards(alerts), strict=True))

    def feed_guid(self, entries: list[tuple[Alert, AlertCard]]) -> str:
        return feed_id(self.subscription, "atom")

    def item_description(self, item: tuple[Alert, AlertCard]) -> str:
        return " ".join([what_happened(self.entries[item[0].pk].last), *item[1].sentences])

    def item_updateddate(self, item: tuple[Alert, AlertCard]) -> datetime:
        return self.entries[item[0].pk].last.created_at


class SubscriptionCap(CapFeed):
    """One entry for each message."""

    def __init__(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        self.subscription, self.messages = subscription, messages_of(entries=list(entries))
        self.title = _("Ground Motion Monitor, CAP messages: %(place)s") % {"place": subscription.title}

    def get_object(self, request: HttpRequest, *args: object, **kwargs: object) -> list[CapMessage]:
        self.address, self.english = request.build_absolute_uri(), get_language() == settings.LANGUAGE_CODE
        return self.messages

    def feed_guid(self, messages: list[CapMessage]) -> str:
        return feed_id(self.subscription, "cap")
