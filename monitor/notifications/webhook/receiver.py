"""Example, for the page for programs and the tests, of how a receiver checks a message; uses only plain Python."""

import base64
import hmac
import time


def is_genuine(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Return whether a message is ours and no older than five minutes. secret: whsec_…; body: not parsed."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return any(hmac.compare_digest(wanted, header) for header in headers["webhook-signature"].split())
