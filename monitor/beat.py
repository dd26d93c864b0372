"""Celery beat that may be started twice: only the one that holds the advisory lock sends tasks."""

import logging

from django.db import DatabaseError, connection
from django_celery_beat.schedulers import DatabaseScheduler

from ingest.locks import Lock, keep

logger = logging.getLogger(__name__)

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
            leads = keep(Lock.BEAT)
        except DatabaseError:
            connection.close()
            leads = False
        if leads != self.leading:
            logger.info("this beat %s", "leads" if leads else "waits for another one")
        self.leading = leads
        return leads
