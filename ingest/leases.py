"""Leases: a row that waits is claimed by one worker, kept by a heartbeat, and taken back when its worker is dead.

A table of such rows has the columns `state`, `attempts`, `lease_until` and `error`; one whose rows are given back
(`give_back`, `return_expired`) has `finished_at` and `queued_at` as well. The row is the truth about the work, the
broker's message only a bell: a claim is an update of a row that still waits, and every later update is one of a row
that this attempt still owns.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from ingest.errors import one_line
from ingest.locks import Lock, locked

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Lease(Generic[Row]):
    """How the rows of a table are claimed: the names of its states, how long a claim lasts, how often it is tried."""

    model: type[Row]
    queued: str
    running: str
    failed: str
    duration: timedelta
    most_attempts: int | None = None

    def expired(self) -> Q:
        """Rows whose worker is dead: it has not prolonged its lease."""
        return Q(state=self.running, lease_until__lt=timezone.now())

    def alive(self) -> QuerySet[Row]:
        """Rows that a worker has."""
        return self._rows().filter(state=self.running, lease_until__gte=timezone.now())

    def held(self, row: Row) -> QuerySet[Row]:
        """The row, as long as the attempt that read it still owns it."""
        return self._rows().filter(pk=row.pk, state=self.running, attempts=row.attempts)

    def claim(self, waiting: QuerySet[Row], **values: Any) -> bool:
        """Take the one row of `waiting` for this worker; False where another one has it."""
        return self._take(waiting, values) == 1

    def claim_one_of(self, waiting: QuerySet[Row], *, at_most: int, lock: Lock, **values: Any) -> bool:
        """The same, where only so many rows may be worked on at a time; counted under the lock."""
        with locked(lock):
            return self.alive().count() < at_most and self._take(waiting, values) == 1

    def prolong(self, row: Row, **values: Any) -> bool:
        """A worker's sign of life; False where it has lost the row."""
        return self.held(row).update(lease_until=timezone.now() + self.duration, **values) == 1

    def settle(self, row: Row, state: str, **values: Any) -> bool:
        """End the lease with what became of the row; False where this attempt has lost it."""
        return self.held(row).update(state=state, lease_until=None, **values) == 1

    def give_back(self, row: Row, error: str, *, for_good: bool = False) -> bool:
        """Back to the queue; failed after the last attempt, or where another attempt cannot help."""
        failed = for_good or self._is_last(row.attempts)
        state = self.failed if failed else self.queued
        return self.settle(row, state, error=one_line(error), finished_at=timezone.now() if failed else None)

    def return_expired(self, *, error: str) -> int:
        """Back to the queue whatever lost its worker; failed, with this error, after the last attempt. How many."""
        expired, failed = self._rows().filter(self.expired()), 0
        if self.most_attempts is not None:
            last = expired.filter(attempts__gte=self.most_attempts)
            failed = last.update(state=self.failed, lease_until=None, finished_at=timezone.now(), error=error)
            expired = expired.filter(attempts__lt=self.most_attempts)
        return failed + expired.update(state=self.queued, lease_until=None, queued_at=None)

    def _is_last(self, attempts: int) -> bool:
        return self.most_attempts is not None and attempts >= self.most_attempts

    def _take(self, waiting: QuerySet[Row], values: dict[str, Any]) -> int:
        lease_until = timezone.now() + self.duration
        return waiting.update(state=self.running, attempts=F("attempts") + 1, lease_until=lease_until, **values)

    def _rows(self) -> QuerySet[Row]:
        return self.model._default_manager.all()


@contextmanager
def heartbeat(prolong: Callable[[], object], every_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Call `prolong` every few seconds from a thread with a database connection of its own, until the block ends."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(every_seconds):
                try:
                    prolong()
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
