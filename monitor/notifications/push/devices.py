"""Devices of people: endpoints whose address and keys a browser gave after its owner allowed messages."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext as _

from monitor.models.messages import Endpoint
from monitor.notifications.push.keys import encrypt, from_text, public_key
from monitor.subscribers.accounts.sessions import browser_and_system
from monitor.subscribers.subscriptions import endpoints
from monitor.web.outgoing import outward
from monitor.wording.refusals import Refusal

PUSH = "push"
LONGEST_URL = 2000


def browser_key() -> str:
    """Return the public key of this site, which browsers need to accept its messages; empty if the site has no key."""
    return public_key(settings.PUSH_PRIVATE_KEY) if settings.PUSH_PRIVATE_KEY else ""


def device_add(*, email: str, given: Mapping[str, str], agent: str) -> Endpoint:
    """Save a device and queue its first message. given: its url, p256dh, auth; agent: User-Agent. Raises Refusal."""
    url, keys = given.get("url", ""), {name: given.get(name, "")[:100] for name in ("p256dh", "auth")}
    if not browser_key() or outward.url_fault(url) or len(url) > LONGEST_URL or not _are_keys(keys):
        raise Refusal(_("This browser gave no address that messages can be sent to. Reload the page and try again."))
    name = ", ".join(filter(None, browser_and_system(agent)))  # 'Chrome, Android', as far as it says so
    return endpoints.endpoint_add(email=email, channel=PUSH, url=url, keys=keys, name=name)


def _are_keys(keys: Mapping[str, str]) -> bool:
    try:
        secret = from_text(keys["auth"])
        encrypt(plain=b"", browser=from_text(keys["p256dh"]), secret=secret)
    except ValueError:
        return False
    return len(secret) == 16
