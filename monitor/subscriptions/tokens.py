"""Links that only the owner of a mailbox can have: signed, each for one purpose, without an address in them."""

from collections.abc import Iterable
from datetime import timedelta

from django.core import signing

CONFIRM_FOR = timedelta(hours=48)
MANAGE_FOR = timedelta(days=90)
_CONFIRM, _MANAGE, _STOP = "monitor.confirm", "monitor.manage", "monitor.stop"


class Expired(ValueError):
    """The link was right once."""


class Wrong(ValueError):
    """The link was never ours, or somebody changed it."""


def confirm_token(subscription_id: int) -> str:
    return signing.dumps(subscription_id, salt=_CONFIRM)


def manage_token(subscription_id: int) -> str:
    """Opens everything of the person whose subscription this is."""
    return signing.dumps(subscription_id, salt=_MANAGE)


def stop_token(subscription_ids: Iterable[int]) -> str:
    """Ends these subscriptions, and can do nothing else; it never expires."""
    return signing.dumps(sorted(subscription_ids), salt=_STOP)


def read_confirm(token: str) -> int:
    """The subscription to confirm. Raises Expired after two days, Wrong for anything else."""
    return _read(token, _CONFIRM, CONFIRM_FOR)


def read_manage(token: str) -> int:
    return _read(token, _MANAGE, MANAGE_FOR)


def read_stop(token: str) -> list[int]:
    return _read(token, _STOP, None)


def _read(token: str, purpose: str, valid_for: timedelta | None):
    try:
        return signing.loads(token, salt=purpose, max_age=valid_for)
    except signing.SignatureExpired as fault:
        raise Expired("the link is too old") from fault
    except signing.BadSignature as fault:
        raise Wrong("the link is not one of ours") from fault
