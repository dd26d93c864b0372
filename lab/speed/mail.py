"""Mails: 10,000 readers with 30,000 regions matched, gathered and queued, against plain SQL; mails about one place and
about several into a local sink, against bare smtplib.
"""

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import cycle
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import connection, transaction
from django.utils import timezone

from detection.kinds import Kind
from detection.models import Alert, AlertTransition
from ingest.locks import Lock, short_text_key, try_locked
from lab.speed.measure import pairs, report, result, seconds
from lab.speed.sink import sink
from monitor import tasks
from monitor.models.messages import Announcement, Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import announcements, gathering, selectors
from monitor.notifications.mail.compose import Composer
from monitor.subscribers.subscriptions.services import to_geos
from monitor.wording import regions

READERS, REGIONS, MAILS, PLACES, ROUNDS = 10_000, 3, 1_000, 3, 5
MOST_SECONDS, ASK_SECONDS, LOOK_SECONDS = 300, 0.5, 0.02
LATER = timedelta(hours=1)  # when what has been gathered leaves
_SAME_ROWS = """
    WITH messages AS (
        INSERT INTO monitor_outgoingmessage
            (channel, kind, key, address, language, transition_id, state, attempts, created_at, next_try_at, error)
        SELECT 'mail', 'alert', 'control:' || s.id, s.email, s.language, %(transition)s, 'queued', 0, now(), now(), ''
        FROM monitor_subscription s JOIN detection_alert a ON ST_Intersects(s.region, a.area)
        WHERE a.id = %(alert)s RETURNING id, address
    )
    INSERT INTO monitor_notification (transition_id, subscription_id, message_id, created_at)
    SELECT %(transition)s, s.id, messages.id, now()
    FROM monitor_subscription s JOIN messages ON messages.address = s.email"""


class _Undone(Exception):
    pass


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    (alert, news), others = made_alert(), [made_alert() for _ in range(PLACES - 1)]
    try:
        make_readers(READERS, REGIONS)
        lines = _queueing(alert, news, rounds)
        _queue(news)
        lines.append(_sending("mails about one place", rounds))
        OutgoingMessage.objects.all().delete()
        _queue(news, *(one for _, one in others))
        lines.append(_sending(f"mails about {PLACES} places", rounds))
        note = "control: one SQL statement; the same mails, ready made, through smtplib"
        return report("mail", lines) | {"note": note}
    finally:
        Subscription.objects.all().delete()
        OutgoingMessage.objects.all().delete()
        for one in (alert, *(one for one, _ in others)):
            one.delete()


def _queue(*news: AlertTransition) -> None:
    Announcement.objects.filter(transition__in=news).delete()
    Notification.objects.all().delete()
    for one in news:
        announcements.transition_announce(transition_id=one.pk)
    gathering.messages_gather(now=timezone.now() + LATER)


def _queueing(alert: Alert, news: AlertTransition, times: int) -> list[dict[str, Any]]:
    gathered: list[float] = []

    def ours() -> None:
        with _rolled_back():
            announcements.transition_announce(transition_id=news.pk)
            gathered.append(seconds(lambda: gathering.messages_gather(now=timezone.now() + LATER)))

    def control() -> None:
        with _rolled_back(), connection.cursor() as cursor:
            cursor.execute(_SAME_ROWS, {"transition": news.pk, "alert": alert.pk})

    what = f"{READERS:,} readers with {READERS * REGIONS:,} regions: matched, gathered and queued"
    whole = result(what, "s", *pairs(ours, control, times))
    alone = {"value": round(median(gathered), 4), "control": None, "ratio": None, "low": None, "high": None}
    return [whole, whole | alone | {"what": "of that gathered and queued"}]


