"""Scheduled tasks, each run by one worker at a time, and their steps, which fail and are tried again row by row.

A step selects its due rows. A failure is recorded as a `StepFailure`, which holds the row back until its next attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TypeVar

from celery import Task, shared_task
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from ingest.foundation.failures import cause_of, delay, next_step, reason_of
from ingest.foundation.locks import Lock, short_text_key, try_lock
from ingest.models import StepFailure

logger = logging.getLogger(__name__)

Step, State = StepFailure.Step, StepFailure.State
Row = TypeVar("Row", bound=Model)
NEVER_GIVEN_UP = (Step.ASK, Step.ESCALATE)  # Somebody waits to be asked, whatever fails.


def rows_due(step: StepFailure.Step, pending: QuerySet[Row]) -> QuerySet[Row]:
    """Return a step's pending rows that are not held back by a failure; delete failures of rows not pending."""
    failures = StepFailure.objects.filter(step=step)
    if not failures.exists():
        return pending
    failures.exclude(subject_id__in=pending.order_by().values("pk")).delete()
    now_due = Q(state=State.QUEUED, next_try_at=None) | Q(next_try_at__lte=timezone.now())
    return pending.exclude(pk__in=failures.exclude(now_due).values("subject_id"))


@contextmanager
def attempt(step: StepFailure.Step, row: Model) -> Iterator[None]:
    """Run the block for one row; record an exception instead of raising it, so that other rows are worked on."""
    try:
        yield
    except Exception as fault:
        logger.exception("%s of %s (%s) failed", step.label, row, row.pk)
        about = {"subject": str(row)[:200]}
        failure, _ = StepFailure.objects.get_or_create(step=step, subject_id=row.pk, defaults=about)
        cause = cause_of(fault)
        now = timezone.now()
        following = next_step(cause, faults=failure.faults, cause_before=failure.cause, now=now)
        failure.state = State.QUEUED if following.next_try_at else State.FAILED
        failure.faults, failure.next_try_at = following
        if step in NEVER_GIVEN_UP:
            failure.next_try_at = now + delay(cause, failure.faults)
        failure.cause, failure.error = cause, reason_of(fault)
        failure.save()


def rows_work(
    step: StepFailure.Step, pending: QuerySet[Row], work: Callable[[Row], object], most: int | None = None
) -> None:
    """Do `work` on each of a step's due rows, on `most` of them at most; a failing one does not stop the others."""
    for row in rows_due(step, pending)[:most]:
        with attempt(step, row):
            work(row)


def failures_retry(*, failures: QuerySet[StepFailure]) -> int:
    """Make failed and delayed steps due now; return their number."""
    return failures.update(state=State.QUEUED, faults=0, next_try_at=None)


def stage(work: Callable[[], None]) -> Task[[], None]:
    """Return a Celery task that runs `work`, or returns at once if another worker is running the same task."""

    @shared_task(ignore_result=True)
    @wraps(work)
    def once_at_a_time() -> None:
        with try_lock(Lock.STAGE, short_text_key(f"{work.__module__}.{work.__name__}")) as alone:
            if alone:
                work()
            else:
                logger.info("%s is going on elsewhere", work.__name__)

    return once_at_a_time
