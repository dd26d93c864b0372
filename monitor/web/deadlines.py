"""Watchdog of requests: a web process that computes too long for one request is ended, recorded and replaced.

A thread cannot be killed, so its whole process ends; gunicorn's own timeout only sees a process that does nothing at
all. The clock of a request runs while the site computes. It stops while the visitor sends or reads, and the limit
applies anew after each piece of the body or of the answer, so that long uploads and downloads are not ended.
"""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import psycopg
from django.conf import settings

from monitor.web.secret_links import without_secrets

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0  # Other requests of the process get this time; the proxy answers those cut off with an error.
CLOCK = "ground_motion.clock"  # key in the WSGI environ
PREFIX = "web process ended: "  # A record is a sign of life, which `doctor` reports for a day.
MAX_LETTERS = 120  # The column for the name of a sign of life holds this number of letters.
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Clock:
    """Stopwatch of one stretch of a request. since: when it began; None while the visitor sends or reads."""

    def __init__(self, what: str) -> None:
        self.what, self.thread, self.most_seconds = what, threading.get_ident(), settings.REQUEST_SECONDS
        self.since: float | None = time.monotonic()

    def seconds(self) -> float:
        """Return the computing time of the current stretch."""
        return 0.0 if (since := self.since) is None else time.monotonic() - since

    def awaited(self, read: Callable[..., bytes], *size: int) -> bytes:
        """Return a piece of the body; the clock stops meanwhile."""
        self.since = None
        try:
            return read(*size)
        finally:
            self.since = time.monotonic()

    def sent(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of an answer; the clock stops while one is sent."""
        try:
            for piece in pieces:
                self.since = None
                yield piece
                self.since = time.monotonic()
        finally:
            _clocks.discard(self)
            getattr(pieces, "close", bool)()


_clocks: set[Clock] = set()  # Clocks of the requests in progress.


def with_deadline(application: Wsgi) -> Wsgi:
    """Return a WSGI application that gives each request a clock."""

    def clocked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[CLOCK] = clock = Clock(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        body = environ["wsgi.input"]
        reads = {"read": partial(clock.awaited, body.read), "readline": partial(clock.awaited, body.readline)}
        environ["wsgi.input"] = SimpleNamespace(**reads)
        _clocks.add(clock)
        try:
            answer = application(environ, start_response)
        except BaseException:
            _clocks.discard(clock)
            raise
        is_file = isinstance(answer, environ.get("wsgi.file_wrapper", ()))
        if is_file:  # The server sends files without this thread.
            _clocks.discard(clock)
        return answer if is_file else clock.sent(answer)

    return clocked


def watch() -> None:
    """End this process once a request is late: log it, record it, and give other requests a moment to finish."""
    while not (late := [clock for clock in list(_clocks) if clock.seconds() > clock.most_seconds]):
        time.sleep(1.0)
    for clock in late:
        stack = "".join(traceback.format_stack(sys._current_frames().get(clock.thread)))
        words = "%s computes for %.0f s, longer than it may: this web process is ended\n%s"
        logger.critical(words, clock.what, clock.seconds(), stack)
    os.kill(os.getpid(), signal.SIGTERM)  # Gunicorn takes no new request into this process.
    note = threading.Thread(target=ended_note, args=[without_secrets(late[0].what)], daemon=True)
    note.start()  # It has a thread of its own, because the database may be what hangs.
    ends = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < ends and (note.is_alive() or _clocks - set(late)):
        time.sleep(0.1)
    os._exit(1)


def ended_note(what: str) -> None:
    """Record that a web process was ended. what: the request that hung, or another reason, without secrets."""
    row = "INSERT INTO monitor_signoflife (name, seen_at) VALUES (%s, now())"
    address = os.environ["DATABASE_URL"].replace("postgis", "postgresql", 1)
    try:
        with psycopg.connect(address, connect_timeout=3) as database:
            database.execute(f"{row} ON CONFLICT (name) DO UPDATE SET seen_at = now()", [(PREFIX + what)[:MAX_LETTERS]])
    except psycopg.Error as fault:
        logger.error("could not record that a web process was ended (%s): %s", what, fault)


if __name__ == "__main__":  # The parent of the web processes starts this, because it must not wait itself.
    ended_note(sys.argv[1])
