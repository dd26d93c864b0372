"""Download of one file over HTTP that resumes after interruptions and detects wrong bytes.

The bytes are written to NAME.part. An existing part is continued by a range request if the server still has the same
file (RFC 9110: Range, If-Range, Content-Range, 206, 416). At the end the whole file is hashed, and renamed only if the
checksum is right. A wrong file is discarded and fetched again: three times at once, then every hour for about a day,
because an archive that gives half files for a while usually recovers.
"""

import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ProxyError, Timeout
from urllib3.exceptions import HTTPError as TransferError

from ingest.sources.client.faults import ArchiveAway, Hopeless, HostRefused, Later, SignInRefused, Stopped
from ingest.sources.client.scene import Checksum, file_checksum
from ingest.sources.client.transport import BUSY, MOST_REDIRECTS, retry_after_seconds

MAX_DAMAGED_AT_ONCE, MAX_DAMAGED = 3, 24
DAMAGED_WAIT_SECONDS = 3600.0
MOST_IDLE_TRIES = 5  # in a row without new bytes
MOST_TRIES = 60
LONGEST_WAIT_SECONDS = 60.0  # the schedule resumes the download after longer waits
PIECE_BYTES = 2**18
ROOM_STEP_BYTES = 2**26
REDIRECTS = (301, 302, 303, 307, 308)


class Wanted(NamedTuple):
    """A file to download: URL and target path, size and checksum if known. if_denied: remedy if access is denied."""

    url: str
    path: Path
    size_bytes: int | None = None
    checksum: Checksum | None = None
    if_denied: str = "Check the credentials in the environment."

    @property
    def part(self) -> Path:
        """Path of the unfinished file, beside the target."""
        return self.path.with_name(f"{self.path.name}.part")


class Known(NamedTuple):
    """State kept between processes: identity (ETag, date) of the file in NAME.part, and count of wrong checksums."""

    etag: str = ""
    modified: str = ""
    damaged: int = 0


class Fetched(NamedTuple):
    """Result of a download. tries: requests made; damaged: how often the checksum was wrong."""

    size_bytes: int
    tries: int
    damaged: int


@dataclass(frozen=True)
class TransferCallbacks:
    """Callbacks of a transfer.

    go_on(bytes received, whether the rest can be fetched later): False ends the transfer with Stopped.
    room(bytes still to come): makes room or raises NoRoom. remember: stores Known before the first byte is written.
    timeout_seconds: for connecting, and between two bytes.
    """

    go_on: Callable[[int, bool], bool] = lambda done, resumable: True
    room: Callable[[int], None] = lambda coming: None
    remember: Callable[[Known], None] = lambda known: None
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    timeout_seconds: tuple[float, float] = (15.0, 60.0)


class Memory:
    """The current `Known`, and a callback that also stores it outside of this process."""

    def __init__(self, known: Known, remember: Callable[[Known], None]) -> None:
        self.known, self._remember = known, remember

    def keep(self, known: Known) -> None:
        """Set the known state of the file and store it by the callback."""
        self.known = known
        self._remember(known)


class Cut(Exception):
    """Error for a transfer that ended too early."""


