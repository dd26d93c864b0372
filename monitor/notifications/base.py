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
    """

    one_server: bool = True
    at_once: int = 1

    def read_ahead(self, messages: Sequence[OutgoingMessage]) -> None:
        """Read what the next batch of messages needs, in few queries."""

    def deliver(self, message: OutgoingMessage) -> Outcome | InHand:
        """Deliver a message read by `selectors.messages_to_deliver`; return the outcome, or `InHand` for the rest."""
        # An exception puts off this message alone. Delivering the same `key` again must do no harm.

    def close(self) -> None:
        """Close connections; also called after every `Later`, after which the next message opens new ones."""


def channel_class(*, name: str) -> type[Channel]:
    """Return the class of the channel with this name in settings.CHANNELS. Raises LookupError if there is none."""
    try:
        folder = settings.CHANNELS[name]
    except KeyError:
        raise LookupError(f"no channel {name!r} is registered in settings.CHANNELS") from None
    return import_module(f"{folder}.channel").Channel


def channel_open(*, name: str) -> Channel:
    """Return a new channel that is ready to deliver. Raises LookupError if none is registered under this name."""
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
