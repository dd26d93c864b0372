"""Deadline of each request: a web process that computes too long for one request is ended and replaced.

A thread cannot be killed, so its whole process ends. The clock of a request runs only while the site computes. It stops
while the visitor sends or reads, and the limit applies anew after each piece of the body or of the answer; long uploads
and downloads are therefore not ended. If the whole interpreter is blocked, gunicorn misses the heartbeat.
"""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.conf import settings

from monitor.web.ended import ended_note
from monitor.web.in_hand import row_give_back, row_take, row_write
from monitor.web.request_limits import seconds_charge
from monitor.web.secret_links import without_secrets

logger = logging.getLogger(__name__)

CHECK_EVERY_SECONDS = 1.0
GRACE_SECONDS = 5.0  # for other requests of the process; the proxy reports an error for those cut off
CLOCK = "ground_motion.clock"  # key in the WSGI environ

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Clock:
    """Stopwatch for the computing of one request. what: method and path; most_seconds: limit of one stretch."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.most_seconds: float = settings.REQUEST_SECONDS
        self.thread = threading.get_ident()
        self._worked = self._charged = 0.0
        self._since: float | None = None
        self._account = ""
        self._row: int | None = None
        self._charging = threading.Lock()

    def start(self) -> None:
        """Start a stretch of computing."""
        self._since = time.monotonic()
        self._write_row()

    def stop(self) -> None:
        """End the current stretch, if there is one."""
        self._worked, self._since = self.worked_seconds(), None
        self._write_row()

    def charge_begin(self, account: str) -> None:
        """Charge the time from now on to an account of `request_limits`, even if the process is ended."""
        self._account, self._charged, self._row = account, self.worked_seconds(), row_take()
        self._write_row()

    def charge(self, *, ended: bool) -> None:
        """Charge what has not been charged yet. ended: whether the request is ended together with the process."""
        with self._charging:  # The watchdog may charge while the request itself ends.
            worked = self.worked_seconds()
            seconds, self._charged = worked - self._charged, worked
            self._write_row()
        if self._account:
            seconds_charge(account=self._account, seconds=seconds, ended=ended)

    def charge_end(self) -> None:
        """Charge the rest; later time of this request is not charged."""
        self.charge(ended=False)
        self._account, row, self._row = "", self._row, None
        if row is not None:
            row_give_back(row)

    def _write_row(self) -> None:
        if (row := self._row) is not None:
            row_write(row, self._account, self._worked - self._charged, self._since)

    def worked_seconds(self) -> float:
        """Return the computing time of all stretches."""
        return self._worked + self.stretch_seconds()

    def stretch_seconds(self) -> float:
        """Return the computing time of the current stretch."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


_clocks: dict[int, Clock] = {}  # of the requests in progress, by thread


def clock_of(environ: dict[str, Any]) -> Clock:
    """Return the clock of a request; start a new one if the application was called without `with_deadline`."""
    clock: Clock | None = environ.get(CLOCK)
    if clock is None:
        clock = environ[CLOCK] = Clock(_what(environ))
        clock.start()
    return clock


def with_deadline(application: Wsgi) -> Wsgi:
    """Return a WSGI application that gives each request a clock."""

    def clocked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        clock = environ[CLOCK] = Clock(_what(environ))
        environ["wsgi.input"] = _Body(environ["wsgi.input"], clock)
        _clocks[clock.thread] = clock
        clock.start()
        try:
            answer = application(environ, start_response)
        except BaseException:
            _forget(clock)
            raise
        finally:
            clock.stop()
        is_file = isinstance(answer, environ.get("wsgi.file_wrapper", ()))
        if is_file:  # the server sends it by itself
            _forget(clock)
            return answer
        return _Answer(answer, clock)

    return clocked


class _Body:
    """Body of a request; the clock stops while its next piece is awaited."""

    def __init__(self, stream: Any, clock: Clock) -> None:
        self._stream, self._clock = stream, clock

    def read(self, *size: int) -> bytes:
        return self._awaited(self._stream.read, *size)

    def readline(self, *size: int) -> bytes:
        return self._awaited(self._stream.readline, *size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _awaited(self, read: Callable[..., bytes], *size: int) -> bytes:
        self._clock.stop()
        try:
            return read(*size)
        finally:
            self._clock.start()


class _Answer:
    """Answer in pieces; the clock runs while a piece is made, and stops while it is sent."""

    def __init__(self, pieces: Iterable[bytes], clock: Clock) -> None:
        self._pieces, self._iterator, self._clock = pieces, iter(pieces), clock

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._clock.start()
        try:
            return next(self._iterator)
        finally:
            self._clock.stop()

    def close(self) -> None:
        _forget(self._clock)
        if hasattr(self._pieces, "close"):
            self._pieces.close()


class Watchdog(threading.Thread):
    """Thread that ends this web process once a request has passed its deadline; gunicorn starts another one."""

    def __init__(self) -> None:
        super().__init__(name="request watchdog", daemon=True)

    def run(self) -> None:
        """End the process once a request is late."""
        while not (late := [clock for clock in list(_clocks.values()) if clock.stretch_seconds() > clock.most_seconds]):
            time.sleep(CHECK_EVERY_SECONDS)
        _end_process(late)


def _end_process(late: list[Clock]) -> None:
    """Log the late requests, give other requests a moment to finish, and end the process."""
    frames = sys._current_frames()
    for clock in late:
        stack = "".join(traceback.format_stack(frames.get(clock.thread)))
        words = "%s computes for %.0f s, longer than it may: this web process is ended\n%s"
        logger.critical(words, clock.what, clock.stretch_seconds(), stack)
    os.kill(os.getpid(), signal.SIGTERM)  # gunicorn takes no new request into this process
    notes = [
        threading.Thread(target=_charge, args=[late], daemon=True),
        threading.Thread(target=ended_note, kwargs={"what": without_secrets(late[0].what)}, daemon=True),
    ]
    for note in notes:
        note.start()  # in a thread of its own: the database or the cache may be what hangs
    ends = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < ends and (any(map(threading.Thread.is_alive, notes)) or set(_clocks.values()) - set(late)):
        time.sleep(0.1)
    os._exit(1)  # the parent charges what the requests have computed since


def _charge(late: list[Clock]) -> None:
    for clock in late:
        clock.charge(ended=True)


def _what(environ: dict[str, Any]) -> str:
    return f"{environ.get('REQUEST_METHOD', '')} {environ.get('PATH_INFO', '')}"


def _forget(clock: Clock) -> None:
    if _clocks.get(clock.thread) is clock:
        del _clocks[clock.thread]