class Away(Cut):
    """Error for a server that gives no file now. after_seconds: wait that it requests, if any."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class Overlong(Exception):
    """Error for a transfer that delivers more bytes than the file has."""


def fetch(session: requests.Session, wanted: Wanted, known: Known, callbacks: TransferCallbacks) -> Fetched:
    """Download a file. Raises Hopeless or HostRefused; or Later, NoRoom or Stopped, after which the part is kept."""
    memory, idle, reached = Memory(known, callbacks.remember), 0, _size(wanted.part)
    for tries in range(1, MOST_TRIES + 1):
        try:
            _transfer(session, wanted, memory, callbacks)
        except Cut as cut:
            idle = 0 if _size(wanted.part) > reached else idle + 1
            reached = max(reached, _size(wanted.part))
            _wait(cut, idle, callbacks, _size(wanted.part))
            continue
        except Overlong:
            right = False
        else:
            right = _is_right(wanted)
        if right:
            return Fetched(_put_in_place(wanted), tries, memory.known.damaged)
        reached = 0
        _throw_away(wanted, memory)
    raise Later(f"{_host(wanted.url)} cut the transfer {MOST_TRIES} times. It goes on later.")


def _transfer(session: requests.Session, wanted: Wanted, memory: Memory, callbacks: TransferCallbacks) -> None:
    """Make one request and write its body to the part; return once the file should be whole. Raises Cut and others."""
    known = memory.known
    have = _resumable_bytes(wanted, known)
    if have and have == wanted.size_bytes:
        return  # an earlier process ended between the last byte and the renaming
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if known.etag and not known.etag.startswith("W/"):
            headers["If-Range"] = known.etag
        elif known.modified:
            headers["If-Range"] = known.modified
    response = _ask(session, wanted, headers, callbacks)
    try:
        if response.status_code == 416 and have:
            _beyond(response, wanted, known, have)
            return
        start, total = _judge(response, wanted, known, have, callbacks)
        memory.keep(_of(response, known))
        _receive(response, wanted, start, total, callbacks)
    finally:
        response.close()


def _ask(
    session: requests.Session, wanted: Wanted, headers: dict[str, str], callbacks: TransferCallbacks
) -> requests.Response:
    """Send a request, follow redirects (each checked by the session), return the response. Raises Cut and others."""
    url = wanted.url
    for _ in range(MOST_REDIRECTS + 1):
        try:
            response = session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=callbacks.timeout_seconds
            )
        except ProxyError as fault:
            raise Away(f"{_host(url)} cannot be reached through the proxy of HTTPS_PROXY") from fault
        except (NoConnection, Timeout) as fault:
            raise Away(f"{_host(url)} cannot be reached ({type(fault).__name__})") from fault
        except (requests.RequestException, TransferError) as fault:
            raise HostRefused(f"An address cannot be contacted ({type(fault).__name__}).") from fault
        if response.status_code not in REDIRECTS:
            return response
        url = urljoin(url, response.headers.get("Location", ""))
        response.close()
    raise Hopeless(f"{_host(wanted.url)} sends us from place to place, more than {MOST_REDIRECTS} times.")


def _judge(
    response: requests.Response, wanted: Wanted, known: Known, have: int, callbacks: TransferCallbacks
) -> tuple[int, int | None]:
    """Return (position of the body in the file, length of the file or None). Raises Cut, SignInRefused, Hopeless."""
    status, host = response.status_code, _host(response.url)
    if status == 401:
        raise SignInRefused(f"{host} does not accept our sign-in ({status}). {wanted.if_denied}")
    if status == 403:
        raise Hopeless(f"{host} refuses the file ({status}). {wanted.if_denied}")
    if status in BUSY or status >= 500:
        raise Away(f"{host} is busy ({status})", retry_after_seconds(response, callbacks.now()))
    if status not in (200, 206):
        raise Hopeless(f"{host} does not give the file ({status}). It may have been removed: look for it there.")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        fault = Hopeless if host == _host(wanted.url) else SignInRefused  # an archive redirects to its sign-in page
        raise fault(f"{host} gives a web page in place of the file. {wanted.if_denied}")
    length = response.headers.get("Content-Length", "")
    if status == 200:
        return 0, int(length) if length.isdecimal() and not _encoded(response) else None
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
    changed = known.etag and response.headers.get("ETag", known.etag) != known.etag
    if not match or int(match[1]) != have or changed or _encoded(response):
        _discard(wanted)
        raise Cut(f"{host} sent another range than was requested")
    return have, None if match[3] == "*" else int(match[3])


def _receive(
    response: requests.Response, wanted: Wanted, start: int, total: int | None, callbacks: TransferCallbacks
) -> None:
    """Write the body to the part, after its first `start` bytes. Raises Cut, Overlong, Stopped, NoRoom."""
    whole = total if total is not None else wanted.size_bytes
    resumable = response.status_code == 206 or response.headers.get("Accept-Ranges", "").strip() == "bytes"
    callbacks.room(max(0, (whole or 0) - start))
    have, checked = start, start
    wanted.part.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(wanted.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    with os.fdopen(descriptor, "r+b") as stream:
        stream.truncate(start)
        stream.seek(start)
        while piece := _piece(response):
            if whole is not None and have + len(piece) > whole:
                raise Overlong
            stream.write(piece)
            have += len(piece)
            if whole is None and have - checked >= ROOM_STEP_BYTES:
                stream.flush()
                callbacks.room(ROOM_STEP_BYTES)
                checked = have
            if not callbacks.go_on(have, resumable):
                raise Stopped(f"stopped after {have:,} bytes; they are kept")
    if whole is not None and have < whole:
        raise Cut(f"{_host(response.url)} ended after {have:,} of {whole:,} bytes")


def _piece(response: requests.Response) -> bytes:
    """Return the bytes that are available now, so that a later interruption does not lose them. Raises Cut."""
    try:
        piece: bytes = response.raw.read1(PIECE_BYTES, decode_content=True)
    except (TransferError, OSError) as fault:
        raise Cut(f"{_host(response.url)} cut the transfer ({type(fault).__name__})") from fault
    return piece


def _resumable_bytes(wanted: Wanted, known: Known) -> int:
    """Return how many bytes of the part can be kept; delete a part that cannot be verified or is too long."""
    have = _size(wanted.part)
    checked = wanted.checksum is not None or known.etag or known.modified
    too_long = wanted.size_bytes is not None and have > wanted.size_bytes
    if have and (not checked or too_long):
        _discard(wanted)
        return 0
    return have


def _beyond(response: requests.Response, wanted: Wanted, known: Known, have: int) -> None:
    """Return after status 416 if the part is already whole; else delete it and raise Cut."""
    match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    same = not known.etag or response.headers.get("ETag", known.etag) == known.etag
    if match and int(match[1]) == have and same:
        return
    _discard(wanted)
    raise Cut(f"{_host(response.url)} has a shorter file than the piece that lies here")


def _is_right(wanted: Wanted) -> bool:
    if wanted.checksum is not None:
        return file_checksum(wanted.part, wanted.checksum.algorithm) == wanted.checksum
    return wanted.size_bytes is None or _size(wanted.part) == wanted.size_bytes


def _throw_away(wanted: Wanted, memory: Memory) -> None:
    """Delete a part with wrong bytes and count this. Raises Later after a few times, Hopeless after many."""
    _discard(wanted)
    damaged = memory.known.damaged + 1
    memory.keep(Known(damaged=damaged))
    by = f"{wanted.checksum.algorithm} checksum" if wanted.checksum else "length"
    reason = f"{_host(wanted.url)} gave bytes that do not have the {by} of the catalogue, {damaged} times."
    if damaged >= MAX_DAMAGED:
        raise Hopeless(f"{reason} They were thrown away.")
    if damaged >= MAX_DAMAGED_AT_ONCE:
        raise Later(f"{reason} They were thrown away; it goes on later.", DAMAGED_WAIT_SECONDS)


def _put_in_place(wanted: Wanted) -> int:
    """Flush the part to disk and rename it (even after a power cut, the target is whole); return its size, bytes."""
    with wanted.part.open("rb") as stream:
        os.fsync(stream.fileno())
    size = _size(wanted.part)
    wanted.part.replace(wanted.path)
    folder = os.open(wanted.path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size


def _wait(cut: Cut, idle: int, callbacks: TransferCallbacks, done: int) -> None:
    """Wait before the next attempt, longer each time and partly at random. Raises Stopped; Later if too long."""
    requested = cut.after_seconds if isinstance(cut, Away) else None
    if idle >= MOST_IDLE_TRIES or (requested is not None and requested > LONGEST_WAIT_SECONDS):
        raise (ArchiveAway if isinstance(cut, Away) else Later)(f"{cut}. It goes on later.", requested)
    seconds = min(LONGEST_WAIT_SECONDS, 2.0**idle) * (0.5 + callbacks.chance() / 2)
    if not callbacks.go_on(done, True):
        raise Stopped(f"stopped after {done:,} bytes; they are kept")
    callbacks.sleep(max(seconds, requested or 0.0))


def _of(response: requests.Response, known: Known) -> Known:
    """Return `known` with the response's ETag and date; empty for a compressed body, which cannot be resumed."""
    if _encoded(response):
        return known._replace(etag="", modified="")
    return known._replace(
        etag=response.headers.get("ETag", "")[:200], modified=response.headers.get("Last-Modified", "")[:60]
    )


def _encoded(response: requests.Response) -> bool:
    """Return whether the body is compressed for transfer, so that its bytes are not those of the file."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


def _discard(wanted: Wanted) -> None:
    wanted.part.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the server"
