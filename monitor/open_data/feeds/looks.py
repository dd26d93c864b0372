"""The next looks at an alert or a region as a calendar (iCalendar, RFC 5545), public as their pages are."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from monitor.open_data.feeds.alerts import entry_id
from monitor.open_data.feeds.subscription import PlainEvent, calendar_named
from monitor.wording.cards.cards import alert_card
from monitor.wording.cards.filters import alert_or_404, region_or_404
from monitor.wording.cards.looks import NextLook, looks_at_alert, looks_at_place

LASTS = timedelta(minutes=15)  # A pass takes seconds; its time is known to some minutes.
KEEP_SECONDS = 3600


@require_safe
@cache_control(public=True, max_age=KEEP_SECONDS)
def alert_looks(request: HttpRequest, code: str) -> HttpResponse:
    """Return the next looks at an alert."""
    alert = alert_or_404(code)
    card = alert_card(alert)
    return _calendar(looks_at_alert(alert).ahead, card.place, card.url, entry_id(alert))


@require_safe
@cache_control(public=True, max_age=KEEP_SECONDS)
def region_looks(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the next looks at a region."""
    region = region_or_404(slug)
    url = reverse("region-detail", args=[slug])
    return _calendar(looks_at_place(region.outline).ahead, region.title, url, f"{settings.PUBLIC_URL}{url}")


def _calendar(looks: Sequence[NextLook], place: str, url: str, about: str) -> HttpResponse:
    """Return a calendar with an event for each look. about: what their identifiers are made of."""
    calendar = calendar_named(_("%(site)s, looks from space: %(place)s") % {"site": settings.SITE.name, "place": place})
    for one in looks:
        at, event = one.look.at, PlainEvent()
        day = f"{at:%Y-%m-%d}"
        # The minute of a pass shifts a little with each image: it is no part of the identifier.
        event.add("uid", str(uuid.uuid5(uuid.NAMESPACE_URL, f"{about}/{one.look.platform[:2]}{one.look.track}/{day}")))
        event.add("dtstamp", one.look.last_at)
        event.add("dtstart", at if one.look.has_time else at.date())
        if one.look.has_time:
            event.add("dtend", at + LASTS)
        event.add("summary", _("Look from space: %(place)s") % {"place": place})
        event.add("description", " ".join(filter(None, [one.sentence, one.shows])))
        event.add("location", place)
        event.add("status", "CONFIRMED" if one.look.is_likely else "TENTATIVE")
        event.add("class", "PUBLIC")
        event.add("transp", "TRANSPARENT")
        event.add("url", settings.PUBLIC_URL + url)
        calendar.add_component(event)
    response = HttpResponse(bytes(calendar.to_ical()), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="looks.ics"'
    return response
