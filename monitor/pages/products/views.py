"""Views of the loaded data sets and their provenance; filters and order of their list, read from the address."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from itertools import groupby
from operator import attrgetter, or_
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Max, OrderBy, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_safe
from shapely import from_wkb

from ground_motion.core.areas import bounds_of, box_of
from ground_motion.core.errors import promised
from ground_motion.readers.formats.registry import TITLES
from ingest.foundation.geos import geos
from ingest.models import Product, ReleaseChange, Scene
from ingest.models.products import DERIVED
from ingest.products.selectors import last_date, products
from ingest.stations.selectors import has_stations
from ml.models import LivingSeries, Run
from ml.runs.selectors import runs_of_products
from monitor.maps.map.place_search import LONGEST, place_search
from monitor.maps.map.plans import footprints_plan
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.answers import csv_response, ranged_file
from monitor.web.guards import may_view_work
from monitor.web.request_limits import RASTERS, REPORTS, costly
from monitor.wording.components import COMPONENT_LABELS, component_label
from monitor.wording.families.changes import living_sentence
from monitor.wording.figures import cell_text, listed, whole
from monitor.wording.images import DIRECTION_WORDS, data_set_name, method_name, piece, run_state
from monitor.wording.points import change_sentences, release_name

PER_PAGE = 25
GROUND = ("source_format", "simulated", "track", "burst")  # the same for the scenes of one stack
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
    place = forms.CharField(max_length=LONGEST, required=False)
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
        fields = fields.filter(component=kind)  # no velocity field has the kind of images
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
    known = choice.fields.values_list("pk", "superseded_by")
    current, older = ([pk for pk, follower in known if bool(follower) == is_older] for is_older in (False, True))
    stacks = list(choice.scenes.order_by(*GROUND).values_list(*GROUND).distinct())
    page = Paginator([*current, *stacks, *older], PER_PAGE).get_page(request.GET.get("page"))
    rows = _product_rows([key for key in page if isinstance(key, int)], may_view_work(request.user))
    images = _stacks(choice.scenes, [key for key in page if not isinstance(key, int)])
    drawn = [row["row"] for row in rows] + [stack["scenes"][0] for stack in images]
    shapes = [from_wkb(bytes(promised(data.footprint).wkb)) for data in drawn]
    is_simulated = all(data.simulated for data in drawn)
    context = {
        "choice": choice,
        "page": page,
        "products": [row for row in rows if not row["superseded_by"]],
        "older": [row for row in rows if row["superseded_by"]],
        "n_older": len(older),
        "stacks": images,
        "plan": footprints_plan(_("Where these data lie"), shapes, is_simulated) if drawn else None,
    }
    return render(request, "pages/products/list.html", context)


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


def _product_rows(keys: Sequence[int], with_runs: bool) -> list[dict[str, Any]]:
    """Return the rows of velocity fields in the order of their keys. with_runs: for those who work here."""
    loaded = products().filter(pk__in=keys).annotate(has_stations=has_stations()).in_bulk()
    prolonged = LivingSeries.objects.filter(product__in=keys).annotate(until=Max("dates__day"))
    living = {row.product_id: living_sentence(row.until, row.difference) for row in prolonged if row.until}
    runs = runs_of_products(products=keys) if with_runs else {}
    return [
        _row(loaded[pk], loaded[pk].has_stations)
        | {"runs": [_run(run) for run in runs.get(pk, [])], "living": living.get(pk, "")}
        for pk in keys
    ]


def _stacks(scenes: QuerySet[Scene], keys: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the stacks of these keys, each with its scenes, by one query."""
    if not keys:
        return []
    wanted = reduce(or_, (Q(**dict(zip(GROUND, key, strict=True))) for key in keys))
    found = scenes.filter(wanted).order_by(*GROUND, "acquired_at", "polarisation")
    return [_stack(list(stack)) for _key, stack in groupby(found, key=attrgetter(*GROUND))]


def _stack(scenes: list[Scene]) -> dict[str, Any]:
    first, last = scenes[0], scenes[-1]
    days = promised(first.acquired_at).date(), promised(last.acquired_at).date()
    title = (
        _("Simulated images")
        if first.simulated
        # Translators: %(format)s is the name of a format or a source, "Sentinel-1 GRD"
        else _("%(format)s images") % {"format": TITLES[first.source_format]}
    )
    return {
        "name": ", ".join(part for part in (title, piece(first)) if part),
        "polarisations": listed(sorted({scene.polarisation for scene in scenes})),
        "track_label": _track_label(first),
        "years_label": _years(*days),
        "period_label": _between(*days),
        "scenes": scenes,
        "bounds_url": f"{reverse('map')}?raster=radar{map_at(*bounds_of(first.footprint))}",
        "pairs_url": f"{reverse('pair-list')}?{urlencode({'track': first.track, 'burst': first.burst})}",
    }


def _row(product: Product, has_stations: bool) -> dict[str, Any]:
    dates = _("velocities only")
    if product.has_series:
        dates = ngettext("%(number)s date", "%(number)s dates", product.n_dates) % {"number": whole(product.n_dates)}
    return {
        "row": product,
        "name": data_set_name(product.name),
        "level_label": f"{TITLES.get(product.source_format, product.source_format)} {product.level}",
        "component_label": component_label(product.component),
        "track_label": _track_label(product),
        "years_label": _years(product.dates[0], product.dates[-1]),
        "period_label": f"{_between(product.dates[0], product.dates[-1])}, {dates}",
        "released": release_name(product.release) or date_format(product.loaded_at),
        "refused_url": reverse("product-refused", args=[product.pk]),
        "superseded_by": product.superseded_by and data_set_name(product.superseded_by.name),
        "changes": [_change(change) for change in product.changes_before.all()],
        "derived_from": [data_set_name(source.name) for source in product.derived_from.all()],
        "is_rest": product.level != DERIVED and bool(product.derived_from.all()),
        "bounds_url": reverse("map") + map_at(*bounds_of(product.footprint)),
        "analysis_url": "" if product.points_deleted_at else reverse("product-analysis", args=[product.pk]),
        "stations_url": reverse("product-stations", args=[product.pk]) if has_stations else "",
    }


def _years(first: date, last: date) -> str:
    return f"{first.year}" if first.year == last.year else f"{first.year}–{last.year}"


def _between(first: date, last: date) -> str:
    # Translators: two dates, "2019-01-05 to 2023-12-28"
    return _("%(first)s to %(last)s") % {"first": first.isoformat(), "last": last.isoformat()}


def _track_label(data: Product | Scene) -> str:
    """Return the track and direction of a field or an image, such as '117 ascending'; empty if neither is stated."""
    direction = str(DIRECTION_WORDS.get(data.direction, data.direction))
    return direction if data.track is None else f"{data.track:03d} {direction}".strip()


def _run(run: Run) -> dict[str, Any]:
    return {
        "model": f"{method_name(run.model_version.task, run.model_version.method)} {run.model_version.version}",
        "state": run_state(run.state, run.share_done),
        "row": run,
    }


def _change(change: ReleaseChange) -> dict[str, Any]:
    return {
        "sentence": change_sentences(
            change.older.release, change.n_gone, change.n_new, change.common_offset_mm_yr, change.verdicts
        ),
        "url": reverse("product-change", args=[change.newer_id]),
        "map_url": f"{reverse('map')}?raster=release-change{map_at(*bounds_of(change.newer.footprint))}",
    }
