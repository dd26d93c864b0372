"""Celery's entry points: each fetches, calls one service, returns."""

from datetime import timedelta

from celery import current_app, shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from ml import events, selectors

TELL_AGAIN = timedelta(seconds=60)  # a broker that was emptied is told again
ASK_SECONDS = 1.0


@shared_task(ignore_result=True)
def queue_due_runs() -> None:
    """Queue runs for every new product and pair, and tell the broker of every run that waits."""
    from ml import services  # torch, only in a worker

    for task, method in settings.SCHEDULED_METHODS.items():
        services.runs_queue(method=method, task=task)
    for event in events.events_followed():
        events.event_pairs_find(event=event)
    waiting = selectors.runs_to_announce(told_before=timezone.now() - TELL_AGAIN)
    gpu = any(run.model_version.has_weights for run in waiting) and _gpu_listens()
    for run in waiting:
        queue = "gpu" if gpu and run.model_version.has_weights else "cpu"
        with transaction.atomic():
            run.queued_at = timezone.now()
            run.save(update_fields=["queued_at"])
            transaction.on_commit(lambda run_id=run.pk, queue=queue: execute_run.apply_async((run_id,), queue=queue))


def _gpu_listens() -> bool:
    """Whether any worker takes from the queue `gpu`. Where nobody answers, the queue `cpu` is the sure one."""
    try:
        answers = current_app.control.inspect(timeout=ASK_SECONDS).active_queues() or {}
    except (OSError, OperationalError):
        return False
    return any(queue["name"] == "gpu" for queues in answers.values() for queue in queues)


@shared_task(ignore_result=True)
def execute_run(run_id: int) -> None:
    """A run, and before it whatever is urgent: the message is only a bell, the table says what comes first."""
    from ml import services

    urgent = events.runs_urgent().exclude(pk=run_id).first()
    if urgent is not None:
        services.run_execute(run_id=urgent.pk)
    services.run_execute(run_id=run_id)


@shared_task(ignore_result=True)
def requeue_expired_runs() -> None:
    from ml import services

    services.runs_requeue_expired()
