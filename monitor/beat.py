"""Celery beat that may run twice: only the process with the advisory lock sends tasks; both record signs of life."""

import logging
import signal
import time
from functools import cached_property
from typing import Any

from celery.signals import beat_init
from celery.utils.nodenames import gethostname
from django.db import DatabaseError, connection
from django_celery_beat.schedulers import DatabaseScheduler

from ingest.foundation.locks import Held, Lock
from monitor.operations.health.process import beat_sign
from monitor.operations.health.selectors import BEAT, sign_give

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 5.0
SIGN_SECONDS = 10.0


class GuardedScheduler(DatabaseScheduler):
    """Database scheduler that sends tasks only while its process holds the lock; a process that dies loses the lock."""

    leading = False
    _last_tick = float("inf")  # Wall clock of the last tick; infinite at first, so that future times are mended.
    _last_sign = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send the tasks that are due, if this process leads; return the seconds until the next tick."""
        if not self._leads():
            self._give_signs(beat_sign(gethostname()))
            return LOOK_AGAIN_SECONDS
        if time.time() < self._last_tick:  # Tasks that seem to have run in the future would wait for it.
            for entry in self.schedule.values():
                entry.last_run_at = entry.model.last_run_at = min(entry.last_run_at, entry._default_now())
            self._heap = None  # type: ignore[assignment]  # made anew by this tick, in the order of the new clock
        self._last_tick = time.time()
        wait = super().tick(*args, **kwargs)
        self._give_signs(beat_sign(gethostname()), BEAT)
        return min(wait, LOOK_AGAIN_SECONDS)

    @cached_property
    def _lock(self) -> Held:
        return Held(Lock.BEAT)

    def _leads(self) -> bool:
        """Return whether this process holds the lock; take it if it is free."""
        try:
            leads = self._lock.take()
        except DatabaseError:
            leads = False
        if leads != self.leading:
            logger.info("this beat %s", "leads" if leads else "is waiting for another one")
            self._initial_read = True  # The database holds what the other scheduler has sent meanwhile.
        self.leading = leads
        return leads

    def _give_signs(self, *names: str) -> None:
        if time.monotonic() - self._last_sign < SIGN_SECONDS:
            return
        try:
            for name in names:
                sign_give(name=name)
        except DatabaseError:
            logger.warning("no sign of life could be written", exc_info=True)
            connection.close()
        else:
            self._last_sign = time.monotonic()


@beat_init.connect
def stop_between_ticks(sender: Any, **kwargs: object) -> None:
    """Make SIGTERM and SIGINT end beat when its tick is over."""
    # Celery's own handler saves the schedule at once: in the middle of a statement that would wait for ever, because
    # the statement holds the connection, and goes on only when the handler returns.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sender._is_shutdown.set())
