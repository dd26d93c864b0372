"""Progress of a long computation, reported from inner functions without passing a callback down.

A tiling loop calls `report_progress`; the caller of the computation may listen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[float], None] | None] = ContextVar("listener", default=None)


def report_progress(share: float) -> None:
    """Report that this share of the work, 0 to 1, is done."""
    listener = _listener.get()
    if listener:
        listener(share)


@contextmanager
def listening(listener: Callable[[float], None]) -> Iterator[None]:
    """Call a listener with the progress of everything done in this block's own thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
