"""Signed links for the owner of a mailbox, each for one purpose and without a mail address in it."""

from datetime import timedelta

from monitor.web.secret_links import signed_link

CONFIRM_FOR, INVITED_FOR, MANAGE_FOR = timedelta(hours=48), timedelta(days=7), timedelta(days=90)
_MEMBERSHIP = "membership"


confirm_token, read_confirm = signed_link("monitor.confirm", CONFIRM_FOR)  # The key is the subscription to confirm.
join_token, read_join = signed_link("monitor.join", INVITED_FOR)  # The token names the membership to accept.
stop_token, read_stop = signed_link("monitor.stop")  # The token names the subscriptions to end; it can do nothing else.
manage_token, _read_manage = signed_link("monitor.manage", MANAGE_FOR)  # key of a subscription: data of its owner


def member_token(membership_id: int) -> str:
    """Return the token that opens the pages with all data of a member of an organisation, or of an invited person."""
    return manage_token([_MEMBERSHIP, membership_id])


def read_manage(token: str) -> tuple[int, int]:
    """Return the keys (subscription, membership) that identify a person; one of them is 0. Raises Expired, Wrong."""
    held = _read_manage(token)
    return (0, held[1]) if isinstance(held, list) else (held, 0)
