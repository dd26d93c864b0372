"""TileJSON 3.0 of every layer of tiles that the map shows, and the list of them."""

from collections.abc import Sequence
from typing import Any

from django.contrib.gis.db.models import Extent
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from ingest.models import ContextLayer, Product
from ingest.products.selectors import datums_of
from monitor.maps.basemap.ground import FROM_ZOOM, GROUND_LAYERS, KINDS, ground_version, heights_version, heights_zoom
from monitor.maps.map.context_tiles import TRUTH, Overlay, overlays_available, truth_overlay
from monitor.maps.map.layers import Layer
from monitor.maps.map.selectors import layer_products, layers_available
from monitor.maps.rasters.catalogue import RasterGroup, rasters_available
from monitor.maps.rasters.layers import RasterLayer
from monitor.maps.rasters.views import MIN_ZOOM
from monitor.web.request_limits import API, costly
from monitor.wording.components import both_directions
from monitor.wording.datum import zero_of_several
from monitor.wording.refusals import Missing, refusals_as_json

Document = dict[str, Any]
# Clients enlarge tiles beyond these zooms, as our map does.
DEEPEST_POINTS, DEEPEST_CONTEXT, DEEPEST_GROUND, DEEPEST_RASTER = 17, 13, 14, 14
XYZ = "{z}/{x}/{y}.mvt"
GROUND = "What is loaded, under the maps of this site."
SIMULATED = "Simulated data: nothing in it is a real place."
POINT_FIELDS = {
    "product": "id of the data set; not where points are averaged",
    "pid": "id of the point; not where points are averaged",
    "v": "velocity, mm a year; sign as the layer says",
    "n": "how many points an average stands for; below zoom 10, and where cells of a grid are dense",
    "side": "side of a cell of gridded data, metres of the web map (EPSG:3857)",
}
SAMPLE_FIELDS = {"n": "how many points there are, where a tile shows an even sample"}


@costly(API)
@require_safe
def index(request: HttpRequest) -> JsonResponse:
    """Return every layer with the address of its TileJSON."""
    vectors = [("points", one.name, str(one.label)) for one in layers_available()]
    vectors += [("context", overlay.kind, str(overlay.label)) for overlay in _overlays()]
    vectors += [("base", name, document["name"]) for name, document in _base().items()]
    rasters = [
        (layer.name, group.key, f"{layer.label}, {group.label}")
        for layer, groups in rasters_available()
        for group in groups
    ]
    listed = [("tilejson-vector", *one) for one in vectors] + [("tilejson-raster", *one) for one in rasters]
    layers = [
        {"title": title, "tilejson": request.build_absolute_uri(reverse(name, args=parts))}
        for name, *parts, title in listed
    ]
    return JsonResponse({"layers": layers})


@costly(API)
@require_safe
@refusals_as_json
def vector(request: HttpRequest, source: str, layer: str) -> JsonResponse:
    """Return the TileJSON of a layer of points, of context or of the base map."""
    layers: dict[tuple[str, str], Document] = {
        **{("points", one.name): _of_points(one) for one in layers_available() if one.name == layer},
        **{("context", overlay.kind): _of_context(overlay) for overlay in _overlays() if overlay.kind == layer},
        **{("base", name): document for name, document in _base().items()},
    }
    return _answer(request, layers.get((source, layer)))


@costly(API)
@require_safe
@refusals_as_json
def raster(request: HttpRequest, layer: str, group: str) -> JsonResponse:
    """Return the TileJSON of a layer of images on one date."""
    chosen = (
        _of_raster(one, date)
        for one, dates in rasters_available()
        for date in dates
        if (one.name, date.key) == (layer, group)
    )
    return _answer(request, next(chosen, None))


def _answer(request: HttpRequest, document: Document | None) -> JsonResponse:
    """Return a TileJSON document with absolute tile URLs. Raises Missing if it is None."""
    if document is None:
        raise Missing("There is no such layer.", "The layers are listed at /tilejson/.")
    tiles = [request.build_absolute_uri("/")[:-1] + template for template in document["tiles"]]
    return JsonResponse({"tilejson": "3.0.0", "scheme": "xyz"} | document | {"tiles": tiles})


