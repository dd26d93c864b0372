"""Watchman that examines the service every minute, in a thread of the mail worker and in one of beat.

If one of the two dies, the other reports it. Beat checks only what the database alone can answer, because it may run on
a machine without the disks. Without a database the mail worker writes to the addresses that it last knew.
"""

import logging
import threading
import time

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from core.locks import Lock, try_lock
from monitor.models.operations import Alarm
from monitor.operations.health import alarms
from monitor.operations.health.condition import examine
from monitor.operations.health.conditions import CONDITIONS
from monitor.operations.health.schedule import missing_stages_restore
from monitor.operations.health.site_checks import database

logger = logging.getLogger(__name__)

MAX_SECONDS = 60.0


class Watchman(threading.Thread):
    """Thread that examines the service. everything: include this machine, and send mails even without a database."""

    def __init__(self, *, everything: bool) -> None:
        super().__init__(name="watchman", daemon=True)
        self.everything = everything
        self.recipients: list[str] = list(settings.ADMIN_EMAILS)
        self.lost: Alarm | None = None  # the database; kept here, because there is nowhere else

    def run(self) -> None:
        """Examine the service repeatedly."""
        pause = max(1.0, min(MAX_SECONDS, 60 * settings.ALARM_AFTER_MINUTES / 4))
        while True:
            try:
                self.round()
            except Exception:  # the next round may succeed, and no other thread would report this fault
                logger.exception("the service could not be examined")
            time.sleep(pause)

    def round(self) -> None:
        """Examine the service once and report news to administrators, unless another watchman is doing so."""
        try:
            with try_lock(Lock.WATCHING) as alone:
                if alone:
                    self._examine()
        except DatabaseError:
            if self.everything:
                self._record_no_database()
        finally:
            connection.close()

    def _examine(self) -> None:
        if self.lost is not None:
            self._record_database_back(self.lost)
        try:
            missing_stages_restore()
        except Exception:  # the schedule is examined below, like everything else
            logger.exception("missing stages could not be put back")
        conditions = [
            condition for condition in CONDITIONS if condition.alarms and (self.everything or condition.needs_database)
        ]
        alarms.alarms_update(examine(condition for condition in conditions if condition is not database))
        self.recipients = alarms.recipients()
        alarms.alarms_mail(to=self.recipients)

    def _record_no_database(self) -> None:
        """Report by one mail that the database has not answered for as long as an alarm takes to open."""
        if self.lost is None:
            self.lost = Alarm(condition=database.name, sentence="the database does not answer")
            self.lost.first_seen_at = timezone.now()
        if self.lost.opened_at is None and timezone.now() - self.lost.first_seen_at >= alarms.long_enough():
            self.lost.opened_at = timezone.now()
            logger.error("alarm: %s", self.lost)
        if self.lost.opened_at is not None and self.lost.mailed_at is None:
            sent = alarms.news_mail(news=alarms.News([self.lost], [], []), to=self.recipients)
            self.lost.mailed_at = timezone.now() if sent else None

    def _record_database_back(self, lost: Alarm) -> None:
        """Save the alarm kept in memory, now that the database is back, as ended; the end is reported by mail."""
        self.lost = None
        if lost.opened_at is not None:
            lost.right_since = lost.ended_at = timezone.now()
            lost.save()
