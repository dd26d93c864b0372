"""Costly requests: how many are answered at once, and how many seconds a minute the site works on them for one network.

Pages, tiles and images of the map have no limit: fifty people behind one address may pan at once. The seconds are
counted in the cache after each answer, in a fixed window. A program that sends one request after the other cannot
exceed 60 seconds a minute, the default limit. If a request is ended together with its web process, the process counts
it before it ends, or else the parent of the process does (`in_hand`).

A request that waits for a place also holds a thread, so it counts as well: some threads of every web process are always
left for pages. The places of a whole machine are locked files, which the kernel unlocks when their process dies.
"""

import contextlib
import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from monitor.web import THREADS

WINDOW_SECONDS = 60
# computed for programs, or anew for every request
READ = {
    r"/api/|/tilejson/": "api",
    r"/ogc/": "ogc",
    r"/stac/": "stac",
    r"/cap|/alerts\.geojson|/alerts\.atom|/bulletins\.atom|/feeds/": "feeds",
    r"/places": "search",
    r"/workbench/": "workbench",
    r"/rasters/|/extracts/[^/]+/file|/products/\d+/change\.tif": "rasters",
    r"/charts/|/here/|/alerts/[^/]+/series\.json|/glaciers/[^/]+/series\.csv": "charts",
    r"/sign-on/": "sign-in",  # waits for another host
    r"/stations/|/products/\d+/stations/": "charts",
    r"/bulletins/\d+/|/subscriptions/[^/]+/organisations/\d+/(buildings\.csv|lines/\d+/)": "reports",
    r"/alerts/[^/]+/report/|/regions/[^/]+/report/|/record/alerts\.csv|/products/\d+/refused\.csv": "reports",
}
POSTED = {
    r"/login/|/admin/login/|/password/|/accounts/join/|/second-factor/": "sign-in",  # passwords are slow to check
    r"/subscribe/|/subscriptions/|/extract/|/reports/": "previews",
    r"/uploads/$": "uploads",
}
WITH_FILES = r"/subscribe/|/subscriptions/|/extract/|/reports/|/review/"
FOR_PAGES = 3  # threads of each web process that are kept free
WAIT_SECONDS = 5.0
TRY_EVERY_SECONDS = 0.05
EACH_PROCESS = {  # few: the interpreter runs one thread at a time, and pages need their turn
    "api": 1,
    "charts": 1,
    "feeds": 1,
    "previews": 1,
    "rasters": 2,  # files that are sent, not computed
    "reports": 1,
    "sign-in": 1,
    "stac": 1,
    "workbench": 1,
}
WHOLE_MACHINE = {
    "given files": 2,  # each is read by a process that takes hundreds of megabytes
    "ogc": 1,  # a core is left for pages
    "search": 1,
    "uploads": 3,  # as many as docker/nginx lets in
}

_in_hand = threading.BoundedSemaphore(THREADS - FOR_PAGES)  # waiting requests included
_of_kind = {kind: threading.BoundedSemaphore(n) for kind, n in EACH_PROCESS.items()}


def request_kind(*, method: str, path: str, content_type: str) -> str:
    """Return the kind of a costly request; an empty string for any other."""
    if method == "POST" and content_type == "multipart/form-data" and re.match(WITH_FILES, path):
        return "given files"
    tables: list[Mapping[str, str]] = [READ, POSTED] if method == "POST" else [READ]
    return next((kind for table in tables for pattern, kind in table.items() if re.match(pattern, path)), "")


def account_of(*, kind: str, network: str) -> str:
    """Return the name under which the seconds of a network are counted; the network cannot be derived from it."""
    return salted_hmac("monitor.request_limits", f"{kind} {network}", algorithm="sha256").hexdigest()


def seconds_to_wait(*, account: str) -> int:
    """Return how long a network must wait because its seconds are used up; 0 if it need not wait."""
    if not settings.WORK_SECONDS_PER_MINUTE:
        return 0
    window, spent = divmod(int(time.time()), WINDOW_SECONDS)
    used_ms = cache.get(f"{account}-{window}", 0)
    return WINDOW_SECONDS - spent if used_ms >= 1000 * settings.WORK_SECONDS_PER_MINUTE else 0


def seconds_charge(*, account: str, seconds: float, ended: bool = False) -> None:
    """Count the working time of an answer, except for the part before the current window.

    Args:
        account: of the network that asked, as `account_of` returns it
        seconds: that the site worked
        ended: whether the request is ended with its process; then all of it counts, in this window and in the next
    """
    now, spent = divmod(time.time(), WINDOW_SECONDS)
    counted = seconds if ended else min(seconds, spent)
    for window in (int(now), int(now) + 1) if ended else (int(now),):
        key = f"{account}-{window}"
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        try:
            cache.incr(key, max(1, round(1000 * counted)))
        except ValueError:  # the cache is away
            return


def limit_statements() -> None:
    """Limit statements to WEB_STATEMENT_TIMEOUT_SECONDS on every connection that this process opens from now on."""
    # Behind DATABASE_POOLER that would limit whoever gets the connection next: there, PgBouncer limits the web's pool.
    if settings.DATABASE_POOLER:
        return
    connection_created.connect(_limit, dispatch_uid="statement limits")


def _limit(connection: Any, **kwargs: Any) -> None:
    milliseconds = str(int(1000 * settings.WEB_STATEMENT_TIMEOUT_SECONDS))
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])


def network_of(request: HttpRequest) -> str:
    """Return the address of a visitor; for IPv6 the network, because one customer has all its addresses."""
    # Behind n proxies of ours it is the n-th address from the right in X-Forwarded-For; others can be made up.
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted = settings.PROXIES
    visitor: str = hops[-trusted] if trusted and len(hops) >= trusted else request.META.get("REMOTE_ADDR", "")
    try:
        address = ip_address(visitor)
    except ValueError:
        return visitor
    if not isinstance(address, IPv6Address):
        return visitor
    if address.ipv4_mapped:  # a server that listens on both hears of IPv4 like this
        return str(address.ipv4_mapped)
    return str(ip_network(f"{address}/64", strict=False))


class Busy(Exception):
    """Refusal because no place is free; the request may be repeated in a moment."""


@contextlib.contextmanager
def place_held(kind: str) -> Iterator[None]:
    """Hold a place during a `with` block. Raises Busy."""
    give_back = place_take(kind)
    try:
        yield
    finally:
        give_back()


def place_take(kind: str) -> Callable[[], None]:
    """Take a place, waiting briefly if necessary; return a function that releases it once. Raises Busy."""
    if not _in_hand.acquire(blocking=False):
        raise Busy
    try:
        unlock = _file_locked(kind) if kind in WHOLE_MACHINE else _counted(kind)
    except BaseException:
        _in_hand.release()
        raise

    def give_back() -> None:
        unlock()
        _in_hand.release()

    return give_back


def _counted(kind: str) -> Callable[[], None]:
    """Take one of this process's places; return a function that releases it. Raises Busy."""
    if not _of_kind[kind].acquire(timeout=WAIT_SECONDS):
        raise Busy
    return _of_kind[kind].release


def _file_locked(kind: str) -> Callable[[], None]:
    """Take one of this machine's places by locking its file; return a function that releases it. Raises Busy."""
    folder, ends = Path(settings.PLACES_DIR), time.monotonic() + WAIT_SECONDS
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for number in range(WHOLE_MACHINE[kind]):
            descriptor = os.open(folder / f"{kind} {number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return lambda: os.close(descriptor)
        if time.monotonic() > ends:
            raise Busy
        time.sleep(TRY_EVERY_SECONDS)
