"""Leases: one worker claims a waiting row, keeps it by a heartbeat, and loses it after it has died.

The table has the columns `state`, `attempts`, `next_try_at`, `lease_until` and `error`, and for `give_back` and
`return_expired` also `faults`, `cause` and `finished_at`. The row holds the state of the work; the broker's message
only wakes a worker. A claim updates a row only while it waits, and later updates apply only while the attempt owns the
row. `attempts` only grows, so that a late worker notices that it has lost the row. Leases use the database's clock.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from django.db import DatabaseError, connection
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from ground_motion.core.errors import one_line
from ingest.foundation.failures import Cause, next_step
from ingest.foundation.locks import Lock, hold_lock

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20
# A row that succeeded or was requeued has these values.
NO_FAULT: dict[str, Any] = {"faults": 0, "cause": "", "next_try_at": None}
Row = TypeVar("Row", bound=Model)


class Claimed(Protocol):
    """What a lease needs of a row that was claimed: its key, and the number of the attempt."""

    @property
    def pk(self) -> Any:
        """Key of the row."""

    @property
    def attempts(self) -> int:
        """How often the row was claimed."""


class Failed(Claimed, Protocol):
    """What it needs of a row whose attempt failed: also the failures before, and the cause of the last one."""

    @property
    def faults(self) -> int:
        """Failures in a row."""

    @property
    def cause(self) -> str:
        """Cause of the last failure."""


class Overtaken(Exception):
    """Error for a row that another worker owns now; the results of this attempt must be discarded."""


@dataclass(frozen=True, kw_only=True)
class Lease(Generic[Row]):
    """Rules for claiming rows of a table: the names of its states, and the duration of a claim."""

    model: type[Row]
    queued: str = "queued"
    running: str = "running"
    failed: str = "failed"
    cancelled: str = "cancelled"
    duration: timedelta

    def due(self) -> Q:
        """Return the condition for waiting rows that may be claimed now."""
        return Q(state=self.queued) & (Q(next_try_at=None) | Q(next_try_at__lte=timezone.now()))

    def is_expired(self) -> Q:
        """Return the condition for rows whose lease ran out, or ends too late because the clock was set back."""
        return Q(state=self.running) & ~self._lasts()

    def alive(self) -> QuerySet[Row]:
        """Return rows that a living worker holds."""
        return self.model._default_manager.filter(self._lasts(), state=self.running)

    def held_row(self, row: Claimed) -> QuerySet[Row]:
        """Return a query for the row, empty once the attempt that read the row no longer owns it."""
        return self.model._default_manager.filter(pk=row.pk, state=self.running, attempts=row.attempts)

    def claim(self, waiting: QuerySet[Row], **values: Any) -> bool:
        """Claim the one row of `waiting` for this worker; return False if another worker has it."""
        taken = {"state": self.running, "attempts": F("attempts") + 1, "lease_until": Now() + self.duration}
        return waiting.update(**taken, **values) == 1

    def claim_one_of(self, waiting: QuerySet[Row], *, at_most: int, lock: Lock, **values: Any) -> bool:
        """Claim a row if fewer than `at_most` rows are being worked on (counted under `lock`); return whether."""
        with hold_lock(lock):
            return self.alive().count() < at_most and self.claim(waiting, **values)

    def prolong(self, row: Claimed, **values: Any) -> bool:
        """Extend the lease of a row; return False if this attempt no longer owns the row."""
        return self.held_row(row).update(lease_until=Now() + self.duration, **values) == 1

    def settle(self, row: Claimed, state: str, **values: Any) -> bool:
        """End the lease of a row with its final state; return False if this attempt no longer owns the row."""
        return self.held_row(row).update(state=state, lease_until=None, **values) == 1

    def give_back(self, row: Failed, error: str, cause: Cause) -> bool:
        """Requeue a row with a growing delay, or fail it after its last attempt; False if this attempt lost the row."""
        return self._put_back(self.held_row(row), row, error, cause)

    def return_expired(self, *, error: str) -> int:
        """Requeue or fail the rows of dead workers; return their number."""
        expired = self.model._default_manager.filter(self.is_expired())
        return sum(
            self._put_back(expired.filter(pk=row.pk, attempts=row.attempts), row, error, Cause.LOST)
            for row in expired.values_list("pk", "attempts", "faults", "cause", named=True)
        )

    def retry(self, rows: QuerySet[Row], **values: Any) -> int:
        """Requeue failed, cancelled and delayed rows to be worked on now; return their number."""
        waiting = Q(state=self.queued, next_try_at__isnull=False)
        again = rows.filter(waiting | Q(state__in=[self.failed, self.cancelled]))
        return again.update(state=self.queued, lease_until=None, error="", **values)

    def keep(self, done: QuerySet[Row], state: str, **values: Any) -> bool:
        """Settle a due row that somebody put back by hand although its result exists; return whether there was one.

        The result is kept, because other rows refer to it by its hash. done: rows whose result exists.
        """
        kept = {"finished_at": Coalesce("finished_at", Now()), "lease_until": None, "error": "", **NO_FAULT, **values}
        return done.filter(self.due()).update(state=state, **kept) > 0

    def cancel(self, rows: QuerySet[Row], *, by: str, **values: Any) -> int:
        """Cancel waiting and running rows; return their number. A worker notices when it next renews its lease."""
        error = one_line(f"Cancelled by {by}.")
        unfinished = rows.filter(state__in=[self.queued, self.running])
        return unfinished.update(state=self.cancelled, lease_until=None, error=error, **values)

    def _lasts(self) -> Q:
        return Q(lease_until__gte=Now(), lease_until__lte=Now() + self.duration)

    def _put_back(self, owned: QuerySet[Row], row: Failed, error: str, cause: Cause) -> bool:
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
    """Progress of a piece of work and when it last changed. A lease may be renewed only while there is progress."""

    def __init__(self, *, stalled_after: timedelta, most: timedelta) -> None:
        self._stalled_after, self._most = stalled_after.total_seconds(), most.total_seconds()
        self._started = self._moved = time.monotonic()
        self.done: object = None  # the progress last reported

    def report(self, done: object) -> None:
        """Record the state of the work; only a changed value counts as progress."""
        if done != self.done:
            self.done, self._moved = done, time.monotonic()

    def fault(self) -> str:
        """Return why the work must be ended; an empty text while it progresses and has time left."""
        now = time.monotonic()
        if now - self._moved > self._stalled_after:
            return f"It made no progress for {self._stalled_after / 60:g} minutes."
        return f"It took longer than {self._most / 3600:g} hours." if now - self._started > self._most else ""


def end_process() -> None:
    """End this process immediately, with all its threads; its worker starts another one."""
    logger.error("this process is ended: what it works on has been taken from it")
    logging.shutdown()
    os._exit(1)


@contextmanager
def heartbeat(
    prolong: Callable[[], object], every_seconds: float = BEAT_SECONDS, lost: Callable[[], object] = end_process
) -> Iterator[None]:
    """Call `prolong` every `every_seconds` in a thread with its own database connection, until the block ends.

    lost: called if `prolong` returns False, because this worker no longer owns the work.
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
