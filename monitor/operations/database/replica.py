"""Reading of public pages from a replica of the database (DATABASE_REPLICA_URL), while it follows closely.

The replica answers GET requests for public pages and data by visitors who are not signed in. A visitor who has just
sent something reads the primary until the replica must have caught up. The primary also answers if the replica is
unavailable, too far behind or failing, or does not find what is requested.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from monitor.web.guards import READING
from monitor.web.middleware import PUBLIC_DATA

logger = logging.getLogger(__name__)

REPLICA = "replica"  # the name of its connections
WROTE = "wrote"  # the cookie of a browser that has sent something
PUBLIC = (
    *PUBLIC_DATA,
    "/about/",
    "/alerts/",
    "/charts/",
    "/embed/",
    "/events/",
    "/glaciers/",
    "/places",
    "/products/",
    "/reading/",
    "/record/",
    "/regions/",
)
CHECK_SECONDS = 1.0
RETRY_SECONDS = 10.0  # where it did not answer
POSITION = "SELECT {} - '0/0'::pg_lsn"  # bytes of the log; NULL for a replica that has become a primary
WRITTEN = POSITION.format("pg_current_wal_lsn()")
REPLAYED = POSITION.format("CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END")


class Follower:
    """Checker of whether the replica is close enough behind the primary; one object for all threads of a process."""

    def __init__(self) -> None:
        self._usable, self._check_at = False, 0.0
        self._unreplayed: deque[tuple[float, int]] = deque(maxlen=1000)  # time, and bytes written by the primary then
        self._one_checks = threading.Lock()

    def usable(self) -> bool:
        """Return whether the replica lags by at most REPLICA_LAG_SECONDS; this is checked at most once a second."""
        if time.monotonic() >= self._check_at and self._one_checks.acquire(blocking=False):
            try:
                self._check()
            finally:
                self._one_checks.release()
        return self._usable

    def distrust(self) -> None:
        """Stop using the replica until it has been checked again."""
        self._usable, self._check_at = False, time.monotonic() + RETRY_SECONDS

    def _check(self) -> None:
        now = time.monotonic()
        try:
            replayed = _number(REPLICA, REPLAYED)
        except DatabaseError as fault:
            logger.warning("the replica is away, the primary answers: %s", fault)
            connections[REPLICA].close()
            self.distrust()
            return
        if replayed is None:
            logger.error("DATABASE_REPLICA_URL leads to a database that follows no other")
            self.distrust()
            return
        self._check_at = now + CHECK_SECONDS
        try:
            self._unreplayed.append((now, _number("default", WRITTEN) or 0))
        except DatabaseError:  # pages can still be read
            connections["default"].close()
            return
        while self._unreplayed and self._unreplayed[0][1] <= replayed:
            self._unreplayed.popleft()
        self._usable = not self._unreplayed or now - self._unreplayed[0][0] <= settings.REPLICA_LAG_SECONDS


FOLLOWER = Follower()


def _number(alias: str, query: str) -> int | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        (number,) = cursor.fetchone()
    return None if number is None else int(number)


@contextmanager
def from_replica() -> Iterator[None]:
    """Send the queries of this thread, by the ORM or in SQL, to the replica until the block ends."""
    primary = connections["default"]
    connections["default"] = connections[REPLICA]
    try:
        yield
    finally:
        connections["default"] = primary


class ReadReplica(MiddlewareMixin):
    """Last middleware: calls a view with the replica as its database if that is allowed."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Set a cookie if the browser has just sent something, so that its next requests read the primary."""
        if request.method not in READING:
            response.set_cookie(
                WROTE,
                "1",
                max_age=int(settings.REPLICA_LAG_SECONDS + CHECK_SECONDS) + 1,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Answer from the replica if that is allowed and succeeds; None lets the primary answer."""
        if not may_be_a_little_old(request) or not FOLLOWER.usable():
            return None
        try:
            with from_replica():
                response = view(request, *args, **kwargs)
        except Http404:  # the page may be too new for the replica
            return None
        except DatabaseError as fault:
            logger.warning("the replica could not answer %s, the primary does: %s", request.path, fault)
            connections[REPLICA].close()
            FOLLOWER.distrust()
            return None
        return None if response.status_code == 404 else response


def may_be_a_little_old(request: HttpRequest) -> bool:
    """Return whether the page is public, and the visitor is not signed in and has not just sent something."""
    known = {settings.SESSION_COOKIE_NAME, WROTE} & set(request.COOKIES)
    public = request.path == "/" or request.path.startswith(PUBLIC)
    return request.method in READING and public and not known and "Authorization" not in request.headers
