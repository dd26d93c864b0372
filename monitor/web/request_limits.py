"""Costly requests: how many are answered at once, and whose share that is.

A view, or the URLconf that includes it, states the class of its requests; a view without one is a page. Pages, tiles
and images of the map have no limit: fifty people behind one address may pan at once. Known people (accounts with a
role, members of trusted organisations) have one more place in each class, which strangers can never take.

Some threads of every web process are left for pages, and one for known people, whatever waits (`foundation.places`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver

from ingest.foundation.places import Limit, Places
from monitor.web import THREADS

WIDE_NETWORK_BITS = 48  # A provider gives one customer at most this many bits of IPv6.
FOR_PAGES = 3  # These threads of each web process answer pages only.
FOR_STRANGERS = {"costly": 6, "sign-in": 2}  # Most threads for unknown people; the others are for known ones.
PLACES = Places(n_threads=THREADS - FOR_PAGES, for_strangers=FOR_STRANGERS)
ViewFunction = Callable[..., HttpResponseBase]
Route = URLPattern | URLResolver
# Few places, because the interpreter runs one thread at a time.
API, CHARTS, FEEDS = Limit("api", process=1), Limit("charts", process=1), Limit("feeds", process=1)
PREVIEWS, REPORTS, STAC = Limit("previews", process=1), Limit("reports", process=1), Limit("stac", process=1)
WORKBENCH = Limit("workbench", process=1)  # Cached answers take no place (`place_held`).
RASTERS = Limit("rasters", process=2)  # These files are sent, not computed.
SIGN_IN = Limit("sign-in", process=1, share=2, threads="sign-in")  # Passwords are slow to check.
OGC, SEARCH = Limit("ogc", machine=1), Limit("search", machine=1)  # One core stays free for pages.
GIVEN_FILES = Limit("given files", machine=2)  # Each is read by a process that takes hundreds of megabytes.
EXTRACTS = Limit("extracts", machine=2)  # Apart, because slow readers of such a file keep its place.
UPLOADS = Limit("uploads", machine=2)  # Strangers take no place: they are refused before anything is read.
ACTS = Limit("acts", machine=1, share=2, threads="")  # Each link has a place of its own; acts are as cheap as pages.
LIMITS = [API, CHARTS, FEEDS, PREVIEWS, REPORTS, STAC, WORKBENCH, RASTERS, SIGN_IN, OGC, SEARCH, GIVEN_FILES, UPLOADS]
LIMITS += [EXTRACTS, ACTS]


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
    if isinstance(route, URLPattern):
        route.callback = costly(*always, **others)(route.callback)
    else:
        for inner in route.url_patterns:
            costly_below(inner, *always, **others)
    return route


def limit_of(view: ViewFunction, request: HttpRequest) -> Limit | None:
    """Return the class of a request; None for a page. The middleware `LimitRequests` applies it."""
    always, posted, files = getattr(view, "limits", (None, None, None))
    if request.method != "POST":
        return always
    return files if request.content_type == "multipart/form-data" else posted


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
    if address.ipv4_mapped:  # A server that listens on both reports IPv4 addresses like this.
        return str(address.ipv4_mapped)
    return str(ip_network(f"{address}/{WIDE_NETWORK_BITS}", strict=False))


def place_take(limit: Limit, who: str, is_known: Callable[[], bool] = lambda: False) -> Callable[[], None]:
    """Take a place (`Places.take`). Raises Busy."""
    return PLACES.take(limit, who, is_known, Path(settings.PLACES_DIR))


take_later: ContextVar[Callable[[], Callable[[], None]]] = ContextVar("take_later")


@contextmanager
def place_held(limit: Limit) -> Iterator[None]:
    """Hold a place during a `with` block, in a view of WORKBENCH. Raises Busy."""
    give_back = take_later.get(partial(place_take, limit, ""))()
    try:
        yield
    finally:
        give_back()
