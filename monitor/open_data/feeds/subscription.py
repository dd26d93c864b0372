"""Feeds of a subscription, as Atom, as an index of CAP messages and as a calendar; the next looks at a place as one.

An entry has the steps of an alert that match the filters, by the rule that also decides about messages. If there are
any, it also has later steps by which the alert was rejected, or merged into one with another code. The calendar
(iCalendar, RFC 5545) has a period for each alert, and a day for each of its changes. The calendar of the next looks is
public as the pages of its alerts and regions are.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from icalendar import Calendar, Event, vText

from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import TAKEN_BACK, State
from ground_motion.core.errors import promised
from ground_motion.core.text import plain_text, plain_values
from ground_motion.runtime.code_version import code_version
from monitor.models.messages import CapMessage
from monitor.models.subscriptions import Subscription
from monitor.open_data.cap.views import cap_feed
from monitor.open_data.feeds.alerts import alert_feed, entry_id
from monitor.subscribers.subscriptions.selectors import step_of, steps_in, wants
from monitor.web.request_limits import FEEDS, costly
from monitor.wording.cards.cards import AlertCard, alert_card, alert_cards, alert_title, what_happened
from monitor.wording.cards.filters import alert_or_404, region_or_404
from monitor.wording.cards.looks import NextLook, looks_at_alert, looks_at_place

YEARS = 2
MAX_ALERTS = 100
CANCELLED = (*TAKEN_BACK, State.MERGED)
ASK_AGAIN = timedelta(hours=6)
STATUSES = {"first": "TENTATIVE", "provisional": "TENTATIVE"} | dict.fromkeys(map(str, CANCELLED), "CANCELLED")
LASTS = timedelta(minutes=15)  # A pass takes seconds; its time is known to some minutes.
LOOKS_KEPT_SECONDS = 3600
FEED_KEPT_SECONDS = 300


class Entry(NamedTuple):
    """Entry of a feed: an alert, and at least one of its steps, the oldest first. until: when its reader paused."""

    alert: Alert
    steps: list[AlertTransition]
    until: datetime | None = None

    @property
    def last(self) -> AlertTransition:
        """Return the newest step."""
        return self.steps[-1]

    @property
    def changed(self) -> datetime:
        """Return when the feed's text about the alert last changed."""
        changed = max(self.alert.updated_at, self.last.created_at)
        return min(changed, self.until) if self.until else changed


def entries_of(*, subscription: Subscription) -> list[Entry]:
    """Return entries of the hundred alerts that changed last within two years, the last changed first."""
    # While its owner pauses the subscription, nothing new appears. A pause because mails came back concerns mails only.
    kept: dict[int, Entry] = {}
    steps = steps_in(region=subscription.region, years=YEARS).order_by("created_at", "id")
    until = subscription.paused_at if subscription.pause_reason == Subscription.PauseReason.OWNER else None
    for step in steps.filter(created_at__lt=until) if until else steps:
        entry = kept.get(step.alert_id)
        if wants(subscription, step_of(step)) or (entry and step.to_state in CANCELLED):
            kept.setdefault(step.alert_id, Entry(step.alert, [], until)).steps.append(step)
    return sorted(kept.values(), key=lambda entry: entry.last.pk, reverse=True)[:MAX_ALERTS]


