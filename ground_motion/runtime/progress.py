"""Progress of a long computation, reported by inner functions without a callback that is passed down to them.

A tiling loop calls `report_progress`; the caller of the computation can use `listening`, a command `progress_bar`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Thread
from typing import NoReturn

from tqdm import tqdm

BAR_AFTER_SECONDS, TICK_SECONDS = 2.0, 1.0
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"  # no time that is left: the next stage begins at 0 again
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


@contextmanager
def progress_bar(work: str) -> Iterator[None]:
    """Show this block's progress on a terminal if it takes over two seconds, with the time."""
    bar: tqdm[NoReturn] = tqdm(
        desc=work, total=100, delay=BAR_AFTER_SECONDS, leave=False, disable=None, bar_format=BAR, miniters=0
    )
    ended = Event()

    def tick() -> None:
        wait_seconds = BAR_AFTER_SECONDS
        while not ended.wait(wait_seconds):
            bar.update(0)
            wait_seconds = TICK_SECONDS

    def show(share: float) -> None:
        bar.update(round(100 * share) - bar.n)

    ticker = Thread(target=tick, daemon=True)
    with bar, listening(show):
        if not bar.disable:
            ticker.start()
        try:
            yield
        finally:
            ended.set()
            if ticker.is_alive():
                ticker.join()  # Wait, else the bar might be drawn again after its end.
