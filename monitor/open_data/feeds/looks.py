"""Calendars (iCalendar, RFC 5545) of the next looks at an alert or a region, public as their pages are."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from icalendar import Calendar, Event, vText

from ground_motion.core.text import plain_text, plain_values
from monitor.open_data.feeds.alerts import entry_id
from monitor.wording.cards.cards import alert_card
from monitor.wording.cards.filters import alert_or_404, region_or_404
from monitor.wording.cards.looks import NextLook, looks_at_alert, looks_at_place
from monitor.wording.refusals import problem

ASK_AGAIN = timedelta(hours=6)
LASTS = timedelta(minutes=15)  # A pass takes seconds; its time is known to some minutes.
LOOKS_KEPT_SECONDS = 3600


class PlainEvent(Event):
    """Event of plain text: a lone carriage return in a stored row would start another property."""

    def add(self, name: str, value: object, *more: Any, **named: Any) -> None:
        """Add a property without control characters."""
        super().add(name, plain_values(value), *more, **named)


def _event(about: str, place: str, url: str, **properties: object) -> Event:
    """Return an event that leaves its days free. about: what its identifier is made of."""
    event = PlainEvent()
    event.add("uid", str(uuid.uuid5(uuid.NAMESPACE_URL, about)))
    common = {"transp": "TRANSPARENT", "location": place, "url": settings.PUBLIC_URL + url}
    for name, value in (common | properties).items():
        event.add(name.replace("_", "-"), value)
    return event


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
    calendar, name = Calendar(), vText(plain_text(title))
    calendar.add("prodid", "-//Ground Motion Monitor//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)  # Most programs read the calendar's name from this field.
    for field in ("description", "x-wr-caldesc"):
        calendar.add(field, vText(holds))
    calendar.add("refresh-interval", ASK_AGAIN, parameters={"VALUE": "DURATION"})
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
        uid = f"{about}/{one.look.platform[:2]}{one.look.track}/{at:%Y-%m-%d}"
        calendar.add_component(_event(uid, place, url, **times, **own))
    headers = {"Content-Disposition": 'inline; filename="looks.ics"'}
    return HttpResponse(bytes(calendar.to_ical()), content_type="text/calendar; charset=utf-8", headers=headers)


@require_safe
def feed_gone(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """Answer 410 and name the public feed that replaces those of a subscription, until the version after 0.5."""
    public = request.build_absolute_uri(reverse("alerts-atom"))
    return problem(HTTPStatus.GONE, "Feeds of a subscription are gone", f"Use {public}?bbox=west,south,east,north.")
