"""HTTP sessions in which every connection is checked against the allow-list.

The check is made when a request is sent, also by a library or for a redirect, and again when a name is resolved. The
session holds no credentials: they are added to a request when it is sent, if scheme, host and port match, and removed
from every other request. A .netrc of the environment is not used.

Decision about proxies: HTTPS_PROXY and NO_PROXY of the environment are used, as by the other programs of a machine
behind a proxy. The proxy's address is trusted, because an administrator named it. The proxy is asked to CONNECT, so
that TLS reaches from this process to the archive. Hosts listed with http:// are mirrors in one's own network: they are
always contacted directly, so that nothing passes a proxy unencrypted. The proxy resolves names anew; therefore a name
that leads to a private address here is refused, and one that cannot be resolved here is contacted only if it is listed
itself, not by an entry for all hosts below another.
"""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection
from urllib3.util.retry import Retry

from ground_motion.core.http.allow_list import AllowList, Entry, addresses_of, is_public, origin
from ground_motion.core.http.faults import ArchiveAway, HostRefused, SearchFailed

USER_AGENT = "ground-motion-monitor"
MAX_REDIRECTS = 10
MAX_ANSWER_BYTES = 64 * 2**20
LOOKUP_SECONDS = 5.0  # Behind a proxy a resolver may not answer at all.
MAX_RETRY_AFTER_SECONDS = 24 * 3600  # Longer waits requested by a server are shortened to this.
BUSY = (408, 425, 429)


class Credential(NamedTuple):
    """Credentials for some hosts.

    Args:
        hosts: exact entries as in the allow-list.
        header: returns the value of Authorization to send. It is called with the value that was just refused, or with
            an empty string, and returns the refused value itself if there is no other.
    """

    hosts: AllowList
    header: Callable[[str], str]

    def __repr__(self) -> str:
        return f"Credential({[entry.host for entry in self.hosts.entries]}, …)"


def guard(
    session: requests.Session, allowed: AllowList, credentials: Iterable[Credential] = (), *, answers: bool = False
) -> requests.Session:
    """Limit a session to allowed hosts; return it. answers: read each body at once, up to a size limit (searches)."""
    adapter = GuardedAdapter(allowed, tuple(credentials), MAX_ANSWER_BYTES if answers else None)
    session.adapters.clear()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = False
    session.max_redirects = MAX_REDIRECTS
    session.headers["User-Agent"] = USER_AGENT
    return session


class GuardedAdapter(HTTPAdapter):
    """Adapter that sends requests to allowed hosts only, each with the credentials of its own host only."""

    def __init__(self, allowed: AllowList, credentials: tuple[Credential, ...], most_bytes: int | None) -> None:
        self._allowed, self._credentials, self._most_bytes = allowed, credentials, most_bytes
        super().__init__(max_retries=0)

    def __reduce__(self) -> str | tuple[Any, ...]:  # A session with secrets must not be pickled.
        raise TypeError("a guarded session cannot be pickled")

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create connection pools that check the address of every connection."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager: PoolManager
        self.poolmanager.pool_classes_by_scheme = _pools(self._allowed)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Check the URL, replace its credentials, and send the request; if they are refused, once more with others.

        Raises HostRefused, and Later if there is no token.
        """
        where = origin(request.url or "")
        kwargs["proxies"] = self._proxies(request.url or "", self._allowed.entry(*where))
        request.headers.pop("Authorization", None)
        credential = next((candidate for candidate in self._credentials if candidate.hosts.has(*where)), None)
        header = credential.header("") if credential else ""
        if header:
            request.headers["Authorization"] = header
        response = super().send(request, *args, **kwargs)
        if response.status_code == 401 and credential and (other := credential.header(header)) != header:
            response.close()
            request.headers["Authorization"] = other
            response = super().send(request, *args, **kwargs)
        return response if self._most_bytes is None else _whole(response, self._most_bytes)

    def _proxies(self, url: str, entry: Entry) -> dict[str, str]:
        """Return the environment's proxy for a URL, after a check of its host; empty if it is contacted directly."""
        if entry.scheme == "http":
            return {}
        proxy = select_proxy(url, get_environ_proxies(url))
        if not proxy:
            return {}
        if urlsplit(proxy).scheme not in ("", "http", "https"):
            raise ArchiveAway("HTTPS_PROXY must begin with http:// or https://. Correct it in the environment.")
        _, host, port = origin(url)
        if not _addresses_if_known(entry, host, port) and entry.host.startswith("."):
            raise ArchiveAway(f"{host} cannot be resolved here. Name it in OUTBOUND_HOSTS if the proxy may contact it.")
        return {"https": proxy}


class _Body(BytesIO):
    """Body that was read. It keeps the response of http.client, from which requests takes the cookies of a redirect."""

    _original_response: Any = None


def _whole(response: requests.Response, most_bytes: int) -> requests.Response:
    """Return the response with its body read. Raises SearchFailed above most_bytes, so that memory is not filled."""
    read = _Body()
    read._original_response = getattr(response.raw, "_original_response", None)
    for piece in response.iter_content(2**16):
        read.write(piece)
        if read.getbuffer().nbytes > most_bytes:
            response.close()
            raise SearchFailed(f"{origin(response.url)[1]} answers with more than {most_bytes >> 20} MB. Ask for less.")
    response.close()
    read.seek(0)
    again = requests.Response()
    again.__dict__.update(response.__dict__, _content=read.getvalue(), _content_consumed=True)
    again.raw = read
    return again


def _pools(allowed: AllowList) -> dict[str, type[HTTPConnectionPool]]:
    """Return scheme -> pool class, whose connections check the address of a name and connect to just that one."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed, "http")

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed, "https")

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connect(connection: HTTPConnection, allowed: AllowList, scheme: str) -> socket.socket:
    host, port = connection.host, connection.port
    try:
        addresses = _addresses(allowed.entry(scheme, host, port), host, port)
    except (socket.gaierror, UnicodeError) as fault:
        raise NameResolutionError(host, connection, socket.gaierror(str(fault))) from fault
    last: OSError = OSError(f"{host} has no address")
    for address in addresses:
        try:
            return create_connection((address, port), connection.timeout, socket_options=connection.socket_options)
        except TimeoutError as fault:
            raise ConnectTimeoutError(connection, f"{host} does not answer") from fault
        except OSError as fault:
            last = fault
    raise NewConnectionError(connection, f"{host} cannot be reached: {last.strerror or last}") from last


def _addresses(entry: Entry, host: str, port: int, seconds: float | None = None) -> list[str]:
    """Return the addresses of a host. Raises HostRefused for a private one, gaierror or UnicodeError without any."""
    addresses = addresses_of(host.strip("[]"), port, seconds)
    for address in addresses:
        if not (entry.private or is_public(address)):
            raise HostRefused(f"{host} leads to {address}, which is no public address. It is not contacted.")
    return addresses


def _addresses_if_known(entry: Entry, host: str, port: int) -> list[str]:
    """Return the addresses of a host; none if it cannot be resolved in time. Raises HostRefused for a private one."""
    try:
        return _addresses(entry, host, port, LOOKUP_SECONDS)
    except (OSError, UnicodeError):  # A TimeoutError is an OSError, too.
        return []


def retry_after_seconds(response: requests.Response) -> float | None:
    """Return how long a server asks us to wait (Retry-After, RFC 9110, 10.2.3); None if it does not."""
    with suppress(InvalidHeader):
        return Retry(retry_after_max=MAX_RETRY_AFTER_SECONDS).parse_retry_after(response.headers.get("Retry-After", ""))
    return None
