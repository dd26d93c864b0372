"""Encryption of a message for one browser (RFC 8291): its push service carries it and cannot read it."""

import secrets

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from monitor.notifications.push.keys import CURVE, point

RECORD_BYTES = 4096
LONGEST = 3993  # bytes of a message, so that it is one record
LAST_RECORD = b"\x02"


def encrypt(
    *,
    plain: bytes,
    browser: bytes,
    secret: bytes,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Encrypt one record of aes128gcm with its header. browser: its public key (p256dh), 65 bytes; secret: `auth`, 16.

    salt and sender are new for each message; they are given by tests alone. Raises ValueError for what is no key.
    """
    salt, sender = salt or secrets.token_bytes(16), sender or ec.generate_private_key(CURVE)
    shared = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, browser))
    mixed = _derive(shared, secret, b"WebPush: info\0" + browser + point(sender), 32)
    key = _derive(mixed, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(mixed, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD_BYTES.to_bytes(4) + len(point(sender)).to_bytes(1) + point(sender)
    return head + AESGCM(key).encrypt(nonce, plain + LAST_RECORD, None)


def _derive(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(material)
