"""Alerts and bulletins for feed readers and other sites' maps: Atom, with GeoRSS for alerts, and GeoJSON."""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Max
from django.db.models.functions import Greatest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.http import condition, require_safe
from shapely import area, from_wkb, get_parts

from detection.lists import Order
from detection.models import Alert, AlertTransition
from ground_motion.core.errors import promised
from ground_motion.runtime.code_version import code_version
from ingest.context.regions import region_by_slug
from monitor.models.escalations import Escalation
from monitor.models.messages import Bulletin, CapMessage
from monitor.open_data.cap.views import MEDIA_TYPE, PlainAtom, site_feed
from monitor.subscribers.organisations.escalations import alerts_taken
from monitor.web.request_limits import FEEDS, costly
from monitor.wording.cards import bulletins as words
from monitor.wording.cards.cards import (
    AlertCard,
    alert_cards,
    alert_feature,
    alert_title,
    cards_state,
    update_sentences,
)
from monitor.wording.cards.filters import alerts_requested
from monitor.wording.dates import day_words
from monitor.wording.refusals import refusals_as_json, whole_number

MAX_ENTRIES = 100
MAX_BULLETINS = 15  # half a year, one every twelve days
MAX_OFFSET = 1_000_000
LIST_STATE = "list_state"  # A request's META keeps the state of the list of alerts under this key.
KEPT_SECONDS = 60  # An answer's key does not show every change, such as one of a contact.
MAX_FEATURES = 500  # One answer has at most this many features, about 750 kB; `next` leads to the others.


class GeoAtom(PlainAtom):
    """Atom 1.0 with GeoRSS Simple and categories with their schemes."""

    def root_attributes(self) -> dict[str, str]:
        """Return the attributes of the feed, with the namespace of GeoRSS."""
        return {**super().root_attributes(), "xmlns:georss": "http://www.georss.org/georss"}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        """Add categories, the outline and the link to the CAP message."""
        super().add_item_elements(handler, item)
        for scheme, term, label in item["labels"]:
            handler.addQuickElement(
                "category", "", {"term": term, "scheme": f"{self.feed['link']}#{scheme}", "label": label}
            )
        handler.addQuickElement("georss:polygon", item["polygon"])
        if item["message"]:
            handler.addQuickElement("link", "", {"rel": "alternate", "type": MEDIA_TYPE, "href": item["message"]})


def alert_feed(
    request: HttpRequest, alerts: Sequence[Alert], title: str, said: Callable[[Alert, AlertCard], tuple[str, datetime]]
) -> HttpResponse:
    """Return a feed of alerts. said: returns an entry's description and time of change."""
    subtitle = _("Found in radar satellite measurements, or reported by specialists. Newest changes first.")
    feed = site_feed(GeoAtom, request, title, subtitle)
    with_message = set(CapMessage.objects.filter(alert__in=alerts).values_list("alert", flat=True))
    taken = alerts_taken(alerts=alerts)
    for alert, card in zip(alerts, alert_cards(alerts), strict=True):
        labels = [("kind", card.kind, card.kind_label), ("state", card.state, card.state_label)]
        labels.append(("severity", card.severity, card.severity_label))
        message = request.build_absolute_uri(reverse("cap-message", args=[alert.code]))
        description, changed = said(alert, card)
        largest = max(get_parts(from_wkb(bytes(alert.area.wkb))), key=area)  # GeoRSS holds one polygon
        feed.add_item(
            title=alert_title(card),
            link=request.build_absolute_uri(card.url),
            description=" ".join([description, *(one.sentence for one in taken.get(alert.pk, []))]),
            unique_id=entry_id(alert),
            pubdate=card.first_seen,
            updateddate=changed,
            labels=labels,
            polygon=" ".join(f"{y:.5f} {x:.5f}" for x, y in largest.exterior.coords),
            message=message if alert.pk in with_message else "",
        )
    return feed.response()


def entry_id(alert: Alert) -> str:
    """Return an identifier that lasts for an alert's life at any address, and differs between installations."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"alerts/{alert.code}/{alert.created_at.isoformat()}").urn


def _list_state(request: HttpRequest) -> list[dict[str, Any]]:
    """Return figures that change with the content of a list of alerts, queried once for each request."""
    if LIST_STATE not in request.META:
        messages = CapMessage.objects.aggregate(n=Count("id"), newest=Max("id"), last=Max("sent_at"))
        request.META[LIST_STATE] = [*cards_state(), messages]
    state: list[dict[str, Any]] = request.META[LIST_STATE]
    return state


def _last_change(request: HttpRequest) -> datetime | None:
    return max((table["last"] for table in _list_state(request) if table["last"]), default=None)


def _etag(request: HttpRequest) -> str:
    """Return the ETag of the list at this address, which includes the host because links to alerts contain it."""
    return f'"{_state_name(request, request.build_absolute_uri())}"'


def _state_name(request: HttpRequest, of: str) -> str:
    """Return a name of something computed from the list of alerts in its present state."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{of} {_list_state(request)} {code_version()}").hex