def feed_id(subscription: Subscription, name: str) -> str:
    """Return an identifier of the feed `name` that stays the same when the feed gets a new secret address."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"subscriptions/{subscription.created_at.isoformat()}/{name}").urn


class PlainEvent(Event):
    """Event of plain text: a lone carriage return in a stored row would start another property."""

    def add(self, name: str, value: object, *more: Any, **named: Any) -> None:
        """Add a property without control characters."""
        super().add(name, plain_values(value), *more, **named)


def calendar_named(title: str, holds: str) -> Calendar:
    """Return an empty calendar with a name. holds: sentence on its future contents."""
    calendar, name = Calendar(), vText(plain_text(title))
    calendar.add("prodid", "-//Ground Motion Monitor//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)  # Most programs read the calendar's name from this field.
    for about in ("description", "x-wr-caldesc"):
        calendar.add(about, vText(holds))
    calendar.add("refresh-interval", ASK_AGAIN, parameters={"VALUE": "DURATION"})
    return calendar


def _event(about: str, place: str, url: str, **properties: object) -> Event:
    """Return an event that leaves its days free. about: what its identifier is made of."""
    event = PlainEvent()
    event.add("uid", str(uuid.uuid5(uuid.NAMESPACE_URL, about)))
    common = {"transp": "TRANSPARENT", "location": place, "url": settings.PUBLIC_URL + url}
    for name, value in (common | properties).items():
        event.add(name.replace("_", "-"), value)
    return event


def _of_card(about: str, card: AlertCard, changed: datetime, **properties: object) -> Event:
    own = {"dtstamp": changed, "last_modified": changed, "class": "PRIVATE", "categories": [card.kind_label]}
    return _event(about, card.place, card.url, geo=(card.latitude, card.longitude), **own, **properties)


@require_safe
@cache_control(public=True, max_age=LOOKS_KEPT_SECONDS)
def alert_looks(request: HttpRequest, code: str) -> HttpResponse:
    """Return the next looks at an alert."""
    alert = alert_or_404(code)
    card = alert_card(alert)
    return _calendar(looks_at_alert(alert).ahead, card.place, card.url, entry_id(alert))


@require_safe
@cache_control(public=True, max_age=LOOKS_KEPT_SECONDS)
def region_looks(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the next looks at a region."""
    region = region_or_404(slug)
    url = reverse("region-detail", args=[slug])
    return _calendar(looks_at_place(region.outline).ahead, region.title, url, f"{settings.PUBLIC_URL}{url}")


def _calendar(looks: Sequence[NextLook], place: str, url: str, about: str) -> HttpResponse:
    """Return a calendar with an event for each look. about: what their identifiers are made of."""
    holds = _("Each pass of a satellite over this place becomes an event here as soon as it is expected.")
    title = _("%(site)s, looks from space: %(place)s") % {"site": settings.SITE.name, "place": place}
    calendar = calendar_named(title, holds)
    for one in looks:
        at = one.look.at
        times: dict[str, object] = {"dtstart": at, "dtend": at + LASTS} if one.look.has_time else {"dtstart": at.date()}
        own = {
            "dtstamp": one.look.last_at,
            "summary": _("Look from space: %(place)s") % {"place": place},
            "description": " ".join(filter(None, [one.sentence, one.shows])),
            "status": "CONFIRMED" if one.look.is_likely else "TENTATIVE",
            "class": "PUBLIC",
        }
        # The identifier has no minute, because that of a pass shifts a little with each image.
        name = f"{about}/{one.look.platform[:2]}{one.look.track}/{at:%Y-%m-%d}"
        calendar.add_component(_event(name, place, url, **times, **own))
    return _file(calendar, "looks.ics")


