"""Headers that belong to whole parts of the site, and answers of a site that has too much to do."""

import logging
from collections.abc import Callable

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.http import ConditionalGetMiddleware
from django.shortcuts import render

from ingest.errors import StorageFailed
from monitor.site.problems import as_problem, problem
from monitor.site.request_limits import seconds_to_wait

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
SEARCHES = ("/stac/search",)  # take a body
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Retry-After"}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
BUSY_SECONDS = 10

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def public_data(get_response: GetResponse) -> GetResponse:
    """Any page may read what everybody may read: no cookies go with such a request, so nothing private can be read.

    Every answer has an ETag and is not sent again where it has not changed; errors say why in words for programs.
    """
    conditional = ConditionalGetMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(PUBLIC_DATA):
            return get_response(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return HttpResponse(status=204, headers=ANY_ORIGIN | PREFLIGHT)
        response = as_problem(request, conditional(request))
        for name, value in ANY_ORIGIN.items():
            response[name] = value
        return response

    return middleware


def known_methods(get_response: GetResponse) -> GetResponse:
    """Answer 405 to a method that an address does not take; the later check of tokens in forms would say 403."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_data = request.path.startswith(PUBLIC_DATA) and request.path not in SEARCHES
        allowed = ["GET", "HEAD"] if is_data else ["GET", "HEAD", "POST"]
        if request.method in (*allowed, "OPTIONS"):  # which the address itself answers
            return get_response(request)
        return HttpResponseNotAllowed(allowed)

    return middleware


class LimitRequests:
    """Answers 429 to an address that asks too often for what is costly (`monitor.site.request_limits`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        remote, forwarded = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
        wait = seconds_to_wait(path=request.path, remote_address=remote, forwarded_for=forwarded)
        if wait:
            return _later(request, 429, "too many requests came from your network", wait)
        return self.get_response(request)


class AnswerBusy:
    """Answers 503 where the database took too long, or it or the object store is away: no error without a reason."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponseBase | None:
        if isinstance(fault, StorageFailed):
            logger.error("no answer to %s: %s", request.path, fault)
            return _later(request, 503, "images and results cannot be read at the moment", BUSY_SECONDS)
        if not isinstance(fault, OperationalError):
            return None
        logger.error("the database did not answer %s: %s", request.path, fault)
        return _later(request, 503, "the service is very busy and could not answer in time", BUSY_SECONDS)


def _later(request: HttpRequest, status: int, error: str, seconds: int) -> HttpResponse:
    """A page for people, a problem in JSON for scripts and programs."""
    if "text/html" in request.headers.get("Accept", ""):
        response = render(None, "later.html", {"status": status, "seconds": seconds}, status=status)
    else:
        response = problem(status, error, f"Try again in {seconds} seconds.")
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response
