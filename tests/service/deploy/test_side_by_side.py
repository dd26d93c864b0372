"""Eight of each costly request side by side: the site goes on answering, and no web process ends."""

import contextlib
import runpy
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlencode

import psutil
import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.urls import reverse

from ingest.products.services import product_load
from lab.speed import servers
from monitor.models.escalations import Contact, Escalation, EscalationStep
from monitor.subscribers.organisations.contacts import contact_add
from monitor.subscribers.organisations.escalations import take_token
from monitor.web.guards import OPERATORS
from monitor.web.request_limits import LIMITS
from tests.makers import pairs as made_pairs
from tests.makers.organisations import make_organisation
from tests.makers.people import PASSWORD, account
from tests.service.deploy import visitors
from tests.service.deploy.test_web_process import serve
from tests.service.deploy.visitors import Asked
from tests.waiting import HANG_SECONDS, wait_until

__all__ = ["serve"]  # a fixture
KINDS = {limit.name for limit in LIMITS if limit.threads}
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
    assert {*requests} == KINDS  # A new class needs its request in visitors.py.
    assert all(asked.limit.name == kind for kind, asked in requests.items())
    wrong = {}
    with serve(WEB_WORKERS="2") as served:
        before = {process.pid for process in served.web_processes()}
        for kind, together in rounds(requests):
            statuses = statuses_beside(served.port, together)
            # 422: a file that is there, a password that is wrong; 429: too many passwords; 503: no place is free.
            if not statuses <= {200, 422, 429, 503} or not {200, 422} & statuses:
                wrong[kind] = statuses
        assert {process.pid for process in served.web_processes()} == before
        assert all(psutil.pid_exists(pid) for pid in before)
    assert wrong == {}


@pytest.fixture
def take_link(transactional_db, make_alert, make_subscription) -> str:
    """Address at which a contact takes up an alert."""
    make_subscription(email="owner@example.org")
    (owner,) = make_organisation("owner@example.org")
    contact_add(organisation=owner.organisation, who=f"member-{owner.pk}", hours="1")
    asked = Escalation.objects.create(alert=make_alert(), organisation=owner.organisation, severity="strong")
    step = EscalationStep.objects.create(escalation=asked, contact=Contact.objects.get())
    return reverse("alert-take", args=[take_token(step.pk)])


@pytest.mark.long
def test_nobody_who_takes_up_an_alert_or_signs_in_is_refused_while_three_networks_flood_the_site(serve, take_link):
    User.objects.create(username="otto", password=make_password(PASSWORD, hasher="argon2"))
    take = visitors.Asked(take_link, "deed=take", visitors.FORM, network="198.51.100.7")
    form = {"csrfmiddlewaretoken": visitors.TOKEN, "username": "otto", "password": PASSWORD}
    sign_in = take._replace(path="/login/", body=urlencode(form))
    where = {"csrfmiddlewaretoken": visitors.TOKEN, "where": "drawn", "drawn": visitors.outline(480)}
    where |= {"kinds": "subsidence", "lowest_severity": "minor", "frequency": "daily"}
    preview = take._replace(path="/subscribe/preview.json", body=urlencode(where))
    guess = sign_in._replace(body=urlencode(form | {"password": "wrong"}))
    flood = [asked._replace(network=f"203.0.113.{at % 3}") for at in range(9) for asked in (preview, guess)]
    with serve(PROXIES="1") as served:
        crowd = Crowd(served.port, flood)
        for visitor in crowd.visitors:
            visitor.start()
        wait_until(lambda: crowd.statuses.count(503) > len(flood))
        statuses = [visitors.send(served.port, asked) for _ in range(20) for asked in (take, sign_in)]
        crowd.enough.set()
        for visitor in crowd.visitors:
            visitor.join()
    assert statuses == [302] * 40


def test_one_network_has_a_share_of_each_class_and_pages_have_none():
    most = runpy.run_path(str(settings.BASE_DIR / "scripts" / "limits"))["MAX_OF_NETWORK"]
    with socket.create_server(("127.0.0.1", 0), backlog=2 * most) as site, contextlib.ExitStack() as held:
        site.settimeout(HANG_SECONDS)
        port = held.enter_context(servers.proxy(f"127.0.0.1:{site.getsockname()[1]}", MAX_PER_NETWORK=str(4 * most)))

        def begin(path: str) -> bytes:
            """Send a request, which the site leaves unanswered; return what the site gets of it."""
            visitor = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            visitor.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            return held.enter_context(site.accept()[0]).recv(1000).partition(b" HTTP")[0]

        assert {begin("/api/v1/alerts") for _ in range(most)} == {b"GET /api/v1/alerts"}
        assert servers.get(port, "/%61pi/v1/products", HANG_SECONDS) == 429
        assert begin("/stac/") == b"GET /stac/"
        assert [begin("/alerts/") for _ in range(most + 1)] == [b"GET /alerts/"] * (most + 1)
