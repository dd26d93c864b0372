"""Signatures and secrets of webhooks, by the specification of Standard Webhooks (standardwebhooks.com, version 1)."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from monitor.models.messages import Endpoint

PREFIX = "whsec_"


def secret_new() -> str:
    """Return a new secret: whsec_ and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature 'v1,…': HMAC-SHA256 of id, time (seconds since 1970) and body. secret: whsec_ and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers(*, secrets_: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers with id, time and signatures: one signature by each of these secrets, in their order."""
    signatures = (sign(secret=one, message_id=message_id, timestamp=timestamp, body=body) for one in secrets_)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


BOTH_FOR = timedelta(days=1)


def secret_rotate(*, endpoint: Endpoint) -> str:
    """Make a new secret, to be shown once; the old one also signs for a day, so that no message is refused."""
    before, secret = endpoint.keys["secret"], secret_new()
    until = timezone.now() + BOTH_FOR
    endpoint.keys = {"secret": secret, "previous": before, "previous_until": until.isoformat()}
    endpoint.save(update_fields=["keys"])
    return secret


def secrets_of(*, endpoint: Endpoint) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    keys = endpoint.keys
    until = datetime.fromisoformat(keys["previous_until"]) if "previous" in keys else None
    return [keys["secret"], *([keys["previous"]] if until and until > timezone.now() else [])]