def _file(calendar: Calendar, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(bytes(calendar.to_ical()), content_type="text/calendar; charset=utf-8", headers=headers)


Make = Callable[[HttpRequest, Subscription, list[Entry]], HttpResponseBase]


def _private_feed(make: Make) -> Callable[[HttpRequest, str], HttpResponseBase]:
    """Return a view that serves a feed in its reader's language, if it has changed; shared caches may not store it."""

    @require_safe
    @wraps(make)
    def feed(request: HttpRequest, token: str) -> HttpResponseBase:
        subscription = get_object_or_404(Subscription, feed_key=token)
        if subscription.ended_at:
            return _private(HttpResponse("This subscription has ended.\n", content_type="text/plain", status=410))
        with translation.override(subscription.language):
            entries = entries_of(subscription=subscription)
            alerts = [entry.alert.pk for entry in entries]
            issued = dict(CapMessage.objects.filter(alert__in=alerts).order_by("pk").values_list("pk", "sent_at"))
            versions = [(entry.alert.pk, entry.changed.isoformat(), len(entry.steps)) for entry in entries]
            reader = (subscription.language, subscription.title, subscription.time_zone)
            made_of = f"{request.build_absolute_uri()} {reader} {versions} {list(issued)} {code_version()}"
            etag = f'"{uuid.uuid5(uuid.NAMESPACE_URL, made_of).hex}"'
            changed = [*(entry.changed for entry in entries), *issued.values()]
            stamp = int(max(changed, default=promised(subscription.confirmed_at)).timestamp())
            unchanged = get_conditional_response(request, etag=etag, last_modified=stamp)
            response = unchanged or make(request, subscription, entries)
        response["ETag"], response["Last-Modified"] = etag, http_date(stamp)
        response["Content-Language"] = subscription.language
        return _private(response)

    return feed


def _private(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = f"private, max-age={FEED_KEPT_SECONDS}"
    response["X-Robots-Tag"] = "noindex"
    return response


@costly(FEEDS)
@_private_feed
def atom(request: HttpRequest, subscription: Subscription, entries: list[Entry]) -> HttpResponse:
    """Return an Atom feed with one entry for each alert; each step that matches the filters updates the entry."""
    last = {entry.alert.pk: entry.last for entry in entries}

    def said(alert: Alert, card: AlertCard) -> tuple[str, datetime]:
        step = last[alert.pk]
        return " ".join([what_happened(step), *card.sentences]), step.created_at

    title = _("%(site)s: %(place)s") % {"site": settings.SITE.name, "place": subscription.title}
    return alert_feed(request, [entry.alert for entry in entries], title, said, feed_id(subscription, "atom"))


@costly(FEEDS)
@_private_feed
def cap(request: HttpRequest, subscription: Subscription, entries: list[Entry]) -> HttpResponse:
    """Return an Atom feed of the CAP messages of the entries' steps. A step without a message shares the next one."""
    # The next message may be about news of a pause; it then appears when the reader resumes the subscription.
    issued: dict[int, list[CapMessage]] = defaultdict(list)
    for one in CapMessage.objects.filter(alert__in=[entry.alert.pk for entry in entries]).order_by("transition_id"):
        issued[one.alert_id].append(one)
    found: dict[int, CapMessage] = {}
    for entry in entries:
        known = [one for one in issued[entry.alert.pk] if entry.until is None or one.sent_at < entry.until]
        for step in entry.steps:
            of_step = next((one for one in known if one.transition_id >= step.pk), None)
            if of_step:
                found[of_step.pk] = of_step
    newest = sorted(found.values(), key=lambda one: one.pk, reverse=True)[:MAX_ALERTS]
    title = _("%(site)s, CAP messages: %(place)s") % {"site": settings.SITE.name, "place": subscription.title}
    return cap_feed(request, newest, title, feed_id(subscription, "cap"))


@costly(FEEDS)
@_private_feed
def calendar(request: HttpRequest, subscription: Subscription, entries: list[Entry]) -> HttpResponse:
    """Return the feed as a calendar file (iCalendar), with days by the reader's clock."""
    title = _("%(site)s: %(place)s") % {"site": settings.SITE.name, "place": subscription.title}
    holds = _("Each alert of this subscription becomes an event here.")
    file, zone = calendar_named(title, holds), ZoneInfo(subscription.time_zone)
    for entry, card in zip(entries, alert_cards([entry.alert for entry in entries]), strict=True):
        period = {
            "summary": alert_title(card),
            "description": " ".join([*card.sentences, card.state_meaning]),
            "dtstart": entry.steps[0].created_at.astimezone(zone).date(),
            "dtend": entry.last.created_at.astimezone(zone).date() + timedelta(days=1),  # It ends on the day after.
            "status": STATUSES.get(card.state, "CONFIRMED"),
            "sequence": len(entry.steps) - 1,
        }
        file.add_component(_of_card(entry_id(entry.alert), card, entry.last.created_at, **period))
        summary = _("%(kind)s, %(place)s") % {"kind": card.kind_label, "place": card.place}
        for step in entry.steps[1:]:
            change = {"description": what_happened(step), "dtstart": step.created_at.astimezone(zone).date()}
            about = f"{entry_id(entry.alert)}/{step.pk}"
            file.add_component(_of_card(about, card, step.created_at, summary=summary, **change))
    return _file(file, "ground-motion.ics")
