"""Webhooks: one message is one signed POST to the address of an endpoint, in the language of its owner."""

import json
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import translation

from detection.models import AlertTransition
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.notifications.webhook.signature import headers, secret_new, secret_rotate, secrets_of
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.subscribers.subscriptions.endpoints import labels_of
from monitor.wording.cards.cards import PROPERTIES, AlertCard, KeptCards, alert_title
from monitor.wording.cards.steps import update_sentences

WEBHOOK = "webhook"


class Channel(base.EndpointChannel):
    """Channel of signed messages; requests run in parallel, at most one per server at a time."""

    rules = EndpointRules(reports_end=True)
    section = "notifications/webhook/_webhooks.html"
    for_organisations = True

    def request(self, message: OutgoingMessage, endpoint: Endpoint) -> dict[str, Any]:
        """Return the request with the signed message."""
        body = json.dumps(payload(message, self.cards), ensure_ascii=False, separators=(",", ":")).encode()
        signed = headers(
            secrets_=secrets_of(endpoint=endpoint),
            message_id=endpoints.message_id(message),
            timestamp=int(time.time()),
            body=body,
        )
        return {"url": endpoint.url, "body": body, "headers": {"Content-Type": "application/json", **signed}}

    @classmethod
    def add(cls, *, given: Mapping[str, str], agent: str, **owner: Any) -> dict[str, Any]:
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


FIGURES = ("rate_mm_yr", "rate_sigma_mm_yr", "peak_rate_mm_yr", "speed_m_day", "speed_sigma_m_day", "area_m2")


def payload(message: OutgoingMessage, cards: KeptCards) -> dict[str, Any]:
    """Return the body of a webhook: type, timestamp and data. message: read by `selectors.messages_to_deliver`."""
    with translation.override(message.language):
        if message.transition is None:
            data: dict[str, Any] = {"language": message.language, "site": settings.PUBLIC_URL}
            return {"type": "test", "timestamp": message.created_at.isoformat(), "data": data}
        step = message.transition
        card = cards(step.alert)
        return {
            "type": f"alert.{step.to_state if step.changes_state else 'updated'}",
            "timestamp": step.created_at.isoformat(),
            "data": {
                "language": message.language,
                "subscriptions": labels_of(message),
                "title": alert_title(card),
                "changes": [str(sentence) for sentence in update_sentences(step)],
                "from_state": step.from_state,
                "to_state": step.to_state,
                "alert": _facts(step, card),
            },
        }


def _facts(step: AlertTransition, card: AlertCard) -> dict[str, Any]:
    alert, code = step.alert, step.alert.code
    site = settings.PUBLIC_URL
    return {
        **{name: getattr(card, name) for name in PROPERTIES},
        "url": site + card.url,
        "cap": f"{site}/cap/{code}.xml",
        "bbox": [round(edge, 6) for edge in alert.area.extent],
        "first_seen": card.first_seen.isoformat(),
        "updated": card.updated.isoformat(),
        **{name: getattr(alert, name) for name in FIGURES if getattr(alert, name) is not None},
    }
