"""Reading runs and predictions."""

from datetime import datetime

from django.db.models import Q, QuerySet

from ingest.models import Product
from ml.models import Prediction, Run


def products_without_run(*, method: str, version: str | None = None) -> QuerySet[Product]:
    """Products that this version of the method, or any version of it, has not been asked to look at."""
    runs = Run.objects.filter(model_version__method=method)
    if version is not None:
        runs = runs.filter(model_version__version=version)
    return Product.objects.exclude(pk__in=runs.values("product")).order_by("id")


def runs_to_announce(*, told_before: datetime) -> QuerySet[Run]:
    """Waiting runs of which the broker was never told, or so long ago that it may have forgotten."""
    return Run.objects.filter(Q(sent_at=None) | Q(sent_at__lt=told_before), status=Run.Status.QUEUED).order_by("id")


def runs_unfinished() -> QuerySet[Run]:
    return Run.objects.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])


def predictions_finished() -> QuerySet[Prediction]:
    """Predictions of succeeded runs, oldest first."""
    return (
        Prediction.objects.filter(run__status=Run.Status.SUCCEEDED)
        .select_related("run__product", "run__model_version")
        .order_by("id")
    )
