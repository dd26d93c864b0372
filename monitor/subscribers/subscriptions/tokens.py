"""Signed links for the owner of a mailbox, each for one purpose and without a mail address in it."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.urls import reverse

from monitor.models.subscriptions import Subscription
from monitor.web.secret_links import signed_link

CONFIRM_FOR, INVITED_FOR, MANAGE_FOR = timedelta(hours=48), timedelta(days=7), timedelta(days=90)
_MEMBERSHIP = "membership"


confirm_token, read_confirm = signed_link("monitor.confirm", CONFIRM_FOR)  # The key is the subscription to confirm.
join_token, read_join = signed_link("monitor.join", INVITED_FOR)  # The token names the membership to accept.
stop_token, read_stop = signed_link("monitor.stop")  # The token names the subscriptions to end; it can do nothing else.
manage_token, _read_manage = signed_link("monitor.manage", MANAGE_FOR)  # key of a subscription: data of its owner
KEY_BYTES = 24
FEEDS = ("feed-atom", "feed-calendar", "feed-cap")  # Names of the addresses of feeds.


def member_token(membership_id: int) -> str:
    """Return the token that opens the pages with all data of a member of an organisation, or of an invited person."""
    return manage_token([_MEMBERSHIP, membership_id])


def read_manage(token: str) -> tuple[int, int]:
    """Return the keys (subscription, membership) that identify a person; one of them is 0. Raises Expired, Wrong."""
    held = _read_manage(token)
    return (0, held[1]) if isinstance(held, list) else (held, 0)


def feeds_set(*, subscription: Subscription, opened: bool) -> None:
    """Make secret links that open the feeds of this subscription alone, or none; older ones lead nowhere from now."""
    key = secrets.token_urlsafe(KEY_BYTES) if opened else None
    Subscription.objects.filter(pk=subscription.pk).update(feed_key=key)


def feed_addresses(*, subscription: Subscription) -> dict[str, str]:
    """Return the addresses of the feeds by the names of their routes; none while the feeds are closed."""
    key = subscription.feed_key
    return {name: settings.PUBLIC_URL + reverse(name, args=[key]) for name in FEEDS} if key else {}
