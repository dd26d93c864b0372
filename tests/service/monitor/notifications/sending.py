"""Messages of one step, and the page where a person chooses the ways by which they come."""

from monitor import tasks
from monitor.models.subscriptions import Subscription
from monitor.notifications import rounds
from monitor.subscribers.subscriptions import tokens


def send(**options) -> int:
    """Queue what is due and send it. Return how many messages went out."""
    tasks.announce_transitions()
    return rounds.messages_send(**options)


def ways_of(subscription: Subscription) -> str:
    """Return the address of the page with the ways of a subscription's owner."""
    return f"/subscriptions/{tokens.manage_token(subscription.pk)}/ways/"
