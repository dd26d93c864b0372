"""Places for costly requests: so many of one kind at once on this machine, and so many of all kinds in one web process.

A place is a locked file, which the kernel unlocks when its process dies. A request that waits for a place holds a
thread as well, so waiting counts in the process: some of its threads are always left for pages.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from monitor.gunicorn import threads

FOR_PAGES = 3  # threads of each web process
WAIT_SECONDS = 5.0
TRY_EVERY_SECONDS = 0.05
# of each web process, on average; what is made by the processor alone gains nothing from company
EACH_PROCESS = {
    "api": 2,
    "charts": 2,
    "feeds": 2,
    "rasters": 2,
    "search": 2,
    "ogc": 1,
    "previews": 1,
    "reports": 1,
    "sign-in": 1,
    "stac": 1,
    "workbench": 1,
}
WHOLE_MACHINE = {
    "given files": 2,  # each is read by a process that takes hundreds of megabytes
    "uploads": 3,  # as many as docker/nginx lets in
}

_in_hand = threading.BoundedSemaphore(threads - FOR_PAGES)  # of this process, waiting ones included


class Busy(Exception):
    """No place is free; the same may be asked for again in a moment."""


def at_once(kind: str) -> int:
    """Return how many requests of a kind this machine answers at a time."""
    return WHOLE_MACHINE.get(kind) or EACH_PROCESS[kind] * settings.WEB_WORKERS


@contextlib.contextmanager
def place_held(kind: str) -> Iterator[None]:
    """Hold a place for what stands in the block. Raises Busy."""
    give_back = place_take(kind)
    try:
        yield
    finally:
        give_back()


def place_take(kind: str) -> Callable[[], None]:
    """Take a place, waiting a little for one; return what gives it back, to be called once. Raises Busy."""
    if not _in_hand.acquire(blocking=False):
        raise Busy
    ends = time.monotonic() + WAIT_SECONDS
    try:
        while (descriptor := _locked(kind)) is None:
            if time.monotonic() > ends:
                raise Busy
            time.sleep(TRY_EVERY_SECONDS)
    except BaseException:
        _in_hand.release()
        raise

    def give_back() -> None:
        os.close(descriptor)  # which unlocks it
        _in_hand.release()

    return give_back


def _locked(kind: str) -> int | None:
    """Lock one of the files of a kind; None where all of them are taken."""
    folder = Path(settings.PLACES_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(at_once(kind)):
        descriptor = os.open(folder / f"{kind} {number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return descriptor
    return None
