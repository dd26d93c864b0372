"""Signed links for the owner of a mailbox, each for one purpose and without a mail address in it."""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from monitor.models.subscriptions import Subscription

CONFIRM_FOR = timedelta(hours=48)
MANAGE_FOR = timedelta(days=90)
_CONFIRM, _MANAGE, _STOP, _JOIN = "monitor.confirm", "monitor.manage", "monitor.stop", "monitor.join"
_MEMBERSHIP = "membership"

Expired = signing.SignatureExpired  # a link was valid once
Wrong = signing.BadSignature  # a link was not made by this site, or was changed; base class of the other


def confirm_token(subscription_id: int) -> str:
    """Return the token that confirms a subscription."""
    return signing.dumps(subscription_id, salt=_CONFIRM)


def manage_token(subscription_id: int) -> str:
    """Return the token that opens the pages with all data of a subscription's owner."""
    return signing.dumps(subscription_id, salt=_MANAGE)


def member_token(membership_id: int) -> str:
    """Return the token that opens the pages with all data of a member of an organisation, or of an invited person."""
    return signing.dumps([_MEMBERSHIP, membership_id], salt=_MANAGE)


def join_token(membership_id: int) -> str:
    """Return the token that accepts an invitation to an organisation."""
    return signing.dumps(membership_id, salt=_JOIN)


def stop_token(subscription_ids: Iterable[int]) -> str:
    """Return the token that ends these subscriptions, and can do nothing else; it never expires."""
    return signing.dumps(sorted(subscription_ids), salt=_STOP)


def read_confirm(token: str) -> int:
    """Return the key of the subscription to confirm. Raises Expired after two days, Wrong for an invalid token."""
    return signing.loads(token, salt=_CONFIRM, max_age=CONFIRM_FOR)


def read_manage(token: str) -> tuple[int, int]:
    """Return the keys (subscription, membership) that identify a person; one of them is 0. Raises Expired, Wrong."""
    held = signing.loads(token, salt=_MANAGE, max_age=MANAGE_FOR)
    return (0, held[1]) if isinstance(held, list) else (held, 0)


def read_join(token: str, valid_for: timedelta) -> int:
    """Return the key of the membership to accept. Raises Expired if older than `valid_for`, Wrong if invalid."""
    return signing.loads(token, salt=_JOIN, max_age=valid_for)


def read_stop(token: str) -> list[int]:
    """Return the keys of the subscriptions to end. Raises Wrong for an invalid token."""
    return signing.loads(token, salt=_STOP)


KEY_BYTES = 24
FEEDS = ("feed-atom", "feed-calendar", "feed-cap")  # names of addresses


def feeds_open(*, subscription: Subscription) -> None:
    """Make secret links that open the feeds of this subscription alone; older ones lead nowhere from now on."""
    Subscription.objects.filter(pk=subscription.pk).update(feed_key=secrets.token_urlsafe(KEY_BYTES))


def feeds_close(*, subscription: Subscription) -> None:
    """Close the feeds of a subscription: their links open nothing from now on."""
    Subscription.objects.filter(pk=subscription.pk).update(feed_key=None)


def feed_addresses(*, subscription: Subscription) -> dict[str, str]:
    """Return the addresses of the feeds by the names of their routes; none while the feeds are closed."""
    key = subscription.feed_key
    return {name: settings.PUBLIC_URL + reverse(name, args=[key]) for name in FEEDS} if key else {}
