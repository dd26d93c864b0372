"""Outbox: senders claim messages under a lease; if a sender dies, the lease ends and another sends its message."""

import hashlib
import logging
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db import transaction
from django.db.models import F, Prefetch, Q, QuerySet
from django.utils import timezone

from detection.reviews.visits import visits_coming
from ground_motion.core.errors import promised
from ingest.foundation.leases import Lease
from monitor.models.messages import Endpoint, Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.base import Channel, Delivered, InHand, Later, Never, Outcome, Refused
from monitor.subscribers.organisations.escalations import escalations_of_operators, escalations_waiting
from monitor.subscribers.subscriptions import endpoints, selectors
from monitor.subscribers.subscriptions.selectors import subscriptions_active

logger = logging.getLogger(__name__)

BACK_OFF = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1440)]
GIVE_UP_AFTER = timedelta(days=3)
MAX_BOUNCES = 3
MAX_RETURNS = 10  # An address pauses after this many returned mails in a row, whatever the reason.
PASSING = "for now: "  # how the error of a mail begins that came back for a reason which may pass
MAX_ERROR_LENGTH = 300
State, Kind = OutgoingMessage.State, OutgoingMessage.Kind
# Letters, the row that each is about, and the times in that row that end the need for it.
OPEN_UNTIL: dict[str, tuple[str, ...]] = {
    Kind.CONFIRM: ("subscription", "confirmed_at", "ended_at"),
    Kind.INVITATION: ("invitation", "accepted_at", "withdrawn_at"),
    Kind.MEMBERSHIP: ("membership", "confirmed_at", "left_at"),
    Kind.REPORT: ("report", "confirmed_at"),
    Kind.TEST: ("subscription", "ended_at"),
}
# Relations of a message to the row that its letter is about.
ABOUT = ("invitation", "account", "endpoint", "bulletin", "report", "notice__line")
LEASE = Lease(
    model=OutgoingMessage,
    queued=State.QUEUED,
    running=State.SENDING,
    failed=State.FAILED,
    cancelled=State.WITHDRAWN,
    duration=timedelta(minutes=5),
)


def notifications_waiting() -> QuerySet[Notification]:
    """Return the notifications that belong to no message yet: the content of digests."""
    return Notification.objects.filter(message=None, withdrawn_at=None)


def channels_due(*, now: datetime) -> set[str]:
    """Return the names of the channels that have something to send now."""
    return set(messages_due(now=now).order_by().values_list("channel", flat=True).distinct())


def messages_due(*, now: datetime) -> QuerySet[OutgoingMessage]:
    """Return queued messages whose time has come, and those whose sender died."""
    due = Q(state=State.QUEUED, next_try_at__lte=now) | LEASE.is_expired()
    return OutgoingMessage.objects.filter(due).order_by("rank", "next_try_at", "id")


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
        .select_related("subscription", "transition__alert", "transition__update", "step__escalation__alert", *ABOUT)
        .defer("subscription__region", "transition__alert__area", "step__escalation__alert__area")
        .defer("notice__line__geometry")
        .prefetch_related(Prefetch("notifications", queryset=news, to_attr="news"))
    )


def message_key(kind: str, about: object, address: str) -> str:
    """Return the key of a message; the same news for the same address always has the same key."""
    return f"{kind}:{about}:{hashlib.sha256(address.encode()).hexdigest()[:32]}"


def message_about(kind: str, about: object, address: str, **more: Any) -> OutgoingMessage:
    """Return an unsaved message that is due now, with its key."""
    return OutgoingMessage.due(kind, message_key(kind, about, address), address, **more)


def message_claim(*, message: OutgoingMessage) -> bool:
    """Claim a message for this sender; False if another sender was quicker, or it was withdrawn or put off."""
    as_read = {name: getattr(message, name) for name in ("pk", "state", "attempts", "next_try_at")}
    # A sender whose lease had ended when the message was read may have prolonged it since.
    claimed = LEASE.claim(OutgoingMessage.objects.filter(LEASE.due() | LEASE.is_expired(), **as_read))
    if claimed:
        message.state, message.attempts = State.SENDING, message.attempts + 1
    return claimed