def _of_points(layer: Layer) -> Document:
    shown = Product.objects.filter(pk__in=layer_products(layer=layer))
    minus, plus = both_directions(layer.component)
    described = f"{layer.description} Minus: {minus}; plus: {plus}. {zero_of_several(datums_of(shown))}"
    points = {"id": "points", "description": described, "fields": POINT_FIELDS}
    layers = [points, {"id": "sample", "fields": SAMPLE_FIELDS}]
    bounds = {"bounds": _rounded(shown.aggregate(box=Extent("footprint"))["box"])}
    return bounds | _of_vectors(layer.label, f"points/{layer.name}/{XYZ}", shown, described, DEEPEST_POINTS, layers)


def _of_context(overlay: Overlay) -> Document:
    rows = ContextLayer.objects.filter(kind=overlay.kind, shipped=False)
    described = str(overlay.label) if overlay is not TRUTH else SIMULATED
    layers = [{"id": "context", "fields": dict.fromkeys(overlay.columns, "")}]
    return _of_vectors(overlay.label, f"context/{overlay.kind}/{XYZ}", rows, described, DEEPEST_CONTEXT, layers)


def _base() -> dict[str, Document]:
    known: dict[str, Document] = {}
    if version := ground_version():
        rows = ContextLayer.objects.filter(kind__in=KINDS)
        columns = {one.name: [*one.columns.replace("row.", "").split(", "), "simulated"] for one in GROUND_LAYERS}
        layers = [{"id": layer, "fields": dict.fromkeys(names, "")} for layer, names in columns.items()]
        name = "Land, waters, roads and places"
        known["ground"] = _of_vectors(name, f"ground/{XYZ}?v={version}", rows, GROUND, DEEPEST_GROUND, layers)
    if (finest := heights_zoom()) is not None:
        known["heights"] = {
            "name": "Heights of the ground",
            "description": "Metres above sea level as colours (Terrarium): red * 256 + green + blue / 256 - 32768.",
            "encoding": "terrarium",
            "tiles": [f"/tiles/heights/{{z}}/{{x}}/{{y}}.png?v={heights_version()}"],
            "minzoom": FROM_ZOOM,
            "maxzoom": finest,
        }
    return known


def _of_raster(layer: RasterLayer, group: RasterGroup) -> Document:
    meaning = f"{layer.description} From {layer.low:g} to {layer.high:g} {layer.unit}".strip()
    west, south, east, north = group.bounds
    if west > east:  # TileJSON 3.0 (section 3.4) has no bounds across 180 degrees.
        west, east = -180.0, 180.0
    return {
        "name": f"{layer.label}, {group.label}",
        "description": f"{meaning}. {SIMULATED}" if group.simulated else f"{meaning}.",
        "tiles": [f"/tiles/rasters/{layer.name}/{group.key}/{{z}}/{{x}}/{{y}}.png"],
        "bounds": _rounded((west, south, east, north)),
        "minzoom": MIN_ZOOM,
        "maxzoom": DEEPEST_RASTER,
    }


def _of_vectors(
    name: str | Promise, path: str, rows: QuerySet[Any], described: str, deepest: int, layers: list[Document]
) -> Document:
    """Return the TileJSON of vector tiles. rows: their data, for the attribution and a remark on simulated data."""
    depths = {"minzoom": 0, "maxzoom": deepest}
    listed = list(rows.values_list("attribution", "simulated").distinct())
    made_up = any(simulated for _, simulated in listed)
    return {
        "name": str(name),
        "attribution": "; ".join(sorted({credit for credit, _ in listed if credit})),
        "description": f"{described} {SIMULATED}" if made_up else described,
        "tiles": [f"/tiles/{path}"],
        **depths,
        "vector_layers": [layer | depths for layer in layers],
    }


def _rounded(bounds: Sequence[float]) -> list[float]:
    return [round(edge, 5) for edge in bounds]


def _overlays() -> list[Overlay]:
    return [*overlays_available(), *filter(None, [truth_overlay()])]
