"""Errors between this service and a source; every message is one line for an operator, without any secret."""

import re

from ingest.errors import one_line

_SECRET = re.compile(r"(?i)(bearer|basic)\s+[\w.~+/=-]+|(?<=://)[^/@\s]+@|(?<=\?)\S+")


def without_secrets(text: str) -> str:
    """Return one line without tokens, passwords or queries of addresses (a signed address is a secret)."""
    return one_line(_SECRET.sub("…", text))


class SourceError(Exception):
    """Base of these errors; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


class NotInstalled(SourceError):
    """The extra that this needs is not installed."""


class HostRefused(SourceError):
    """An address lies outside the allow-list; nothing was resolved or contacted."""


class SearchFailed(SourceError):
    """A search service did not answer as it should."""


class Hopeless(SourceError):
    """A download that trying again does not help: the line states what to set or do."""


class Later(SourceError):
    """A download that may go on later; what has arrived is kept. after_seconds: as the server requests, or None."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class NoRoom(SourceError):
    """The quota or the disk does not hold the file."""


class Stopped(SourceError):
    """The caller requested a stop (time is over, or another worker has the row); what has arrived is kept."""
