"""Phone numbers of people: added in a form, and used after their owner has typed the code that was sent to them."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from monitor.models.messages import Endpoint
from monitor.subscribers.subscriptions import endpoints
from monitor.wording.refusals import Refusal

TEXT, SCHEME = "text", "tel:"
NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")  # ITU-T E.164
CODE_FOR, MOST_TRIES = timedelta(hours=1), 5


class NumberForms:
    """Mixin for the channel of text messages: the forms with which people add and confirm phone numbers."""

    @classmethod
    def shown(cls) -> dict[str, Any] | None:
        """Return the prefixes that numbers may have; None without a gateway."""
        return {"prefixes": settings.TEXT_GATEWAY.prefixes} if settings.TEXT_GATEWAY else None

    @classmethod
    def add(cls, *, given: Mapping[str, str], agent: str, **owner: Any) -> dict[str, Any]:
        """Add a number and send it a code."""
        number = number_normal(given.get("number", ""))
        if not NUMBER.fullmatch(number) or not number.startswith(settings.TEXT_GATEWAY.prefixes):
            raise Refusal(_("Type a mobile number with its country: +49 151 23456789."))
        if endpoints.endpoints_of(channel=TEXT, **owner).filter(url=SCHEME + number).exists():
            raise Refusal(_("This number is listed already."))
        named = {"url": SCHEME + number, "name": f"… {number[-4:]}", "keys": _keys_new()}
        endpoints.endpoint_add(channel=TEXT, **named, **owner)
        return {}

    @classmethod
    def act(cls, *, deed: str, endpoint: Endpoint, given: Mapping[str, str]) -> dict[str, Any] | None:
        """Confirm a number by its code, or send a new code to an unconfirmed one."""
        if deed == "code":
            if not code_confirm(endpoint=endpoint, code=given.get("code", "")):
                raise Refusal(_("This code is wrong or too old. Ask for a new one."))
            return {}
        if deed == "test" and not endpoint.verified_at:
            with transaction.atomic():  # a refused request leaves the code and its count of wrong tries as they are
                endpoints.endpoint_check(endpoint=endpoint)
                endpoint.keys = _keys_new()
                endpoint.save(update_fields=["keys"])
            return {}
        return None


def number_normal(text: str) -> str:
    """Return a phone number without spaces and marks; 00 at its beginning becomes a plus sign."""
    number = re.sub(r"[\s()/.\-]", "", text[:40])
    return f"+{number[2:]}" if number.startswith("00") else number


def number_of(endpoint: Endpoint) -> str:
    """Return the phone number of an endpoint."""
    return endpoint.url.removeprefix(SCHEME)


def code_of(endpoint: Endpoint) -> str:
    """Return the code of six digits for a number; the code is derived from a random part and never stored."""
    about = f"{endpoint.pk} {endpoint.url} {endpoint.keys['random']}"
    digest = salted_hmac("monitor.notifications.text", about, algorithm="sha256").digest()
    return f"{int.from_bytes(digest[:8]) % 10**6:06d}"


def code_confirm(*, endpoint: Endpoint, code: str) -> bool:
    """Confirm a number by its code. Return False for a wrong or old code, and for any after MOST_TRIES wrong ones."""
    with transaction.atomic():
        mine = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        if mine.verified_at:
            return True
        is_old = datetime.fromisoformat(mine.keys["asked_at"]) < timezone.now() - CODE_FOR
        if is_old or mine.keys["tries"] >= MOST_TRIES:
            return False
        is_right = constant_time_compare(code.strip(), code_of(mine))
        mine.verified_at = timezone.now() if is_right else None
        mine.keys = {} if is_right else mine.keys | {"tries": mine.keys["tries"] + 1}
        mine.save(update_fields=["verified_at", "keys"])
    return is_right


def _keys_new() -> dict[str, Any]:
    return {"random": secrets.token_urlsafe(16), "asked_at": timezone.now().isoformat(), "tries": 0}
