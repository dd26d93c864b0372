"""Webhooks: a thousand servers of readers hear of one alert, a tenth of them dead; how far behind are the others?

The dead refuse connections, hang, answer 500 or answer late, each a quarter of them, and nothing is known of them yet.
The control has none of these. Time runs from the alert's step to the mark that the last of the living has taken it.
"""

import os
from datetime import datetime
from itertools import cycle
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from detection.models import AlertTransition
from lab.speed.drip import free_port
from lab.speed.measure import report, result
from lab.speed.messages.mail import made_alert, make_readers
from lab.speed.messages.sink import sink
from monitor.channels import announcements
from monitor.channels.endpoints import WEBHOOK
from monitor.channels.push.keys import public_key, to_text
from monitor.channels.rounds import messages_send
from monitor.channels.webhook.signature import secret_new
from monitor.models import Announcement, Endpoint, OutgoingMessage, Subscription
from monitor.tasks import SEND_SECONDS

WEBHOOKS, DEAD_SHARE, ROUNDS = 1_000, 0.1, 5
DEAD = ("refused", "hanging", "failing", "slow")


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    alert, news = made_alert()
    try:
        make_readers(WEBHOOKS)
        with sink("webhooks") as port:
            times: tuple[list[float], list[float]] = ([], [])
            for index in range(rounds):
                for place in (0, 1) if index % 2 else (1, 0):
                    make_endpoints(WEBHOOKS, port, dead=round(WEBHOOKS * DEAD_SHARE) if place == 0 else 0)
                    times[place].append(_seconds_behind(news))
        what = f"{WEBHOOKS:,} webhooks, a tenth of them dead: the last of the living behind"
        return report("webhooks", [result(what, "s", *times)]) | {"note": "control: the same with none of them dead"}
    finally:
        Subscription.objects.all().delete()
        OutgoingMessage.objects.all().delete()
        Endpoint.objects.all().delete()
        alert.delete()


def make_endpoints(n: int, port: int, dead: int = 0, channel: str = WEBHOOK) -> None:
    """One for each reader, the dead among the others; none has been spoken to before. channel: webhook or push."""
    settings.ENDPOINTS_PRIVATE = True
    Endpoint.objects.all().delete()
    closed, kinds, now = free_port(), cycle(DEAD), timezone.now()
    every = n // dead if dead else n + 1
    Endpoint.objects.bulk_create(
        Endpoint(
            channel=channel,
            email=f"reader{index}@example.org",
            url=_url(next(kinds) if index % every == every - 1 else "live", index, port, closed),
            keys={"secret": secret_new()} if channel == WEBHOOK else _device_keys(),
            language="en",
            verified_at=now,
        )
        for index in range(n)
    )


def _device_keys() -> dict[str, str]:
    """As a browser makes them."""
    return {"p256dh": public_key(to_text(os.urandom(32))), "auth": to_text(os.urandom(16))}


def _url(behaviour: str, index: int, port: int, closed: int) -> str:
    return f"http://127.0.0.1:{closed if behaviour == 'refused' else port}/{behaviour}/{index}"


def _seconds_behind(news: AlertTransition) -> float:
    Announcement.objects.all().delete()
    OutgoingMessage.objects.all().delete()
    started = timezone.now()
    announcements.transition_announce(transition_id=news.pk)
    messages_send(seconds=SEND_SECONDS, beside=True)
    living = OutgoingMessage.objects.filter(endpoint__url__contains="/live/")
    if missing := living.exclude(state=OutgoingMessage.State.SENT).count():
        raise RuntimeError(f"{missing} of the living took nothing")
    last: datetime = living.aggregate(last=Max("sent_at"))["last"]
    return (last - started).total_seconds()
