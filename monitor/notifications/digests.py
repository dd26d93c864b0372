"""Gathering and digests: waiting news is put into messages, soon for "at once" readers, else by day, week or month.

News that comes close together goes to an "at once" reader in one message: the first is sent some minutes after its
news, and the next one an hour later at the earliest. A message about many places is a summary; after it, news that no
person has reviewed waits for a day. Channels that are not in settings.GATHERING send each step as a message of its own.
A digest is one message per address; after a quarter of a year without news comes a sign of life.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, Min, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from detection.rules.lifecycle import TAKEN_BACK
from ingest.foundation.locks import Lock, hold_lock
from monitor.models.messages import Notification, OutgoingMessage, Rank
from monitor.models.subscriptions import Subscription
from monitor.notifications.outbox import message_about, message_key, notifications_waiting
from monitor.subscribers.subscriptions.selectors import signs_due, subscriptions_active, subscriptions_resume_due

MANY_PLACES = 10  # A message about more places is a summary.
HOLD = timedelta(days=1)  # Alerts that no person has reviewed wait this long after a summary.
AUTOMATIC = "automatic"
BATCH = 2000
State, Kind = OutgoingMessage.State, OutgoingMessage.Kind
NEWS = (Kind.ALERT, Kind.CORRECTION, Kind.DIGEST, Kind.SUMMARY)
_PUT_INTO = """
    UPDATE monitor_notification SET message_id = pairs.message
    FROM unnest(%s::bigint[], %s::bigint[]) AS pairs(id, message) WHERE monitor_notification.id = pairs.id"""
DIGEST_HOUR = 6  # The hour of the reader's clock.


class Pace(NamedTuple):
    """Times of a channel. delay: how long news is gathered; rest: the shortest time between two messages."""

    delay: timedelta
    rest: timedelta


def paces() -> dict[str, Pace]:
    """Return the pace of each channel that gathers news, by the channel's name."""
    return {name: Pace(*(timedelta(minutes=one) for one in pace)) for name, pace in settings.GATHERING.items()}


def messages_gather(*, now: datetime | None = None) -> int:
    """Queue one message for every address whose news has been gathered long enough; return how many were queued."""
    now, queued = now or timezone.now(), 0
    for channel, pace in paces().items():
        if not _of_addresses_due(channel, pace, now).exists():
            continue
        with hold_lock(Lock.ANNOUNCING):
            queued += _queue(channel, pace, now)
    return queued


def duplicates_withdraw(*, waiting: QuerySet[Notification]) -> None:
    """Withdraw waiting news that another subscription of the same person has already put into a message."""
    brought = Notification.objects.filter(
        transition=OuterRef("transition"),
        subscription__email=OuterRef("subscription__email"),
        subscription__channel=OuterRef("subscription__channel"),
        message__isnull=False,
        withdrawn_at=None,
    )
    again = list(waiting.filter(Exists(brought)).values_list("pk", flat=True))
    if again:
        Notification.objects.filter(pk__in=again).update(withdrawn_at=timezone.now())


def _waiting(channel: str, now: datetime) -> QuerySet[Notification]:
    """Return waiting notifications of "at once" readers, except those held back after a summary."""
    readers = subscriptions_active().filter(frequency=Subscription.Frequency.AT_ONCE, channel=channel)
    summaries = _messages(channel).filter(kind=Kind.SUMMARY, created_at__gt=now - HOLD)
    held = Exists(summaries.filter(address=OuterRef("subscription__email")))
    waiting = notifications_waiting().filter(subscription__in=readers)
    return waiting.exclude(held, transition__actor=AUTOMATIC)


def _of_addresses_due(channel: str, pace: Pace, now: datetime) -> QuerySet[Notification, str]:
    """Return addresses whose oldest news is older than `pace.delay` and that had no message within `pace.rest`."""
    lately = _messages(channel).filter(created_at__gt=now - pace.rest, address=OuterRef("subscription__email"))
    return (
        _waiting(channel, now)
        .filter(~Exists(lately))
        .order_by()
        .values("subscription__email")
        .annotate(first=Min("created_at"))
        .filter(first__lte=now - pace.delay)
        .values_list("subscription__email", flat=True)
    )


def _messages(channel: str) -> QuerySet[OutgoingMessage]:
    alive = [State.QUEUED, State.SENDING, State.SENT]
    return OutgoingMessage.objects.filter(channel=channel, kind__in=NEWS, state__in=alive)


def _queue(channel: str, pace: Pace, now: datetime) -> int:
    """Queue one message for each address that is due, in a fixed number of statements; return how many."""
    due = list(_of_addresses_due(channel, pace, now))
    duplicates_withdraw(waiting=_waiting(channel, now).filter(subscription__email__in=due))
    fields = {"email": F("subscription__email"), "alert": F("transition__alert"), "state": F("transition__to_state")}
    rows = _waiting(channel, now).filter(subscription__email__in=due).order_by("pk").annotate(**fields)
    by_address: dict[str, list[Any]] = defaultdict(list)
    for item in rows.values_list("pk", "transition", *fields, named=True):
        by_address[item.email].append(item)
    messages = (_message(channel, items) for items in by_address.values())
    made = OutgoingMessage.objects.bulk_create(messages, batch_size=BATCH)
    pairs = [(item.pk, message.pk) for message, items in zip(made, by_address.values(), strict=True) for item in items]
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(_PUT_INTO, [list(pair) for pair in zip(*pairs, strict=True)])
    return len(made)


