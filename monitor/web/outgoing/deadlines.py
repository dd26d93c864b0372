"""Deadlines of network conversations, which end in time however slowly the other side answers.

A socket's own timeout starts anew with every byte received. A deadline does not: before each step, the socket's timeout
is set to the time left. This also holds under TLS, because the ssl module applies a timeout to a whole handshake, a
whole `recv` or a whole record written, however many packets these take.
"""

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

TLS_RECORD_BYTES = 16 * 1024


class Deadline:
    """Moment, `seconds` from now, at which a conversation ends: then all methods but `limit` raise TimeoutError."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds

    def left_seconds(self) -> float:
        """Return the time left."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("No answer came in time.")
        return left

    def limit(self, connection: socket.socket) -> None:
        """Set a socket's timeout to the time left, at least one millisecond."""
        connection.settimeout(max(self.ends - time.monotonic(), 0.001))

    def receive(self, connection: socket.socket, most_bytes: int) -> bytes:
        """Return the next bytes, at most `most_bytes`; b"" if the other side has closed the connection."""
        connection.settimeout(self.left_seconds())
        return connection.recv(most_bytes)

    def send(self, connection: socket.socket, data: bytes) -> None:
        """Send all of `data`."""
        for start in range(0, len(data), TLS_RECORD_BYTES):
            connection.settimeout(self.left_seconds())
            connection.sendall(data[start : start + TLS_RECORD_BYTES])

    def connect(self, host: str, port: int, check: Callable[[str], object] = lambda address: None) -> socket.socket:
        """Resolve a host name once and connect to one of its addresses. Raises OSError if none accepts."""
        # check: called with every address before the first is contacted; may raise.
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
        """Return the addresses of a host name. Raises socket.gaierror or UnicodeError if it is unknown."""
        # The lookup has no time limit of its own, so it runs in a thread that is abandoned at the deadline.
        found: Future[list[str]] = Future()

        def look_up() -> None:
            try:
                rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.set_result(list(dict.fromkeys(str(row[4][0]) for row in rows)))
            except Exception as fault:
                found.set_exception(fault)

        Thread(target=look_up, name="lookup", daemon=True).start()
        return found.result(timeout=self.left_seconds())
