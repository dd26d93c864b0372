"""Interface of channels, and their registration. The outbox uses no other interface."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Protocol

from django.conf import settings

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.web import outward
from monitor.wording.cards.cards import KeptCards

GONE = 410  # HTTP status of an address that no longer exists.


@dataclass(frozen=True)
class Delivered:
    """Outcome: the receiver has the message."""


@dataclass(frozen=True)
class Later:
    """Outcome: the channel cannot take any message now; this one is tried again later."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """Outcome: this message was refused, perhaps only for now; it is tried again, after `retry_after` if that is given.

    If one server serves the whole channel and refuses every message, the channel counts as faulty.
    """

    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Never:
    """Outcome: the address does not exist; the message is given up, and several such outcomes pause the address."""

    reason: str


Outcome = Delivered | Later | Refused | Never


@dataclass(frozen=True)
class InHand:
    """Delivery that has begun: `finish` completes it, in a thread and without the database, and returns the outcome."""

    finish: Callable[[], Outcome]


class Channel(Protocol):
    """Interface of a channel, which delivers messages. Each sender opens its own for one round, and then closes it.

    one_server: whether one server takes all messages, so that several senders may share them; otherwise every address
    (`Endpoint`) has a server of its own. at_once: how many deliveries a sender then has under way at the same time.
    order: place of its section among those of others.
    """

    order: int = 1000
    one_server: bool = True
    at_once: int = 1

    def read_ahead(self, messages: Sequence[OutgoingMessage]) -> None:
        """Read what the next batch of messages needs, in few queries."""

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand | None:
        """Deliver a message read by `outbox.messages_to_deliver`; return the outcome, or `InHand` for the rest.

        None if it is not this sender's any more: there is nothing to record.
        """
        # An exception puts off this message alone. Delivering the same `key` again must do no harm.

    def close(self) -> None:
        """Close connections; also called after every `Later`, after which the next message opens new ones."""


class EndpointChannel(Channel):
    """Channel to addresses that readers add themselves, with its section of the page on which they do so.

    section: template, given `section` with what `shown` returns, the endpoints and what a form returned.
    for_organisations: whether organisations may have such endpoints, too.
    """

    one_server = False
    section: ClassVar[str]
    for_organisations: ClassVar[bool] = False

    def __init__(self) -> None:
        self.cards = KeptCards()
        self.at_once = settings.WEBHOOKS_AT_ONCE

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Return the request of a message, to be run in a thread; Never if the endpoint was removed."""
        if message.endpoint is None:
            return Never("The endpoint was deleted.")
        request = self.request(message, message.endpoint)
        return InHand(partial(deliver, **request, seconds=settings.WEBHOOK_SECONDS))

    def request(self, message: OutgoingMessage, endpoint: Endpoint) -> dict[str, Any]:
        """Return `url`, `body` and `headers` of the request that delivers a message."""
        raise NotImplementedError

    @classmethod
    def shown(cls) -> dict[str, Any] | None:
        """Return what the section shows in addition to the endpoints; None if this site has not set up the channel."""
        return {}

    @classmethod
    def add(cls, *, given: Mapping[str, str], **owner: Any) -> dict[str, Any]:
        """Add the endpoint that a form describes; return what its page shows only this once, such as a new secret.

        Raises Refusal if the endpoint is not accepted.
        """
        raise NotImplementedError

    @classmethod
    def act(cls, *, deed: str, endpoint: Endpoint, given: Mapping[str, str]) -> dict[str, Any] | None:
        """Carry out an action that only this channel has; return what its page shows once, None for other actions."""
        return None


def endpoint_channels(*, for_organisations: bool = False) -> dict[str, type[EndpointChannel]]:
    """Return the channels, by name, whose endpoints people or, if asked for, organisations may add on this site."""
    some = {name: settings.CHANNELS[name].load() for name in settings.CHANNELS}
    return {
        name: one
        for name, one in sorted(some.items(), key=lambda item: item[1].order)
        if issubclass(one, EndpointChannel) and one.for_organisations >= for_organisations and one.shown() is not None
    }


def channel_class(*, name: str) -> Any:
    """Return the class of the channel with this name in settings.CHANNELS. Raises LookupError if there is none."""
    if name not in settings.CHANNELS:
        raise LookupError(f"no channel {name!r} is registered in settings.CHANNELS")
    return settings.CHANNELS[name].load()


def channel_open(*, name: str) -> Channel:
    """Return a new channel that is ready to deliver. Raises LookupError if none is registered under this name."""
    channel: Channel = channel_class(name=name)()
    return channel


def deliver(*, url: str, body: bytes, headers: dict[str, str], seconds: float) -> Outcome:
    """Post a message to its reader's server."""
    try:
        answer = outward.post(url=url, body=body, headers=headers, seconds=seconds)
    except outward.Unreachable as fault:
        return Refused(str(fault))
    if 200 <= answer.status < 300:
        return Delivered()
    reason = f"{answer.status} {answer.reason}".strip()
    return Never(reason) if answer.status == GONE else Refused(reason, answer.retry_after)
