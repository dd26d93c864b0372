"""Views of the map, of the pages that explain it, of place search, of point series, and of vector tiles."""

from dataclasses import asdict
from functools import partial

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.kinds import KINDS
from detection.rules.lifecycle import State
from detection.selectors import alerts_public
from ground_motion.runtime.code_version import code_version
from ingest.models import MeasurementPoint
from ingest.products.selectors import point_series
from ml.runs.provisional import provisional_of_point
from monitor.maps.map import selectors
from monitor.maps.map.context_tiles import BY_KIND, context_tile, overlays_available, truth_overlay
from monitor.maps.map.layers import BY_NAME
from monitor.maps.map.place_search import geocoder_host, place_search
from monitor.maps.map.selectors import map_config
from monitor.maps.map.series import numbers, point_body, point_find
from monitor.maps.map.tile_geometry import VECTOR_TILE
from monitor.maps.rasters.answers import csv_response, tile_or_404, unless_held
from monitor.maps.rasters.layers import RASTER_LAYERS
from monitor.wording.cards.cards import alert_cards, cards_state
from monitor.wording.datum import zero_columns
from monitor.wording.glossary import GLOSSARY
from monitor.wording.refusals import only_parameters
from monitor.wording.states import STATE_LABELS

MAX_CARDS = 100  # The list beside the map is as long as a page of the list; the map shows all alerts.
STATES_OF_LEGEND = (State.FIRST, State.PROVISIONAL, State.CONFIRMED)


@require_safe
def map_view(request: HttpRequest) -> HttpResponse:
    """Show the map."""
    totals = selectors.map_totals()
    config = map_config(totals["bounds"])
    is_served = not hasattr(request, "published")  # Files hold none of these layers.
    context = {
        "cards": lambda: alert_cards(alerts_public()[:MAX_CARDS]),  # Make cards only if the cache does not have them.
        "cards_state": [code_version(), *cards_state()],
        "n_listed": min(totals["n_alerts"], MAX_CARDS),
        "layers": config["layers"],
        "overlays": overlays_available() if is_served else [],
        "truth": truth_overlay() if is_served else None,
        "default_layer": config["default_layer"],
        **totals,
        "map_config": config,
        "kinds": KINDS.values(),
        "states": [(state, STATE_LABELS[state][0]) for state in STATES_OF_LEGEND],
    }
    return render(request, "maps/map/map.html", context)


@require_safe
def reading(request: HttpRequest) -> HttpResponse:
    """Show the page that explains technical terms."""
    return render(
        request, "web/site/reading.html", {"glossary": sorted(GLOSSARY, key=lambda term: str(term.name).lower())}
    )


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Show the page that explains what the site does, and how."""
    context = {"raster_layers": RASTER_LAYERS, "kinds": KINDS.values(), "states": STATE_LABELS.items()}
    context["geocoder_host"] = geocoder_host()
    return render(request, "web/site/about.html", context)


@require_safe
def place_list(request: HttpRequest) -> HttpResponse:
    """Show the results of a search for a place."""
    answer = place_search(request.GET.get("q", ""), addresses=True)
    return render(request, "maps/map/place_list.html", {"answer": answer, "searched": answer.text})


@require_safe
def places_json(request: HttpRequest) -> JsonResponse:
    """Answer with the results of a search for a place as JSON."""
    addresses = request.GET.get("addresses") == "1"  # true for a submitted search, not while the text is being typed
    return JsonResponse(asdict(place_search(request.GET.get("q", ""), addresses=addresses)))


@require_safe
def series_json(request: HttpRequest, product: int, pid: str) -> JsonResponse:
    """Answer with the series of a point as JSON."""
    return JsonResponse(point_body(_point_or_404(product, pid)))


@require_safe
def series_csv(request: HttpRequest, product: int, pid: str) -> HttpResponse:
    """Answer with the series of a point as CSV."""
    point = _point_or_404(product, pid)
    series, added = point_series(point=point), provisional_of_point(point=point)
    rows = [(day, value, "released") for day, value in zip(point.product.dates, numbers(series, 2), strict=False)]
    if added:
        rows += [(*row, "provisional") for row in zip(added.dates, numbers(added.values_mm[0], 2), strict=True)]
    zero = zero_columns(point.product.datum)
    names = ("date", f"displacement_mm_{point.product.component}", "status", *zero)
    return csv_response(f"product-{product:d}-point", [names, *((*row, *zero.values()) for row in rows)])


def _point_or_404(product: int, pid: str) -> MeasurementPoint:
    try:
        return point_find(product_id=product, pid=pid)
    except MeasurementPoint.DoesNotExist as fault:
        raise Http404("There is no such point.") from fault


@require_safe
@only_parameters()
def points(request: HttpRequest, layer: str, z: int, x: int, y: int) -> HttpResponseBase:
    """Answer with a vector tile of a layer's points."""
    tile_or_404(z, x, y, layer in BY_NAME)
    products = selectors.layer_products(layer=BY_NAME[layer], tile=(z, x, y))
    etag = selectors.tile_fingerprint(layer=BY_NAME[layer], products=products, z=z, x=x, y=y)
    tile = partial(selectors.points_tile, products=products, z=z, x=x, y=y)
    return unless_held(request, etag, tile, VECTOR_TILE, "public, max-age=60")


@require_safe
@only_parameters()
def context(request: HttpRequest, kind: str, z: int, x: int, y: int) -> HttpResponse:
    """Answer with a vector tile of glaciers, mines, landslides, regions, stations or simulated motion."""
    tile_or_404(z, x, y, kind in BY_KIND)
    tile = context_tile(overlay=BY_KIND[kind], z=z, x=x, y=y)
    return HttpResponse(tile, content_type=VECTOR_TILE, headers={"Cache-Control": "public, max-age=300"})