def _message(channel: str, items: list[Any]) -> OutgoingMessage:
    """Return an unsaved message about these items: for one step an alert mail, else a digest or, if many, a summary."""
    transitions = {item.transition for item in items}
    if len(transitions) == 1:
        kind = Kind.CORRECTION if items[0].state in TAKEN_BACK else Kind.ALERT
    else:
        kind = Kind.SUMMARY if len({item.alert for item in items}) > MANY_PLACES else Kind.DIGEST
    only = items[0].transition if len(transitions) == 1 else None
    return message_about(kind, f"from:{items[0].pk}", items[0].email, channel=channel, transition_id=only)


def last_moment(*, frequency: str, now: datetime, zone: str = "UTC") -> datetime:
    """Return when digests of this frequency were last due, for a reader in this time zone."""
    # Digests are due at six by the reader's clock: daily, on Mondays, or on the first of a month; others at once.
    if frequency == Subscription.Frequency.AT_ONCE:
        return now.replace(minute=0, second=0, microsecond=0)
    local = now.astimezone(ZoneInfo(zone))
    morning = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    if morning > local:
        morning -= timedelta(days=1)
    if frequency == Subscription.Frequency.WEEKLY:
        morning -= timedelta(days=morning.weekday())
    elif frequency == Subscription.Frequency.MONTHLY:
        morning = morning.replace(day=1)
    return morning.astimezone(UTC)


def due_queue() -> None:
    """Resume pauses that have ended, and queue the digests and signs of life that are due."""
    subscriptions_resume_due()
    digests_queue()
    signs_of_life_queue()


def digests_queue(*, now: datetime | None = None) -> int:
    """Queue a message for every address whose digest is due and that has news; return how many were queued."""
    now = now or timezone.now()
    clocks = subscriptions_active().order_by().values_list("frequency", "time_zone").distinct()
    return sum(_digests_of(frequency, zone, now) for frequency, zone in sorted(clocks))


def _digests_of(frequency: str, zone: str, now: datetime) -> int:
    queued, moment = 0, last_moment(frequency=frequency, now=now, zone=zone)
    due = subscriptions_active().filter(frequency=frequency, time_zone=zone)
    if frequency == Subscription.Frequency.AT_ONCE:  # A message waits only after a change from daily or weekly.
        due = due.exclude(channel__in=settings.GATHERING)
    else:
        due = due.alias(since=Coalesce("last_digest_at", "confirmed_at")).filter(since__lt=moment)
    news = notifications_waiting().filter(subscription__in=due)
    addresses = news.order_by("subscription__email", "subscription__channel")
    for email, channel in list(addresses.values_list("subscription__email", "subscription__channel").distinct()):
        reader = {"email": email, "channel": channel, "frequency": frequency, "time_zone": zone}
        queued += _digest_queue(reader, moment, now)
    if frequency != Subscription.Frequency.AT_ONCE:
        due.exclude(pk__in=news.values("subscription")).update(last_digest_at=now)
    return queued


def _digest_queue(reader: dict[str, str], moment: datetime, now: datetime) -> bool:
    """Queue an address's digest due at `moment`. Return False if it was queued before: new news waits for the next."""
    with transaction.atomic():
        message, created = OutgoingMessage.objects.get_or_create(
            key=message_key("digest", f"{reader['frequency']}:{moment:%Y%m%d%H}", reader["email"]),
            channel=reader["channel"],
            defaults={"kind": Kind.DIGEST, "rank": Rank.FIRST, "address": reader["email"], "next_try_at": now},
        )
        if not created:
            return False
        mine = subscriptions_active().filter(**reader)
        waiting = notifications_waiting().filter(subscription__in=mine)
        duplicates_withdraw(waiting=waiting)
        Notification.objects.filter(pk__in=list(waiting.values_list("pk", flat=True))).update(message=message)
        mine.update(last_digest_at=now)
    return True


def signs_of_life_queue(*, now: datetime | None = None) -> int:
    """Queue a sign of life for every address that wants one and got nothing for a quarter; return how many."""
    now = now or timezone.now()
    with transaction.atomic():
        due = list(signs_due(now=now).values_list("pk", "email", "channel"))
        addresses = sorted({(email, channel) for _, email, channel in due})
        kind, day = Kind.SIGN, f"{now:%Y%m%d}"
        messages = [message_about(kind, day, email, channel=channel) for email, channel in addresses]
        OutgoingMessage.objects.bulk_create(messages, batch_size=BATCH, ignore_conflicts=True)
        signs_due(now=now).filter(pk__in=[pk for pk, *_ in due]).update(last_sign_at=now)
    return len(messages)
