"""Delivery reports of mail relays, received by webhooks of django-anymail if that is installed and ANYMAIL is set."""

from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from monitor.models.messages import OutgoingMessage
from monitor.models.subscriptions import DEFAULT_CHANNEL
from monitor.notifications.mail.returns import CODE, PASSING
from monitor.notifications.outbox import message_return
from monitor.subscribers.subscriptions.services import email_normal

FAILED = {"bounced", "rejected"}
TIMED_OUT = "timed_out"
OURS = {"blocked", "spam", "other", None}  # reasons that are about this service, or unknown


def addresses() -> list[URLPattern | URLResolver]:
    """Return the URL patterns that relays call, /anymail/<relay>/tracking/; an empty list without ANYMAIL."""
    return [path("anymail/", include("anymail.urls"))] if "anymail" in settings.INSTALLED_APPS else []


def listen() -> None:
    """Connect the receiver of relays' reports."""
    from anymail.signals import tracking

    tracking.connect(tracked, dispatch_uid="returned mails")


def tracked(sender: object, event: Any, **more: object) -> None:
    """Record a report of failure for the newest mail to its address, because relays do not report our message ids."""
    if event.event_type not in FAILED or event.reject_reason in OURS:
        return
    sent = OutgoingMessage.objects.filter(
        address=email_normal(event.recipient or ""), channel=DEFAULT_CHANNEL, state=OutgoingMessage.State.SENT
    )
    last = sent.order_by("-pk").values_list("pk", flat=True).first()
    if last is not None:
        codes = CODE.findall(event.mta_response or "")
        passing = event.reject_reason == TIMED_OUT or any(map(PASSING.match, codes))
        message_return(message_id=last, error=f"came back: {event.reject_reason}", passing=passing)
