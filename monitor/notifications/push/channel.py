"""Web Push: one message is one encrypted POST to the push service of a browser (RFC 8030)."""

import hashlib
import time
from functools import partial

from django.conf import settings

from monitor.models.messages import OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import InHand, Never, Outcome
from monitor.notifications.push.body import payload
from monitor.notifications.push.encryption import encrypt
from monitor.notifications.push.keys import authorization, from_text, to_text
from monitor.wording.cards.cards import KeptCards

KEEP_SECONDS = 7 * 24 * 3600  # for a device that is switched off
GONE = (404, 410)


class Channel(base.Channel):
    """Encrypts a message for its device; the request runs beside others, each device with one in hand."""

    one_server = False

    def __init__(self) -> None:
        self.at_once = settings.PUSHES_AT_ONCE
        self.cards = KeptCards()

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        device = message.endpoint
        if device is None:
            return Never("The device was removed.")
        secret = from_text(device.keys["auth"])
        body = encrypt(plain=payload(message, self.cards), browser=from_text(device.keys["p256dh"]), secret=secret)
        headers = {
            "Authorization": authorization(url=device.url, now=time.time()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_SECONDS),
            "Topic": _topic(message, secret),
            "Urgency": "normal",
        }
        sent = {"url": device.url, "body": body, "headers": headers}
        return InHand(partial(base.deliver, **sent, seconds=settings.PUSH_SECONDS, gone_by=GONE))

    def close(self) -> None:
        """Connections are closed after each message."""


def _topic(message: OutgoingMessage, secret: bytes) -> str:
    """What a later message about the same place replaces, where no device has taken it yet; the push service learns
    nothing from it."""
    about = message.transition.alert.code if message.transition else message.kind
    return to_text(hashlib.sha256(secret + about.encode()).digest())[:32]
