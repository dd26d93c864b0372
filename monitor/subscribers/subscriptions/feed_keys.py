"""The secret part of the addresses of a subscription's feeds: made when its owner wants feeds, renewed, taken away.

Whoever has it reads the feeds of this one subscription, and can do nothing else.
"""

import secrets

from django.conf import settings
from django.urls import reverse

from monitor.models.subscriptions import Subscription

KEY_BYTES = 24
FEEDS = ("feed-atom", "feed-calendar", "feed-cap")  # names of addresses


def feeds_open(*, subscription: Subscription) -> None:
    """Make the links, or new ones: the old ones lead nowhere from now on."""
    Subscription.objects.filter(pk=subscription.pk).update(feed_key=secrets.token_urlsafe(KEY_BYTES))


def feeds_close(*, subscription: Subscription) -> None:
    """Take the links away."""
    Subscription.objects.filter(pk=subscription.pk).update(feed_key=None)


def subscription_of(*, key: str) -> Subscription | None:
    """Return the subscription of these feeds, even if it has ended."""
    return Subscription.objects.filter(feed_key=key).first()


def addresses(*, subscription: Subscription) -> dict[str, str]:
    """Return the feeds by the names of their addresses; none if their owner wants none."""
    key = subscription.feed_key
    return {name: settings.PUBLIC_URL + reverse(name, args=[key]) for name in FEEDS} if key else {}
