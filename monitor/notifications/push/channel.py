"""Web Push: one message is one encrypted POST to the push service of a browser (RFC 8030)."""

import hashlib
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from monitor.models.messages import OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import InHand, Never, Outcome
from monitor.notifications.brief import brief_of
from monitor.notifications.push.devices import browser_key, device_add
from monitor.notifications.push.keys import authorization, encrypt, from_text, to_text
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.wording.cards.cards import KeptCards

KEEP_SECONDS = 7 * 24 * 3600  # for a device that is switched off
GONE = (404, 410)
WORKS = gettext_noop("Messages of this site reach this device.")


class Channel(base.EndpointChannel):
    """Channel of encrypted messages; requests run in parallel, at most one per device at a time."""

    rules = EndpointRules(wakes=True, most_an_hour=5)
    section, script = "notifications/push/_devices.html", "js/notifications/push/device.js"

    def __init__(self) -> None:
        self.at_once = settings.PUSHES_AT_ONCE
        self.cards = KeptCards()

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Encrypt the message and return the request, to be run in a thread; Never if the device was removed."""
        device = message.endpoint
        if device is None:
            return Never("The device was removed.")
        secret = from_text(device.keys["auth"])
        about = message.transition.alert.code if message.transition else message.kind
        body = encrypt(plain=payload(message, self.cards), browser=from_text(device.keys["p256dh"]), secret=secret)
        headers = {
            "Authorization": authorization(url=device.url, now=time.time()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_SECONDS),
            # a later message with the same topic replaces this one if no device has taken it yet
            "Topic": to_text(hashlib.sha256(secret + about.encode()).digest())[:32],
            "Urgency": "normal",
        }
        sent = {"url": device.url, "body": body, "headers": headers}
        return InHand(partial(base.deliver, **sent, seconds=settings.PUSH_SECONDS, gone_by=GONE))

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
