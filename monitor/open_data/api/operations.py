"""The operations of /api/v1/. Each reads rows of the database and converts them to an answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

from django.db.models import Model, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Router, Schema
from ninja.params.functions import Query
from pydantic.fields import FieldInfo

from detection import kinds
from detection.figures import figures_of
from detection.lists import Order
from detection.models import Alert, Detection
from detection.rules import lifecycle
from detection.rules import severity as severities
from ingest.foundation.geos import bbox, geojson
from ingest.models import MeasurementPoint, Product, ScenePair, Station
from ingest.products.selectors import products
from ml.models import Run
from ml.runs.ledgers import motions_current
from monitor.maps.charts.here import here_body, look, position_of
from monitor.maps.charts.selectors import bounded
from monitor.maps.map.series import alert_body, point_body, point_find, product_summary
from monitor.maps.rasters.catalogue import raster_group, rasters_available
from monitor.open_data.api import schemas
from monitor.pages.alerts.evidence import sealed_block
from monitor.subscribers.organisations.escalations import alerts_taken
from monitor.subscribers.reports.selectors import reports_near_alerts
from monitor.wording.cards.buildings import building_row
from monitor.wording.cards.cards import alert_cards, update_sentences
from monitor.wording.cards.filters import alert_or_404, alerts_requested
from monitor.wording.cards.looks import looks_at_alert, looks_body
from monitor.wording.datum import zero_sentence
from monitor.wording.refusals import BIGGEST_KEY, area_of, choice, moment
from monitor.wording.states import step_reason

router = Router()
MAX_ROWS = 200

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="how many at most")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="how many to leave out first")]
# The description states these formats for programs; invalid values are refused with messages of this site.
BOX_PATTERN = r"^(-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3})?$"
MOMENT_PATTERN = r"^(\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?)?$"
BAD = {400: schemas.Fault}
MISSING = {400: schemas.Fault, 404: schemas.Fault}
Row = TypeVar("Row", bound=Model)
Items = list[dict[str, Any]]


def page(
    request: HttpRequest,
    rows: QuerySet[Row],
    limit: int,
    offset: int,
    make: Callable[[list[Row]], list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return a page of rows, converted by `make`, with their total number and the address of the next page."""
    items, count, further = make(list(rows[offset : offset + limit])), rows.count(), offset + limit
    query = request.GET.copy()
    query["offset"] = str(further)
    following = f"{request.path}?{query.urlencode()}" if further < count else None
    return {"count": count, "limit": limit, "offset": offset, "next": following, "items": items}


def _each(make: Callable[[Row], dict[str, Any]]) -> Callable[[list[Row]], Items]:
    return lambda rows: [make(row) for row in rows]


def alert_rows(alerts: Sequence[Alert], schema: type[Schema] = schemas.AlertOut, **more: Any) -> Items:
    """Return alerts as items of the list; the names of their places are looked up together. more: further fields."""
    reports = Counter(alert for alert, _report in reports_near_alerts(alerts=[one.pk for one in alerts]))
    taken, rows = alerts_taken(alerts=alerts), []
    for alert, card in zip(alerts, alert_cards(alerts), strict=True):
        motion = getattr(alert, "motion", None)  # The card has read the motion already.
        own = _filled(schemas.Figures, alert) | figures_of(alert)
        own |= {"bbox": bbox(alert.area), "resident_reports": reports[alert.pk]}
        own["taken_up"] = [one._asdict() for one in taken.get(alert.pk, [])]
        own["motion"] = _filled(schemas.MotionOut, motion) if motion else None
        if alert.state == lifecycle.State.WITHDRAWN:  # Its figures rest on withdrawn data.
            own |= {"class_shares": {}, "figures": [], "motion": None}
        rows.append(_filled(schema, card, alert, **own, **more))
    return rows


def _filled(schema: type[Schema], *sources: object, **own: Any) -> dict[str, Any]:
    """Return the fields of a schema: those in `own`, and each other one from the first source that has it."""
    return {
        name: own[name] if name in own else getattr(next(source for source in sources if hasattr(source, name)), name)
        for name in schema.model_fields
    }


def product_row(product: Product) -> dict[str, Any]:
    """Return a velocity field."""
    own = product_summary(product) | {"superseded_by": product.superseded_by_id, "bbox": bbox(product.footprint)}
    return _filled(schemas.ProductOut, product, first_date=product.dates[0], last_date=product.dates[-1], **own)


def station_row(station: Station) -> dict[str, Any]:
    """Return a station with the period of its series."""
    longitude, latitude = station.position.coords
    own = {"longitude": longitude, "latitude": latitude, "url": reverse("station-detail", args=[station.pk])}
    own |= {"first_date": station.dates[0], "last_date": station.dates[-1], "n_dates": len(station.dates)}
    return _filled(schemas.StationOut, station, station.file, **own)


