"""Eight of each costly request side by side: the site goes on answering, and no web process ends."""

import threading
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from ingest.products.services import product_load
from lab.speed import servers
from monitor.web.guards import OPERATORS
from monitor.web.request_limits import POSTED, READ
from tests.makers import pairs as made_pairs
from tests.makers.people import account
from tests.service.deploy import visitors
from tests.service.deploy.test_web_process import serve
from tests.service.deploy.visitors import Asked
from tests.waiting import HANG_SECONDS, wait_until

__all__ = ["serve"]  # a fixture
KINDS = {*READ.values(), *POSTED.values(), "given files"}
EACH = 8  # requests of a kind that are sent side by side
MIN_OVERTAKEN = 3  # times that /healthz is asked and answered while one and the same costly request is in work


@pytest.fixture
def requests(transactional_db, make_alert, make_egms) -> dict[str, Asked]:
    """A costly request of each kind, on a velocity field, an alert and results on pairs."""
    session = visitors.session_of(account("otto", OPERATORS))
    product, raster = product_load(path=make_egms(n=1900)), made_pairs.make_dates()[0].pk
    return visitors.requests(alert=make_alert(), product=product, session=session, raster=raster)


class Crowd:
    """Visitors who send one costly request each, again and again until `enough` is set."""

    def __init__(self, port: int, requests: list[Asked]) -> None:
        self.port, self.enough = port, threading.Event()
        self.statuses: list[int] = []
        self.in_work: set[object] = set()  # one object per request
        self.visitors = [threading.Thread(target=self._visit, args=[asked], daemon=True) for asked in requests]

    def _visit(self, asked: Asked) -> None:
        answered = False
        while not answered or not self.enough.is_set():
            number = object()
            self.in_work.add(number)
            self.statuses.append(visitors.send(self.port, asked))
            self.in_work.discard(number)
            answered = True

    def is_overtaken(self) -> bool:
        """Ask /healthz; return whether its answer comes before that of a request that was sent earlier."""
        before = set(self.in_work)
        assert servers.get(self.port, "/healthz", HANG_SECONDS) == 200
        return bool(before & self.in_work)


def statuses_beside(port: int, requests: list[Asked]) -> set[int]:
    """Send requests side by side until /healthz has overtaken them a few times; return their statuses."""
    crowd, overtaken = Crowd(port, requests), Counter[bool]()
    for visitor in crowd.visitors:
        visitor.start()

    def is_enough() -> bool:
        overtaken[crowd.is_overtaken()] += 1
        return overtaken[True] >= MIN_OVERTAKEN

    try:
        wait_until(is_enough)
    finally:
        crowd.enough.set()
    for visitor in crowd.visitors:
        visitor.join()
    return set(crowd.statuses)


def rounds(requests: dict[str, Asked]) -> Iterator[tuple[str, list[Asked]]]:
    """Yield eight of each kind alone, then eight of every kind together."""
    for kind, asked in requests.items():
        yield kind, [asked] * EACH
    yield "all kinds", [asked for asked in requests.values() for _ in range(EACH)]


@pytest.mark.long
def test_the_site_answers_while_eight_of_each_costly_request_are_sent_side_by_side(serve, requests):
    assert {asked.kind for asked in requests.values()} == KINDS  # A new kind needs its request in visitors.py.
    assert all(asked.kind == kind for kind, asked in requests.items())
    wrong = {}
    with serve(WEB_WORKERS="2") as served:
        before = {process.pid for process in served.web_processes()}
        for kind, together in rounds(requests):
            statuses = statuses_beside(served.port, together)
            # 422: a file that is there, a password that is wrong; 429: too many of those; 503: no place is free.
            if not statuses <= {200, 422, 429, 503} or not {200, 422} & statuses:
                wrong[kind] = statuses
        assert {process.pid for process in served.web_processes()} == before
        assert all(psutil.pid_exists(pid) for pid in before)
    assert wrong == {}
