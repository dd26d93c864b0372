"""Queries of the outbox: messages that are due, news that waits for a digest, subscriptions already notified."""

from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from detection.models import AlertTransition
from monitor.models.messages import Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.outbox import LEASE
from monitor.subscribers.subscriptions.selectors import is_held, subscriptions_active

State = OutgoingMessage.State
# What letters are about.
ABOUT = (
    "invitation",
    "extract",
    "account",
    "endpoint",
    "bulletin",
    "report",
    "step__escalation__alert",
    "notice__line",
)


def subscriptions_notified(*, transition: AlertTransition) -> QuerySet[Subscription]:
    """Return active subscriptions to which a message about an earlier step of the same alert was or is being sent."""
    earlier = Notification.objects.filter(
        transition__alert=transition.alert_id,
        transition__lt=transition.pk,
        message__state__in=[State.SENT, State.SENDING],
    )
    return subscriptions_active().filter(pk__in=earlier.values("subscription"))


def notifications_waiting() -> QuerySet[Notification]:
    """Return the notifications that belong to no message yet: the content of digests."""
    return Notification.objects.filter(message=None, withdrawn_at=None)


def channels_due(*, now: datetime) -> set[str]:
    """Return the names of the channels that have something to send now."""
    return set(messages_due(now=now).order_by().values_list("channel", flat=True).distinct())


def messages_due(*, now: datetime) -> QuerySet[OutgoingMessage]:
    """Return queued messages whose time has come, and those whose sender died, except those held by quiet hours."""
    due = Q(state=State.QUEUED, next_try_at__lte=now) | LEASE.is_expired()
    return OutgoingMessage.objects.filter(due).exclude(is_held(now=now)).order_by("rank", "next_try_at", "id")


def messages_to_deliver(*, now: datetime) -> QuerySet[OutgoingMessage]:
    """Return due messages with the rows that delivery needs; `news` lists notifications to active subscriptions."""
    news = (
        Notification.objects.filter(withdrawn_at=None, subscription__in=subscriptions_active())
        .select_related("subscription", "transition__alert", "transition__update")
        .defer("subscription__region", "transition__alert__area")
        .order_by("subscription_id", "transition_id")
    )
    return (
        messages_due(now=now)  # type: ignore[no-redef]  # the model declares `news` for its readers
        .select_related("subscription", "transition__alert", "transition__update", *ABOUT)
        .defer("subscription__region", "transition__alert__area", "report__photo", "step__escalation__alert__area")
        .defer("notice__line__geometry")
        .prefetch_related(Prefetch("notifications", queryset=news, to_attr="news"))
    )
