"""Subscription as a calendar (iCalendar, RFC 5545): a period for each alert, and a day for each of its changes."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vText

from ingest.text import plain_text, plain_values
from monitor.models.subscriptions import Subscription
from monitor.open_data.feeds.alerts import entry_id
from monitor.open_data.feeds.subscription import TAKEN_BACK, Entry
from monitor.wording.cards.cards import AlertCard, alert_cards, alert_title
from monitor.wording.cards.steps import what_happened

ASK_AGAIN = timedelta(hours=6)
STATUSES = {"first": "TENTATIVE", "provisional": "TENTATIVE"} | dict.fromkeys(map(str, TAKEN_BACK), "CANCELLED")


class PlainEvent(Event):
    """Event of plain text: a lone carriage return in a stored row would start another property."""

    def add(self, name: str, value: object, **more: object) -> None:
        """Add a property without control characters."""
        super().add(name, plain_values(value), **more)


def calendar_of(*, subscription: Subscription, entries: Sequence[Entry]) -> bytes:
    """Return the calendar in the active language, with days by the reader's clock."""
    calendar, zone = Calendar(), ZoneInfo(subscription.time_zone)
    calendar.add("prodid", "-//Ground Motion Monitor//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    name = vText(plain_text(_("%(site)s: %(place)s") % {"site": settings.SITE.name, "place": subscription.title}))
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)  # by which most programs know it
    calendar.add("refresh-interval", ASK_AGAIN, parameters={"VALUE": "DURATION"})
    cards = alert_cards([entry.alert for entry in entries])
    for entry, card in zip(entries, cards, strict=True):
        calendar.add_component(_period(entry, card, zone))
        for step in entry.steps[1:]:
            event = _event(f"{entry_id(entry.alert)}/{step.pk}", card, step.created_at)
            event.add("summary", _("%(kind)s, %(place)s") % {"kind": card.kind_label, "place": card.place})
            event.add("description", what_happened(step))
            event.add("dtstart", step.created_at.astimezone(zone).date())
            calendar.add_component(event)
    return calendar.to_ical()


def _period(entry: Entry, card: AlertCard, zone: ZoneInfo) -> Event:
    event = _event(entry_id(entry.alert), card, entry.last.created_at)
    event.add("summary", alert_title(card))
    event.add("description", " ".join([*card.sentences, card.state_meaning]))
    event.add("dtstart", entry.steps[0].created_at.astimezone(zone).date())
    event.add("dtend", entry.last.created_at.astimezone(zone).date() + timedelta(days=1))  # the first day after
    event.add("status", STATUSES.get(card.state, "CONFIRMED"))
    event.add("sequence", len(entry.steps) - 1)
    return event


def _event(about: str, card: AlertCard, changed: datetime) -> Event:
    event = PlainEvent()
    event.add("uid", str(uuid.uuid5(uuid.NAMESPACE_URL, about)))
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT")
    event.add("categories", [card.kind_label])
    event.add("location", card.place)
    event.add("geo", (card.latitude, card.longitude))
    event.add("url", settings.PUBLIC_URL + card.url)
    return event