def message_deliver(*, message: OutgoingMessage, channel: Channel, in_trouble: bool = False) -> Outcome | InHand | None:
    """Deliver a claimed message; record and return the outcome, None for a faulty or no longer needed message."""
    # message: as `outbox.messages_to_deliver` reads it. in_trouble: the channel took nothing lately, so that its
    # answers say nothing about an address. The outcome of `InHand` is recorded later (`message_settle`).
    try:
        outcome = channel.deliver(message) if _is_still_needed(message) else None
    except Exception as fault:  # One bad message does not hold up the others.
        logger.exception("%s could not be made", message)
        message_retry(message=message, error=f"{type(fault).__name__}: {fault}")
        return None
    if in_trouble and isinstance(outcome, Never):
        outcome = Refused(outcome.reason)
    if outcome is None:
        LEASE.settle(message, State.WITHDRAWN)
    elif not isinstance(outcome, InHand):
        message_settle(message=message, outcome=outcome)
    return outcome


def message_settle(*, message: OutgoingMessage, outcome: Outcome) -> None:
    """Record the outcome of a claimed message."""
    if isinstance(outcome, Later):
        message_put_off(message=message, error=outcome.reason)
    elif message.server:
        endpoint_settle(message=message, endpoint=message.server, outcome=outcome)
    elif isinstance(outcome, Delivered):
        LEASE.settle(message, State.SENT, sent_at=timezone.now(), error="")
        if any(item.subscription.bounces for item in message.news):
            Subscription.objects.filter(email=message.address, channel=message.channel).update(bounces=0)
    elif isinstance(outcome, Refused):
        message_retry(message=message, error=outcome.reason)
    elif isinstance(outcome, Never):
        logger.warning("%s was refused: %s", message, outcome.reason)
        LEASE.settle(message, State.FAILED, error=outcome.reason[:MAX_ERROR_LENGTH])
        active = subscriptions_active().filter(email=message.address, channel=message.channel)
        active.update(bounces=F("bounces") + 1)
        _pause_refused(active)


def endpoint_settle(*, message: OutgoingMessage, endpoint: Endpoint, outcome: Delivered | Refused | Never) -> None:
    """Record the outcome of a message to an endpoint; a failure delays only messages to the same endpoint."""
    if isinstance(outcome, Delivered):
        LEASE.settle(message, State.SENT, sent_at=timezone.now(), error="")
        endpoints.endpoint_answered(endpoint=endpoint, checked=message.kind == Kind.CHECK)
        return
    logger.warning("%s was not taken: %s", message, outcome.reason)
    retry_after = outcome.retry_after if isinstance(outcome, Refused) else None
    until = endpoints.endpoint_failed(endpoint=endpoint, gone=isinstance(outcome, Never), retry_after=retry_after)
    if message.attempts > len(endpoints.BACK_OFF) or endpoint.ended_at:
        LEASE.settle(message, State.FAILED, error=outcome.reason[:MAX_ERROR_LENGTH])
    else:
        at = max(until, timezone.now() + endpoints.back_off(message.attempts))
        LEASE.settle(message, State.QUEUED, next_try_at=at, error=outcome.reason[:MAX_ERROR_LENGTH])
    waiting = OutgoingMessage.objects.filter(endpoint=endpoint, channel=message.channel, state=State.QUEUED)
    if endpoint.ended_at:
        waiting.update(state=State.FAILED, error="The address was switched off.")
    else:
        waiting.filter(next_try_at__lt=until).update(next_try_at=until)


def message_put_off(*, message: OutgoingMessage, error: str) -> None:
    """Queue a message again for later because its channel takes none now; the number of attempts is not limited."""
    logger.warning("%s was put off: %s", message, error)
    delay = BACK_OFF[min(message.attempts, len(BACK_OFF)) - 1]
    LEASE.settle(message, State.QUEUED, next_try_at=timezone.now() + delay, error=error[:MAX_ERROR_LENGTH])


