"""The link of an invitation: signed, for three days. Whether it was used says the invitation's row."""

from datetime import timedelta

from django.core import signing

INVITED_FOR = timedelta(hours=72)
_SALT = "monitor.invitation"


def invitation_token(invitation_id: int) -> str:
    """Return the signed token of an invitation."""
    return signing.dumps(invitation_id, salt=_SALT)


def read_invitation(token: str) -> int | None:
    """Return the invitation; None for a link that is too old or not one of ours."""
    try:
        return signing.loads(token, salt=_SALT, max_age=INVITED_FOR)
    except signing.BadSignature:
        return None
