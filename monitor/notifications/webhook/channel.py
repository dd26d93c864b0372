"""Webhooks: one message is one signed POST to the address of an endpoint, in the language of its owner.

Signatures and secrets follow the specification of Standard Webhooks (standardwebhooks.com, version 1).
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from detection.models import Alert
from ingest.foundation.geos import bbox
from monitor.models.lines import BREAK_FIGURES
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.subscribers.organisations.escalations import take_path
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.endpoints import labels_of
from monitor.wording.cards.cards import AlertCard, KeptCards, alert_properties, alert_title, update_sentences

WEBHOOK = "webhook"
PREFIX = "whsec_"  # Secrets begin with this.
BOTH_FOR = timedelta(days=1)  # The old secret also signs for this time.


class Channel(base.EndpointChannel):
    """Channel of signed messages; requests run in parallel, at most one per server at a time."""

    order = 50
    section = "notifications/webhook/_webhooks.html"
    for_organisations = True

    def request(self, message: OutgoingMessage, endpoint: Endpoint) -> dict[str, Any]:
        """Return the request with the signed message."""
        body = json.dumps(payload(message, self.cards), ensure_ascii=False, separators=(",", ":")).encode()
        message_id, timestamp = endpoints.message_id(message), int(time.time())
        sign_with = partial(sign, message_id=message_id, timestamp=timestamp, body=body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(sign_with(secret=one) for one in secrets_of(endpoint=endpoint)),
        }
        return {"url": endpoint.url, "body": body, "headers": headers}

    @classmethod
    def add(cls, *, given: Mapping[str, str], **owner: Any) -> dict[str, Any]:
        """Add a webhook; return its secret, which is shown only now."""
        url = given.get("url", "").strip()
        endpoints.url_refuse(channel=WEBHOOK, url=url, **owner)
        secret = secret_new()
        endpoints.endpoint_add(channel=WEBHOOK, url=url, keys={"secret": secret}, **owner)
        return {"secret": secret, "secret_of": url}

    @classmethod
    def act(cls, *, deed: str, endpoint: Endpoint, given: Mapping[str, str]) -> dict[str, Any] | None:
        """Make a new secret, and return it."""
        if deed != "secret":
            return None
        return {"secret": secret_rotate(endpoint=endpoint), "secret_of": endpoint.url, "is_rotated": True}


def payload(message: OutgoingMessage, cards: KeptCards) -> dict[str, Any]:
    """Return the body of a webhook: type, timestamp and data. message: read by `outbox.messages_to_deliver`."""
    data: dict[str, Any] = {"language": message.language}
    kind, at = "test", message.created_at
    with translation.override(message.language):
        if message.step:
            kind, alert = "alert.unclaimed", message.step.escalation.alert
            card, take_url = cards(alert), settings.PUBLIC_URL + take_path(message.step)
            data |= {"title": alert_title(card), "take_url": take_url, "alert": _facts(alert, card)}
        elif message.notice:
            kind, line = "line.breaks", message.notice.line
            stations = ("station_m", "from_m", "to_m")
            breaks = [
                {name: line.first_station_m + getattr(one, name) for name in stations}
                | {name: getattr(one, name) for name in BREAK_FIGURES}
                for one in message.notice.places()
            ]
            data |= {"line": line.name, "breaks": breaks}
        elif message.transition is None:
            data |= {"site": settings.PUBLIC_URL}
        else:
            step, at = message.transition, message.transition.created_at
            kind, card = f"alert.{step.to_state if step.changes_state else 'updated'}", cards(step.alert)
            data |= {
                "subscriptions": labels_of(message),
                "title": alert_title(card),
                "changes": [str(sentence) for sentence in update_sentences(step)],
                "from_state": step.from_state,
                "to_state": step.to_state,
                "alert": _facts(step.alert, card),
            }
    return {"type": kind, "timestamp": at.isoformat(), "data": data}


def _facts(alert: Alert, card: AlertCard) -> dict[str, Any]:
    site = settings.PUBLIC_URL
    return alert_properties(alert, card) | {
        "url": site + card.url,
        "cap": f"{site}/cap/{alert.code}.xml",
        "bbox": bbox(alert.area),
    }


def secret_new() -> str:
    """Return a new secret: whsec_ and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature 'v1,…': HMAC-SHA256 of id, time (seconds since 1970) and body. secret: whsec_ and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


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
