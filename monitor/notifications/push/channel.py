"""Web Push: one message is one encrypted POST to the push service of a browser (RFC 8030)."""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.notifications.brief import brief_of
from monitor.notifications.push.devices import browser_key, device_add
from monitor.notifications.push.keys import authorization, encrypt, from_text, to_text
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.wording.cards.cards import KeptCards

KEEP_SECONDS = 7 * 24 * 3600  # for a device that is switched off
WORKS = gettext_noop("Messages of this site reach this device.")


class Channel(base.EndpointChannel):
    """Channel of encrypted messages; requests run in parallel, at most one per device at a time."""

    rules = EndpointRules(wakes=True, most_an_hour=5)
    removed, gone_by = "The device was removed.", (404, 410)
    section, script = "notifications/push/_devices.html", "js/notifications/push/device.js"

    def request(self, message: OutgoingMessage, endpoint: Endpoint) -> dict[str, Any]:
        """Return the request with the encrypted message."""
        secret = from_text(endpoint.keys["auth"])
        about = message.transition.alert.code if message.transition else message.kind
        body = encrypt(plain=payload(message, self.cards), browser=from_text(endpoint.keys["p256dh"]), secret=secret)
        headers = {
            "Authorization": authorization(url=endpoint.url, now=time.time()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_SECONDS),
            # a later message with the same topic replaces this one if no device has taken it yet
            "Topic": to_text(hashlib.sha256(secret + about.encode()).digest())[:32],
            "Urgency": "normal",
        }
        return {"url": endpoint.url, "body": body, "headers": headers}

    @classmethod
    def shown(cls) -> dict[str, Any] | None:
        """Return the key that browsers need; None if this site has none."""
        return {"browser_key": browser_key()} if browser_key() else None

    @classmethod
    def add(cls, *, given: Mapping[str, str], agent: str, **owner: Any) -> dict[str, Any]:
        """Add the device whose browser gave its address and keys."""
        device_add(given=given, agent=agent, **owner)
        return {}


def payload(message: OutgoingMessage, cards: KeptCards) -> bytes:
    """Return the text that a device shows, as JSON for its service worker, without personal addresses or regions."""
    brief = brief_of(message, cards, works=WORKS)
    shown = {
        "title": brief.title,
        "body": brief.sentence,
        "url": brief.path,
        "tag": brief.about,
        "lang": message.language,
    }
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
