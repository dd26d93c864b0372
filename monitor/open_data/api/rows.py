"""Conversion of database rows to answers of the API."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from ninja import Schema

from core.areas import bounds_of
from detection.models import Alert, Detection
from ingest.models import Product, ScenePair, Station
from ml.models import Run
from monitor.maps.map.series import product_summary
from monitor.maps.rasters.catalogue import raster_group
from monitor.open_data.api import schemas
from monitor.subscribers.organisations.escalations import Taken, alerts_taken
from monitor.subscribers.reports.selectors import reports_near_alerts
from monitor.wording.cards.cards import AlertCard, alert_card, alert_cards, alert_geometry, update_sentences
from monitor.wording.cards.looks import looks_at_alert, looks_body
from monitor.wording.states import step_reason

Row = TypeVar("Row", bound=Model)


def page(
    request: HttpRequest, rows: QuerySet[Row], limit: int, offset: int, make: Callable[[Row], dict[str, Any]]
) -> dict[str, Any]:
    """Return a page of rows, converted by `make`, with their total number and the address of the next page."""
    return _part(request, rows, limit, offset, [make(row) for row in rows[offset : offset + limit]])


def alert_page(request: HttpRequest, alerts: QuerySet[Alert], limit: int, offset: int) -> dict[str, Any]:
    """Return a page of the alerts; the names of their places are looked up together."""
    listed = list(alerts[offset : offset + limit])
    counts, taken = _report_counts(listed), alerts_taken(alerts=listed)
    items = [
        alert_row(alert, card, counts[alert.pk], taken.get(alert.pk, []))
        for alert, card in zip(listed, alert_cards(listed), strict=True)
    ]
    return _part(request, alerts, limit, offset, items)


def _part(
    request: HttpRequest, rows: QuerySet[Any], limit: int, offset: int, items: list[dict[str, Any]]
) -> dict[str, Any]:
    count, further = rows.count(), offset + limit
    query = request.GET.copy()
    query["offset"] = str(further)
    following = f"{request.path}?{query.urlencode()}" if further < count else None
    return {"count": count, "limit": limit, "offset": offset, "next": following, "items": items}


def _report_counts(alerts: Sequence[Alert]) -> Counter[int]:
    return Counter(alert for alert, _report in reports_near_alerts(alerts=[one.pk for one in alerts]))


def alert_row(alert: Alert, card: AlertCard, n_reports: int, taken: Sequence[Taken]) -> dict[str, Any]:
    """Return an alert as an item of the list."""
    motion = getattr(alert, "motion", None)  # read with the card
    own = _filled(schemas.Figures, alert) | {"bbox": _box(alert.area), "resident_reports": n_reports}
    own["taken_up"] = [one._asdict() for one in taken]
    own["motion"] = _filled(schemas.MotionOut, motion) if motion else None
    return _filled(schemas.AlertOut, card, alert, **own)


def _filled(schema: type[Schema], *sources: object, **own: Any) -> dict[str, Any]:
    """Return the fields of a schema: those in `own`, and each other one from the first source that has it."""
    return {
        name: own[name] if name in own else getattr(next(source for source in sources if hasattr(source, name)), name)
        for name in schema.model_fields
    }


def alert_detail_row(alert: Alert) -> dict[str, Any]:
    """Return an alert with its outline and history."""
    card = alert_card(alert)
    history = [
        {
            "at": step.created_at,
            "from_state": step.from_state,
            "to_state": step.to_state,
            "reason": step_reason(step.reason),
            "changes": step.update.changes if hasattr(step, "update") else [],
            "sentences": update_sentences(step),
        }
        for step in alert.transitions.select_related("update", "alert")
    ]
    meanings = {"state_meaning": card.state_meaning, "severity_meaning": card.severity_meaning}
    taken = alerts_taken(alerts=[alert]).get(alert.pk, [])
    row = alert_row(alert, card, _report_counts([alert])[alert.pk], taken)
    looks = looks_at_alert(alert)
    own = {"area": alert_geometry(alert), "history": history, "looks": looks_body(looks.ahead), "looked": looks.looked}
    return row | meanings | own


def detection_row(detection: Detection) -> dict[str, Any]:
    """Return a detection, from its scan, prediction, run and model version."""
    prediction = detection.scan.prediction
    run = prediction.run
    own = {
        "prediction_id": prediction.pk,
        "raster_url": reverse("prediction-raster", args=[prediction.pk]),
        "run_finished_at": run.finished_at,
    }
    return _filled(schemas.DetectionOut, detection, run.model_version, run, **own)


def product_row(product: Product) -> dict[str, Any]:
    """Return a velocity field."""
    own = {
        "superseded_by": product.superseded_by_id,
        "first_date": product.dates[0],
        "last_date": product.dates[-1],
        "bbox": _box(product.footprint),
    }
    return _filled(schemas.ProductOut, product, **product_summary(product), **own)


def station_row(station: Station) -> dict[str, Any]:
    """Return a station with the period of its series."""
    longitude, latitude = station.position.coords
    own = {"longitude": longitude, "latitude": latitude, "url": reverse("station-detail", args=[station.pk])}
    own |= {"first_date": station.dates[0], "last_date": station.dates[-1], "n_dates": len(station.dates)}
    return _filled(schemas.StationOut, station, station.file, **own)


def pair_row(pair: ScenePair) -> dict[str, Any]:
    """Return a pair, from both scenes and its runs, which are read with the pairs and only if they are finished."""
    reference, secondary = pair.reference, pair.secondary
    own = {
        "reference_at": reference.acquired_at,
        "secondary_at": secondary.acquired_at,
        "bbox": _box(pair.footprint),
        "predictions": [_prediction_row(run, pair) for run in pair.runs.all()],
    }
    return _filled(schemas.PairOut, pair, reference, **own)


def _prediction_row(run: Run, pair: ScenePair) -> dict[str, Any]:
    prediction, version = run.prediction, run.model_version
    prediction.run, run.pair = run, pair  # known already: not to be read again
    layer, group = raster_group(prediction) or (None, None)
    url = reverse("prediction-raster", args=[prediction.pk])
    return _filled(schemas.PredictionOut, prediction, version, raster_url=url, layer=layer, group=group)


def _box(area: GEOSGeometry) -> list[float]:
    return [round(edge, 6) for edge in bounds_of(area)]
