"""The operations of /api/v1/. Each reads from the database and converts the result to an answer."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Path, Router
from ninja.params.functions import Query
from pydantic.fields import FieldInfo

from detection import kinds
from detection.lists import Order
from detection.rules import lifecycle
from detection.rules import severity as severities
from ingest.models import MeasurementPoint, Product, ScenePair, Station
from ingest.products.selectors import products
from ml.models import Run
from ml.runs.ledgers import motions_current
from monitor.maps.charts.here import here_body, look, position_of
from monitor.maps.charts.selectors import bounded
from monitor.maps.map.series import alert_body, point_body, point_find
from monitor.maps.rasters.catalogue import rasters_available
from monitor.open_data.api import rows, schemas
from monitor.wording.cards.buildings import building_row
from monitor.wording.cards.filters import alert_or_404, alerts_requested
from monitor.wording.refusals import BIGGEST_KEY, area_of, choice, moment

router = Router()
MAX_ROWS = 200

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="how many at most")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="how many to leave out first")]
# The description states these formats for programs; invalid values are refused with messages of this site.
BOX_PATTERN = r"^(-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3})?$"
MOMENT_PATTERN = r"^(\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?)?$"
BAD = {400: schemas.Fault}
MISSING = {400: schemas.Fault, 404: schemas.Fault}


def _written(pattern: str, longest: int, description: str) -> FieldInfo:
    written = Query(max_length=longest, description=description)
    written.json_schema_extra["pattern"] = pattern  # not given to Query, which would enforce it
    field: FieldInfo = written
    return field


Box = Annotated[str, _written(BOX_PATTERN, 100, "west,south,east,north in degrees")]
Since = Annotated[str, _written(MOMENT_PATTERN, 40, "ISO 8601, UTC where no zone is named")]
Id = Annotated[int, Path(ge=1, le=BIGGEST_KEY)]


def _one_of(words: Iterable[str]) -> FieldInfo:
    chosen: FieldInfo = Query(max_length=40, description=f"one of {', '.join(words)}")
    return chosen


Kind = Annotated[str, _one_of(kinds.Kind)]
State = Annotated[str, _one_of(lifecycle.State)]
Severity = Annotated[str, _one_of(severities.Severity)]
Sort = Annotated[str, _one_of(Order)]


def _get(path: str, answer: Any, faults: dict[int, Any], tag: str, summary: str) -> Callable[..., Any]:
    """Return the decorator that adds an operation. faults: schemas of its error answers, by status."""
    return router.get(path, response={200: answer, **faults}, tags=[tag], summary=summary)


@_get("/alerts", schemas.AlertPage, BAD, "alerts", "Places that move")
def alerts(
    request: HttpRequest,
    kind: Kind = "",
    state: State = "",
    severity: Severity = "",
    bbox: Box = "",
    updated_since: Since = "",
    sort: Sort = Order.IMPORTANT.value,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Any:
    """Return alerts, the most important first unless sort says otherwise. Rejected ones come with state=rejected."""
    order = Order(choice("sort", sort, list(Order)) or Order.IMPORTANT)
    query = {"kind": kind, "state": state, "severity": severity, "bbox": bbox, "updated_since": updated_since}
    return rows.alert_page(request, alerts_requested(query, order), limit, offset)


@_get("/alerts/{code}", schemas.AlertDetail, MISSING, "alerts", "One place")
def alert(request: HttpRequest, code: str) -> Any:
    """Return an alert with its outline."""
    return rows.alert_detail_row(alert_or_404(code))


@_get("/alerts/{code}/detections", schemas.DetectionPage, MISSING, "alerts", "The detections behind an alert")
def alert_detections(request: HttpRequest, code: str, limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return detections, each one area in one run, the newest first."""
    detections = alert_or_404(code).detections.select_related("scan__prediction__run__model_version").order_by("-id")
    return rows.page(request, detections, limit, offset, rows.detection_row)


@_get("/alerts/{code}/series", schemas.AlertSeries, MISSING, "alerts", "How an area moved")
def alert_series(request: HttpRequest, code: str) -> Any:
    """Return the mean of the measurement points in the area, for each data set that covers it."""
    return alert_body(alert_or_404(code))


