"""Webhooks: one message is one signed POST to the address of an endpoint."""

import json
import time
from functools import partial

from django.conf import settings

from monitor.models.messages import OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import InHand, Never, Outcome
from monitor.notifications.webhook.body import Composer
from monitor.notifications.webhook.keys import secrets_of
from monitor.notifications.webhook.signature import headers
from monitor.subscribers.subscriptions import endpoints

GONE = (410,)


class Channel(base.Channel):
    """Composes the body; the request runs beside others, each server with one in hand."""

    one_server = False

    def __init__(self) -> None:
        self.at_once = settings.WEBHOOKS_AT_ONCE
        self.compose = Composer()

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Sign the message; the request runs in a thread."""
        if message.endpoint is None:
            return Never("The endpoint was deleted.")
        body = json.dumps(self.compose(message), ensure_ascii=False, separators=(",", ":")).encode()
        signed = headers(
            secrets_=secrets_of(endpoint=message.endpoint),
            message_id=endpoints.message_id(message),
            timestamp=int(time.time()),
            body=body,
        )
        sent = {"url": message.endpoint.url, "body": body, "headers": {"Content-Type": "application/json", **signed}}
        return InHand(partial(base.deliver, **sent, seconds=settings.WEBHOOK_SECONDS, gone_by=GONE))

    def close(self) -> None:
        """Do nothing: connections are closed after each message."""
