"""Feed of signed bulletins (Atom)."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from monitor.models.bulletins import Bulletin
from monitor.open_data.cap.views import PlainAtom, site_feed
from monitor.wording.cards import bulletins as words
from monitor.wording.dates import day_words
from monitor.wording.refusals import refusals_as_json

MOST_ENTRIES = 15  # half a year of twelve-day bulletins


@require_safe
@refusals_as_json
def bulletins_atom(request: HttpRequest) -> HttpResponse:
    """Return a feed of the signed bulletins, the newest first; each entry has its sentences place by place."""
    subtitle = _("Where the speed of the ground changed, signed by a specialist. Newest first.")
    feed = site_feed(PlainAtom, request, _("%(site)s: bulletins") % {"site": settings.SITE.name}, subtitle)
    for one in Bulletin.objects.exclude(signed_at=None).order_by("-signed_at")[:MOST_ENTRIES]:
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
