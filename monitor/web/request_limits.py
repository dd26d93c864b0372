"""Costly requests: how many are answered at once, and whose share that is.

A view, or the URLconf where it includes one, states the class of its requests; what states none is a page. Pages, tiles
and images of the map have no limit: fifty people behind one address may pan at once. Known people (accounts with a
role, members of trusted organisations) have one more place in each class, which strangers can never take.

A request that waits for a place holds a thread, so it counts as well: some threads of every web process are left for
pages, and one for known people. Where too many wait, the network that had its turn last is put off. The places of a
whole machine are locked files, which the kernel unlocks when their process dies.
"""

import fcntl
import os
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver

from monitor.web import THREADS

WIDE_NETWORK_BITS = 48  # of IPv6: what one customer of a provider is given at most
WAIT_SECONDS, TRY_EVERY_SECONDS = 5.0, 0.05
FOR_PAGES = 3  # threads of each web process
FOR_STRANGERS = {"costly": 6, "sign-in": 2}  # threads; what is left is for known people
MAX_TURNS, ACT_LOCKS = 1000, 1024
ViewFunction = Callable[..., HttpResponseBase]
Route = TypeVar("Route", URLPattern, URLResolver)


class Limit(NamedTuple):
    """Class of costly requests.

    Args:
        name: in docs/limits.csv, and of the locked files
        process: places in each web process; few, because the interpreter runs one thread at a time
        machine: places in all web processes together, if not in each
        share: requests in hand, waiting or not, that a process takes of one network, and with one link in an act
        threads: which ones hold it (FOR_STRANGERS); empty: those of pages
    """

    name: str
    process: int = 0
    machine: int = 0
    share: int = 5
    threads: str = "costly"


API, CHARTS, FEEDS = Limit("api", process=1), Limit("charts", process=1), Limit("feeds", process=1)
PREVIEWS, REPORTS, STAC = Limit("previews", process=1), Limit("reports", process=1), Limit("stac", process=1)
WORKBENCH = Limit("workbench", process=1)  # Only what is not cached takes a place: `place_held`.
RASTERS = Limit("rasters", process=2)  # These files are sent, not computed.
SIGN_IN = Limit("sign-in", process=1, share=2, threads="sign-in")  # Passwords are slow to check.
OGC, SEARCH = Limit("ogc", machine=1), Limit("search", machine=1)  # A core is left for pages.
GIVEN_FILES = Limit("given files", machine=2)  # Each is read by a process that takes hundreds of megabytes.
UPLOADS = Limit("uploads", machine=2)  # Strangers take no place: they are refused before anything is read.
ACTS = Limit("acts", machine=1, share=2, threads="")  # Each link has a place of its own; acts are as cheap as pages.
LIMITS = (API, CHARTS, FEEDS, PREVIEWS, REPORTS, STAC, WORKBENCH, RASTERS, SIGN_IN, OGC, SEARCH, GIVEN_FILES, UPLOADS)
LIMITS += (ACTS,)


def costly(
    always: Limit | None = None, *, posted: Limit | None = None, files: Limit | None = None
) -> Callable[[ViewFunction], ViewFunction]:
    """Return a decorator that states the class of a view's requests: of all, or of posted forms and posted files."""

    def decorate(view: ViewFunction) -> ViewFunction:
        @wraps(view)
        def stated(*args: Any, **kwargs: Any) -> HttpResponseBase:
            return view(*args, **kwargs)

        stated.limits = (always, posted or always, files or posted or always)  # type: ignore[attr-defined]
        return stated

    return decorate


def costly_below(route: Route, *always: Limit, **others: Limit) -> Route:
    """State the class for all views of a route, whose modules cannot use the decorator."""
    for inner in route.url_patterns if isinstance(route, URLResolver) else ():
        costly_below(inner, *always, **others)
    if isinstance(route, URLPattern):
        route.callback = costly(*always, **others)(route.callback)
    return route


def limit_of(view: ViewFunction, request: HttpRequest) -> Limit | None:
    """Return the class of a request; None for a page. The middleware `LimitRequests` applies it."""
    always, posted, files = getattr(view, "limits", (None, None, None))
    if request.method != "POST":
        return always
    return files if request.content_type == "multipart/form-data" else posted


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
    return str(ip_network(f"{address}/{WIDE_NETWORK_BITS}", strict=False))