def pair_row(pair: ScenePair) -> dict[str, Any]:
    """Return a pair, from both scenes and its runs, which are read with the pairs and only if they are finished."""
    found = []
    for run in pair.runs.all():
        prediction = run.prediction
        prediction.run, run.pair = run, pair  # Both are known already and need not be read again.
        layer, group = raster_group(prediction) or (None, None)
        own = {"raster_url": reverse("prediction-raster", args=[prediction.pk]), "layer": layer, "group": group}
        found.append(_filled(schemas.PredictionOut, prediction, run.model_version, **own))
    times = {"reference_at": pair.reference.acquired_at, "secondary_at": pair.secondary.acquired_at}
    return _filled(schemas.PairOut, pair, pair.reference, bbox=bbox(pair.footprint), predictions=found, **times)


def _written(longest: int, description: str, pattern: str = "") -> FieldInfo:
    written = Query(max_length=longest, description=description)
    if pattern:
        written.json_schema_extra["pattern"] = pattern  # Query would enforce it; the schema only states it.
    field: FieldInfo = written
    return field


Box = Annotated[str, _written(100, "west,south,east,north in degrees", BOX_PATTERN)]
Since = Annotated[str, _written(40, "ISO 8601, UTC where no zone is named", MOMENT_PATTERN)]
Id = Annotated[int, Path(ge=1, le=BIGGEST_KEY)]


def _one_of(words: Iterable[str]) -> FieldInfo:
    return _written(40, f"one of {', '.join(words)}")


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
    return page(request, alerts_requested(query, order), limit, offset, alert_rows)


@_get("/alerts/{code}", schemas.AlertDetail, MISSING, "alerts", "One place")
def alert(request: HttpRequest, code: str) -> Any:
    """Return an alert with its outline."""
    shown = alert_or_404(code)
    history = [
        {
            "at": step.created_at,
            "from_state": step.from_state,
            "to_state": step.to_state,
            "reason": step_reason(step.reason),
            "changes": step.update.changes if hasattr(step, "update") else [],
            "sentences": update_sentences(step),
        }
        for step in shown.transitions.select_related("update", "alert")
    ]
    looks, evidence = looks_at_alert(shown), _filled(schemas.EvidenceOut, sealed_block(shown))
    own = {"area": geojson(shown.area), "history": history, "looks": looks_body(looks.ahead), "looked": looks.looked}
    return alert_rows([shown], schemas.AlertDetail, evidence=evidence, **own)[0]


@_get("/alerts/{code}/detections", schemas.DetectionPage, MISSING, "alerts", "The detections behind an alert")
def alert_detections(request: HttpRequest, code: str, limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return detections, each one area in one run, the newest first."""
    detections = (
        alert_or_404(code)
        .detections.select_related("scan__prediction__run__model_version", "scan__prediction__run__product")
        .order_by("-id")
    )

    def make(detection: Detection) -> dict[str, Any]:
        prediction, run = detection.scan.prediction, detection.scan.prediction.run
        raster_url = reverse("prediction-raster", args=[prediction.pk])
        own = {"prediction_id": prediction.pk, "raster_url": raster_url, "run_finished_at": run.finished_at}
        own["zero"] = zero_sentence(run.product.datum) if run.product else ""
        return _filled(schemas.DetectionOut, detection, run.model_version, run, **own)

    return page(request, detections, limit, offset, _each(make))


@_get("/alerts/{code}/series", schemas.AlertSeries, MISSING, "alerts", "How an area moved")
def alert_series(request: HttpRequest, code: str) -> Any:
    """Return the mean of the measurement points in the area, for each data set that covers it."""
    return alert_body(alert_or_404(code))


@_get("/products", schemas.ProductPage, BAD, "data", "Data sets: velocity fields")
def product_list(request: HttpRequest, limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return velocity fields, the last loaded first."""
    return page(request, products(), limit, offset, _each(product_row))


@_get("/products/{product_id}", schemas.ProductOut, MISSING, "data", "One data set")
def product(request: HttpRequest, product_id: Id) -> Any:
    """Return a velocity field."""
    row = Product.objects.filter(pk=product_id).first()
    if row is None:
        raise Http404("There is no such product.")
    return product_row(row)


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
    return page(request, found, limit, offset, _each(station_row))


@_get("/buildings", schemas.BuildingPage, BAD, "data", "How buildings move")
def buildings(request: HttpRequest, bbox: Box = "", limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return the buildings in a box whose motion is measured, once for each data set."""
    within = Q(building__position__intersects=area_of(bbox)) if bbox else Q()
    with bounded():
        return page(request, motions_current().filter(within).order_by("pk"), limit, offset, _each(building_row))


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
    return page(request, found, limit, offset, _each(pair_row))


@_get("/pairs/{pair_id}", schemas.PairOut, MISSING, "images", "One pair")
def pair(request: HttpRequest, pair_id: Id) -> Any:
    """Return a pair with the results of models."""
    row = _pairs().filter(pk=pair_id).first()
    if row is None:
        raise Http404("There is no such pair.")
    return pair_row(row)


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
