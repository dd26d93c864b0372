"""Celery tasks of detection."""

import logging
from collections.abc import Iterable

from celery import shared_task
from django.db.models import F
from django.utils import timezone

from detection import selectors
from detection.alerts import evidence, passes, services, standing
from detection.alerts import glaciers as glacier_services
from detection.glaciers import selectors as glacier_selectors
from detection.models import Alert
from detection.rules.lifecycle import LIVING
from detection.rules.updates import MUTED_FOR
from ingest.foundation.locks import Lock, short_text_key, try_lock
from ingest.jobs.steps import Step, attempt, rows_due, rows_work, stage
from ml.models import Prediction

logger = logging.getLogger(__name__)

SEARCHES_AT_ONCE = 2  # Number of workers that search finished predictions.
HELP_SECONDS = 60.0  # A call expires if no worker has taken it by then.


@stage
def scan_finished_predictions() -> None:
    """Search every due prediction, with helpers if there are several; then settle alerts of withdrawn data."""
    due = list(rows_due(Step.SEARCH, selectors.predictions_in_turn()))
    if len(due) > 1:
        for number in range(1, SEARCHES_AT_ONCE):
            help_to_scan.apply_async(args=(number,), expires=HELP_SECONDS)
    _scan(due)
    standing.alerts_settle()


@shared_task(ignore_result=True)
def help_to_scan(number: int) -> None:
    """Search due predictions in a parallel slot; return at once if another worker has the slot."""
    with try_lock(Lock.STAGE, short_text_key(f"{help_to_scan.name} {number}")) as alone:
        if alone:
            _scan(rows_due(Step.SEARCH, selectors.predictions_in_turn()))


def _scan(due: Iterable[Prediction]) -> None:
    """Search predictions one by one; a failing one does not stop the others."""
    for prediction in due:
        with attempt(Step.SEARCH, prediction):
            services.prediction_scan(prediction=prediction)


@stage
def follow_glaciers() -> None:
    """Measure glaciers in every searched pair, then compute the motion of each glacier with new measurements."""
    unmeasured = glacier_selectors.predictions_unmeasured()
    rows_work(Step.MEASURE, unmeasured, lambda pair: glacier_services.glaciers_measure(prediction=pair))
    stale = glacier_selectors.glaciers_stale()
    rows_work(Step.FOLLOW, stale, lambda motion: glacier_services.glacier_follow(motion=motion))


@stage
def follow_passes() -> None:
    """Make alerts of ground that new passes show leaving its forecast, and let searched releases replace them."""
    rows_work(Step.BENDS, passes.dates_unfollowed(), lambda row: passes.date_follow(row=row))
    rows_work(Step.RELEASE, passes.alerts_superseded(), lambda alert: passes.alert_release(alert=alert))


@stage
def complete_evidence() -> None:
    """Run other methods on the ground of every new or changed alert, and examine its series if not done yet."""
    rows_work(Step.COMPARE, selectors.alerts_uncompared(), lambda alert: evidence.evidence_complete(alert=alert))


@stage
def follow_alerts() -> None:
    """Report changes that had to wait because of an earlier report; a failing alert does not stop the others."""
    changed = Alert.objects.filter(state__in=LIVING, updated_at__gt=F("life__told_at")).select_related("life")
    for alert in changed.filter(life__told_at__lt=timezone.now() - MUTED_FOR).order_by("pk"):
        try:
            services.alert_follow(alert=alert)
        except Exception:
            logger.exception("alert %s could not be followed", alert.code)
