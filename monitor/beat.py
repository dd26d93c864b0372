"""Celery beat that may be started twice: only the one that holds the advisory lock sends tasks."""

import logging

from django.db import DatabaseError, connection
from django_celery_beat.schedulers import DatabaseScheduler

logger = logging.getLogger(__name__)

LOCK = 0x6A2E
LOOK_AGAIN_SECONDS = 5.0


class GuardedScheduler(DatabaseScheduler):
    """The database scheduler, silent while another beat leads. The lock dies with its connection."""

    leading = False

    def tick(self, *args, **kwargs) -> float:
        if not self._leads():
            return LOOK_AGAIN_SECONDS
        return min(super().tick(*args, **kwargs), LOOK_AGAIN_SECONDS)

    def _leads(self) -> bool:
        """Whether this connection holds the lock; it is taken once and then only looked up."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
                    " AND classid = 0 AND objid = %s) OR pg_try_advisory_lock(%s)",
                    [LOCK, LOCK],
                )
                (leads,) = cursor.fetchone()
        except DatabaseError:
            connection.close()
            leads = False
        if leads != self.leading:
            logger.info("this beat %s", "leads" if leads else "waits for another one")
        self.leading = leads
        return leads
