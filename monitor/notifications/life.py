"""Signs of life: whoever wants it hears each quarter that there was nothing to hear."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from monitor.models.messages import OutgoingMessage
from monitor.notifications.outbox import message_key
from monitor.subscribers.subscriptions.often import signs_due


def signs_of_life_queue(*, now: datetime | None = None) -> int:
    """Queue a message for every address that has heard nothing for a quarter and wants to know; how many."""
    now = now or timezone.now()
    with transaction.atomic():
        due = list(signs_due(now=now).values_list("pk", "email", "channel"))
        addresses = sorted({(email, channel) for _, email, channel in due})
        messages = [
            OutgoingMessage(
                channel=channel,
                kind=OutgoingMessage.Kind.SIGN,
                key=message_key("sign", f"{now:%Y%m%d}", email),
                address=email,
                next_try_at=timezone.now(),
            )
            for email, channel in addresses
        ]
        OutgoingMessage.objects.bulk_create(messages, batch_size=2000, ignore_conflicts=True)
        signs_due(now=now).filter(pk__in=[pk for pk, *_ in due]).update(last_sign_at=now)
    return len(messages)
