"""Middleware: headers of whole parts of the site, limits, typed text, and answers of an overloaded site."""

import logging
import sys
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, QueryDict
from django.http.request import UnreadablePostError
from django.middleware.http import ConditionalGetMiddleware
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import server_error

from ground_motion.core.errors import FULL_DISK_ERRNOS, StorageFailed
from ground_motion.core.text import plain_text
from ingest.foundation.places import Busy
from monitor.web.deadlines import CLOCK
from monitor.web.guards import ViewFunction, may_view_work
from monitor.web.request_limits import ACTS, UPLOADS, WORKBENCH, limit_of, network_of, place_take, take_later
from monitor.wording.refusals import as_problem, problem

if TYPE_CHECKING:
    from django.http.request import _ImmutableQueryDict

logger = logging.getLogger(__name__)

PUBLIC_DATA = (
    "/api/",
    "/alerts.atom",
    "/alerts.geojson",
    "/cap.atom",
    "/cap/",
    "/ogc/",
    "/rasters",
    "/stac/",
    "/tilejson/",
    "/tiles/",
)
SEARCHES = ("/stac/search",)  # Addresses whose requests may have a body.
EXPOSED = "Accept-Ranges, Content-Crs, Content-Length, Content-Range, ETag, Retry-After"
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
BUSY_SECONDS = 10
DISK_SECONDS = 300  # Somebody has to free space first, so that a client waits long.
UPLOAD_SECONDS = 600.0  # docker/nginx waits as long: a large file may be stored while its sender waits.
PLACE = "_give_place_back"  # Attribute of a request that holds its place.
KNOWN_BY: list[Callable[[HttpRequest], bool]] = []  # Packages above this one register their checks here.

# What browsers let no page of this site use, and what they let only pages of this very site use. A browser reports
# names that it does not know in its console, so only names that every browser knows are listed.
DENIED = [
    *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "gyroscope"),
    *("magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock", "usb"),
    "xr-spatial-tracking",
]
OWN = ("geolocation", "publickey-credentials-get")
PERMISSIONS = ", ".join([*(f"{name}=()" for name in DENIED), *(f"{name}=(self)" for name in OWN)])

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def permissions_policy(get_response: GetResponse) -> GetResponse:
    """State in every answer which devices and functions of a browser the pages of this site may use."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["Permissions-Policy"] = PERMISSIONS
        return response

    return middleware


def public_data(get_response: GetResponse) -> GetResponse:
    """Allow pages of any site to read public data: such requests carry no cookies, so nothing private can be read."""
    # Every answer has an ETag and is not sent again if it has not changed; errors are explained in words for programs.
    conditional = ConditionalGetMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(PUBLIC_DATA):
            return get_response(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return HttpResponse(status=204, headers=ANY_ORIGIN | PREFLIGHT)
        response = as_problem(request, conditional.process_response(request, get_response(request)))
        for name, value in ANY_ORIGIN.items():
            response[name] = value
        return response

    return middleware


def known_methods(get_response: GetResponse) -> GetResponse:
    """Answer 405 to a method that an address does not allow; the later CSRF check would answer 403."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_data = request.path.startswith(PUBLIC_DATA) and request.path not in SEARCHES
        allowed = ["GET", "HEAD"] if is_data else ["GET", "HEAD", "POST"]
        if request.method in (*allowed, "OPTIONS"):  # Views answer OPTIONS themselves.
            return get_response(request)
        return HttpResponseNotAllowed(allowed)

    return middleware


