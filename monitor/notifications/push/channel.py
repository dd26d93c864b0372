"""Web Push: one message is one encrypted POST to the push service of a browser (RFC 8030)."""

import hashlib
import json
import textwrap
import time
from functools import partial

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from monitor.models.messages import OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import InHand, Never, Outcome
from monitor.notifications.push.keys import authorization, encrypt, from_text, to_text
from monitor.wording.cards.cards import KeptCards, alert_title
from monitor.wording.cards.steps import what_happened

KEEP_SECONDS = 7 * 24 * 3600  # for a device that is switched off
GONE = (404, 410)


class Channel(base.Channel):
    """Channel of encrypted messages; requests run in parallel, at most one per device at a time."""

    one_server = False

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


LONGEST_TITLE, LONGEST_SENTENCE = 160, 400  # letters


def payload(message: OutgoingMessage, cards: KeptCards) -> bytes:
    """Return the text that a device shows, as JSON for its service worker, without personal addresses or regions."""
    with translation.override(message.language):
        if message.transition is None:
            summary = message.kind == OutgoingMessage.Kind.SUMMARY
            more = _("More has changed in your regions.")
            title, sentence = settings.SITE.name, more if summary else _("Messages of this site reach this device.")
            url, tag = reverse("alert-list") if summary else "/", message.kind
        else:
            alert = message.transition.alert
            title, sentence = alert_title(cards(alert)), what_happened(message.transition)
            url, tag = alert.get_absolute_url(), alert.code
    shown = {
        "title": textwrap.shorten(title, LONGEST_TITLE, placeholder="…"),
        "body": textwrap.shorten(sentence, LONGEST_SENTENCE, placeholder="…"),
        "url": url,
        "tag": tag,
        "lang": message.language,
    }
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
