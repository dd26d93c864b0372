"""Text messages (SMS) through the gateway of any provider: an HTTP request by a template, or a mail to number@gateway.

Reasons of failures hold no number, because they are logged and listed.
"""

import smtplib
import textwrap
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from monitor.models.messages import OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import Delivered, InHand, Later, Never, Outcome, Refused
from monitor.notifications.brief import brief_of
from monitor.notifications.text import numbers
from monitor.notifications.text.gateway import Gateway
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.web.outgoing import outward
from monitor.wording.cards.cards import KeptCards

WORKS = gettext_noop("Messages of this site reach this phone.")
LONGEST = 240  # letters before the address of the page: two or three parts of a text message
OF_THIS_NUMBER = (400, 404, 422)  # statuses of a gateway that does not take a number; others concern all numbers


class Channel(numbers.NumberForms, base.EndpointChannel):
    """Channel of text messages through one gateway, which pauses as a whole when the gateway takes nothing."""

    one_server, at_once = True, 4
    rules = EndpointRules(wakes=True, most_an_hour=3, is_number=True)
    section = "notifications/text/_numbers.html"

    def __init__(self) -> None:
        self.cards = KeptCards()

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Send a text, or return the request to be run in a thread; Never if the number was removed."""
        if message.endpoint is None:
            return Never("The number was removed.")
        gateway: Gateway | None = settings.TEXT_GATEWAY
        if gateway is None:
            return Later("There is no text_gateway.toml.")
        number, words = numbers.number_of(message.endpoint), self._words(message)
        if gateway.mail_address:
            return by_mail(gateway, number, words)
        return InHand(partial(by_request, gateway, number, words))

    def _words(self, message: OutgoingMessage) -> str:
        if message.endpoint and not message.endpoint.verified_at:
            with translation.override(message.language):
                code = numbers.code_of(message.endpoint)
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
