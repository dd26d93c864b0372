"""Celery's entry points: each fetches, calls one service, returns."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml import events, selectors

TELL_AGAIN = timedelta(seconds=60)  # a broker that was emptied is told again


@shared_task(ignore_result=True)
def queue_due_runs() -> None:
    """Queue runs for every new product and pair, and tell the broker of every run that waits."""
    from ml import services  # torch, only in a worker

    for method in settings.SCHEDULED_METHODS.values():
        services.runs_queue(method=method)
    for event in events.events_followed():
        events.event_pairs_find(event=event)
    for run in selectors.runs_to_announce(told_before=timezone.now() - TELL_AGAIN):
        with transaction.atomic():
            run.sent_at = timezone.now()
            run.save(update_fields=["sent_at"])
            transaction.on_commit(lambda run_id=run.pk: execute_run.delay(run_id))


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
