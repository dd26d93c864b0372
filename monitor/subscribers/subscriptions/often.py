"""Times at which messages of a subscription may come: quiet hours, pauses that end by themselves, signs of life."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from monitor.models.messages import Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions.channels import channels_where
from monitor.subscribers.subscriptions.selectors import subscriptions_active

QUARTER = timedelta(days=91)
RESUMED = {"paused_at": None, "paused_until": None, "pause_reason": "", "bounces": 0}  # fields of no pause


class Quiet(NamedTuple):
    """Quiet hours, without messages: from `start` up to `end`, hours of the day (0-23) in the time zone `zone`."""

    zone: str
    start: int
    end: int


def is_quiet(hour: int, start: int, end: int) -> bool:
    """Return whether an hour (0-23) lies between `start` and `end`, excluding `end`; 22 to 7 passes midnight."""
    return start <= hour < end if start <= end else hour >= start or hour < end


def quiet_ends(at: datetime, quiet: Quiet | None) -> datetime:
    """Return the earliest time for a message from `at` on: `at` itself, or the end of the quiet hours around it."""
    if quiet is None:
        return at
    local = at.astimezone(ZoneInfo(quiet.zone))
    if not is_quiet(local.hour, quiet.start, quiet.end):
        return at
    whole_hour = local.replace(minute=0, second=0, microsecond=0)
    return (whole_hour + timedelta(hours=(quiet.end - local.hour) % 24)).astimezone(UTC)


def awake(*, subscriptions: QuerySet[Subscription], now: datetime) -> QuerySet[Subscription]:
    """Return the subscriptions whose readers do not have quiet hours now."""
    return subscriptions.exclude(_asleep(now))


def is_held(*, now: datetime) -> Q:
    """Return the filter that selects queued messages which have to wait for the end of quiet hours."""
    # They bring news or a sign of life to a subscription with quiet hours now, or would wake up its owner.
    asleep = Subscription.objects.filter(_asleep(now))
    news = Notification.objects.filter(message=OuterRef("pk"), withdrawn_at=None, subscription__in=asleep)
    silent = asleep.filter(sign_of_life=True, channel=OuterRef("channel"))
    sign = Q(kind=OutgoingMessage.Kind.SIGN) & Exists(silent.filter(email=OuterRef("address")))
    wakes = Q(channel__in=channels_where(wakes=True)) & ~Q(kind=OutgoingMessage.Kind.CHECK)
    return Q(Exists(news)) | sign | (wakes & Exists(asleep.filter(email=OuterRef("address"))))


def _asleep(now: datetime) -> Q:
    fields = ("time_zone", "quiet_from", "quiet_until")
    kept = Subscription.objects.filter(quiet_from__isnull=False, quiet_until__isnull=False, ended_at=None)
    asleep = Q(pk__in=[])
    for zone, start, end in kept.order_by().values_list(*fields).distinct():
        if is_quiet(now.astimezone(ZoneInfo(zone)).hour, start, end):
            asleep |= Q(time_zone=zone, quiet_from=start, quiet_until=end)
    return asleep


def subscriptions_resume_due(*, now: datetime | None = None) -> int:
    """End the pauses whose day has come; return how many."""
    due = Subscription.objects.filter(paused_until__lte=now or timezone.now())
    return due.update(**RESUMED)


def subscriptions_silent(*, now: datetime) -> QuerySet[Subscription]:
    """Return active subscriptions that want a sign of life and have brought nothing for a quarter of a year."""
    lately = Notification.objects.filter(
        subscription=OuterRef("pk"),
        message__state=OutgoingMessage.State.SENT,
        message__sent_at__gt=now - QUARTER,
    )
    return subscriptions_active().filter(~Exists(lately), sign_of_life=True, confirmed_at__lt=now - QUARTER)


def signs_due(*, now: datetime) -> QuerySet[Subscription]:
    """Return silent subscriptions without a sign of life for a quarter of a year, except those with quiet hours now."""
    silent = subscriptions_silent(now=now).alias(since=Coalesce("last_sign_at", "confirmed_at"))
    return awake(subscriptions=silent.filter(since__lt=now - QUARTER), now=now)