class Busy(Exception):
    """Refusal because no place is free; the request may be repeated in a moment."""


class _Request:
    """Request in hand. who: network, or link of an act; queue: those that wait for the same places."""

    def __init__(self, limit: Limit, who: str, is_known: bool) -> None:
        self.limit, self.who, self.is_known, self.has_place = limit, who, is_known, False
        self.queue = f"acts {zlib.crc32(who.encode()) % ACT_LOCKS}" if limit is ACTS else limit.name
        self.threads = limit.threads or self.queue
        self.unlock: Callable[[], None] = lambda: None


_hall = threading.Condition()  # It guards the next two.
_in_hand: list[_Request] = []
_turns: dict[str, float] = {}  # when each network or link last got a place; the latest stands last


def place_take(limit: Limit, who: str, is_known: Callable[[], bool] = lambda: False) -> Callable[[], None]:
    """Take a place, waiting briefly if necessary; return a function that gives it back once. Raises Busy.

    who: network of the visitor, or link of an act; is_known: asked only where a stranger would have to wait.
    """
    try:
        return _placed(_Request(limit, who, is_known=False), 0.0)
    except Busy:
        return _placed(_Request(limit, who, is_known()), WAIT_SECONDS)


def _placed(mine: _Request, seconds: float) -> Callable[[], None]:
    with _hall:
        _join(mine)
        ends = time.monotonic() + seconds
        try:
            while not _begins(mine):
                if mine not in _in_hand or time.monotonic() >= ends:
                    raise Busy
                _hall.wait(TRY_EVERY_SECONDS)
        except BaseException:
            _leave(mine)
            raise
    return partial(_leave, mine)


def _join(mine: _Request) -> None:
    """Hold a thread for a request; if none is left for it, put off one that waits. Raises Busy if it comes last."""
    beside = [other for other in _in_hand if other.threads == mine.threads]
    if not mine.is_known and sum(other.who == mine.who for other in beside) >= mine.limit.share:
        raise Busy
    n_strangers = sum(not other.is_known for other in beside)
    is_full = sum(bool(other.limit.threads) for other in _in_hand) >= THREADS - FOR_PAGES
    is_full |= not mine.is_known and n_strangers >= FOR_STRANGERS.get(mine.threads, THREADS)
    if is_full and mine.limit.threads:
        last = max((other for other in beside if not other.has_place), key=_order, default=mine)
        if _order(last) <= _order(mine):
            raise Busy
        _leave(last)
    _in_hand.append(mine)


def _leave(mine: _Request) -> None:
    with _hall:
        if mine in _in_hand:
            _in_hand.remove(mine)
            mine.unlock()
            _hall.notify_all()


def _order(request: _Request) -> tuple[bool, float]:
    """Return by what requests that wait are sorted: known people first, then whose last turn was earliest."""
    return not request.is_known, _turns.get(request.who, 0.0)


def _begins(mine: _Request) -> bool:
    """Give a request its place if one is free and nobody goes before; return whether it got it."""
    beside, limit = [other for other in _in_hand if other.queue == mine.queue], mine.limit
    if min((other for other in beside if not other.has_place), key=_order, default=None) is not mine:
        return False
    if limit.process:
        placed = [other for other in beside if other.has_place]
        n_strangers = sum(not other.is_known for other in placed)
        mine.has_place = len(placed) <= limit.process and (mine.is_known or n_strangers < limit.process)
    else:
        names = [f"{mine.queue} {number}" for number in range(limit.machine)]
        mine.has_place = _lock(mine, [*names, f"{mine.queue} of known people"] if mine.is_known else names)
    if mine.has_place:
        _turns.pop(mine.who, None)
        _turns[mine.who] = time.monotonic()
        if len(_turns) > MAX_TURNS:
            del _turns[next(iter(_turns))]
    return mine.has_place


def _lock(mine: _Request, names: list[str]) -> bool:
    """Lock one of the files until the request leaves; return whether one was free."""
    folder = Path(settings.PLACES_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            mine.unlock = partial(os.close, descriptor)
            return True
    return False


take_later: ContextVar[Callable[[], Callable[[], None]]] = ContextVar("take_later")


@contextmanager
def place_held(limit: Limit) -> Any:
    """Hold a place during a `with` block, in a view of WORKBENCH. Raises Busy."""
    give_back = take_later.get(partial(place_take, limit, ""))()
    try:
        yield
    finally:
        give_back()
