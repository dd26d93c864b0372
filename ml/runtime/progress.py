"""Progress of a long computation, reported from deep inside without passing anything down.

A tiling loop calls `report_progress`; whoever started the work listens, or nobody does.
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
    """Hear of the progress of everything that this block does in its own thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