def message_retry(*, message: OutgoingMessage, error: str) -> None:
    """Queue a refused or faulty message again, or give it up if all delays were used and it is past GIVE_UP_AFTER."""
    if message.attempts > len(BACK_OFF) and message.created_at < timezone.now() - GIVE_UP_AFTER:
        logger.error("%s is given up: %s", message, error)
        LEASE.settle(message, State.FAILED, error=error[:MAX_ERROR_LENGTH])
    else:
        message_put_off(message=message, error=error)


def message_return(*, message_id: int, error: str, passing: bool = False) -> bool:
    """Record that a sent message came back. Return False if it is not marked as sent, as after an earlier report."""
    # passing: the address may take mails again, as a mailbox that is full: only many of these pause it.
    with transaction.atomic():
        sent = OutgoingMessage.objects.filter(pk=message_id, state=State.SENT)
        reason = (f"{PASSING}{error}" if passing else error)[:MAX_ERROR_LENGTH]
        if not sent.update(state=State.FAILED, error=reason):
            return False
        message = OutgoingMessage.objects.get(pk=message_id)
        active = subscriptions_active().filter(email=message.address, channel=message.channel)
        finished = OutgoingMessage.objects.filter(state__in=[State.SENT, State.FAILED], address=message.address)
        last = finished.filter(channel=message.channel).order_by("-pk").values_list("state", "error")[:MAX_RETURNS]
        errors = [error for _, error in takewhile(lambda one: one[0] == State.FAILED, last)]
        lasting = sum(not error.startswith(PASSING) for error in errors)
        # The counter of refusals does not help: a relay accepts every message, which resets it. The count is
        # MAX_BOUNCES, too, if none of the last MAX_RETURNS has arrived, whatever the reasons.
        active.update(bounces=MAX_BOUNCES if len(errors) == MAX_RETURNS else min(lasting, MAX_BOUNCES))
        _pause_refused(active)
    logger.warning("%s: %s", message, reason)
    return True


def _pause_refused(active: QuerySet[Subscription]) -> None:
    pause = {"paused_at": timezone.now(), "pause_reason": Subscription.PauseReason.BOUNCED}
    active.filter(bounces__gte=MAX_BOUNCES).update(**pause)


def _is_still_needed(message: OutgoingMessage) -> bool:
    """Return whether a message is still needed; remove the news that no longer holds from `message.news`."""
    if message.step:
        return escalations_waiting().filter(pk=message.step.escalation_id).exists()
    if message.kind == Kind.ASKED:
        return escalations_of_operators().exists()
    if message.notice and not message.notice.breaks.filter(is_beyond=True).exists():
        return False
    if message.kind == Kind.LINE and message.membership:
        return message.membership.wants_mails and message.membership.left_at is None
    if message.kind in OPEN_UNTIL:
        subject, *ends = OPEN_UNTIL[message.kind]
        row = getattr(message, subject)
        return row is not None and not any(getattr(row, end) for end in ends)
    if message.kind == Kind.SIGN:
        silent = selectors.subscriptions_silent(now=timezone.now())
        return silent.filter(email=message.address, channel=message.channel).exists()
    if message.kind == Kind.BULLETIN:
        readers = selectors.subscriptions_to_bulletin(bulletin=promised(message.bulletin))
        return readers.filter(email=message.address).exists()
    if message.kind in (Kind.LINK, Kind.RESET, Kind.DISSOLVED):
        return True
    if message.kind == Kind.VISITS:
        return message.account is not None and bool(visits_coming(visitor=message.account))
    if message.endpoint:
        return endpoints.is_still_needed(message=message, endpoint=message.endpoint)
    message.news = [item for item in message.news if not endpoints.is_overtaken(item.transition)]
    return bool(message.news)
