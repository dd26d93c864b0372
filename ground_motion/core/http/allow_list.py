"""Allow-list of hosts to which the service may connect for images or places; all others are refused.

Entries, in the setting OUTBOUND_HOSTS:

    cmr.earthdata.nasa.gov        this host, HTTPS, port 443
    data.example.org:8443         this host, HTTPS, this port
    .asf.alaska.edu               every host below this one, not itself, HTTPS, port 443
    http://127.0.0.1:8123         plain HTTP, this host and port only: for a mirror in your own network, and for tests

Decision about private addresses: a listed *name* that resolves to a private, loopback or link-local address is refused,
because its DNS records could otherwise direct the service to any host inside your network. An entry that is itself an
address, or begins with http://, shows that a private address is intended, and is allowed.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from ground_motion.core.http.faults import HostRefused

PORTS = {"http": 80, "https": 443}
# Networks that are not globally reachable according to IANA's special-purpose registries, and some more: all of
# 192.0.0.0/24 and 2001::/23, because they contain anycast addresses of services in one's own network, and tunnels (6to4
# in 2002::/16, Teredo in 2001::/23), because their addresses contain an IPv4 address that may be private.
NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
         "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
         "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)  # fmt: skip
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # No other IPv6 address is public.
STANDING_FOR_IPV4 = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))  # mapped; NAT64
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_UNWANTED = re.compile(r"[\x00-\x20\x7f\\]")


class Entry(NamedTuple):
    """An allowed host, in lower case; a leading dot means all hosts below it. private: may have a private address."""

    scheme: str
    host: str
    port: int
    private: bool

    def covers(self, scheme: str, host: str, port: int) -> bool:
        """Return whether this entry allows a connection to a host and port."""
        named = host.endswith(self.host) and len(host) > len(self.host) if self.host[0] == "." else host == self.host
        return named and scheme == self.scheme and port == self.port


@dataclass(frozen=True)
class AllowList:
    """Entries for all hosts that may be contacted."""

    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, lines: Iterable[str]) -> "AllowList":
        """Parse one entry from each line. Raises ValueError for a line that is no host."""
        return cls(tuple(_entry(line) for line in lines if line.strip()))

    def check(self, url: str) -> None:
        """Raise HostRefused if the host of a URL is not allowed, before any name is resolved."""
        self.entry(*origin(url))

    def entry(self, scheme: str, host: str, port: int) -> Entry:
        """Return the entry that allows a connection. Raises HostRefused if there is none."""
        host = _bare(host)
        if found := next((entry for entry in self.entries if entry.covers(scheme, host, port)), None):
            return found
        if any(known.covers("https", host, known.port) for known in self.entries) and scheme == "http":
            raise HostRefused(f"{host} may be contacted by HTTPS only, and the address says http. It is not contacted.")
        shown = host if port == PORTS.get(scheme) else f"{host}:{port}"
        raise HostRefused(
            f"{shown} is not among the hosts that may be contacted. Add it to OUTBOUND_HOSTS if you trust it."
        )

    def has(self, scheme: str, host: str, port: int) -> bool:
        """Return whether an entry allows a connection."""
        return any(entry.covers(scheme, _bare(host), port) for entry in self.entries)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL. Raises HostRefused if the URL has no clear host."""
    if not url.isascii() or _UNWANTED.search(url):
        raise HostRefused("An address holds signs that none may hold (spaces, backslashes, other letters).")
    try:
        parts = urlsplit(url)
        host, port = _bare(parts.hostname or ""), parts.port
    except ValueError as fault:
        raise HostRefused("An address cannot be read.") from fault
    if parts.scheme not in PORTS:
        raise HostRefused(f"An address begins with {parts.scheme or 'nothing'}: only https is contacted.")
    if "@" in parts.netloc:
        raise HostRefused("An address holds a user's name before its host: such addresses are never followed.")
    if not host or not (_NAME.fullmatch(host) or _is_address(host)):
        raise HostRefused("An address names no host that can be read.")
    return parts.scheme, host, PORTS[parts.scheme] if port is None else port


def _entry(line: str) -> Entry:
    text = line.strip().lower()
    scheme, split, rest = text.rpartition("://")
    scheme = scheme if split else "https"
    below = rest.startswith(".")
    try:
        _, host, port = origin(f"{scheme}://{rest.removeprefix('.')}")
    except HostRefused as fault:
        raise ValueError(f"{line.strip()!r} is no host: {fault}") from fault
    if re.search(r"[/?#]", rest) or (below and (_is_address(host) or "." not in host)):
        raise ValueError(
            f"{line.strip()!r} is no host. Write one as data.example.org, or .example.org for all below it."
        )
    private = scheme == "http" or _is_address(host)
    return Entry(scheme, f".{host}" if below else host, port, private)


def _bare(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Return whether an address belongs to the public internet.

    An IPv6 address that contains an IPv4 address is judged by the latter; an address with a zone is never public. The
    networks are listed here, because those of `ipaddress` differ between versions of Python.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id:
            return False
        if any(ip in network for network in STANDING_FOR_IPV4):
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip not in GLOBAL_UNICAST:
            return False
    return not any(ip in network for network in NOT_PUBLIC)


def addresses_of(host: str, port: int, seconds: float | None = None) -> list[str]:
    """Return the addresses of a host. Raises TimeoutError, and gaierror or UnicodeError if the host is not known."""
    # A lookup has no time limit of its own, so it runs in a thread that is abandoned when time is up.
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except Exception as fault:
            found.set_exception(fault)

    Thread(target=look_up, name="lookup", daemon=True).start()
    return found.result(timeout=seconds)
