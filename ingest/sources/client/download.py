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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ProxyError, Timeout
from urllib3.exceptions import HTTPError as TransferError

from ground_motion.core.http.faults import ArchiveAway, Hopeless, HostRefused, Later, SignInRefused, Stopped
from ground_motion.core.http.transport import BUSY, MAX_REDIRECTS, retry_after_seconds
from ingest.sources.client.scene import Checksum, file_checksum

MAX_DAMAGED_AT_ONCE, MAX_DAMAGED = 3, 24
DAMAGED_WAIT_SECONDS = 3600.0
MAX_IDLE_TRIES = 5  # A download ends after this number of tries in a row without new bytes.
MAX_TRIES = 60
MAX_WAIT_SECONDS = 60.0  # The schedule resumes the download after longer waits.
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
        """Path of the unfinished file, in the target's folder."""
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
    timeout_seconds: tuple[float, float] = (15.0, 60.0)


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
    return _Transfer(session, wanted, known, callbacks).fetch()


class _Transfer:
    """Download of one file, and what is known of it and of its part."""

    def __init__(self, session: requests.Session, wanted: Wanted, known: Known, callbacks: TransferCallbacks) -> None:
        self.session, self.wanted, self.known, self.callbacks = session, wanted, known, callbacks

    def fetch(self) -> Fetched:
        idle, reached = 0, self._have()
        for tries in range(1, MAX_TRIES + 1):
            try:
                self._request()
            except Cut as cut:
                idle = 0 if self._have() > reached else idle + 1
                reached = max(reached, self._have())
                self._wait(cut, idle)
                continue
            except Overlong:
                right = False
            else:
                right, checksum = self.wanted.size_bytes in (None, self._have()), self.wanted.checksum
                if checksum is not None:
                    right = file_checksum(self.wanted.part, checksum.algorithm) == checksum
            if right:  # After a power cut, too, the target is whole.
                size, part, path = self._have(), self.wanted.part, self.wanted.path
                _flush(part)
                part.replace(path)
                _flush(path.parent)
                return Fetched(size, tries, self.known.damaged)
            reached = 0
            self._throw_away()
        raise Later(f"{_host(self.wanted.url)} cut the transfer {MAX_TRIES} times. It goes on later.")

    def _have(self) -> int:
        """Return the size of the part."""
        return self.wanted.part.stat().st_size if self.wanted.part.exists() else 0

    def _discard(self) -> None:
        self.wanted.part.unlink(missing_ok=True)

    def _keep(self, known: Known) -> None:
        """Set the known state of the file, also outside of this process."""
        self.known = known
        self.callbacks.remember(known)

    def _request(self) -> None:
        """Make one request and write its body to the part; return once the file should be whole. Raises Cut."""
        have = self._have()
        checked = self.wanted.checksum is not None or self.known.etag or self.known.modified
        too_long = self.wanted.size_bytes is not None and have > self.wanted.size_bytes
        if have and (not checked or too_long):
            self._discard()
            have = 0
        if have and have == self.wanted.size_bytes:
            return  # An earlier process ended between the last byte and the renaming.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self.known.etag and not self.known.etag.startswith("W/"):
                headers["If-Range"] = self.known.etag
            elif self.known.modified:
                headers["If-Range"] = self.known.modified
        with closing(self._ask(headers)) as response:
            if response.status_code == 416 and have:  # The part is already whole, or there is another file.
                match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
                if not match or int(match[1]) != have or self._has_changed(response):
                    self._discard()
                    raise Cut(f"{_host(response.url)} has a shorter file than the piece that lies here")
                return
            start, total = self._judge(response, have)
            etag, modified = response.headers.get("ETag", "")[:200], response.headers.get("Last-Modified", "")[:60]
            if _is_encoded(response):  # A compressed body cannot be resumed.
                etag, modified = "", ""
            self._keep(self.known._replace(etag=etag, modified=modified))
            self._receive(response, start, total)

    def _ask(self, headers: dict[str, str]) -> requests.Response:
        """Send a request, follow redirects (each checked by the session), return the response. Raises Away."""
        url = self.wanted.url
        for _ in range(MAX_REDIRECTS + 1):
            try:
                response = self.session.get(
                    url, headers=headers, stream=True, allow_redirects=False, timeout=self.callbacks.timeout_seconds
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
        raise Hopeless(f"{_host(self.wanted.url)} sends us from place to place, more than {MAX_REDIRECTS} times.")

    def _judge(self, response: requests.Response, have: int) -> tuple[int, int | None]:
        """Return (position of the body in the file, its length or None). Raises Cut, SignInRefused, Hopeless."""
        status, host, denied = response.status_code, _host(response.url), self.wanted.if_denied
        if status == 401:
            raise SignInRefused(f"{host} does not accept our sign-in ({status}). {denied}")
        if status == 403:
            raise Hopeless(f"{host} refuses the file ({status}). {denied}")
        if status in BUSY or status >= 500:
            raise Away(f"{host} is busy ({status})", retry_after_seconds(response))
        if status not in (200, 206):
            raise Hopeless(f"{host} does not give the file ({status}). It may have been removed: look for it there.")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            fault = Hopeless if host == _host(self.wanted.url) else SignInRefused  # an archive's sign-in page
            raise fault(f"{host} gives a web page in place of the file. {denied}")
        length = response.headers.get("Content-Length", "")
        if status == 200:
            return 0, int(length) if length.isdecimal() and not _is_encoded(response) else None
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not match or int(match[1]) != have or self._has_changed(response) or _is_encoded(response):
            self._discard()
            raise Cut(f"{host} sent another range than was requested")
        return have, None if match[3] == "*" else int(match[3])

    def _has_changed(self, response: requests.Response) -> bool:
        """Return whether the server has another file than the one to which the part belongs."""
        return bool(self.known.etag) and response.headers.get("ETag", self.known.etag) != self.known.etag

    def _receive(self, response: requests.Response, start: int, total: int | None) -> None:
        """Write the body to the part, after its first `start` bytes. Raises Cut, Overlong, Stopped, NoRoom."""
        whole = total if total is not None else self.wanted.size_bytes
        resumable = response.status_code == 206 or response.headers.get("Accept-Ranges", "").strip() == "bytes"
        self.callbacks.room(max(0, (whole or 0) - start))
        have, checked = start, start
        self.wanted.part.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.wanted.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
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
                    self.callbacks.room(ROOM_STEP_BYTES)
                    checked = have
                self._go_on(have, resumable)
        if whole is not None and have < whole:
            raise Cut(f"{_host(response.url)} ended after {have:,} of {whole:,} bytes")

    def _go_on(self, done: int, resumable: bool) -> None:
        if not self.callbacks.go_on(done, resumable):
            raise Stopped(f"stopped after {done:,} bytes; they are kept")

    def _throw_away(self) -> None:
        """Delete a part with wrong bytes and count this. Raises Later after a few times, Hopeless after many."""
        self._discard()
        damaged = self.known.damaged + 1
        self._keep(Known(damaged=damaged))
        by = f"{self.wanted.checksum.algorithm} checksum" if self.wanted.checksum else "length"
        reason = f"{_host(self.wanted.url)} gave bytes that do not have the {by} of the catalogue, {damaged} times."
        if damaged >= MAX_DAMAGED:
            raise Hopeless(f"{reason} They were thrown away.")
        if damaged >= MAX_DAMAGED_AT_ONCE:
            raise Later(f"{reason} They were thrown away; it goes on later.", DAMAGED_WAIT_SECONDS)

    def _wait(self, cut: Cut, idle: int) -> None:
        """Wait before the next attempt, longer each time and partly at random. Raises Stopped; Later if too long."""
        requested = cut.after_seconds if isinstance(cut, Away) else None
        if idle >= MAX_IDLE_TRIES or (requested is not None and requested > MAX_WAIT_SECONDS):
            raise (ArchiveAway if isinstance(cut, Away) else Later)(f"{cut}. It goes on later.", requested)
        seconds = min(MAX_WAIT_SECONDS, 2.0**idle) * (0.5 + self.callbacks.chance() / 2)
        self._go_on(self._have(), True)
        self.callbacks.sleep(max(seconds, requested or 0.0))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _piece(response: requests.Response) -> bytes:
    """Return the bytes that are available now, so that a later interruption does not lose them. Raises Cut."""
    try:
        piece: bytes = response.raw.read1(PIECE_BYTES, decode_content=True)
    except (TransferError, OSError) as fault:
        raise Cut(f"{_host(response.url)} cut the transfer ({type(fault).__name__})") from fault
    return piece


def _is_encoded(response: requests.Response) -> bool:
    """Return whether the body is compressed for transfer, so that its bytes are not those of the file."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the server"
