"""Conversations that end in time, and a POST to an address that a person gave: checked to be public, not redirected."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils import timezone

from ground_motion.core.http.allow_list import addresses_of, is_public

LOOKUP_SECONDS = 3.0  # A visitor waits for the page meanwhile.
MAX_HEAD_BYTES = 16 * 1024
USER_AGENT = "ground-motion-monitor"
TLS_RECORD_BYTES = 16 * 1024


class Deadline:
    """Moment, `seconds` from now, at which a conversation ends, however slowly the other side answers.

    Then all methods but `limit` raise TimeoutError. A socket's own timeout starts anew with every byte received. Before
    each step, the socket's timeout is therefore set to the time left. This also holds under TLS, because the ssl module
    applies a timeout to a whole handshake, a whole `recv` or a whole record written, however many packets these take.
    """

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
        addresses = addresses_of(host, port, self.left_seconds())
        for address in addresses:
            check(address)
        fault = OSError("The name has no address.")
        for tried, address in enumerate(addresses):
            try:
                return socket.create_connection((address, port), self.left_seconds() / (len(addresses) - tried))
            except OSError as refused:
                fault = refused
        raise fault


class Answer(NamedTuple):
    """Head of an answer. retry_after: how long we are asked to wait."""

    status: int
    reason: str
    retry_after: timedelta | None


class Unreachable(OSError):
    """Fault of a server that gave no answer; the text says why, without the address."""


def url_fault(url: str) -> str:
    """Return why nothing can be sent to a URL, "scheme" or "malformed"; empty if the URL looks right."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "malformed"
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.ENDPOINTS_PRIVATE):
        return "scheme"
    if not parts.hostname or parts.username is not None or port == 0 or not url.isascii() or not url.isprintable():
        return "malformed"
    return "malformed" if " " in url or parts.fragment else ""


def leads_out(url: str) -> bool:
    """Return whether all addresses of a URL's host may receive messages; each delivery checks them again."""
    # True if no resolver answers, which says nothing about the address.
    parts = urlsplit(url)
    try:
        addresses = addresses_of(parts.hostname or "", _port(parts), LOOKUP_SECONDS)
    except socket.gaierror as fault:
        return fault.errno == socket.EAI_AGAIN
    except TimeoutError:
        return True
    except UnicodeError:
        return False
    return settings.ENDPOINTS_PRIVATE or all(map(is_public, addresses))


def post(*, url: str, body: bytes, headers: dict[str, str], seconds: float) -> Answer:
    """Send a body and read the head of the answer. Raises Unreachable where none comes in time."""
    parts, deadline = urlsplit(url), Deadline(seconds)
    if url_fault(url):
        raise Unreachable("The address is not allowed.")
    try:
        with _connected(parts, deadline) as connection:
            deadline.send(connection, _head(parts, headers, len(body)) + body)
            return _answer(_read_head(connection, deadline))
    except Unreachable:
        raise
    except TimeoutError:
        raise Unreachable("No answer came in time.") from None
    except ssl.SSLError as fault:
        raise Unreachable(f"No secure connection: {fault.reason or 'the certificate is not valid'}.") from None
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise Unreachable(f"{type(fault).__name__}: {getattr(fault, 'strerror', None) or 'no answer'}") from None


def _connected(parts: SplitResult, deadline: Deadline) -> socket.socket:
    host = parts.hostname or ""
    try:
        plain = deadline.connect(host, _port(parts), check=_check_public)
    except (socket.gaierror, UnicodeError):
        raise Unreachable("The name of the server is not known.") from None
    if parts.scheme == "http":
        return plain
    try:
        deadline.limit(plain)
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _check_public(address: str) -> None:
    if not settings.ENDPOINTS_PRIVATE and not is_public(address):
        raise Unreachable("The name leads to an address that is not public.")


def _head(parts: SplitResult, headers: dict[str, str], length: int) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc
    given = {"Host": host, "User-Agent": USER_AGENT, "Content-Length": str(length), "Connection": "close", **headers}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise Unreachable("The address is not allowed.")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _read_head(connection: socket.socket, deadline: Deadline) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = deadline.receive(connection, 4096)
        if not piece:
            raise Unreachable("The connection was closed without an answer.")
        head += piece
        if len(head) > MAX_HEAD_BYTES:
            raise Unreachable("The answer begins with too many headers.")
    return head


def _answer(head: bytes) -> Answer:
    first, _, rest = head.partition(b"\r\n")
    version, _, line = first.decode("latin-1").partition(" ")
    status, _, reason = line.partition(" ")
    if not version.startswith("HTTP/1.") or not (len(status) == 3 and status.isdecimal()):
        raise Unreachable("The answer is not one of HTTP.")
    headers = http.client.parse_headers(BytesIO(rest))
    words = "".join(letter for letter in reason[:60] if letter.isprintable())
    return Answer(int(status), words, _retry_after(headers.get("Retry-After", "")))


def _retry_after(text: str) -> timedelta | None:
    """Parse a Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3)."""
    if text.isdecimal():
        return timedelta(seconds=min(int(text), 10**6))
    try:
        return parsedate_to_datetime(text) - timezone.now()
    except (ValueError, TypeError):
        return None
