"""Interface and registration of channels; the outbox uses channels through this interface only."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Protocol

from django.conf import settings

from monitor.models.messages import OutgoingMessage
from monitor.web.outgoing import outward


@dataclass(frozen=True)
class Delivered:
    """Outcome: the receiver has the message."""


@dataclass(frozen=True)
class Later:
    """Outcome: the channel cannot take any message now; this one is tried again later."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """Outcome: this message was refused, perhaps for a while; it is tried again, after `retry_after` if that is known.

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
    """Rest of a delivery, to be run in a thread of its own, parallel to others; it uses no database."""

    finish: Callable[[], Outcome]


class Channel(Protocol):
    """Carrier of messages to their addresses; made for each sender of a round, and closed when the round ends.

    one_server: whether one server takes all messages, so that several senders share them; otherwise every address is
    a server of its own (`Endpoint`), and one sender has `at_once` deliveries in hand.
    """

    one_server: bool = True
    at_once: int = 1

    def read_ahead(self, messages: Sequence[OutgoingMessage]) -> None:
        """Read what the next batch of messages needs, in few queries."""

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Deliver one message with its `news` (`selectors.messages_to_deliver`), or begin to."""
        # An exception puts off this message alone. Delivering the same `key` again must do no harm.

    def close(self) -> None:
        """Close connections; also called after every `Later`, after which the next message opens new ones."""


def channel_class(*, name: str) -> type[Channel]:
    """Return the class of a channel of settings.CHANNELS. Raises LookupError for a name that is not registered."""
    try:
        folder = settings.CHANNELS[name]
    except KeyError:
        raise LookupError(f"no channel {name!r} is registered in settings.CHANNELS") from None
    return import_module(f"{folder}.channel").Channel


def channel_open(*, name: str) -> Channel:
    """Return a channel that is ready to deliver. Raises LookupError."""
    return channel_class(name=name)()


def deliver(*, url: str, body: bytes, headers: dict[str, str], seconds: float, gone_by: Container[int]) -> Outcome:
    """Post a message to its reader's server. gone_by: HTTP statuses that mean that the address no longer exists."""
    try:
        answer = outward.post(url=url, body=body, headers=headers, seconds=seconds)
    except outward.Unreachable as fault:
        return Refused(str(fault))
    if 200 <= answer.status < 300:
        return Delivered()
    reason = f"{answer.status} {answer.reason}".strip()
    return Never(reason) if answer.status in gone_by else Refused(reason, answer.retry_after)
