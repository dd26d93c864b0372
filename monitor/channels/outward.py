"""The way out to addresses that people gave us: one POST over HTTPS to the open internet, short and without redirects.

The name is resolved once, every address that it leads to is looked at, and the connection goes to one of these. The
answer is read up to the end of its head, and the whole takes no longer than it may, however slowly it comes.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Container
from concurrent.futures import Future
from datetime import timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from threading import Thread
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils import timezone

from ingest.sources.client.allow_list import is_public
from monitor.channels.base import Delivered, Never, Outcome, Refused

MOST_HEAD_BYTES = 16 * 1024
USER_AGENT = "ground-motion-monitor"


class Answer(NamedTuple):
    """The head of an answer. retry_after: how long we are asked to wait."""

    status: int
    reason: str
    retry_after: timedelta | None


class Unreachable(OSError):
    """No answer came; the text says why, without the address."""


def url_fault(url: str) -> str:
    """Why nothing can be sent to a URL, in a word for programs; empty for one that looks right."""
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


def deliver(*, url: str, body: bytes, headers: dict[str, str], seconds: float, gone_by: Container[int]) -> Outcome:
    """Post a message; what its server makes of it. gone_by: the answers that say that there is no such address."""
    try:
        answer = post(url=url, body=body, headers=headers, seconds=seconds)
    except Unreachable as fault:
        return Refused(str(fault))
    if 200 <= answer.status < 300:
        return Delivered()
    reason = f"{answer.status} {answer.reason}".strip()
    return Never(reason) if answer.status in gone_by else Refused(reason, answer.retry_after)


def post(*, url: str, body: bytes, headers: dict[str, str], seconds: float) -> Answer:
    """Send a body and read the head of the answer. Raises Unreachable where none comes in time."""
    parts, deadline = urlsplit(url), time.monotonic() + seconds
    if url_fault(url):
        raise Unreachable("The address is not allowed.")
    try:
        with _connected(parts, deadline) as connection:
            _limit(connection, deadline)
            connection.sendall(_head(parts, headers, len(body)) + body)
            return _answer(_read_head(connection, deadline))
    except Unreachable:
        raise
    except TimeoutError:
        raise Unreachable("No answer came in time.") from None
    except ssl.SSLError as fault:
        raise Unreachable(f"No secure connection: {fault.reason or 'the certificate is not valid'}.") from None
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise Unreachable(f"{type(fault).__name__}: {getattr(fault, 'strerror', None) or 'no answer'}") from None


def _connected(parts: SplitResult, deadline: float) -> socket.socket:
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _addresses(host, port, deadline)
    if not settings.ENDPOINTS_PRIVATE and not all(map(is_public, addresses)):
        raise Unreachable("The name leads to an address that is not public.")
    fault: OSError = Unreachable("The name has no address.")
    for address in addresses:
        try:
            plain = socket.create_connection((address, port), timeout=_left(deadline))
        except OSError as refused:
            fault = refused
            continue
        if parts.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
    raise fault


def _addresses(host: str, port: int, deadline: float) -> list[str]:
    """Where a name leads. The lookup has no time limit of its own: a slow one is left to a thread of its own."""
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except Exception as fault:
            found.set_exception(fault)

    Thread(target=look_up, name="lookup", daemon=True).start()
    try:
        return found.result(timeout=_left(deadline))
    except (socket.gaierror, UnicodeError):
        raise Unreachable("The name of the server is not known.") from None


def _head(parts: SplitResult, headers: dict[str, str], length: int) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc
    given = {"Host": host, "User-Agent": USER_AGENT, "Content-Length": str(length), "Connection": "close", **headers}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise Unreachable("The address is not allowed.")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _read_head(connection: socket.socket, deadline: float) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        _limit(connection, deadline)
        piece = connection.recv(4096)
        if not piece:
            raise Unreachable("The connection was closed without an answer.")
        head += piece
        if len(head) > MOST_HEAD_BYTES:
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
    """Seconds, or a date (RFC 9110, 10.2.3)."""
    if text.isdecimal():
        return timedelta(seconds=min(int(text), 10**6))
    try:
        return parsedate_to_datetime(text) - timezone.now()
    except (ValueError, TypeError):
        return None


def _limit(connection: socket.socket, deadline: float) -> None:
    connection.settimeout(_left(deadline))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
