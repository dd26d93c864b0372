"""A heartbeat: while a job works, its lease is prolonged; when its process dies, the lease runs out by itself."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

LEASE_SECONDS = 90
BEAT_SECONDS = 20


@contextmanager
def heartbeat(prolong: Callable[[], None], every_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Call `prolong` every few seconds from a thread with a database connection of its own, until the block ends."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(every_seconds):
                try:
                    prolong()
                except DatabaseError:
                    logger.warning("the lease could not be prolonged; trying again", exc_info=True)
                    connection.close()
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
