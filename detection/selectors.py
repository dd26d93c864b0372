"""Reading alerts and detections."""

from datetime import date

from django.contrib.gis.geos import MultiPolygon
from django.db.models import Case, QuerySet, When
from django.db.models.functions import Abs

from detection.classify import FAMILIES, Family
from detection.codes import decode
from detection.lifecycle import State
from detection.models import Alert, Detection
from detection.severity import Severity
from ml.models import ModelVersion, Prediction, Run
from ml.selectors import predictions_finished

PUBLIC_STATES = [State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.FINISHED]


def predictions_unscanned() -> QuerySet[Prediction]:
    """Finished predictions that could hold areas and that nobody has searched."""
    return predictions_finished().filter(scan=None).exclude(run__model_version__task=ModelVersion.Task.COHERENCE)


def detections_current(*, alert: Alert) -> QuerySet[Detection]:
    """The alert's detections in the latest successful run of each product: what is known of it now."""
    latest = (
        Run.objects.filter(prediction__scan__isnull=False)
        .order_by("product_id", "pair_id", "model_version__task", "-finished_at", "-id")
        .distinct("product_id", "pair_id", "model_version__task")
        .values("pk")
    )
    run = "scan__prediction__run"
    return (
        alert.detections.filter(scan__prediction__run__in=latest)
        .select_related(
            f"{run}__product", f"{run}__pair__reference", f"{run}__pair__secondary", f"{run}__model_version"
        )
        .order_by("-area_m2")
    )


def alerts_public(*, kind: str = "", state: str = "") -> QuerySet[Alert]:
    """What everybody may see, strongest first; rejected ones only where asked for."""
    alerts = Alert.objects.filter(state__in=[state] if state else [s.value for s in PUBLIC_STATES])
    if kind:
        alerts = alerts.filter(kind=kind)
    rank = Case(*(When(severity=name, then=rank) for rank, name in enumerate(Severity)))
    return alerts.order_by(rank.desc(), Abs("peak_rate_mm_yr").desc(nulls_last=True), "-id")


def alert_by_code(*, code: str) -> Alert:
    """Raises Alert.DoesNotExist, also for what is no code."""
    try:
        return Alert.objects.get(pk=decode(code))
    except (ValueError, OverflowError) as fault:
        raise Alert.DoesNotExist(str(fault)) from fault


def alerts_touching(*, area: MultiPolygon, family: Family, during: tuple[date, date] | None = None) -> QuerySet[Alert]:
    """Alerts of a family, in life or rejected, whose area meets this one; `during`: and whose dates meet these."""
    alerts = Alert.objects.exclude(state=State.FINISHED.value).filter(area__intersects=area, kind__in=FAMILIES[family])
    if during:
        alerts = alerts.filter(first_motion__lt=during[1], last_motion__gt=during[0])
    return alerts