class LimitRequests:
    """Middleware that limits costly requests, as their views state: 503 if no place is free."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; the place, if the request took one, is held until the answer was sent."""
        try:
            response = self.get_response(request)
        except BaseException:
            vars(request).pop(PLACE, int)()
            raise
        if give_back := vars(request).pop(PLACE, None):
            # It runs once: when the answer was sent, was cut off, or was replaced by another.
            end = weakref.finalize(response, give_back)
            if response.streaming:
                response._resource_closers.append(end)  # type: ignore[attr-defined]  # Django's own list
            else:
                end()
        return response

    def process_view(
        self, request: HttpRequest, view: ViewFunction, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Take the place of a costly request before its body is read, when its account is known."""
        limit = limit_of(view, request)
        if limit is None or (limit is UPLOADS and not is_known(request)):
            return None
        who = str(kwargs.get("token")) if limit is ACTS else network_of(request)
        take = partial(place_take, limit, who, partial(is_known, request))
        if limit is WORKBENCH:
            take_later.set(take)
            return None
        if limit is UPLOADS and CLOCK in request.META:
            request.META[CLOCK].most_seconds = max(request.META[CLOCK].most_seconds, UPLOAD_SECONDS)
        try:
            vars(request)[PLACE] = take()
        except Busy:
            return _later(request, 503, "the service is answering too many such requests just now", BUSY_SECONDS)
        return None


def is_known(request: HttpRequest) -> bool:
    """Return whether a visitor has an account with a role, or is known by a check of KNOWN_BY."""
    return may_view_work(request.user) or any(check(request) for check in KNOWN_BY)


class AnswerBusy(MiddlewareMixin):
    """Middleware that answers 503 if the database took too long, or it or the object store is away."""

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponseBase | None:
        """Answer 503 to a fault of the database or of the storage; None for any other."""
        if isinstance(fault, StorageFailed):
            logger.error("no answer to %s: %s", request.path, fault)
            return _later(request, 503, "images and results cannot be read at the moment", BUSY_SECONDS)
        if not isinstance(fault, OperationalError):
            return None
        logger.error("the database did not answer %s: %s", request.path, fault)
        return _later(request, 503, "the service is very busy and could not answer in time", BUSY_SECONDS)


class CleanTypedText(MiddlewareMixin):
    """Middleware that cleans forms and queries of characters that are no plain text; 404 if a path contains one.

    In a query, they are replaced, not removed, because a filter must not become empty.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Clean the cookies."""
        request.COOKIES = {name: plain_text(value) for name, value in request.COOKIES.items()}

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Clean the fields of the address and of the form."""
        if any(isinstance(part, str) and plain_text(part) != part for part in kwargs.values()):
            raise Http404("No address holds such characters.")
        request.GET = cleaned(request.GET, UNKNOWN)
        if request.method == "POST" and not getattr(view, "csrf_exempt", False):  # Exempt views read their own bodies.
            try:
                request.POST = cleaned(request.POST)
            except UnreadablePostError:
                return  # The view handles a body that was cut off.


def cleaned(given: QueryDict, instead: str = "") -> "_ImmutableQueryDict":
    """Return fields with `instead` for unwanted characters. Passwords stay as typed, because they are never shown."""
    fields = QueryDict(mutable=True, encoding=given.encoding)
    for name, values in given.lists():
        typed = values if "password" in name else [plain_text(value, instead) for value in values]
        fields.setlist(plain_text(name, instead), typed)
    return cast("_ImmutableQueryDict", fields)  # Django's stubs give the fields of a request this type.


def answer_fault(request: HttpRequest) -> HttpResponseBase:
    """Answer an exception that no view handled: 507 for a full disk, else 500."""
    # Django calls this while it handles the exception. A form's body is written to the disk before any view is called,
    # where no middleware sees the error.
    fault = sys.exc_info()[1]
    if isinstance(fault, OSError) and fault.errno in FULL_DISK_ERRNOS:
        logger.error("a disk is full, no answer to %s: %s", request.path, fault)
        return _later(request, 507, "a disk of the server is full", DISK_SECONDS)
    return server_error(request)


def _later(request: HttpRequest, status: int, error: str, seconds: int) -> HttpResponse:
    """Answer that the request may be repeated after `seconds`: a page for people, a JSON problem for programs."""
    if "text/html" in request.headers.get("Accept", ""):
        response = render(None, "later.html", {"status": status, "seconds": seconds}, status=status)
    else:
        response = problem(status, error, f"Try again in {seconds} seconds.")
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response
