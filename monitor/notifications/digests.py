"""Daily, weekly and monthly digests, one message per address; and messages after a quarter of a year without news."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from monitor.models.messages import Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.gathering import duplicates_withdraw
from monitor.notifications.outbox import message_about, message_key
from monitor.notifications.selectors import notifications_waiting
from monitor.subscribers.subscriptions.often import awake, signs_due, subscriptions_resume_due
from monitor.subscribers.subscriptions.selectors import subscriptions_active

DIGEST_HOUR = 6  # of the reader's morning


def last_moment(*, frequency: str, now: datetime, zone: str = "UTC") -> datetime:
    """Return when digests of this frequency were last due, for a reader in this time zone."""
    # Each day, each Monday, or each first of a month, at six by the reader's clock; at once: this very hour.
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
    due = awake(subscriptions=subscriptions_active().filter(frequency=frequency, time_zone=zone), now=now)
    if frequency == Subscription.Frequency.AT_ONCE:  # waits only after a change from daily or weekly
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
            defaults={"kind": OutgoingMessage.Kind.DIGEST, "address": reader["email"], "next_try_at": now},
        )
        if not created:
            return False
        mine = awake(subscriptions=subscriptions_active().filter(**reader), now=now)
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
        kind, day = OutgoingMessage.Kind.SIGN, f"{now:%Y%m%d}"
        messages = [message_about(kind, day, email, channel=channel) for email, channel in addresses]
        OutgoingMessage.objects.bulk_create(messages, batch_size=2000, ignore_conflicts=True)
        signs_due(now=now).filter(pk__in=[pk for pk, *_ in due]).update(last_sign_at=now)
    return len(messages)
