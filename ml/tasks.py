"""Celery's entry points. Each of them fetches what it needs, calls one service and returns."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from celery import current_app, shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from ingest.foundation.disk import disk_full
from ingest.jobs.steps import Step, rows_work, stage
from ingest.models import Product, StepFailure
from ml.models import Run
from ml.runs import events, queue, selectors

ANNOUNCE_AGAIN_AFTER = timedelta(seconds=60)  # The broker may have lost its messages.
INSPECT_SECONDS = 1.0
CALL_EXPIRES_SECONDS = 5  # After this, the schedule has made its own call.


@stage
def queue_due_runs() -> None:
    """Queue runs for every new product and pair, and announce every waiting run to the broker."""
    from ml.runs import services  # This import brings torch, which only a worker has.

    for task, method in settings.SCHEDULED_METHODS.items():
        services.runs_queue(method=method, task=task)
    services.runs_renew()
    for event in events.events_followed():
        events.event_pairs_find(event=event)
    waiting = selectors.runs_to_announce(queued_before=timezone.now() - ANNOUNCE_AGAIN_AFTER)
    gpu = any(run.model_version.has_weights for run in waiting) and _gpu_listens()
    for run in waiting:
        wanted = "gpu" if gpu and run.model_version.has_weights else "cpu"
        with transaction.atomic():
            run.queued_at = timezone.now()
            run.save(update_fields=["queued_at"])
            transaction.on_commit(partial(execute_run.apply_async, (run.pk,), queue=wanted))


def _gpu_listens() -> bool:
    """Return whether a worker serves the queue `gpu`; False if none answers, since any run may use the queue `cpu`."""
    try:
        answers = current_app.control.inspect(timeout=INSPECT_SECONDS).active_queues() or {}
    except (OSError, OperationalError):
        return False
    return any(active["name"] == "gpu" for queues in answers.values() for active in queues)


@shared_task(ignore_result=True)
def execute_run(run_id: int) -> None:
    """Execute a run, after a more urgent one if there is any; the message wakes a worker, the table sets the order."""
    from ml.runs import services

    urgent = events.runs_urgent().filter(queue.LEASE.due()).exclude(pk=run_id).first()
    if urgent is not None:
        services.run_execute(run_id=urgent.pk)
    services.run_execute(run_id=run_id)
    announced = selectors.runs_unfinished().exclude(state=Run.State.QUEUED, queued_at=None)
    if not announced.exists():  # What this result makes due need not wait for the schedule.
        queue_due_runs.apply_async(expires=CALL_EXPIRES_SECONDS)


@stage
def requeue_expired_runs() -> None:
    """Return runs to the queue if their lease has expired."""
    queue.runs_requeue_expired()


@stage
def extend_living_series() -> None:
    """Prolong one release by its new passes, and let newer releases replace provisional values."""
    from ml.runs import living  # Only a worker loads scipy.

    rows_work(Step.REPLACE, living.living_to_replace(), lambda series: living.living_replace(series=series))
    _work_on_one(Step.PASSES, living.living_due, living.living_extend)


@stage
def search_trends() -> None:
    """Search one new velocity field for changes of trend."""
    from ml.runs import trends  # Only a worker imports shapely and scipy.

    _work_on_one(Step.TRENDS, selectors.trend_searches_due, trends.trend_search_make)


@stage
def make_ledgers() -> None:
    """Compute the ledger of buildings of one velocity field."""
    from ml.runs.structures import buildings  # Only a worker imports shapely and scipy.

    _work_on_one(Step.BUILDINGS, buildings.ledgers_due, buildings.ledger_make)


def _work_on_one(step: StepFailure.Step, pending: Callable[[], QuerySet[Product]], work: Callable[..., object]) -> None:
    """Work on the first product that is due, unless the disk is full, so that the worker is soon free again."""
    if not disk_full():
        rows_work(step, pending(), lambda product: work(product=product), most=1)
