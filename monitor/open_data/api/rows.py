"""From rows of the database to answers of the interface."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from detection.models import Alert, AlertTransition, AreaFigures, Detection
from ingest.models import Product, ScenePair
from ml.models import Run
from monitor.maps.map.series import product_summary
from monitor.maps.rasters.catalogue import raster_group
from monitor.open_data.api.schemas import Figures, MotionOut
from monitor.wording.cards.cards import AlertCard, alert_card, alert_cards, alert_geometry
from monitor.wording.cards.steps import update_sentences
from monitor.wording.states import step_reason


def page(request: HttpRequest, rows: QuerySet, limit: int, offset: int, make) -> dict[str, Any]:
    """Return a part of the rows, how many there are, and where the next part is."""
    return _part(request, rows, limit, offset, [make(row) for row in rows[offset : offset + limit]])


def alert_page(request: HttpRequest, alerts: QuerySet[Alert], limit: int, offset: int) -> dict[str, Any]:
    """Return a part of the alerts, whose places are looked up together."""
    listed = list(alerts[offset : offset + limit])
    items = [alert_row(alert, card) for alert, card in zip(listed, alert_cards(listed), strict=True)]
    return _part(request, alerts, limit, offset, items)


def _part(request: HttpRequest, rows: QuerySet, limit: int, offset: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    count, further = rows.count(), offset + limit
    following = f"{request.path}?{_with(request.GET, 'offset', further)}" if further < count else None
    return {"count": count, "limit": limit, "offset": offset, "next": following, "items": items}


def _with(query: QueryDict, name: str, value: int) -> str:
    changed = query.copy()
    changed[name] = str(value)
    return changed.urlencode()


def alert_row(alert: Alert, card: AlertCard) -> dict[str, Any]:
    """Return an alert as the list has it."""
    words = (
        "code",
        "url",
        "kind",
        "kind_label",
        "place",
        "state",
        "state_label",
        "state_meaning",
        "severity",
        "severity_label",
        "severity_meaning",
        "exposure",
        "sentence",
        "sentences",
        "source",
        "simulated",
        "longitude",
        "latitude",
        "first_seen",
        "updated",
    )
    return {name: getattr(card, name) for name in words} | {
        **_figures(alert),
        "component": alert.component,
        "bbox": _box(alert.area.extent),
        "first_motion": alert.first_motion,
        "last_motion": alert.last_motion,
        "motion": _motion(alert),
    }


def alert_detail_row(alert: Alert) -> dict[str, Any]:
    """Return an alert with its outline and history."""
    return alert_row(alert, alert_card(alert)) | {
        "area": alert_geometry(alert),
        "history": [_step_row(one) for one in alert.transitions.select_related("update", "alert")],
    }


def _step_row(step: AlertTransition) -> dict[str, Any]:
    return {
        "at": step.created_at,
        "from_state": step.from_state,
        "to_state": step.to_state,
        "reason": step_reason(step.reason),
        "changes": step.update.changes if hasattr(step, "update") else [],
        "sentences": update_sentences(step),
    }


def detection_row(detection: Detection) -> dict[str, Any]:
    """Return a detection, from its scan, prediction, run and model version."""
    prediction = detection.scan.prediction
    run = prediction.run
    return {
        **_figures(detection),
        "id": detection.pk,
        "kind": detection.kind,
        "score": detection.score,
        "places": detection.places,
        "reasons": detection.reasons,
        "n_points": detection.n_points,
        "task": run.model_version.task,
        "method": run.model_version.method,
        "version": run.model_version.version,
        "product_id": run.product_id,
        "pair_id": run.pair_id,
        "prediction_id": prediction.pk,
        "raster_url": reverse("prediction-raster", args=[prediction.pk]),
        "run_finished_at": run.finished_at,
    }


def product_row(product: Product) -> dict[str, Any]:
    """Return a velocity field."""
    same = (
        "source_format",
        "level",
        "direction",
        "release",
        "posting_m",
        "n_points",
        "licence",
        "file_name",
        "file_sha256",
        "loaded_at",
    )
    return {
        **product_summary(product),
        **{name: getattr(product, name) for name in same},
        "superseded_by": product.superseded_by_id,
        "n_dates": product.n_dates,
        "first_date": product.dates[0],
        "last_date": product.dates[-1],
        "bbox": _box(product.footprint.extent),
    }


def pair_row(pair: ScenePair) -> dict[str, Any]:
    """Return a pair, from both scenes and the finished runs in `pair.finished_runs`."""
    reference, secondary = pair.reference, pair.secondary
    same = ("platform", "track", "direction", "burst", "polarisation", "posting_m")
    return {name: getattr(reference, name) for name in same} | {
        "id": pair.pk,
        "reference_at": reference.acquired_at,
        "secondary_at": secondary.acquired_at,
        "temporal_baseline_days": pair.temporal_baseline_days,
        "bbox": _box(pair.footprint.extent),
        "simulated": pair.simulated,
        "predictions": [_prediction_row(run, pair) for run in pair.finished_runs],
    }


def _prediction_row(run: Run, pair: ScenePair) -> dict[str, Any]:
    prediction, version = run.prediction, run.model_version
    prediction.run, run.pair = run, pair  # known already: not to be read again
    layer, group = raster_group(prediction) or (None, None)
    return {
        "id": prediction.pk,
        "task": version.task,
        "method": version.method,
        "version": version.version,
        "raster_url": reverse("prediction-raster", args=[prediction.pk]),
        "raster_sha256": prediction.raster_sha256,
        "statistics": prediction.statistics,
        "layer": layer,
        "group": group,
        "created_at": prediction.created_at,
    }


def _motion(alert: Alert) -> dict[str, Any] | None:
    motion = getattr(alert, "motion", None)  # read with the card
    return {name: getattr(motion, name) for name in MotionOut.model_fields} if motion else None


def _figures(area: AreaFigures) -> dict[str, Any]:
    return {name: getattr(area, name) for name in Figures.model_fields}


def _box(extent: tuple[float, float, float, float]) -> list[float]:
    return [round(edge, 6) for edge in extent]
