"""WMS 1.3.0 (OGC 06-042): a layer for each kind of raster, with TIME for its dates; a click on each gives figures.

A layer and a date may also be one name, such as coherence:2021-12-13-12d, which tells apart pairs that end on one day.
"""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from http import HTTPStatus
from io import BytesIO
from math import atan, degrees, sinh
from typing import NamedTuple

import numpy as np
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from PIL import Image, ImageColor

from ground_motion.core.areas import bounds_of, box_of, polygons_of
from ground_motion.core.projections import SEMI_MAJOR_M, web_mercator
from monitor.maps.imaging.drawing import HALF_WORLD_M, LEGEND_PX, TILE_PIXELS, Bounds, legend_png
from monitor.maps.map.tile_geometry import MERCATOR_DEGREES
from monitor.maps.rasters.answers import etag_of, unless_held
from monitor.maps.rasters.catalogue import (
    OF_PRODUCTS,
    RasterSource,
    group_on,
    groups_by_day,
    raster_sources,
    rasters_available,
)
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME, RELEASES, VELOCITY, RasterLayer
from monitor.maps.rasters.tiles import fingerprint, picture_png
from monitor.maps.rasters.views import CACHE, MARGIN_DEG, MIN_ZOOM
from monitor.open_data.standards.feature_info import FORMATS, MAX_FEATURES, Click, answer, features_at
from monitor.open_data.standards.queries import DAY_OR_RFC_3339
from monitor.web.request_limits import OGC, costly
from monitor.wording.refusals import Refusal, finite_numbers, moment, number_or_none, problem, values_of

PNG = "image/png"
MAX_PX, MAX_LAYERS = 2048, 4
SYSTEMS = {"EPSG:3857": 3857, "EPSG:4326": 4326, "CRS:84": 4326}
DEGREE_M = HALF_WORLD_M / 180
COARSEST_M = 2 * HALF_WORLD_M / TILE_PIXELS / 2 ** (MIN_ZOOM + 1)  # coarser pictures would open hundreds of rasters
PIXEL_M = 0.00028  # Side of a screen's pixel by the standard's definition of a scale.
Asked = Mapping[str, str]  # Parameters by their names in capitals.
OPERATIONS = ("GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic")


class ServiceFault(Exception):
    """Error of a request, with its code in the standard and the parameter that caused it."""

    def __init__(self, code: str, parameter: str, text: str) -> None:
        super().__init__(text)
        self.code, self.parameter, self.text = code, parameter, text


