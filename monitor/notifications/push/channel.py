"""Web Push: one message is one encrypted POST to the push service of a browser (RFC 8030)."""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.notifications.brief import brief_of
from monitor.notifications.push.keys import authorization, encrypt, from_text, public_key, to_text
from monitor.subscribers.accounts.sessions import browser_and_system
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.web.outgoing import outward
from monitor.wording.cards.cards import KeptCards
from monitor.wording.refusals import Refusal

PUSH = "push"
MAX_URL_LENGTH = 2000
KEEP_SECONDS = 7 * 24 * 3600  # for a device that is switched off
WORKS = gettext_noop("Messages of this site reach this device.")


class Channel(base.EndpointChannel):
    """Channel of encrypted messages; requests run in parallel, at most one per device at a time."""

    order = 20
    rules = EndpointRules(wakes=True, most_an_hour=5)
    removed, gone_by = "The device was removed.", (404, 410)
    section, script = "notifications/push/_devices.html", "js/notifications/push/device.js"

    def request(self, message: OutgoingMessage, endpoint: Endpoint) -> dict[str, Any]:
        """Return the request with the encrypted message."""
        secret = from_text(endpoint.keys["auth"])
        shown = payload(message, self.cards)
        plain = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
        body = encrypt(plain=plain, browser=from_text(endpoint.keys["p256dh"]), secret=secret)
        headers = {
            "Authorization": authorization(url=endpoint.url, now=time.time()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_SECONDS),
            # a later message with the same topic replaces this one if no device has taken it yet
            "Topic": to_text(hashlib.sha256(secret + shown["tag"].encode()).digest())[:32],
            "Urgency": "normal",
        }
        return {"url": endpoint.url, "body": body, "headers": headers}

    @classmethod
    def shown(cls) -> dict[str, Any] | None:
        """Return the public key of this site, which browsers need to accept its messages; None if it has none."""
        return {"browser_key": public_key(settings.PUSH_PRIVATE_KEY)} if settings.PUSH_PRIVATE_KEY else None

    @classmethod
    def add(cls, *, given: Mapping[str, str], agent: str, **owner: Any) -> dict[str, Any]:
        """Add a device by the address and keys that its browser gave."""
        url, keys = given.get("url", ""), {name: given.get(name, "")[:100] for name in ("p256dh", "auth")}
        known = bool(settings.PUSH_PRIVATE_KEY) and not outward.url_fault(url) and len(url) <= MAX_URL_LENGTH
        if not known or not _are_keys(keys):
            raise Refusal(
                _("This browser gave no address that messages can be sent to. Reload the page and try again.")
            )
        name = ", ".join(filter(None, browser_and_system(agent)))  # 'Chrome, Android', as far as it says so
        endpoints.endpoint_add(channel=PUSH, url=url, keys=keys, name=name, **owner)
        return {}


def payload(message: OutgoingMessage, cards: KeptCards) -> dict[str, str]:
    """Return the text that a device shows, for its service worker, without personal addresses or regions."""
    brief = brief_of(message, cards, works=WORKS)
    shown: dict[str, str] = {
        "title": brief.title,
        "body": brief.sentence,
        "url": brief.path,
        "tag": brief.about,
        "lang": message.language,
    }
    if message.step:
        with translation.override(message.language):  # a label: its button posts to `url`
            shown |= {"tag": f"{brief.about}-ask", "take": _("We take this up")}
    return shown


def _are_keys(keys: Mapping[str, str]) -> bool:
    try:
        secret = from_text(keys["auth"])
        encrypt(plain=b"", browser=from_text(keys["p256dh"]), secret=secret)
    except ValueError:
        return False
    return len(secret) == 16
