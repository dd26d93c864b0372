"""Endpoints, messages of one step, and the page where a person chooses the ways by which they come."""

from datetime import timedelta

from django.core import mail
from django.utils import timezone

from monitor import tasks
from monitor.models.messages import ChannelPause, Endpoint, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import rounds
from monitor.subscribers.subscriptions import tokens

RESIDENT = "resident@example.org"


def send(**options) -> int:
    """Queue what is due and send it. Return how many messages went out."""
    tasks.announce_transitions()
    return rounds.messages_send(**options)


def mails_sent() -> list:
    """Queue what is due and send it. Return the mails among it."""
    before = len(mail.outbox)
    send()
    return mail.outbox[before:]


def let_time_pass() -> None:
    """End every delay, every lease and every pause."""
    past = timezone.now() - timedelta(seconds=1)
    OutgoingMessage.objects.filter(state="queued").update(next_try_at=past)
    OutgoingMessage.objects.filter(state="sending").update(lease_until=past)
    ChannelPause.objects.update(next_try_at=past)
    Endpoint.objects.update(next_try_at=None)


def endpoint_made(channel: str, url: str, **values) -> Endpoint:
    """Make an endpoint of the resident that has answered its test."""
    usual = {"email": RESIDENT, "language": "en", "verified_at": timezone.now()}
    return Endpoint.objects.create(channel=channel, url=url, **usual | values)


def ways_of(subscription: Subscription) -> str:
    """Return the address of the page with the ways of a subscription's owner."""
    return f"/subscriptions/{tokens.manage_token(subscription.pk)}/ways/"
