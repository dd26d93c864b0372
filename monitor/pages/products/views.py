"""Views of the loaded data sets and their provenance; filters and order of their list, read from the address."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import OrderBy, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from shapely import from_wkb

from ground_motion.core.areas import box_of
from ground_motion.core.errors import promised
from ingest.foundation.geos import geos
from ingest.models import Product, Scene
from ingest.products.comparison import has_stations
from ingest.products.life import SEALED_DAYS
from ingest.products.selectors import last_date
from monitor.maps.map.place_search import LONGEST, place_search
from monitor.maps.map.plans import footprints_plan
from monitor.maps.rasters.answers import csv_response, ranged_file
from monitor.pages.products.life import ending_of, sealed_rows, steps_of
from monitor.pages.products.rows import GROUND, data_facts, data_row, stacks
from monitor.web.guards import may_load, may_view_work
from monitor.web.request_limits import RASTERS, REPORTS, costly
from monitor.wording.components import COMPONENT_LABELS
from monitor.wording.figures import cell_text

PER_PAGE = 25
IMAGES = "images"
KINDS = [*COMPONENT_LABELS.items(), (IMAGES, gettext_lazy("radar images"))]
ORIGINS = [
    ("real", pgettext_lazy("of data", "measured")),
    ("simulated", pgettext_lazy("of data", "simulated")),
]
LATEST: OrderBy = last_date("dates").desc()
ORDERS: dict[str, tuple[Any, tuple[str | OrderBy, ...]]] = {
    "kind": (gettext_lazy("By kind and name"), ("component", "name", "pk")),
    "latest": (gettext_lazy("Latest data first"), (LATEST, "-pk")),
    "loaded": (gettext_lazy("Latest loaded first"), ("-loaded_at", "-pk")),
    "points": (gettext_lazy("Most points first"), ("-n_points", "-pk")),
}
MIN_YEAR, MAX_YEAR = 1970, 2100


class DataForm(forms.Form):
    """Form of filters and order. All fields are optional; invalid values are reported and ignored."""

    kind = forms.ChoiceField(choices=KINDS, required=False)
    origin = forms.ChoiceField(choices=ORIGINS, required=False)
    place = forms.CharField(max_length=LONGEST, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    since = forms.IntegerField(min_value=MIN_YEAR, max_value=MAX_YEAR, required=False)
    until = forms.IntegerField(min_value=MIN_YEAR, max_value=MAX_YEAR, required=False)
    sort = forms.ChoiceField(choices=[(name, label) for name, (label, _order) in ORDERS.items()], required=False)

    def clean_place(self) -> tuple[float, float, float, float] | None:
        """Return the box (degrees) around the place that the text names, or None. Raises ValidationError."""
        hits = place_search(self.cleaned_data["place"]).hits
        if self.cleaned_data["place"] and not hits:
            raise ValidationError(_("No place of this name was found."))
        return hits[0].bounds if hits else None


class DataChoice(NamedTuple):
    """What the filters leave: velocity fields in order, and usable images. narrows: whether any filter is set."""

    form: DataForm
    fields: QuerySet[Product]
    scenes: QuerySet[Scene]
    narrows: bool


def data_chosen(query: Mapping[str, str]) -> DataChoice:
    """Read the filters of an address and apply them to velocity fields and images."""
    form = DataForm(query)
    form.is_valid()
    wanted = form.cleaned_data
    fields = Product.objects.annotate(last_day=last_date("dates")).order_by(*ORDERS[wanted.get("sort") or "kind"][1])
    scenes = Scene.objects.ready()
    if kind := wanted.get("kind"):
        fields = fields.filter(component=kind)  # Kinds of images do not exist among velocity fields.
        scenes = scenes if kind == IMAGES else scenes.none()
    if origin := wanted.get("origin"):
        is_simulated = origin == "simulated"
        fields, scenes = fields.filter(simulated=is_simulated), scenes.filter(simulated=is_simulated)
    if bounds := wanted.get("place"):
        area = geos(box_of(bounds))
        fields, scenes = fields.filter(footprint__intersects=area), scenes.filter(footprint__intersects=area)
    if since := wanted.get("since"):
        fields, scenes = fields.filter(last_day__gte=date(since, 1, 1)), scenes.filter(acquired_at__year__gte=since)
    if until := wanted.get("until"):
        fields, scenes = fields.filter(dates__0__lte=date(until, 12, 31)), scenes.filter(acquired_at__year__lte=until)
    return DataChoice(form, fields, scenes, any(value for name, value in wanted.items() if name != "sort"))


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    """Show a page of the velocity fields, the stacks of images, and the older releases that match the filters."""
    choice = data_chosen(request.GET.dict())
    newer = dict(choice.fields.values_list("pk", "superseded_by"))
    current, older = [pk for pk in newer if not newer[pk]], [pk for pk in newer if newer[pk]]
    grounds = list(choice.scenes.order_by(*GROUND).values_list(*GROUND).distinct())
    page = Paginator([*current, *grounds, *older], PER_PAGE).get_page(request.GET.get("page"))
    loaded = Product.objects.in_bulk([key for key in page if isinstance(key, int)])
    images = stacks(choice.scenes, [key for key in page if not isinstance(key, int)])
    drawn = [*loaded.values(), *(stack["scenes"][0] for stack in images)]
    shapes = [from_wkb(bytes(promised(data.footprint).wkb)) for data in drawn]
    is_simulated = all(data.simulated for data in drawn)
    context = {
        "choice": choice,
        "page": page,
        "products": [data_row(loaded[key]) for key in page if key in loaded and not newer[key]],
        "older": [data_row(loaded[key]) for key in page if newer.get(key)],
        "n_older": len(older),
        "stacks": images,
        "sealed": sealed_rows() if may_load(request.user) else [],
        "plan": footprints_plan(_("Where these data lie"), shapes, is_simulated) if drawn else None,
    }
    return render(request, "pages/products/list.html", context)


@require_safe
@never_cache  # Browsers keep an answer 410, and would show it after an undo.
def product_detail(request: HttpRequest, product: int) -> HttpResponse:
    """Show a velocity field, its declarations and its life. Only those who may restore it see a withdrawn one."""
    loaded = Product.every.annotate(has_stations=has_stations()).filter(pk=product).first()
    steps = steps_of(product)
    ending = ending_of(steps)
    if ending and (loaded is None or not may_load(request.user)):
        return render(request, "pages/products/gone.html", {"ending": ending}, status=410)
    if loaded is None or (loaded.withdrawn_at and not ending):  # Its data may have been withdrawn.
        raise Http404("There is no such data set.")
    ground = [from_wkb(bytes(loaded.footprint.wkb))]
    context = {
        "product": data_facts(loaded, may_view_work(request.user)),
        "steps": steps,
        "ending": ending,
        "sealed_until": loaded.withdrawn_at and loaded.withdrawn_at + timedelta(days=SEALED_DAYS),
        "correction_stands": loaded.corrected_by.exists(),
        "plan": footprints_plan(_("Where these data lie"), ground, loaded.simulated),
    }
    return render(request, "pages/products/product.html", context)


@costly(REPORTS)
@require_safe
def refused_rows(request: HttpRequest, product: int) -> HttpResponse:
    """Answer with the first 1000 rows of a product's file that were left out, and their reasons, as CSV."""
    loaded = get_object_or_404(Product, pk=product)
    rows = [("point", "reason"), *((cell_text(pid), cell_text(reason)) for pid, reason in loaded.refused_rows)]
    more = loaded.n_refused - len(loaded.refused_rows)
    if more > 0:
        rows.append(("", f"and {more} more"))
    return csv_response(f"product-{product:d}-refused-rows", rows)


@costly(RASTERS)
@require_safe
def release_change(request: HttpRequest, product: int) -> HttpResponseBase:
    """Answer with the change of each cell since the previous release, as a Cloud-Optimised GeoTIFF."""
    change = get_object_or_404(Product, pk=product).changes_before.order_by("updated_at").last()
    if change is None:
        raise Http404("There is no release before this one.")
    content = f"{change.raster.name} {change.updated_at.isoformat()}"
    return ranged_file(request, change.raster, content, change.raster_bytes, f"product-{product:d}-change.tif")
