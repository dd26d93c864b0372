"""Mails that are being sent: none may be lost, and a killed sender may cost at most one that is sent twice."""

import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from bench.faults.processes import Forked, lasting, row, wait_until_alone
from bench.mail import made_alert, make_readers, sink
from monitor.channels import announcements, gathering, rounds
from monitor.channels.outbox import LEASE
from monitor.models import OutgoingMessage, Subscription

SHORT_LEASE = timedelta(seconds=3)
MAILS_A_KILL = 25


def measure(*, senders: int) -> list[dict[str, Any]]:
    """Senders killed one after the other while mails go to a mail server; then what is left is sent."""
    alert, news = made_alert()
    try:
        make_readers(MAILS_A_KILL * senders + 200)
        announcements.transition_announce(transition_id=news.pk)
        gathering.messages_gather(now=timezone.now() + timedelta(hours=1))
        queued = OutgoingMessage.objects.count()
        with tempfile.TemporaryDirectory() as folder, lasting(LEASE, SHORT_LEASE):
            taken = Path(folder) / "taken"
            with sink(taken) as port:
                settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
                settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
                _kill_while_sending(senders)
                _send_what_is_left()
            copies = Counter(taken.read_text().split())
    finally:
        Subscription.objects.all().delete()
        OutgoingMessage.objects.all().delete()
        alert.delete()
    doubled = sum(copies.values()) - len(copies)
    if doubled > senders:
        raise RuntimeError(f"{doubled} mails were sent twice by {senders} killed senders")
    return [
        row(f"mails lost of {queued:,}, sender killed {senders} times", queued - len(copies), "mails", senders),
        row("mails sent twice", doubled, "mails", senders),
    ]


def _kill_while_sending(times: int) -> None:
    """Every sender sends some mails before it is killed, so that it dies at its work."""
    rng = np.random.default_rng(3)
    for _ in range(times):
        enough = _sent() + int(rng.integers(1, MAILS_A_KILL // 2))
        sender = Forked(lambda: rounds.messages_send(senders=1))
        while _sent() < enough and sender.poll() is None:
            time.sleep(rng.uniform(0, 0.02))
        if sender.kill() == 0:
            raise RuntimeError("a sender came to its end before it was killed: more mails are needed")
        wait_until_alone()


def _send_what_is_left() -> None:
    waiting = OutgoingMessage.objects.exclude(state=OutgoingMessage.State.SENT)
    ends = time.monotonic() + 600
    while waiting.exists():
        rounds.messages_send(senders=settings.MAIL_SENDERS)
        if time.monotonic() > ends:
            raise RuntimeError(f"{waiting.count()} mails are never sent")
        waiting.filter(state=OutgoingMessage.State.QUEUED).update(next_try_at=timezone.now())
        time.sleep(0.2)


def _sent() -> int:
    return OutgoingMessage.objects.filter(state=OutgoingMessage.State.SENT).count()