def _atom_etag(request: HttpRequest) -> str:
    """Return the ETag of the feed, which also says who has taken up an alert."""
    # A changed public name is not trusted at first, so that the number of the trusted shows it, or their newest date.
    trusted = {"n_trusted": Count("organisation__trusted_at"), "trusted": Max("organisation__trusted_at")}
    rows = {"n": Count("id"), "newest": Max("id"), "n_taken": Count("taken_at")}
    taken = Escalation.objects.aggregate(last=Max(Greatest("taken_at", "returned_at")), **rows, **trusted)
    return f'"{_state_name(request, f"{request.build_absolute_uri()} {taken}")}"'


@costly(FEEDS)
@require_safe
@refusals_as_json
@condition(etag_func=_atom_etag, last_modified_func=_last_change)
def alerts_atom(request: HttpRequest) -> HttpResponse:
    """Return a feed of the hundred alerts that changed last."""
    alerts = list(alerts_requested(request.GET, Order.CHANGED)[:MAX_ENTRIES])
    newest = AlertTransition.objects.filter(alert__in=alerts).order_by("alert_id", "-created_at", "-pk")
    steps = {one.alert_id: one for one in newest.select_related("update", "alert").distinct("alert_id")}
    region = region_by_slug(slug=request.GET.get("region", ""))

    def said(alert: Alert, card: AlertCard) -> tuple[str, datetime]:
        size = _("The area measures %(size)s.") % {"size": card.area_label}
        changes = update_sentences(steps[alert.pk]) if alert.pk in steps else []
        return " ".join([*card.sentences, f"{capfirst(card.severity_label)}.", size, *changes]), card.updated

    title = _("%(site)s: places where the ground moves") % {"site": settings.SITE.name}
    if region:
        named = {"site": settings.SITE.name, "region": region.title}
        title = _("%(site)s: places where the ground moves in %(region)s") % named
    return alert_feed(request, alerts, title, said)


@costly(FEEDS)
@require_safe
@refusals_as_json
@condition(etag_func=_etag, last_modified_func=_last_change)
def alerts_geojson(request: HttpRequest) -> HttpResponse:
    """Return public alerts with outlines, EPSG:4326, the most important first; `next` leads to further ones."""
    if request.GET.keys() - {"language"}:
        body = _features(request)
    else:  # Every visit of the map requests this form.
        key = _state_name(request, f"alerts.geojson in {get_language()}")
        body = promised(cache.get_or_set(key, partial(_features, request), KEPT_SECONDS))
    return HttpResponse(body, content_type="application/geo+json")


def _features(request: HttpRequest) -> str:
    offset = whole_number("offset", request.GET.get("offset", "0"), 0, MAX_OFFSET)
    limit = whole_number("limit", request.GET.get("limit", str(MAX_FEATURES)), 1, MAX_FEATURES)
    requested = alerts_requested(request.GET)
    alerts = list(requested[offset : offset + limit + 1])
    shown = alerts[:limit]
    features = [alert_feature(alert, card) for alert, card in zip(shown, alert_cards(shown), strict=True)]
    body: dict[str, Any] = {"type": "FeatureCollection", "numberMatched": requested.count(), "features": features}
    if len(alerts) > limit:
        query = request.GET.copy()
        query["offset"] = str(offset + limit)
        body["next"] = f"{request.path}?{query.urlencode()}"
    return json.dumps(body)


@costly(FEEDS)
@require_safe
@refusals_as_json
def bulletins_atom(request: HttpRequest) -> HttpResponse:
    """Return a feed of the signed bulletins, the newest first; each entry has its sentences place by place."""
    subtitle = _("Where the speed of the ground changed, signed by a specialist. Newest first.")
    feed = site_feed(PlainAtom, request, _("%(site)s: bulletins") % {"site": settings.SITE.name}, subtitle)
    for one in Bulletin.objects.exclude(signed_at=None).order_by("-signed_at")[:MAX_BULLETINS]:
        headline = words.headline(one.n_places, one.first_day, one.last_day)
        regions = words.regions_in_words(one.content, one.comments)
        places = [" ".join([f"{place.name}:", *place.sentences]) for region in regions for place in region.places]
        feed.add_item(
            title=_("Bulletin of %(day)s") % {"day": day_words(one.last_day)},
            link=request.build_absolute_uri(reverse("bulletin-detail", args=[one.pk])),
            description=" ".join([headline, *places, words.still_sentence(one.content)]).strip(),
            unique_id=uuid.uuid5(uuid.NAMESPACE_URL, f"bulletins/{one.pk}/{one.created_at.isoformat()}").urn,
            pubdate=one.signed_at,
            updateddate=one.signed_at,
        )
    return feed.response()
