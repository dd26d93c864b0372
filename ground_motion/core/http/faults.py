"""Errors of requests to sources. Every message is one line for an operator, without secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from shapely.errors import ShapelyError

from ground_motion.core.errors import one_line

_SECRET = re.compile(r"(?i)(bearer|basic)\s+[\w.~+/=-]+|(?<=://)[^/@\s]+@|(?<=\?)\S+")


def redact(text: str) -> str:
    """Return a text as one line without tokens, passwords and query strings of URLs (a signed URL is a secret)."""
    return one_line(_SECRET.sub("…", text))


class SourceError(Exception):
    """Base of all errors of sources; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class NotInstalled(SourceError):
    """Error for a missing optional dependency."""


class HostRefused(SourceError):
    """Error for a URL outside of the allow-list; nothing was resolved or contacted."""


class SearchFailed(SourceError):
    """Error for a search service that does not answer, or answers in an unexpected way."""


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Raise SearchFailed where the block meets an answer of another form. what: begins the message."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ShapelyError) as fault:
        raise SearchFailed(f"{what} cannot be understood ({type(fault).__name__}).") from fault


class Hopeless(SourceError):
    """Error for a download that would fail again if repeated; the message states the remedy."""


class Later(SourceError):
    """Error for a download to be resumed later; the part is kept. after_seconds: requested by the server, or None."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class ArchiveAway(Later):
    """Error for an archive that is away or overloaded: its other files cannot be downloaded now, either."""


class SignInRefused(Later):
    """Error for credentials that an archive does not accept; the message states the remedy."""


class NoRoom(SourceError):
    """Error for a file for which neither the quota nor the disk has room."""


class Stopped(SourceError):
    """Error for a download stopped by the caller (time is over, or another worker has the row); the part is kept."""
