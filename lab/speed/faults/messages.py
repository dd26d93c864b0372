"""Faults while messages are sent: none may be lost, and only those that a killed sender holds may be sent twice.

A sender holds one mail per process (here MAIL_SENDERS at once), or, with fast servers, one webhook.
"""

import tempfile
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db.models import QuerySet
from django.utils import timezone

from detection.kinds import Kind
from detection.models import AlertTransition
from ingest.foundation.geos import geos
from lab.samples.alerts import velocity
from lab.speed.faults.processes import Forked, lasting, wait_until_alone
from lab.speed.measure import figure
from lab.speed.sink import sink
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.models.subscriptions import DEFAULT_CHANNEL, Subscription
from monitor.notifications import announcements, digests, rounds
from monitor.notifications.outbox import LEASE
from monitor.notifications.webhook.channel import WEBHOOK, secret_new
from monitor.wording import regions

SHORT_LEASE = timedelta(seconds=3)
MAIL_SECONDS = 0.5  # EMAIL_TIMEOUT; three times this must be shorter than the lease of a message
LATER = timedelta(days=1)
A_KILL = 25  # A process is killed before it has sent this many messages.
SUNK = {"mail": "mails", WEBHOOK: "webhooks"}
State = OutgoingMessage.State


def measure(*, senders: int) -> list[dict[str, Any]]:
    """For each channel, kill senders one after the other as they send to a server; then send what remains."""
    return [line for channel in SUNK for line in _measured(channel, senders)]


def _measured(channel: str, senders: int) -> list[dict[str, Any]]:
    alert = velocity(Kind.SUBSIDENCE, "up", -14.0, severity="moderate", area_m2=7e7)
    alert.area = MultiPolygon(Polygon.from_bbox((7.0, 51.4, 7.1, 51.5)), srid=4326)
    alert.save()
    news = AlertTransition.objects.create(alert=alert, to_state="first", reason="made for a benchmark")
    what, readers, rng = SUNK[channel], A_KILL * (senders + 4), np.random.default_rng(3)
    try:
        _make_readers(readers)
        with (
            tempfile.TemporaryDirectory() as folder,
            lasting(LEASE, SHORT_LEASE),
            sink(what, taken := Path(folder) / "taken") as port,
        ):
            _prepare(channel, port, readers)
            announcements.transition_announce(transition_id=news.pk)
            digests.messages_gather(now=timezone.now() + timedelta(hours=1))
            OutgoingMessage.objects.exclude(channel=channel).delete()
            OutgoingMessage.objects.update(next_try_at=timezone.now() + LATER)
            in_hand = [_kill_while_sending(rng) for _ in range(senders)]
            _send_what_is_left()
            copies = Counter(taken.read_text().split())
    finally:
        Subscription.objects.all().delete()
        OutgoingMessage.objects.all().delete()
        Endpoint.objects.all().delete()
        alert.delete()
    doubled, most = sum(copies.values()) - len(copies), settings.MAIL_SENDERS if channel == DEFAULT_CHANNEL else 1
    if max(in_hand) > most or doubled > sum(in_hand):
        raise RuntimeError(f"{doubled} {what} were sent twice; killed senders had {in_hand} in hand")
    return [
        figure(f"{what} lost of {readers:,}, sender killed {senders} times", what, readers - len(copies), senders),
        figure(f"{what} sent twice; a sender had {max(in_hand)} in hand at most", what, doubled, senders),
    ]


def _make_readers(readers: int) -> None:
    """Subscribe a number of readers to the alert's place."""
    here, since = regions.circle(7.05, 51.45, 2000), timezone.now() - timedelta(days=1)
    outline = geos(here.outline)
    Subscription.objects.bulk_create(
        Subscription(
            email=f"reader{n}@example.org",
            region=outline,
            label=here.label,
            kinds=[k.value for k in Kind],
            lowest_severity="minor",
            unreviewed=True,
            frequency="at-once",
            confirmed_at=since,
        )
        for n in range(readers)
    )


def _prepare(channel: str, port: int, readers: int) -> None:
    """Send a channel's messages to the local server; other channels than mail get an endpoint for each reader."""
    if channel == DEFAULT_CHANNEL:
        settings.EMAIL_BACKEND = "monitor.notifications.mail.server.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, MAIL_SECONDS
        return
    settings.ENDPOINTS_PRIVATE = True
    Endpoint.objects.all().delete()
    endpoints = [Endpoint(channel=channel, language="en", verified_at=timezone.now()) for _ in range(readers)]
    for index, endpoint in enumerate(endpoints):
        endpoint.email, endpoint.url = f"reader{index}@example.org", f"http://127.0.0.1:{port}/{index}"
        endpoint.keys = {"secret": secret_new()}
    Endpoint.objects.bulk_create(endpoints)


def _kill_while_sending(rng: np.random.Generator) -> int:
    """Kill a sender that has sent some of its messages but not all; return how many messages it then had claimed."""
    due = list(_unsent().filter(attempts=0).values_list("pk", flat=True)[:A_KILL])
    OutgoingMessage.objects.filter(pk__in=due).update(next_try_at=timezone.now())
    held, unsent = _in_hand(), _unsent().count()
    enough = int(rng.integers(1, A_KILL // 2))
    of = settings.MAIL_SENDERS
    helpers = [Forked(partial(rounds.messages_help, share=share, of=of)) for share in range(1, of)]
    sender = Forked(partial(rounds.messages_send, of=of, beside=True))
    while unsent - _unsent().count() < enough and sender.poll() is None:
        time.sleep(rng.uniform(0, 0.02))
    if sender.kill() == 0:
        raise RuntimeError("a sender came to its end before it was killed: more messages are needed")
    for helper in helpers:
        helper.kill()
    wait_until_alone()
    return len(_in_hand() - held)


def _in_hand() -> set[tuple[int, int]]:
    """Return the messages that senders have claimed, as (message's key, number of the attempt)."""
    return set(OutgoingMessage.objects.filter(state=State.SENDING).values_list("pk", "attempts"))


def _send_what_is_left() -> None:
    ends = time.monotonic() + 600
    while _unsent().exists():
        _unsent().filter(state=State.QUEUED).update(next_try_at=timezone.now())
        rounds.messages_send()
        if time.monotonic() > ends:
            raise RuntimeError(f"{_unsent().count()} messages are never sent")
        time.sleep(0.2)


def _unsent() -> QuerySet[OutgoingMessage]:
    return OutgoingMessage.objects.exclude(state=State.SENT)
