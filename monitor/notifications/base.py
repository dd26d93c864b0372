"""Channels: their interface and their registration. The outbox knows channels by nothing else."""

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
    """Outcome: the channel cannot take messages now, whichever they are; this one is tried again."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """Outcome: this message was refused, which may pass: it is tried again, not before `retry_after` if that is known.

    Where one server takes all messages and refuses all of them, the channel is at fault.
    """

    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Never:
    """Outcome: there is no such address; it is not tried again, and the address is paused after some of these."""

    reason: str


Outcome = Delivered | Later | Refused | Never


@dataclass(frozen=True)
class InHand:
    """Rest of a delivery, ready to run beside others in a thread of its own: it touches no database."""

    finish: Callable[[], Outcome]


class Channel(Protocol):
    """Carrier of messages to their addresses; made for each sender of a round, and closed at the end of it.

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
        """Let go of connections; called again after every `Later`, and the next message opens them anew."""


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
    """Post a message to a server of its reader. gone_by: the statuses that say that the address is no more."""
    try:
        answer = outward.post(url=url, body=body, headers=headers, seconds=seconds)
    except outward.Unreachable as fault:
        return Refused(str(fault))
    if 200 <= answer.status < 300:
        return Delivered()
    reason = f"{answer.status} {answer.reason}".strip()
    return Never(reason) if answer.status in gone_by else Refused(reason, answer.retry_after)
