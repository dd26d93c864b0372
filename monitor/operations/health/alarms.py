"""Alarms: a condition that stays wrong becomes a row, and a mail to administrators. A watchman examines the conditions.

A condition must be wrong for ALARM_AFTER_MINUTES to open an alarm, and right for as long to end it, so that one that
comes and goes makes a single alarm. One mail reports all alarms opened or ended since the last mail, and those open for
another day. It goes straight to the mail server, because the outbox itself may be at fault.

The watchman examines the service every minute, in a thread of the mail worker and in one of beat. If one of the two
dies, the other reports it. Beat checks only what the database alone can answer, because it may run on a machine without
the disks. Without a database the mail worker writes to the addresses that it last knew.
"""

import logging
import smtplib
import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from ingest.foundation.locks import Lock, try_lock
from monitor.models.operations import Alarm
from monitor.operations.health.condition import Report, examine
from monitor.operations.health.conditions import CONDITIONS
from monitor.operations.health.schedule import missing_stages_restore
from monitor.operations.health.selectors import database_now
from monitor.operations.health.site_checks import database
from monitor.web.guards import ADMINISTRATORS

logger = logging.getLogger(__name__)

REMIND_AFTER = timedelta(days=1)
MAX_SENTENCE_LENGTH = 600
TITLES = ("Wrong", "Still wrong", "Right again")

MAX_SECONDS = 60.0


class News(NamedTuple):
    """Alarms to report: newly opened ones, those still open a day after their last mail, and ended ones."""

    opened: list[Alarm]
    still: list[Alarm]
    ended: list[Alarm]


def alarms_open() -> QuerySet[Alarm]:
    """Return the open alarms: conditions that have been wrong long enough for somebody to look."""
    return Alarm.objects.filter(opened_at__isnull=False, ended_at=None)


def recipients() -> list[str]:
    """Return ADMIN_EMAILS, and the addresses of administrators' accounts."""
    accounts = get_user_model().objects.filter(Q(groups__name=ADMINISTRATORS) | Q(is_superuser=True), is_active=True)
    own = accounts.exclude(email="").values_list("email", flat=True)
    return list(dict.fromkeys(address.lower() for address in (*settings.ADMIN_EMAILS, *own)))


def alarms_update(reports: Iterable[Report]) -> None:
    """Open, keep or end alarms according to the reports."""
    unfinished = {alarm.condition: alarm for alarm in Alarm.objects.filter(ended_at=None)}
    for report in reports:
        known = unfinished.get(report.condition.name)
        if report.wrong:
            _record_wrong(known or Alarm(condition=report.condition.name, first_seen_at=database_now()), report.wrong)
        elif known:
            _record_right(known)
    for name in unfinished.keys() - {condition.name for condition in CONDITIONS}:
        _record_right(unfinished[name])  # An earlier version recorded it as a condition.


def alarms_mail(*, to: list[str]) -> None:
    """Send unreported alarms in one mail; if it cannot be sent, the next round tries again."""
    still = alarms_open().filter(mailed_at__lt=database_now() - REMIND_AFTER)
    ended = Alarm.objects.filter(ended_at__isnull=False, end_mailed_at=None)
    news = News(list(alarms_open().filter(mailed_at=None)), list(still), list(ended))
    if any(news) and news_mail(news=news, to=to):
        now = database_now()
        Alarm.objects.filter(pk__in=[one.pk for one in (*news.opened, *news.still)]).update(mailed_at=now)
        Alarm.objects.filter(pk__in=[item.pk for item in news.ended]).update(end_mailed_at=now)


def news_mail(*, news: News, to: list[str]) -> bool:
    """Send one mail about these alarms. Return False without recipients or if sending fails."""
    words = {"groups": [(title, with_remedies(rows)) for title, rows in zip(TITLES, news, strict=True)]}
    text = render_to_string("operations/health/alarm_mail.txt", words | {"public_url": settings.PUBLIC_URL})
    try:
        return bool(to) and EmailMessage(_subject(news), text, to=to).send() > 0
    except (smtplib.SMTPException, OSError) as fault:
        logger.error("alarms could not be reported to administrators (%s): %s", _subject(news), fault)
        return False


