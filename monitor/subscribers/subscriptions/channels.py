"""Registry of channels: the class that settings.CHANNELS names, and what each channel asks of its endpoints."""

from typing import Any, NamedTuple

from django.conf import settings


class EndpointRules(NamedTuple):
    """Rules of a channel for its endpoints; the defaults suit an address that programs read.

    wakes: messages disturb a person, so that all but tests wait for the end of quiet hours.
    most_an_hour: limit of messages about single alerts in an hour; one summary replaces those beyond it.
    reports_end: an endpoint that was switched off stays listed, and its owners get a mail; otherwise an endpoint that
    is gone is deleted.
    """

    wakes: bool = False
    most_an_hour: int | None = None
    reports_end: bool = False


def channel_class(*, name: str) -> Any:
    """Return the class of the channel with this name in settings.CHANNELS. Raises LookupError if there is none."""
    if name not in settings.CHANNELS:
        raise LookupError(f"no channel {name!r} is registered in settings.CHANNELS")
    return settings.CHANNELS[name].load()


def endpoint_rules(channel: str) -> EndpointRules:
    """Return the rules of a registered channel. Raises LookupError if there is none of this name."""
    rules: EndpointRules = channel_class(name=channel).rules
    return rules
