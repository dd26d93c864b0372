"""Leases: a waiting row is claimed by one worker, kept by a heartbeat, and taken back when its worker is dead.

A table of such rows has the columns `state`, `attempts`, `next_try_at`, `lease_until` and `error`; one whose rows are
given back (`give_back`, `return_expired`) has `faults`, `cause` and `finished_at` as well. The row is the truth about
the work, the broker's message only a bell: a claim is an update of a row that is still waiting, and every later update
is one of a row that this attempt still owns. `attempts` only grows, so a late worker sees that it has lost. Leases run
by the clock of the database, the one that all workers share.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from ingest.errors import one_line
from ingest.failures import Cause, next_step
from ingest.locks import Lock, locked

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20
NO_FAULT: dict[str, Any] = {"faults": 0, "cause": "", "next_try_at": None}  # of a row that succeeded, or begins anew
Row = TypeVar("Row", bound=Model)


class Overtaken(Exception):
    """Another worker has the row now: nothing of this attempt may stay."""


@dataclass(frozen=True, kw_only=True)
class Lease(Generic[Row]):
    """Rules by which rows of a table are claimed: the names of its states, and how long a claim lasts."""

    model: type[Row]
    queued: str
    running: str
    failed: str
    cancelled: str
    duration: timedelta

    def due(self) -> Q:
        """Return waiting rows that may be taken now."""
        return Q(state=self.queued) & (Q(next_try_at=None) | Q(next_try_at__lte=timezone.now()))

    def expired(self) -> Q:
        """Return rows whose lease ran out (its worker is dead), or ends later than any can (the clock was set back)."""
        return Q(state=self.running) & ~self._lasts()

    def alive(self) -> QuerySet[Row]:
        """Return rows that a living worker holds."""
        return self.model._default_manager.filter(self._lasts(), state=self.running)

    def held(self, row: Row) -> QuerySet[Row]:
        """Return the row, as long as the attempt that read it still owns it."""
        return self.model._default_manager.filter(pk=row.pk, state=self.running, attempts=row.attempts)

    def claim(self, waiting: QuerySet[Row], **values: Any) -> bool:
        """Take the one row of `waiting` for this worker; False where another one has it."""
        return self._take(waiting, values) == 1

    def claim_one_of(self, waiting: QuerySet[Row], *, at_most: int, lock: Lock, **values: Any) -> bool:
        """Claim a row where only so many may be worked on at a time, counted under the lock."""
        with locked(lock):
            return self.alive().count() < at_most and self._take(waiting, values) == 1

    def prolong(self, row: Row, **values: Any) -> bool:
        """Extend the lease of a row; return False where the worker has lost it."""
        return self.held(row).update(lease_until=Now() + self.duration, **values) == 1

    def settle(self, row: Row, state: str, **values: Any) -> bool:
        """End the lease with what became of the row; False where this attempt has lost it."""
        return self.held(row).update(state=state, lease_until=None, **values) == 1

    def give_back(self, row: Row, error: str, cause: Cause) -> bool:
        """Requeue a row with a growing delay, or fail it after its last attempt; False where this attempt lost it."""
        return self._put_back(self.held(row), row, error, cause)

    def return_expired(self, *, error: str) -> int:
        """Give back the rows of dead workers; return how many."""
        expired = self.model._default_manager.filter(self.expired())
        return sum(
            self._put_back(expired.filter(pk=row.pk, attempts=row.attempts), row, error, Cause.LOST)
            for row in expired.only("pk", "attempts", "faults", "cause")
        )

    def retry(self, rows: QuerySet[Row], **values: Any) -> int:
        """Put failed and cancelled rows, and those that wait for their time, back into the queue; how many."""
        waiting = Q(state=self.queued, next_try_at__isnull=False)
        again = rows.filter(waiting | Q(state__in=[self.failed, self.cancelled]))
        return again.update(state=self.queued, lease_until=None, error="", **values)

    def cancel(self, rows: QuerySet[Row], *, error: str, **values: Any) -> int:
        """End rows that wait or are worked on; how many. A worker sees it at its next sign of life."""
        unfinished = rows.filter(state__in=[self.queued, self.running])
        return unfinished.update(state=self.cancelled, lease_until=None, error=one_line(error), **values)

    def _take(self, waiting: QuerySet[Row], values: dict[str, Any]) -> int:
        """Claim a row; all claims are made here but those of messages (`monitor.notifications.outbox`)."""
        return waiting.update(
            state=self.running, attempts=F("attempts") + 1, lease_until=Now() + self.duration, **values
        )

    def _lasts(self) -> Q:
        return Q(lease_until__gte=Now(), lease_until__lte=Now() + self.duration)

    def _put_back(self, owned: QuerySet[Row], row: Row, error: str, cause: Cause) -> bool:
        now = timezone.now()
        step = next_step(cause, faults=row.faults, cause_before=row.cause, now=now)
        failed = step.next_try_at is None
        changed = owned.update(
            state=self.failed if failed else self.queued,
            cause=cause,
            error=one_line(error),
            lease_until=None,
            finished_at=now if failed else None,
            **step._asdict(),
        )
        if changed:
            when = f"tried again at {step.next_try_at:%H:%M:%S} UTC" if step.next_try_at else "given up"
            logger.warning("%s %s: %s (%s, failure %s)", self.model.__name__, row.pk, error, when, step.faults)
        return changed == 1


class Progress:
    """Progress of a piece of work, and since when it has not moved. Nothing else prolongs a lease."""

    def __init__(self, *, stalled_after: timedelta, most: timedelta) -> None:
        self._stalled_after, self._most = stalled_after.total_seconds(), most.total_seconds()
        self._started = self._moved = time.monotonic()
        self._done: object = None

    @property
    def done(self) -> object:
        """As it was reported last; None before."""
        return self._done

    def report(self, done: object) -> None:
        """Take down how far the work is; only another value than before is progress."""
        if done != self._done:
            self._done, self._moved = done, time.monotonic()

    def fault(self) -> str:
        """Return why the work is to be ended; empty while it progresses and has time left."""
        now = time.monotonic()
        if now - self._moved > self._stalled_after:
            return f"It made no progress for {self._stalled_after / 60:g} minutes."
        return f"It took longer than {self._most / 3600:g} hours." if now - self._started > self._most else ""


def end_process() -> None:
    """End this process at once, whatever its threads are doing; its worker starts another one."""
    logger.error("this process is ended: what it works on has been taken from it")
    logging.shutdown()
    os._exit(1)


@contextmanager
def heartbeat(
    prolong: Callable[[], object], every_seconds: float = BEAT_SECONDS, lost: Callable[[], object] = end_process
) -> Iterator[None]:
    """Call `prolong` every few seconds from a thread with a database connection of its own, until the block ends.

    lost: called where it returns False, which is when the work is another worker's, or nobody's.
    """
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(every_seconds):
                try:
                    if prolong() is False:
                        lost()
                        return
                except DatabaseError:
                    logger.warning("the lease could not be prolonged; trying again", exc_info=True)
                    connection.close()
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
