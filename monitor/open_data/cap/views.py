"""Views of single CAP messages, and of the feed that links to them."""

from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.http import http_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.http import require_safe

from ground_motion.core.text import plain_text, plain_values
from monitor.models.messages import CapMessage
from monitor.open_data.cap.services import headline
from monitor.web.context import doubt_of_site
from monitor.web.request_limits import FEEDS, costly
from monitor.wording.cards.filters import alert_or_404, touching_region
from monitor.wording.refusals import Missing, area_of, moment, refusals_as_json

MEDIA_TYPE = "application/cap+xml"
MAX_ENTRIES = 100


class PlainAtom(Atom1Feed):
    """Atom 1.0 feed of plain text: one stored character that XML forbids would break the whole feed."""

    def write(self, outfile: IO[str] | HttpResponse, encoding: str) -> None:
        """Write the feed without characters that XML forbids."""
        self.feed, self.items = plain_values(self.feed), plain_values(self.items)
        super().write(outfile, encoding)

    def response(self) -> HttpResponse:
        """Return the feed with the date of its last change."""
        response = HttpResponse(content_type=self.content_type)
        response["Last-Modified"] = http_date(self.latest_post_date().timestamp())
        self.write(response, "utf-8")
        return response


class CapAtom(PlainAtom):
    """Atom feed whose entries lead to CAP messages."""

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        """Add the link to the message."""
        super().add_item_elements(handler, item)
        handler.addQuickElement("link", "", {"rel": "enclosure", "type": MEDIA_TYPE, "href": item["link"]})


def site_feed(kind: type[PlainAtom], request: HttpRequest, title: str, subtitle: str) -> PlainAtom:
    """Return a feed of this site without entries."""
    address = request.build_absolute_uri()
    return kind(
        title=title,
        subtitle=subtitle,
        link=request.build_absolute_uri(reverse("alert-list")),
        description=None,
        language=get_language(),
        feed_url=address,
        feed_guid=address,
        author_name=settings.SITE.name,
    )


@costly(FEEDS)
@require_safe
@refusals_as_json
def cap_atom(request: HttpRequest) -> HttpResponse:
    """Return the last hundred messages in `bbox` or `region` and not before `since`, where these are given."""
    unread = ["xml"] if get_language() == settings.LANGUAGE_CODE else []
    messages = CapMessage.objects.defer("references", *unread)
    if bbox := request.GET.get("bbox", ""):
        messages = messages.filter(alert__area__intersects=area_of(bbox))
    if slug := request.GET.get("region", ""):
        messages = messages.filter(alert__in=touching_region(slug))
    if since := moment("since", request.GET.get("since", "")):
        messages = messages.filter(sent_at__gte=since)
    title, language = _("%(site)s: CAP messages") % {"site": settings.SITE.name}, get_language()
    subtitle = _(
        "Alert, Update and Cancel, the newest first. Not for emergencies. Simulated data have the status Test."
    )
    feed = site_feed(CapAtom, request, title, f"{subtitle} {doubt_of_site()}".strip())
    for one in messages[:MAX_ENTRIES]:
        words = one.headline if language == settings.LANGUAGE_CODE else headline(one.xml, language)
        link, at = request.build_absolute_uri(one.get_absolute_url()), one.sent_at
        feed.add_item(f"{one.message_type}: {words}", link, words, unique_id=link, pubdate=at, updateddate=at)
    return feed.response()


@costly(FEEDS)
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