def _faults_as_xml(answer: Callable[[HttpRequest, Asked], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Make a view from an answer to a request and its parameters."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest) -> HttpResponseBase:
        asked = {key.upper(): request.GET.get(key, "") for key in request.GET}
        try:
            service = asked.get("SERVICE", "WMS").upper()
            if service != "WMS":
                raise ServiceFault("InvalidParameterValue", "service", f"This is WMS, not {service[:20]}.")
            return answer(request, asked)
        except ServiceFault as fault:
            page = "open_data/standards/wms_fault.xml"
            return render(request, page, {"fault": fault}, content_type="text/xml", status=400)

    return view


def _capabilities(request: HttpRequest) -> HttpResponse:
    listed, simulated = [], _("simulated")
    for layer, groups in rasters_available():
        degrees = bounds_of(polygons_of(*map(box_of, {group.bounds for group in groups})))
        west, south, east, north = degrees
        right = east if west <= east else east + 360  # The smaller value comes first in a box of a system.
        x, y = web_mercator(np.array([west, right]), np.clip([south, north], -MERCATOR_DEGREES, MERCATOR_DEGREES))
        title = f"{layer.label} ({simulated})" if any(group.simulated for group in groups) else str(layer.label)
        kind = _("Points") if layer.task in (OF_PRODUCTS, RELEASES, VELOCITY) else _("Pairs of radar images")
        above = kind if layer.task else _("Radar images")
        box = {"degrees": degrees, "right": right, "m": (x[0], y[0], x[1], y[1])}
        listed.append({"layer": layer, "above": above, "title": title, "days": [*groups_by_day(groups)], **box})
    context = {
        "layers": listed,
        "address": request.build_absolute_uri(request.path),
        "legend": request.build_absolute_uri(f"{reverse('wms')}?SERVICE=WMS&REQUEST=GetLegendGraphic&LAYER="),
        "legend_px": LEGEND_PX,
        "systems": SYSTEMS,
        "formats": FORMATS,
        "limits": {"px": MAX_PX, "layers": MAX_LAYERS, "scale": COARSEST_M / PIXEL_M},
    }
    return render(request, "open_data/standards/wms.xml", context, content_type="text/xml")


@costly(OGC)
@_faults_as_xml
def wms(request: HttpRequest, asked: Asked) -> HttpResponseBase:
    """Answer one of OPERATIONS."""
    operation = _given(asked, "REQUEST").lower()
    if operation == "getcapabilities":
        return _capabilities(request)
    if operation == "getlegendgraphic":
        layer, _group = _named(_given(asked, "LAYER"))
        unit, classes = str(layer.unit), [str(name) for name in layer.classes]
        etag = etag_of("legend", *layer.stops, layer.low, layer.high, unit, *classes)
        legend = partial(legend_png, layer.stops, layer.low, layer.high, unit, classes=classes)
        return unless_held(request, etag, legend, PNG, CACHE)
    if operation == "getfeatureinfo":
        return _info(request, asked)
    if operation == "getmap":
        return _map(request, asked)
    raise ServiceFault("OperationNotSupported", "request", f"REQUEST is one of {', '.join(OPERATIONS)}.")


class _Dated(NamedTuple):
    """Layer with its group of rasters. default_day: of the newest group, if neither name nor TIME says one."""

    layer: RasterLayer
    group: str
    default_day: str


class _View(NamedTuple):
    """Map that a client shows: x before y in units of `system`, and (rows, cols) pixels."""

    system: str
    bounds: Bounds
    shape: tuple[int, int]
    pixel_m: float

    @property
    def epsg(self) -> int:
        """EPSG code of the system; of CRS:84 that of the same system with the other order of axes."""
        return SYSTEMS[self.system]


def _view(asked: Asked) -> _View:
    if _given(asked, "VERSION") != "1.3.0":
        raise ServiceFault("InvalidParameterValue", "version", "VERSION is 1.3.0.")
    system = _given(asked, "CRS").upper()
    if system not in SYSTEMS:
        raise ServiceFault("InvalidCRS", "crs", f"CRS is one of {', '.join(SYSTEMS)}.")
    bounds, shape = _frame(asked, system)
    pixel = max((bounds[2] - bounds[0]) / shape[1], (bounds[3] - bounds[1]) / shape[0])
    return _View(system, bounds, shape, pixel * (DEGREE_M if SYSTEMS[system] == 4326 else 1))


def _layers(asked: Asked, parameter: str) -> list[str]:
    try:
        return values_of(parameter, _given(asked, parameter).split(","), MAX_LAYERS)
    except Refusal as refusal:
        fault = f"{refusal.error}. {refusal.remedy}"
        raise ServiceFault("InvalidParameterValue", parameter.lower(), fault) from refusal


def _sources(one: _Dated, view: _View, bounds: Bounds) -> list[RasterSource]:
    """Return the files that a layer shows in a box of a view; none where the view is so coarse that it is empty."""
    sources = raster_sources(layer=one.layer, group=one.group, bounds=_degrees(bounds, view.epsg))
    if sources is None:
        raise _undefined(f"{one.layer.name}:{one.group}")
    return sources if view.pixel_m <= COARSEST_M else []


def _map(request: HttpRequest, asked: Asked) -> HttpResponseBase:
    if _given(asked, "FORMAT").split(";")[0].strip() != PNG:
        raise ServiceFault("InvalidFormat", "format", f"FORMAT is {PNG}.")
    if asked.get("STYLES", "").strip(",") not in ("", "default"):
        raise ServiceFault("StyleNotDefined", "styles", "Each layer has one style, default.")
    view = _view(asked)
    dated = [_dated(name, asked) for name in _layers(asked, "LAYERS")]
    shown = [(one.layer, _sources(one, view, view.bounds)) for one in dated]
    ground = _background(asked)
    place = f"{view.system} {view.bounds} {view.shape} {ground}"
    prints = [fingerprint(layer, sources, place) for layer, sources in shown]

    def picture() -> bytes:
        image = Image.new("RGBA", view.shape[::-1], ground)
        for layer, sources in shown:
            drawn = Image.open(BytesIO(picture_png(layer, sources, view.epsg, view.bounds, view.shape)))
            image.alpha_composite(drawn.convert("RGBA"))
        out = BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    return _with_days(unless_held(request, etag_of(*prints), picture, PNG, CACHE), dated)


def _info(request: HttpRequest, asked: Asked) -> HttpResponseBase:
    """Answer what the layers say at one pixel of a map."""
    view, media_type = _view(asked), _given(asked, "INFO_FORMAT").partition(";")[0].strip()
    if media_type not in FORMATS:
        raise ServiceFault("InvalidFormat", "info_format", f"INFO_FORMAT is one of {', '.join(FORMATS)}.")
    names, drawn = _layers(asked, "QUERY_LAYERS"), _layers(asked, "LAYERS")
    if unseen := [name for name in names if name not in drawn]:
        raise ServiceFault("LayerNotDefined", "query_layers", f"{unseen[0][:60]!r} is not among LAYERS.")
    rows, cols = view.shape
    col, row = (number_or_none(_given(asked, name), most - 1) for name, most in (("I", cols), ("J", rows)))
    if col is None or row is None:
        raise ServiceFault("InvalidPoint", "i", "I is a column and J a row of the map, from 0.")
    count = number_or_none(asked.get("FEATURE_COUNT", "1"), MAX_FEATURES)
    if not count:
        raise ServiceFault("InvalidParameterValue", "feature_count", f"FEATURE_COUNT is from 1 to {MAX_FEATURES}.")
    west, south, east, north = view.bounds
    step_x, step_y = (east - west) / cols, (north - south) / rows
    left, top = west + col * step_x, north - row * step_y
    pixel = left, top - step_y, left + step_x, top
    dated, found = [_dated(name, asked) for name in names], []
    for one in dated:
        sources = _sources(one, view, pixel)
        found += features_at(Click(one.layer, one.group, view.epsg, pixel, count), sources)
    return _with_days(answer(request, found, media_type), dated)


def _with_days(response: HttpResponseBase, dated: list[_Dated]) -> HttpResponseBase:
    """State the days that were used because the request names none (section C.3.5)."""
    if used := [one.default_day for one in dated if one.default_day]:
        response["Warning"] = ", ".join(f'99 - "Default value used: time={day} ISO8601"' for day in used)
    return response


def _given(asked: Asked, name: str) -> str:
    """Return a parameter that must be given."""
    if value := asked.get(name, ""):
        return value
    raise ServiceFault("MissingParameterValue", name.lower(), f"{name} is missing.")


def _named(name: str) -> tuple[RasterLayer, str]:
    """Return the layer and the group of a name such as coherence:2021-12-13-12d; no group for coherence."""
    layer, colon, group = name.partition(":")
    if layer in RASTER_LAYERS_BY_NAME and bool(colon) == bool(group):
        return RASTER_LAYERS_BY_NAME[layer], group
    raise _undefined(name)


def _undefined(name: str) -> ServiceFault:
    return ServiceFault("LayerNotDefined", "layers", f"There is no layer {name[:60]!r}; see GetCapabilities.")


def _dated(name: str, asked: Asked) -> _Dated:
    """Return a layer with the group that its name or TIME says, else with its newest."""
    layer, group = _named(name)
    if group:
        return _Dated(layer, group, "")
    time = asked.get("TIME", "")
    try:
        at = moment("TIME", time, DAY_OR_RFC_3339)
        found = group_on(layer=layer, day=at.date().isoformat() if at else "")
    except Refusal:
        found = None
    if found is not None:
        return _Dated(layer, found.key, "" if time else found.date.isoformat())
    if not time:
        raise _undefined(name)
    remedy = "TIME is a date in GetCapabilities; there are no ranges, lists or nearest dates."
    raise ServiceFault("InvalidDimensionValue", "time", f"{name} has no date {time[:60]!r}. {remedy}")


def _frame(asked: Asked, system: str) -> tuple[Bounds, tuple[int, int]]:
    """Return the box, x before y, in units of the system, and the size of the picture (rows, cols)."""
    edges = finite_numbers(_given(asked, "BBOX"))
    if system == "EPSG:4326" and len(edges) == 4:  # EPSG:4326 has the latitude first.
        edges = [edges[1], edges[0], edges[3], edges[2]]
    half_world = 180 if SYSTEMS[system] == 4326 else HALF_WORLD_M
    if len(edges) == 4 and half_world >= edges[0] > edges[2] >= -half_world:
        edges[2] += 2 * half_world  # The box crosses 180 degrees, as in EX_GeographicBoundingBox.
    most = 4 * half_world
    if len(edges) != 4 or not (-most <= edges[0] < edges[2] <= most and -most <= edges[1] < edges[3] <= most):
        raise ServiceFault("InvalidParameterValue", "bbox", "BBOX is two corners, the smaller values first.")
    cols, rows = (number_or_none(_given(asked, name), MAX_PX) for name in ("WIDTH", "HEIGHT"))
    if not cols or not rows:
        raise ServiceFault("InvalidParameterValue", "width", f"WIDTH and HEIGHT are from 1 to {MAX_PX}.")
    return (edges[0], edges[1], edges[2], edges[3]), (rows, cols)


def _degrees(bounds: Bounds, epsg: int) -> Bounds:
    """Return a box in degrees, a little wider, with longitudes that may be beyond 180."""
    west, south, east, north = bounds
    if epsg == 3857:
        west, east = west / DEGREE_M, east / DEGREE_M
        south, north = (max(-HALF_WORLD_M, min(HALF_WORLD_M, edge)) for edge in (south, north))
        south, north = (degrees(atan(sinh(edge / SEMI_MAJOR_M))) for edge in (south, north))
    south = max(-90.0, south - MARGIN_DEG)
    return west - MARGIN_DEG, south, east + MARGIN_DEG, max(south, min(90.0, north + MARGIN_DEG))


def _background(asked: Asked) -> tuple[int, ...]:
    if asked.get("TRANSPARENT", "").upper() == "TRUE":
        return 0, 0, 0, 0
    try:
        return (*ImageColor.getrgb(asked.get("BGCOLOR", "0xFFFFFF").replace("0x", "#"))[:3], 255)
    except ValueError as fault:
        raise ServiceFault("InvalidParameterValue", "bgcolor", "BGCOLOR is written as 0xFFFFFF.") from fault


@require_safe
def wmts(request: HttpRequest) -> HttpResponseBase:
    """Answer 410 with what replaces WMTS, until the version after 0.5."""
    tiles = request.build_absolute_uri("/tiles/rasters")
    return problem(HTTPStatus.GONE, "WMTS is gone", f"Use {tiles}/{{layer}}/{{date}}/{{z}}/{{x}}/{{y}}.png, or WMS.")