@_get("/products", schemas.ProductPage, BAD, "data", "Data sets: velocity fields")
def product_list(request: HttpRequest, limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return velocity fields, the last loaded first."""
    return rows.page(request, products(), limit, offset, rows.product_row)


@_get("/products/{product_id}", schemas.ProductOut, MISSING, "data", "One data set")
def product(request: HttpRequest, product_id: Id) -> Any:
    """Return a velocity field."""
    row = Product.objects.filter(pk=product_id).first()
    if row is None:
        raise Http404("There is no such product.")
    return rows.product_row(row)


@_get("/products/{product_id}/points/{pid}/series", schemas.PointSeries, MISSING, "data", "How a point moved")
def point(request: HttpRequest, product_id: Id, pid: str) -> Any:
    """Return the displacement of one measurement point, with a fit and a sentence."""
    try:
        return point_body(point_find(product_id=product_id, pid=pid))
    except MeasurementPoint.DoesNotExist as fault:
        raise Http404("There is no such point.") from fault


@_get("/stations", schemas.StationPage, BAD, "data", "GNSS stations and benchmarks")
def stations(request: HttpRequest, bbox: Box = "", limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return stations and levelling benchmarks, by name."""
    within = Q(position__intersects=area_of(bbox)) if bbox else Q()
    found = Station.objects.filter(within).select_related("file").defer("packed").order_by("code", "id")
    return rows.page(request, found, limit, offset, rows.station_row)


@_get("/buildings", schemas.BuildingPage, BAD, "data", "How buildings move")
def buildings(request: HttpRequest, bbox: Box = "", limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return the buildings in a box whose motion points can tell, once for each data set."""
    within = Q(building__position__intersects=area_of(bbox)) if bbox else Q()
    with bounded():
        return rows.page(request, motions_current().filter(within).order_by("pk"), limit, offset, building_row)


@_get("/here", schemas.HereOut, MISSING, "data", "A house or street")
def here(
    request: HttpRequest,
    response: HttpResponse,
    lat: Annotated[float, Query(ge=-90, le=90, description="latitude in degrees")],
    lon: Annotated[float, Query(ge=-360, le=360, description="longitude in degrees")],
) -> Any:
    """Return how the ground moves around a place; status 404 where no data set covers it. The place is not stored."""
    response["Cache-Control"] = "no-store"
    with bounded():
        return here_body(look(*position_of(str(lat), str(lon))))


@_get("/pairs", schemas.PairPage, BAD, "images", "Pairs of radar images")
def pairs(
    request: HttpRequest,
    track: Annotated[int | None, Query(ge=0, le=32_767, description="relative orbit")] = None,
    since: Since = "",
    bbox: Box = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Any:
    """Return pairs with the results of models, the newest secondary image first."""
    wanted = Q() if track is None else Q(secondary__track=track)
    if (first := moment("since", since)) is not None:
        wanted &= Q(secondary__acquired_at__gte=first)
    if bbox:
        wanted &= Q(footprint__intersects=area_of(bbox))
    found = _pairs().filter(wanted).order_by("-secondary__acquired_at", "-id")
    return rows.page(request, found, limit, offset, rows.pair_row)


@_get("/pairs/{pair_id}", schemas.PairOut, MISSING, "images", "One pair")
def pair(request: HttpRequest, pair_id: Id) -> Any:
    """Return a pair with the results of models."""
    row = _pairs().filter(pk=pair_id).first()
    if row is None:
        raise Http404("There is no such pair.")
    return rows.pair_row(row)


@_get("/rasters", list[schemas.RasterLayerOut], {}, "images", "Layers of images, as tiles")
def raster_layers(request: HttpRequest) -> Any:
    """Return the layers under the points of the map, with their dates and the meaning of their colours."""
    return [
        layer.as_dict()
        | {
            "groups": [group.as_dict() for group in groups],
            "tiles_url": f"/tiles/rasters/{layer.name}/{{group}}/{{z}}/{{x}}/{{y}}.png",
        }
        for layer, groups in rasters_available()
    ]


def _pairs() -> QuerySet[ScenePair]:
    finished = Run.objects.filter(state=Run.State.SUCCEEDED, prediction__isnull=False).select_related(
        "prediction", "model_version"
    )
    return ScenePair.objects.select_related("reference", "secondary").prefetch_related(
        Prefetch("runs", queryset=finished.order_by("id"))
    )
