"""The messages one by one, and the feed that leads to them."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ingest.plain_text import plain_text, plain_values
from monitor.models.messages import CapMessage
from monitor.open_data.cap.document import headline
from monitor.wording.cards.filters import alert_or_404, touching_region
from monitor.wording.refusals import Missing, area_of, moment, refusals_as_json

MEDIA_TYPE = "application/cap+xml"
MOST_ENTRIES = 100


class PlainAtom(Atom1Feed):
    """Atom 1.0 feed of plain text: one stored character that XML forbids would break the whole feed."""

    def write(self, outfile, encoding: str) -> None:
        """Write the feed without characters that XML forbids."""
        self.feed, self.items = plain_values(self.feed), plain_values(self.items)
        super().write(outfile, encoding)


class SiteFeed(Feed):
    """Feed of this site under the address of the request; `get_object` returns its entries."""

    link = reverse_lazy("alert-list")
    author_name = "Ground Motion Monitor"
    address = ""

    def feed_guid(self, entries: list[Any]) -> str:
        """Identify the feed by its address: one of a box is another one than that of everything."""
        return self.address

    def feed_url(self, entries: list[Any]) -> str:
        """Return the address of the feed."""
        return self.address

    def items(self, entries: list[Any]) -> list[Any]:
        """Return the entries."""
        return entries


class CapAtom(PlainAtom):
    """Atom feed whose entries lead to CAP messages."""

    def add_item_elements(self, handler, item: dict[str, Any]) -> None:
        """Add the link to the message."""
        super().add_item_elements(handler, item)
        handler.addQuickElement("link", "", {"rel": "enclosure", "type": MEDIA_TYPE, "href": item["link"]})


class CapFeed(SiteFeed):
    """Feed of CAP messages."""

    feed_type = CapAtom
    title = _("Ground Motion Monitor: CAP messages")
    subtitle = _(
        "Alert, Update and Cancel, the newest first. Not for emergencies. Simulated data have the status Test."
    )

    def get_object(self, request: HttpRequest) -> list[CapMessage]:
        """Return the last messages that the address asks for."""
        self.address = request.build_absolute_uri()
        self.english = get_language() == settings.LANGUAGE_CODE
        messages = CapMessage.objects.defer("references", *(["xml"] if self.english else []))
        if bbox := request.GET.get("bbox", ""):
            messages = messages.filter(alert__area__intersects=area_of(bbox))
        if slug := request.GET.get("region", ""):
            messages = messages.filter(alert__in=touching_region(slug))
        if since := moment("since", request.GET.get("since", "")):
            messages = messages.filter(sent_at__gte=since)
        return list(messages[:MOST_ENTRIES])

    def item_title(self, item: CapMessage) -> str:
        """Return the type and the headline of a message."""
        return f"{item.message_type}: {self.item_description(item)}"

    def item_description(self, item: CapMessage) -> str:
        """Return the headline in the reader's language."""
        return item.headline if self.english else headline(item.xml, get_language())

    def item_pubdate(self, item: CapMessage) -> datetime:
        """Return when the message was sent."""
        return item.sent_at

    item_updateddate = item_pubdate


@require_safe
@refusals_as_json
def cap_atom(request: HttpRequest) -> HttpResponseBase:
    """Return the last hundred messages in `bbox` or `region` and not before `since`, where these are given."""
    return CapFeed()(request)


@require_safe
@refusals_as_json
def message(request: HttpRequest, name: str) -> HttpResponse:
    """Return the message with this identifier, or the last one of the alert with this code."""
    if "-" in name:
        messages = CapMessage.objects.filter(identifier=name)
    else:
        messages = CapMessage.objects.filter(alert=alert_or_404(name))
    found = messages.first()
    if found is None:
        raise Missing("There is no such message.", "The messages are listed in /cap.atom.")
    return HttpResponse(plain_text(found.xml), content_type=f"{MEDIA_TYPE}; charset=utf-8")
