"""Progress of a long computation, reported by inner functions without a callback that is passed down to them.

A tiling loop calls `report_progress`; the caller of the computation can use `listening`.
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
    """Call a listener with all progress reported in this block, by the block's own thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
