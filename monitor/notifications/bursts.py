"""Reasons why much news comes at once: often the ground has not changed, only the data or the model."""

from collections.abc import Sequence
from enum import StrEnum

from django.db.models import Exists, OuterRef, Q

from detection.models import Detection
from ml.models import Run
from monitor.models.messages import Notification

MOST = 0.5  # share of the alerts


class Burst(StrEnum):
    """What most of the news has in common."""

    NEW_DATA = "new-data"
    NEW_MODEL = "new-model"


def burst_of(*, news: Sequence[Notification]) -> Burst | None:
    """Return why much news comes at once; None if there is no common reason.

    The reason is a new model version if most of these alerts were last detected by one in data that an older one had
    searched, and new data if most were last detected in data that had not been searched before.
    """
    alerts = {one.transition.alert_id for one in news if one.transition.actor == "automatic"}
    same_input = Q(product=OuterRef("scan__prediction__run__product")) | Q(pair=OuterRef("scan__prediction__run__pair"))
    before = Run.objects.filter(same_input, state=Run.State.SUCCEEDED, pk__lt=OuterRef("scan__prediction__run"))
    task = OuterRef("scan__prediction__run__model_version__task")
    before = before.filter(model_version__task=task).exclude(
        model_version=OuterRef("scan__prediction__run__model_version")
    )
    last = Detection.objects.filter(alert__in=alerts).order_by("alert_id", "-scan_id").distinct("alert_id")
    again = list(last.annotate(again=Exists(before)).values_list("again", flat=True))
    least = MOST * len({one.transition.alert_id for one in news})
    if again.count(True) > least:
        return Burst.NEW_MODEL
    return Burst.NEW_DATA if again.count(False) > least else None