def _sending(what: str, times: int) -> dict[str, Any]:
    """A thousand mails at a time, sent by the processes of the service; the control sends the same mails, ready made,
    over one connection."""
    with sink("mails") as port, _mail_worker(port):
        ids = list(OutgoingMessage.objects.values_list("pk", flat=True)[:MAILS])
        OutgoingMessage.objects.exclude(pk__in=ids).update(next_try_at=timezone.now() + timedelta(days=1))
        compose = Composer()
        due = list(selectors.messages_to_deliver(now=timezone.now()))
        ready = [compose(message) for message in due]
        raw = [(mail.to, mail.message().as_bytes(linesep="\r\n")) for mail in ready]
        mine = OutgoingMessage.objects.filter(pk__in=ids)

        def ours() -> None:
            mine.update(state=OutgoingMessage.State.QUEUED, attempts=0)
            ends, ask_at = time.monotonic() + MOST_SECONDS, 0.0
            while left := mine.exclude(state=OutgoingMessage.State.SENT).count():
                if time.monotonic() > ask_at:
                    tasks.send_messages.apply_async()
                    ask_at = time.monotonic() + ASK_SECONDS
                if time.monotonic() > ends:
                    raise RuntimeError(f"{left} of {MAILS} mails were not sent")
                time.sleep(LOOK_SECONDS)
            while not _idle():
                time.sleep(LOOK_SECONDS)

        def control() -> None:
            with smtplib.SMTP("127.0.0.1", port) as server:
                for to, content in raw:
                    server.sendmail("bench@localhost", to, content)

        return result(f"{what}: composed, sent and marked", "mails/s", *pairs(ours, control, times), amount=MAILS)


@contextmanager
def _mail_worker(port: int) -> Iterator[None]:
    """The worker of mails, as the service runs it; its mails go to this port."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app", "monitor", "worker", "--queues", "mail"]
    more = ["--concurrency", str(settings.MAIL_SENDERS + 1), "--hostname", f"bench-{port}@%h"]
    environment = os.environ | {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "LOG_LEVEL": "WARNING"}
    with subprocess.Popen([*command, *more], env=environment) as process:
        try:
            yield
        finally:
            process.terminate()


def _idle() -> bool:
    with try_locked(Lock.STAGE, short_text_key("monitor.tasks.send_messages")) as alone:
        return alone


def made_alert() -> tuple[Alert, AlertTransition]:
    area = MultiPolygon(Polygon.from_bbox((7.0, 51.4, 7.1, 51.5)), srid=4326)
    alert = Alert.objects.create(
        area=area,
        kind=Kind.SUBSIDENCE,
        severity="moderate",
        component="up",
        area_m2=7e7,
        rate_mm_yr=-14.0,
        peak_rate_mm_yr=-15.0,
        rate_sigma_mm_yr=1.0,
        first_motion=date(2020, 1, 3),
        last_motion=date(2024, 12, 25),
    )
    return alert, AlertTransition.objects.create(alert=alert, to_state="first", reason="made for a benchmark")


def make_readers(readers: int, regions_each: int = 1) -> None:
    """So many readers of the alert; their other regions lie elsewhere."""
    here, since = regions.circle(7.05, 51.45, 2000), timezone.now() - timedelta(days=1)
    outline = to_geos(here)
    elsewhere = cycle([to_geos(regions.circle(-10 + n / 10, 43, 2000)) for n in range(199)])
    Subscription.objects.bulk_create(
        (
            Subscription(
                email=f"reader{n}@example.org",
                region=outline if index == 0 else next(elsewhere),
                label=here.label,
                kinds=[k.value for k in Kind],
                lowest_severity="minor",
                unreviewed=True,
                frequency="at-once",
                confirmed_at=since,
            )
            for n in range(readers)
            for index in range(regions_each)
        ),
        batch_size=2000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE monitor_subscription")


@contextmanager
def _rolled_back() -> Iterator[None]:
    """Whatever is done inside leaves nothing behind."""
    try:
        with transaction.atomic():
            yield
            raise _Undone
    except _Undone:
        pass
