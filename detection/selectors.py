"""Reading alerts and detections."""

from datetime import datetime

from django.contrib.gis.geos import MultiPolygon
from django.db.models import QuerySet
from django.db.models.functions import Abs

from detection.codes import decode
from detection.lifecycle import State
from detection.models import Alert, Detection
from ml.models import Prediction, Run
from ml.selectors import predictions_finished

PUBLIC_STATES = [State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.FINISHED]


def predictions_unscanned() -> QuerySet[Prediction]:
    return predictions_finished().filter(scan=None)


def detections_current(*, alert: Alert) -> QuerySet[Detection]:
    """The alert's detections in the latest successful run of each product: what is known of it now."""
    latest = (
        Run.objects.filter(prediction__scan__isnull=False)
        .order_by("product_id", "-finished_at", "-id")
        .distinct("product_id")
        .values("pk")
    )
    return (
        alert.detections.filter(scan__prediction__run__in=latest)
        .select_related("scan__prediction__run__product", "scan__prediction__run__model_version")
        .order_by("-area_m2")
    )


def alerts_public(*, kind: str = "", state: str = "") -> QuerySet[Alert]:
    """What everybody may see, strongest first; rejected ones only where asked for."""
    alerts = Alert.objects.filter(state__in=[state] if state else [s.value for s in PUBLIC_STATES])
    if kind:
        alerts = alerts.filter(kind=kind)
    return alerts.order_by(Abs("peak_rate_mm_yr").desc(), "-id")


def alerts_matching(
    *,
    kind: str = "",
    state: str = "",
    severity: str = "",
    area: MultiPolygon | None = None,
    updated_since: datetime | None = None,
    newest_first: bool = True,
) -> QuerySet[Alert]:
    """Public alerts that fit every filter given, the last changed first or the strongest first."""
    alerts = alerts_public(kind=kind, state=state)
    if severity:
        alerts = alerts.filter(severity=severity)
    if area is not None:
        alerts = alerts.filter(area__intersects=area)
    if updated_since is not None:
        alerts = alerts.filter(updated__gte=updated_since)
    return alerts.order_by("-updated", "-id") if newest_first else alerts


def alert_by_code(*, code: str) -> Alert:
    """Raises Alert.DoesNotExist, also for what is no code."""
    try:
        return Alert.objects.get(pk=decode(code))
    except (ValueError, OverflowError) as fault:
        raise Alert.DoesNotExist(str(fault)) from fault


def alerts_touching(*, area: MultiPolygon) -> QuerySet[Alert]:
    """Alerts in life, or rejected, whose area meets this one: they are the same place."""
    return Alert.objects.exclude(state=State.FINISHED.value).filter(area__intersects=area)
