"""Work that is waiting, was given up or that fails, and data that do not come."""

import re

from django.conf import settings

from ingest.errors import one_line
from monitor.models.messages import ChannelPause, OutgoingMessage
from monitor.notifications.outbox import BACK_OFF
from monitor.operations.health import selectors
from monitor.operations.health.checks.condition import Wrong
from monitor.wording.dates import duration_words

MESSAGE_WAIT_SECONDS = 3600.0
WORK_WAIT_SECONDS = 3600.0  # while no worker has anything of the kind
ABANDONED_SECONDS = 300.0
ADDRESS = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")


def outbox() -> str:
    waits = selectors.longest_waits()["message"]
    if waits <= MESSAGE_WAIT_SECONDS:
        return "no message is late"
    late = OutgoingMessage.objects.filter(state=OutgoingMessage.State.QUEUED)
    reason = late.exclude(error="").order_by("-next_try_at").values_list("error", flat=True).first()
    why = f"; the last reason: {_without_addresses(reason)}" if reason else ""
    raise Wrong(f"{late.count()} messages wait, the oldest for {duration_words(waits)}{why}")


def channels() -> str:
    paused = ChannelPause.objects.order_by("channel")
    if paused:
        words = (f"nothing gets through by {one.channel}: {_without_addresses(one.reason)}" for one in paused)
        raise Wrong("; ".join(words))
    return "messages get through"


def dead_letters() -> str:
    given_up = selectors.messages_given_up(attempts=len(BACK_OFF))
    last = given_up.first()
    if last is None:
        return "none was given up"
    raise Wrong(
        f"{given_up.count()} messages were given up in the last {selectors.FAILED_DAYS:.0f} days;"
        f" the last reason: {_without_addresses(last.error)}"
    )


def failures() -> str:
    failed = {kind: rows for kind, rows in selectors.failures().items() if rows}
    if not failed:
        return "nothing has failed"
    counts = ", ".join(f"{kind}s: {len(rows)}" for kind, rows in failed.items())
    last = max((rows[0] for rows in failed.values()), key=lambda row: row.failed_at)
    days = f"{selectors.FAILED_DAYS:.0f} days"
    raise Wrong(f"work has failed in the last {days} ({counts}); the last reason: {one_line(last.error)}")


def stuck() -> str:
    abandoned = {kind: n for kind, n in selectors.abandoned(seconds=ABANDONED_SECONDS).items() if n}
    if abandoned:
        counts = ", ".join(f"{kind}s: {n}" for kind, n in abandoned.items())
        raise Wrong(f"work has lost its worker and nobody takes it up ({counts})")
    waits = selectors.longest_waits()
    for kind in ("run", "file"):
        if waits[kind] > WORK_WAIT_SECONDS and not selectors.is_worked_on(kind):
            raise Wrong(f"{kind}s have been waiting for {duration_words(waits[kind])}, and no worker has one")
    return "nothing is waiting without a worker"


def new_data() -> str:
    if not settings.ALARM_NO_DATA_DAYS:
        return "not watched (ALARM_NO_DATA_DAYS)"
    ages = selectors.newest_data_ages()
    if not ages:
        raise Wrong("nothing has been loaded yet")
    newest = min(ages.values())
    if newest > settings.ALARM_NO_DATA_DAYS * 86_400:
        raise Wrong(f"nothing new has been loaded for {duration_words(newest)}")
    return f"the newest was loaded {duration_words(newest)} ago"


def _without_addresses(text: str) -> str:
    """Mail servers quote the reader's address, which is nobody else's business."""
    return one_line(ADDRESS.sub("(address)", text))
