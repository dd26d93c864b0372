"""Deadlines of conversations: all of one ends in time, however slowly the other side answers.

The timeout of a socket begins anew with every byte that comes. A deadline does not: before each step the socket gets
the time that is left. Under TLS too, because the ssl module takes a timeout as that of the whole handshake, of one
`recv` or of one record that is written, however many packets these are.
"""

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from django.core.exceptions import ImproperlyConfigured
from environ import Env

MOST_SECONDS = 60.0  # that a setting may allow: no sender may outlast the lease of its message (five minutes)
TLS_RECORD_BYTES = 16 * 1024


class Deadline:
    """A moment, so many seconds from now, at which a conversation is over. Every method raises TimeoutError then."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds

    def left_seconds(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("No answer came in time.")
        return left

    def limit(self, connection: socket.socket) -> None:
        """Give a socket what is left, and a moment at least, for what it does next."""
        connection.settimeout(max(self.ends - time.monotonic(), 0.001))

    def receive(self, connection: socket.socket, most_bytes: int) -> bytes:
        """Return what comes next; b"" where the other side has closed."""
        connection.settimeout(self.left_seconds())
        return connection.recv(most_bytes)

    def send(self, connection: socket.socket, data: bytes) -> None:
        """Send all of it."""
        for start in range(0, len(data), TLS_RECORD_BYTES):
            connection.settimeout(self.left_seconds())
            connection.sendall(data[start : start + TLS_RECORD_BYTES])

    def connect(self, host: str, port: int, check: Callable[[str], object] = lambda address: None) -> socket.socket:
        """Look a name up once, and connect to one of its addresses. Raises OSError where none answers.

        check: called with every address before the first is contacted; may raise.
        """
        addresses = self.addresses(host, port)
        for address in addresses:
            check(address)
        fault = OSError("The name has no address.")
        for tried, address in enumerate(addresses):
            try:
                return socket.create_connection((address, port), self.left_seconds() / (len(addresses) - tried))
            except OSError as refused:
                fault = refused
        raise fault

    def addresses(self, host: str, port: int) -> list[str]:
        """Return where a name leads. Raises socket.gaierror or UnicodeError for one that is not known.

        The lookup has no time limit of its own: a slow one is left to a thread of its own.
        """
        found: Future[list[str]] = Future()

        def look_up() -> None:
            try:
                rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.set_result(list(dict.fromkeys(str(row[4][0]) for row in rows)))
            except Exception as fault:
                found.set_exception(fault)

        Thread(target=look_up, name="lookup", daemon=True).start()
        return found.result(timeout=self.left_seconds())


def seconds_setting(env: Env, name: str, *, default: float) -> float:
    """Read a time limit. Raises ImproperlyConfigured for one that is not between 0 and MOST_SECONDS."""
    seconds: float = env.float(name, default=default)
    if not 0 < seconds <= MOST_SECONDS:
        raise ImproperlyConfigured(f"{name} is {seconds:g}: give more than 0 and at most {MOST_SECONDS:g} seconds.")
    return seconds
