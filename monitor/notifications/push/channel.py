"""Web Push: one message is one encrypted POST to the push service of a browser (RFC 8030).

Push services know this site by its key (VAPID, RFC 8292); each message is encrypted for one browser (RFC 8291). A
device takes messages under this key only: with another one, every device has to be added anew.
"""

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ground_motion.core.files import OWNER_ONLY, new_file
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import Brief
from monitor.subscribers.accounts.sessions import browser_and_system
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.web import outward
from monitor.wording.cards.cards import KeptCards
from monitor.wording.refusals import Refusal

PUSH = "push"
MAX_URL_LENGTH = 2000
KEEP_SECONDS = 7 * 24 * 3600  # A device that is switched off gets its messages later.
WORKS = gettext_noop("Messages of this site reach this device.")
VALID_SECONDS = 12 * 3600  # RFC 8292 allows a day at most.
CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # Order of this curve, FIPS 186-5.
RECORD_BYTES = 4096
LAST_RECORD = b"\x02"
SECRET_BYTES = 16


def key_make(*, path: Path) -> bool:
    """Make a key, readable by its owner only. Return False if there is one."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, OWNER_ONLY) as file:
        file.write(to_text((secrets.randbelow(ORDER - 1) + 1).to_bytes(32)).encode())
    return True


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Return the private key whose 32 bytes are given in base64url. Raises ValueError for any other text."""
    raw = from_text(text)
    if len(raw) != 32:
        raise ValueError(f"a key has 32 bytes in base64url, and not {len(raw)}")
    return ec.derive_private_key(int.from_bytes(raw), CURVE)


def public_key(text: str) -> str:
    """Return the public key for browsers, in base64url. text: the private key."""
    return to_text(point(private_key(text)))


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public key that belongs to a private key, as an uncompressed point of 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def authorization(*, url: str, now: float) -> str:
    """Return the Authorization header for a push service, signed and valid for a while. now: seconds since 1970."""
    key, service = private_key(settings.PUSH_PRIVATE_KEY), urlsplit(url)
    audience = f"{service.scheme}://{service.netloc}"
    claims = {"aud": audience, "exp": int(now) + VALID_SECONDS, "sub": settings.PUBLIC_URL}
    signed = ".".join(to_text(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"vapid t={signed}.{to_text(r.to_bytes(32) + s.to_bytes(32))}, k={to_text(point(key))}"


def to_text(raw: bytes) -> str:
    """Encode bytes as base64url without padding, as everything in Web Push is written."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """Decode base64url without padding. Raises ValueError."""
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def encrypt(*, plain: bytes, browser: bytes, secret: bytes) -> bytes:
    """Return `plain` encrypted as one record of aes128gcm, after its header. Raises ValueError for an invalid key.

    browser: its public key (p256dh), 65 bytes; secret: `auth`, 16 bytes.
    """
    salt, sender = secrets.token_bytes(16), ec.generate_private_key(CURVE)
    shared = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, browser))
    mixed = _derive(shared, secret, b"WebPush: info\0" + browser + point(sender), 32)
    key = _derive(mixed, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(mixed, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD_BYTES.to_bytes(4) + len(point(sender)).to_bytes(1) + point(sender)
    return head + AESGCM(key).encrypt(nonce, plain + LAST_RECORD, None)


def _derive(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(material)


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
            # A later message with this topic replaces this one if no device has fetched it yet.
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
        try:
            secret = from_text(keys["auth"])
            encrypt(plain=b"", browser=from_text(keys["p256dh"]), secret=secret)
            known &= len(secret) == SECRET_BYTES
        except ValueError:
            known = False
        if not known:
            words = _("This browser gave no address that messages can be sent to. Reload the page and try again.")
            raise Refusal(words)
        name = ", ".join(filter(None, browser_and_system(agent)))  # 'Chrome, Android', as far as it says so
        endpoints.endpoint_add(channel=PUSH, url=url, keys=keys, name=name, **owner)
        return {}


def payload(message: OutgoingMessage, cards: KeptCards) -> dict[str, str]:
    """Return the text that a device shows, for its service worker, without personal addresses or regions."""
    brief = Brief(message, cards, works=WORKS)
    shown = {"title": brief.title, "body": brief.sentence, "url": brief.path, "tag": brief.about}
    shown["lang"] = message.language
    if message.step:
        with translation.override(message.language):  # a label: its button posts to `url`
            shown |= {"tag": f"{brief.about}-ask", "take": _("We take this up")}
    return shown
