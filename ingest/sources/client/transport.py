"""HTTP sessions in which every connection is checked against the allow-list.

The check is made when a request is sent, also by a library or for a redirect, and again when a name is resolved. The
session holds no credentials: they are added to a request when it is sent, if scheme, host and port match, and removed
from every other request. Proxies and .netrc of the environment are not used.
"""

import socket
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from ingest.sources.client.allow_list import AllowList, origin
from ingest.sources.client.faults import HostRefused, SearchFailed

USER_AGENT = "ground-motion-monitor"
MOST_REDIRECTS = 10
MOST_ANSWER_BYTES = 64 * 2**20


class Credential(NamedTuple):
    """Credentials for some hosts. hosts: exact entries as in the allow-list; header: the value of Authorization."""

    hosts: AllowList
    header: str

    def __repr__(self) -> str:
        return f"Credential({[entry.host for entry in self.hosts.entries]}, …)"


def guard(
    session: requests.Session, allowed: AllowList, credentials: Iterable[Credential] = (), *, answers: bool = False
) -> requests.Session:
    """Limit a session to allowed hosts; return it. answers: read each body at once, up to a size limit (searches)."""
    adapter = GuardedAdapter(allowed, tuple(credentials), MOST_ANSWER_BYTES if answers else None)
    session.adapters.clear()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = False
    session.max_redirects = MOST_REDIRECTS
    session.headers["User-Agent"] = USER_AGENT
    return session


class GuardedAdapter(HTTPAdapter):
    """Adapter that sends requests to allowed hosts only, each with the credentials of its own host only."""

    def __init__(self, allowed: AllowList, credentials: tuple[Credential, ...], most_bytes: int | None) -> None:
        self._allowed, self._credentials, self._most_bytes = allowed, credentials, most_bytes
        super().__init__(max_retries=0)

    def __reduce__(self) -> str | tuple[Any, ...]:  # a session with secrets must not be pickled
        raise TypeError("a guarded session cannot be pickled")

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create connection pools that check the address of every connection."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager: PoolManager
        self.poolmanager.pool_classes_by_scheme = _pools(self._allowed)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Raise HostRefused: no proxy is used."""
        raise HostRefused("A proxy would resolve names in our place: it is not used.")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Check the URL, replace its credentials, and send the request. Raises HostRefused."""
        url = request.url or ""
        self._allowed.check(url)
        request.headers.pop("Authorization", None)
        where = origin(url)
        for credential in self._credentials:
            with suppress(HostRefused):
                credential.hosts.entry(*where)
                request.headers["Authorization"] = credential.header
        response = super().send(request, *args, **kwargs)
        return response if self._most_bytes is None else _whole(response, self._most_bytes)


def _whole(response: requests.Response, most_bytes: int) -> requests.Response:
    """Return the response with its body read. Raises SearchFailed above most_bytes, so that memory is not filled."""
    read = BytesIO()
    for piece in response.iter_content(2**16):
        read.write(piece)
        if read.getbuffer().nbytes > most_bytes:
            response.close()
            raise SearchFailed(f"{origin(response.url)[1]} answers with more than {most_bytes >> 20} MB. Ask for less.")
    response.close()
    read.seek(0)
    again = requests.Response()
    again.__setstate__({**response.__getstate__(), "_content": read.getvalue()})
    again.raw, again.connection = read, response.connection
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
    entry = allowed.entry(scheme, host, port)
    try:
        resolved = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as fault:
        raise NameResolutionError(host, connection, socket.gaierror(str(fault))) from fault
    addresses = list(dict.fromkeys(str(row[4][0]) for row in resolved))
    for address in addresses:
        if not allowed.may_lead_to(entry, address):
            raise HostRefused(f"{host} leads to {address}, which is no public address. It is not contacted.")
    last: OSError = OSError(f"{host} has no address")
    for address in addresses:
        try:
            return create_connection((address, port), connection.timeout, socket_options=connection.socket_options)
        except TimeoutError as fault:
            raise ConnectTimeoutError(connection, f"{host} does not answer") from fault
        except OSError as fault:
            last = fault
    raise NewConnectionError(connection, f"{host} cannot be reached: {last.strerror or last}") from last
