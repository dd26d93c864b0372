"""Text messages (SMS) through the gateway of any provider: an HTTP request by a template, or a mail to number@gateway.

A number is used after its owner has typed the code that was sent to it. Reasons of failures hold no number, because
they are logged and listed.
"""

import re
import secrets
import smtplib
import textwrap
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ground_motion.core.errors import promised
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import Delivered, InHand, Later, Never, Outcome, Refused, brief_of
from monitor.notifications.text.gateway import Gateway
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.web import outward
from monitor.wording.refusals import Refusal

TEXT, SCHEME = "text", "tel:"
NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")  # ITU-T E.164
CODE_FOR, MAX_TRIES = timedelta(hours=1), 5
WORKS = gettext_noop("Messages of this site reach this phone.")
LONGEST = 240  # letters before the address of the page: two or three parts of a text message
OF_THIS_NUMBER = (400, 404, 422)  # statuses of a gateway that does not take a number; others concern all numbers


class Channel(base.EndpointChannel):
    """Channel of text messages through one gateway, which pauses as a whole when the gateway takes nothing."""

    order = 30
    one_server, at_once = True, 4
    rules = EndpointRules(wakes=True, most_an_hour=3, is_number=True)
    section = "notifications/text/_numbers.html"

    @classmethod
    def shown(cls) -> dict[str, Any] | None:
        """Return the prefixes that numbers may have; None without a gateway."""
        return {"prefixes": settings.TEXT_GATEWAY.prefixes} if settings.TEXT_GATEWAY else None

    @classmethod
    def add(cls, *, given: Mapping[str, str], agent: str, **owner: Any) -> dict[str, Any]:
        """Add a number and send it a code."""
        number = re.sub(r"[\s()/.\-]", "", given.get("number", "")[:40])
        number = f"+{number[2:]}" if number.startswith("00") else number
        if not NUMBER.fullmatch(number) or not number.startswith(promised(settings.TEXT_GATEWAY).prefixes):
            raise Refusal(_("Type a mobile number with its country: +49 151 23456789."))
        if endpoints.endpoints_of(channel=TEXT, **owner).filter(url=SCHEME + number).exists():
            raise Refusal(_("This number is listed already."))
        name = f"… {number[-4:]}"
        endpoints.endpoint_add(channel=TEXT, url=SCHEME + number, name=name, keys=_keys_new(), **owner)
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

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Send a text, or return the request to be run in a thread; Never if the number was removed."""
        if message.endpoint is None:
            return Never("The number was removed.")
        gateway: Gateway | None = settings.TEXT_GATEWAY
        if gateway is None:
            return Later("There is no text_gateway.toml.")
        number, words = message.endpoint.url.removeprefix(SCHEME), self._words(message)
        if gateway.mail_address:
            return by_mail(gateway, number, words)
        return InHand(partial(by_request, gateway, number, words))

    def _words(self, message: OutgoingMessage) -> str:
        if message.endpoint and not message.endpoint.verified_at:
            with translation.override(message.language):
                code = code_of(message.endpoint)
                return _("%(code)s is your code for messages of %(site)s.") % {"code": code, "site": settings.SITE.name}
        brief = brief_of(message, self.cards, works=WORKS)
        said = textwrap.shorten(f"{brief.title}. {brief.sentence}", LONGEST, placeholder="…")
        return f"{said} {settings.PUBLIC_URL}{brief.path}"


def by_mail(gateway: Gateway, number: str, words: str) -> Outcome:
    """Send a text as a mail to the number's address at the gateway, which takes the number without its plus sign."""
    try:
        address = gateway.mail_address.replace("{number}", number.removeprefix("+"))
        EmailMessage("", words, to=[address]).send()
    except smtplib.SMTPRecipientsRefused as fault:
        code, _answer = next(iter(fault.recipients.values()))
        return Refused(f"The mail server refused the number with {code}.")
    except Exception as fault:  # every mail backend has its own, and its text may hold the number
        reason = f"The mail server took no text: {type(fault).__name__}."
        is_away = isinstance(fault, (smtplib.SMTPException, OSError))
        return Later(reason) if is_away and getattr(fault, "status_code", 0) not in OF_THIS_NUMBER else Refused(reason)
    return Delivered()


def by_request(gateway: Gateway, number: str, words: str) -> Outcome:
    """Post a text to the gateway."""
    try:
        answer = outward.post(**gateway.request(number, words), seconds=settings.TEXT_SECONDS)
    except outward.Unreachable as fault:
        return Later(str(fault))
    if 200 <= answer.status < 300:
        return Delivered()
    reason = f"The gateway answered with {answer.status}."
    return Refused(reason, answer.retry_after) if answer.status in OF_THIS_NUMBER else Later(reason)


def code_of(endpoint: Endpoint) -> str:
    """Return the code of six digits for a number; the code is derived from a random part and never stored."""
    about = f"{endpoint.pk} {endpoint.url} {endpoint.keys['random']}"
    digest = salted_hmac("monitor.notifications.text", about, algorithm="sha256").digest()
    return f"{int.from_bytes(digest[:8]) % 10**6:06d}"


def code_confirm(*, endpoint: Endpoint, code: str) -> bool:
    """Confirm a number by its code. Return False for a wrong or old code, and for any after MAX_TRIES wrong ones."""
    with transaction.atomic():
        mine = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        if mine.verified_at:
            return True
        is_old = datetime.fromisoformat(mine.keys["asked_at"]) < timezone.now() - CODE_FOR
        if is_old or mine.keys["tries"] >= MAX_TRIES:
            return False
        is_right = constant_time_compare(code.strip(), code_of(mine))
        mine.verified_at = timezone.now() if is_right else None
        mine.keys = {} if is_right else mine.keys | {"tries": mine.keys["tries"] + 1}
        mine.save(update_fields=["verified_at", "keys"])
    return is_right


def _keys_new() -> dict[str, Any]:
    return {"random": secrets.token_urlsafe(16), "asked_at": timezone.now().isoformat(), "tries": 0}
