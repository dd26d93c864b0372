"""Places for costly requests: limits of how many are answered at once, per kind and for all kinds in a web process.

A request that waits for a place also holds a thread, so it counts as well: some threads of every web process are always
left for pages. The places of a whole machine are locked files, which the kernel unlocks when their process dies.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from monitor.web import THREADS

FOR_PAGES = 3  # threads of each web process that are kept free
WAIT_SECONDS = 5.0
TRY_EVERY_SECONDS = 0.05
EACH_PROCESS = {  # few: the interpreter runs one thread at a time, and pages need their turn
    "api": 1,
    "charts": 1,
    "feeds": 1,
    "previews": 1,
    "rasters": 2,  # files that are sent, not computed
    "reports": 1,
    "sign-in": 1,
    "stac": 1,
    "workbench": 1,
}
WHOLE_MACHINE = {
    "given files": 2,  # each is read by a process that takes hundreds of megabytes
    "ogc": 1,  # a core is left for pages
    "search": 1,
    "uploads": 3,  # as many as docker/nginx lets in
}

_in_hand = threading.BoundedSemaphore(THREADS - FOR_PAGES)  # waiting requests included
_of_kind = {kind: threading.BoundedSemaphore(n) for kind, n in EACH_PROCESS.items()}


class Busy(Exception):
    """Refusal because no place is free; the request may be repeated in a moment."""


@contextlib.contextmanager
def place_held(kind: str) -> Iterator[None]:
    """Hold a place during a `with` block. Raises Busy."""
    give_back = place_take(kind)
    try:
        yield
    finally:
        give_back()


def place_take(kind: str) -> Callable[[], None]:
    """Take a place, waiting briefly if necessary; return a function that releases it once. Raises Busy."""
    if not _in_hand.acquire(blocking=False):
        raise Busy
    try:
        unlock = _file_locked(kind) if kind in WHOLE_MACHINE else _counted(kind)
    except BaseException:
        _in_hand.release()
        raise

    def give_back() -> None:
        unlock()
        _in_hand.release()

    return give_back


def _counted(kind: str) -> Callable[[], None]:
    """Take one of this process's places; return a function that releases it. Raises Busy."""
    if not _of_kind[kind].acquire(timeout=WAIT_SECONDS):
        raise Busy
    return _of_kind[kind].release


def _file_locked(kind: str) -> Callable[[], None]:
    """Take one of this machine's places by locking its file; return a function that releases it. Raises Busy."""
    folder, ends = Path(settings.PLACES_DIR), time.monotonic() + WAIT_SECONDS
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for number in range(WHOLE_MACHINE[kind]):
            descriptor = os.open(folder / f"{kind} {number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return lambda: os.close(descriptor)
        if time.monotonic() > ends:
            raise Busy
        time.sleep(TRY_EVERY_SECONDS)
