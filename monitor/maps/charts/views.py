"""Views that return data of charts (points, areas, lines) and of frames of displacement."""

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe

from ingest.foundation.geos import geos
from monitor.maps.charts import selectors
from monitor.maps.charts.frames import frames_body, period_tile
from monitor.maps.charts.rows import FORMATS, NEAR_M, Row, chart_body, near_body, series_rows
from monitor.maps.charts.selectors import bounded
from monitor.maps.charts.traces import profile_body, traces_of
from monitor.maps.map.layers import BY_NAME, PERIOD_FROM_ZOOM
from monitor.maps.map.selectors import layer_products, points_tile, tile_fingerprint
from monitor.maps.map.tile_geometry import VECTOR_TILE
from monitor.maps.rasters.answers import tile_or_404, unless_held
from monitor.wording.refusals import only_parameters, refusals_as_json
from monitor.wording.regions import disc

CACHE = "public, max-age=300"


@require_safe
@refusals_as_json
def series(request: HttpRequest, form: str) -> HttpResponse:
    """Answer with a chart of series for ?point=PRODUCT/POINT (up to 6), &area=, &from=, &until=, &reference=."""
    _known(form)
    asked = selectors.series_query(request.GET)
    with bounded():
        traces, missing = traces_of(asked)
    body = chart_body(asked, traces, missing)
    if form == "json":
        return _json(body)
    return _file(form, series_rows(body, [trace.place for trace in traces]), "ground-motion-series")


@require_safe
@refusals_as_json
def profile(request: HttpRequest, form: str) -> HttpResponse:
    """Answer with a profile for ?line=longitude,latitude;longitude,latitude&layer=, &width=, &reference=."""
    _known(form)
    asked = selectors.profile_query(request.GET)
    with bounded():
        body, rows = profile_body(asked)
    return _json(body) if form == "json" else _file(form, rows, "ground-motion-profile")


@require_safe
@refusals_as_json
def near(request: HttpRequest) -> JsonResponse:
    """Answer with the nearest point of each component and track for ?at=longitude,latitude."""
    longitude, latitude = selectors.position_query(request.GET)
    with bounded():
        products = list(selectors.products_over(area=geos(disc(longitude, latitude, NEAR_M))))
        where = {"longitude": longitude, "latitude": latitude, "radius_m": NEAR_M}
        found = selectors.points_within(products=products, **where, with_series=False)
    return _json(near_body(longitude, latitude, found))


@require_safe
@refusals_as_json
def frames(request: HttpRequest) -> JsonResponse:
    """Answer with the displacement of points on each date for ?layer=&bbox=west,south,east,north."""
    layer, view = selectors.view_query(request.GET)
    with bounded():
        body = frames_body(layer, view)
    return _json(body)


@require_safe
@only_parameters("from", "until")
def tile(request: HttpRequest, layer: str, z: int, x: int, y: int) -> HttpResponseBase:
    """Answer with a tile of points and their rates for ?from=&until=; below zoom 12, with their stated rates."""
    tile_or_404(z, x, y, layer in BY_NAME)
    period = selectors.period_query(request.GET)
    products = layer_products(layer=BY_NAME[layer], tile=(z, x, y))
    where = {"z": z, "x": x, "y": y}
    etag = tile_fingerprint(layer=BY_NAME[layer], products=products, period=f" {period.first} {period.last}", **where)

    def content() -> bytes:
        if z < PERIOD_FROM_ZOOM:
            return points_tile(products=products, **where)
        with bounded():
            return period_tile(products=products, period=period, **where)

    return unless_held(request, etag, content, VECTOR_TILE, "public, max-age=60")


def _known(form: str) -> None:
    if form != "json" and form not in FORMATS:
        raise Http404("There is no such format.")


def _json(body: dict[str, object]) -> JsonResponse:
    return JsonResponse(body, headers={"Cache-Control": CACHE})


def _file(form: str, rows: Sequence[Row], name: str) -> HttpResponse:
    content_type, written = FORMATS[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return HttpResponse(written(rows), content_type=content_type, headers=headers)