def with_remedies(alarms: Iterable[Alarm]) -> list[tuple[Alarm, str]]:
    """Return each alarm with its remedy, for pages and mails."""
    remedies = {condition.name: condition.remedy for condition in CONDITIONS}
    return [(alarm, remedies.get(alarm.condition, "")) for alarm in alarms]


def long_enough() -> timedelta:
    """Return how long a condition must be wrong to open an alarm, and right to end it."""
    return timedelta(minutes=settings.ALARM_AFTER_MINUTES)


def _record_wrong(alarm: Alarm, sentence: str) -> None:
    now = database_now()
    alarm.sentence, alarm.right_since = sentence[:MAX_SENTENCE_LENGTH], None
    alarm.first_seen_at = min(alarm.first_seen_at, now)  # Somebody may have set the clock back.
    if alarm.opened_at is None and now - alarm.first_seen_at >= long_enough():
        alarm.opened_at = now
        logger.error("alarm: %s: %s", alarm.condition, alarm.sentence)
    alarm.save()


def _record_right(alarm: Alarm) -> None:
    if alarm.opened_at is None:
        alarm.delete()
        return
    now = database_now()
    alarm.right_since = min(alarm.right_since or now, now)
    if now - alarm.right_since >= long_enough():
        alarm.ended_at = now
        logger.warning("the alarm is over: %s", alarm.condition)
    alarm.save(update_fields=["right_since", "ended_at"])


def _subject(news: News) -> str:
    wrong = [one.condition for one in (*news.opened, *news.still)]
    over = [item.condition for item in news.ended]
    parts = [f"needs attention: {', '.join(wrong)}"] if wrong else []
    parts += [f"right again: {', '.join(over)}"] if over else []
    return f"{settings.SITE.name} {'; '.join(parts)}"


class Watchman(threading.Thread):
    """Thread that examines the service. everything: include this machine, and send mails even without a database."""

    def __init__(self, *, everything: bool) -> None:
        super().__init__(name="watchman", daemon=True)
        self.everything = everything
        self.recipients: list[str] = list(settings.ADMIN_EMAILS)
        self.lost: Alarm | None = None  # The alarm of the database itself, which no table can store.

    def run(self) -> None:
        """Examine the service repeatedly."""
        pause = max(1.0, min(MAX_SECONDS, 60 * settings.ALARM_AFTER_MINUTES / 4))
        while True:
            try:
                self.round()
            except Exception:  # The next round may succeed, and no other thread would report this fault.
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
        lost, self.lost = self.lost, None
        if lost is not None and lost.opened_at is not None:  # The database is back; its end is reported by mail.
            lost.right_since = lost.ended_at = timezone.now()
            lost.save()
        try:
            missing_stages_restore()
        except Exception:  # The schedule is examined below like everything else.
            logger.exception("missing stages could not be put back")
        watched = (one for one in CONDITIONS if one.alarms and (self.everything or one.needs_database))
        alarms_update(examine(one for one in watched if one is not database))
        self.recipients = recipients()
        alarms_mail(to=self.recipients)

    def _record_no_database(self) -> None:
        """Report by one mail that the database has not answered for as long as an alarm takes to open."""
        if self.lost is None:
            self.lost = Alarm(condition=database.name, sentence="the database does not answer")
            self.lost.first_seen_at = timezone.now()
        if self.lost.opened_at is None and timezone.now() - self.lost.first_seen_at >= long_enough():
            self.lost.opened_at = timezone.now()
            logger.error("alarm: %s", self.lost)
        if self.lost.opened_at is not None and self.lost.mailed_at is None:
            sent = news_mail(news=News([self.lost], [], []), to=self.recipients)
            self.lost.mailed_at = timezone.now() if sent else None
