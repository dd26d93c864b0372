"""Context of every page."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, F, Max, QuerySet, Value
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language, ngettext

from ground_motion.core.errors import promised
from ground_motion.readers.records import Technique
from ingest.models import ContextLayer, Product, Scene
from ingest.products.selectors import datums_of
from monitor.web.guards import Permissions, mails_are_shown
from monitor.wording.datum import doubt
from monitor.wording.figures import whole
from monitor.wording.states import in_language

KEPT_S = 600
MAX_CREDITS = 6  # The printed report shows this many credits.


class FieldRenderer(TemplatesSetting):
    """Renderer of forms: `field.as_field_group` draws a field, its hint and its errors as all pages do."""

    field_template_name = "shared/_field.html"


def site(request: HttpRequest) -> dict[str, object]:
    """Return what pages need: facts of the site, basemap, whether mails are shown, and what the reader may do.

    The database is asked only by templates that show these facts.
    """
    return {
        "facts": SimpleLazyObject(site_facts),
        "basemap_style_url": settings.BASEMAP_STYLE_URL,
        "has_demo_mails": mails_are_shown(),
        "has_event_feeds": bool(settings.EVENT_FEEDS),
        "may": Permissions(request),
    }


def site_facts() -> dict[str, object]:
    """Return whether any data shown are simulated, the credits of the data, and a sentence if their zero is doubtful.

    Every page shows these facts; they are cached until data come, go or get another zero.
    """
    data: list[tuple[QuerySet[Any], str]] = [
        (Product.objects.all(), "datum_at"),
        (Scene.objects.all(), "loaded_at"),
        (ContextLayer.objects.all(), "loaded_at"),
    ]
    first, *others = (
        rows.order_by().annotate(of=Value(number)).values_list("of").annotate(Count("pk"), Max("pk"), Max(time))
        for number, (rows, time) in enumerate(data)
    )
    key = f"site facts in {get_language()} of {sorted(first.union(*others))}"
    return promised(cache.get_or_set(uuid.uuid5(uuid.NAMESPACE_URL, key).hex, _facts, KEPT_S))


def _facts() -> dict[str, object]:
    made, given = F("simulated"), Value(False)
    first, *others = (
        rows.order_by().values_list("attribution", "made")
        for rows in (
            Product.objects.annotate(made=made),
            Scene.objects.annotate(made=made),
            ContextLayer.objects.annotate(made=given),
        )
    )
    rows = {*first.union(*others)}
    lines = sorted(in_language(line) for line, _ in rows if line)
    return {"has_simulated": any(made for _, made in rows), "attributions": lines, "doubt": doubt_of_site()}


def doubt_of_site() -> str:
    """Return the sentence that nothing confirms the zero of some velocity fields; empty where all are confirmed."""
    return doubt(datums_of(Product.objects.current().filter(technique=Technique.INSAR)))


def shortened(lists: Mapping[str, Any], most: Mapping[str, int]) -> dict[str, Any]:
    """Return lists cut to the lengths in `most` for printing; `more` has texts such as "3 more" for those cut."""
    left = {name: len(lists[name]) - n for name, n in most.items()}
    more = {
        name: ngettext("%(number)s more", "%(number)s more", n) % {"number": whole(n)}
        for name, n in left.items()
        if n > 0
    }
    cut: dict[str, Sequence[Any]] = {name: lists[name][:n] for name, n in most.items()}
    return {**lists, **cut, "more": more}
