"""What a channel is, and where it is registered. The outbox knows channels by nothing else."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from django.conf import settings

from monitor.models import OutgoingMessage


@dataclass(frozen=True)
class Delivered:
    """The receiver has the message."""


@dataclass(frozen=True)
class Later:
    """The channel cannot take messages now, whichever they are; this one is tried again."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """This message was refused, which may pass: it is tried again. Where all are refused, the channel is at fault."""

    reason: str


@dataclass(frozen=True)
class Never:
    """There is no such address; the message is not tried again, and the address is paused after some of these."""

    reason: str


Outcome = Delivered | Later | Refused | Never


class Channel(Protocol):
    """Carries messages to their addresses. One is made for each sender of a round, and closed at the end of it."""

    def deliver(self, message: OutgoingMessage) -> Outcome:
        """Deliver one message, which `selectors.messages_to_deliver` has read, with its `news`.

        An exception puts off this message alone. Delivering the same `key` again must do no harm.
        """

    def close(self) -> None:
        """Let go of connections; called again after every `Later`, and the next message opens them anew."""


def channel_open(*, name: str) -> Channel:
    """A channel of settings.CHANNELS, ready to deliver. Raises LookupError for a name that is not registered."""
    try:
        folder = settings.CHANNELS[name]
    except KeyError:
        raise LookupError(f"no channel {name!r} is registered in settings.CHANNELS") from None
    return import_module(f"{folder}.channel").Channel()
