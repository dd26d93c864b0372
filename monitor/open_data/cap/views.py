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

from ingest.text import plain_text, plain_values
from monitor.models.messages import CapMessage
from monitor.open_data.cap.document import headline
from monitor.wording.cards.filters import alert_or_404, touching_region
from monitor.wording.refusals import Missing, area_of, moment, refusals_as_json

MEDIA_TYPE = "application/cap+xml"
MOST_ENTRIES = 100


class PlainAtom(Atom1Feed):
    """Atom 1.0 feed of plain text: one stored character that XML forbids would break the whole feed."""

    def write(self, outfile, encoding: str) -> None:
        self.feed, self.items = plain_values(self.feed), plain_values(self.items)
        super().write(outfile, encoding)


class CapAtom(PlainAtom):
    """Entries lead to messages, and say so."""

    def add_item_elements(self, handler, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("link", "", {"rel": "enclosure", "type": MEDIA_TYPE, "href": item["link"]})


class CapFeed(Feed):
    feed_type = CapAtom
    title = _("Ground Motion Monitor: CAP messages")
    subtitle = _(
        "Alert, Update and Cancel, the newest first. Not for emergencies. Simulated data have the status Test."
    )
    link = reverse_lazy("alert-list")
    author_name = "Ground Motion Monitor"

    def get_object(self, request: HttpRequest) -> list[CapMessage]:
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

    def feed_guid(self, messages: list[CapMessage]) -> str:
        return self.address

    def feed_url(self, messages: list[CapMessage]) -> str:
        return self.address

    def items(self, messages: list[CapMessage]) -> list[CapMessage]:
        return messages

    def item_title(self, item: CapMessage) -> str:
        return f"{item.message_type}: {self.item_description(item)}"

    def item_description(self, item: CapMessage) -> str:
        return item.headline if self.english else headline(item.xml, get_language())

    def item_pubdate(self, item: CapMessage) -> datetime:
        return item.sent_at

    def item_updateddate(self, item: CapMessage) -> datetime:
        return item.sent_at


@require_safe
@refusals_as_json
def cap_atom(request: HttpRequest) -> HttpResponseBase:
    """The last hundred messages, of one box or region where `bbox` or `region` is given, and not before `since`."""
    return CapFeed()(request)


@require_safe
@refusals_as_json
def message(request: HttpRequest, name: str) -> HttpResponse:
    """A message by its identifier; by the code of an alert, its last one."""
    if "-" in name:
        messages = CapMessage.objects.filter(identifier=name)
    else:
        messages = CapMessage.objects.filter(alert=alert_or_404(name))
    found = messages.first()
    if found is None:
        raise Missing("There is no such message.", "The messages are listed in /cap.atom.")
    return HttpResponse(plain_text(found.xml), content_type=f"{MEDIA_TYPE}; charset=utf-8")
