"""Places of costly requests: whose they are, given back whatever becomes of an answer; clocks, which stop meanwhile."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from zlib import crc32

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch

from ingest.foundation.places import MAX_WAITING, OWN_LOCKS, Busy, Limit
from monitor.gunicorn import threads
from monitor.models.subscriptions import Organisation
from monitor.subscribers.subscriptions.tokens import member_token
from monitor.web import deadlines, middleware, request_limits
from monitor.web.deadlines import CLOCK, with_deadline
from monitor.web.guards import VIEWERS
from monitor.web.middleware import LimitRequests
from monitor.web.request_limits import ACTS, GIVEN_FILES, LIMITS, SEARCH, SIGN_IN, UPLOADS, place_take
from tests.makers.organisations import make_organisation
from tests.makers.people import account
from tests.waiting import HANG_SECONDS, wait_until

pytestmark = pytest.mark.django_db  # at the end of an answer old connections are closed
COSTLY = [limit for limit in LIMITS if limit.threads]
HOLD = """
import sys, time, django
django.setup()
from django.conf import settings
from monitor.web import request_limits
settings.PLACES_DIR = sys.argv[1]
request_limits.place_take(request_limits.GIVEN_FILES, "198.51.100.1")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def nobody_waits(settings, tmp_path, monkeypatch) -> Iterator[None]:
    """Refuse at once what would have to wait, and forget what a test has not given back."""
    settings.PLACES_DIR = tmp_path / "places"
    monkeypatch.setattr(request_limits.PLACES, "wait_seconds", 0.0)
    yield
    for request in [*request_limits.PLACES.in_hand]:
        request_limits.PLACES._leave(request)


def taken(limit: Limit, who: str = "", is_known: bool = False) -> list[Callable[[], None]]:
    """Take all places that are free; by default every request is of another stranger."""
    places = []
    try:
        while True:
            places.append(place_take(limit, who or f"stranger {len(places)}", lambda: is_known))
    except Busy:
        return places


def n_free(limit: Limit = GIVEN_FILES) -> int:
    """How many places strangers can take."""
    places = taken(limit)
    for give_back in places:
        give_back()
    return len(places)


def ask(view: Callable[..., HttpResponse], user: object = None, token: str = "", limit: Limit = GIVEN_FILES):
    """Send a file to a view."""
    request = RequestFactory().post("/subscribe/preview.json", {"boundary": "edge"})
    request.user, request.resolver_match = user or AnonymousUser(), ResolverMatch(view, (), {"token": token})
    stated, limits = request_limits.costly(limit)(view), None
    limits = LimitRequests(lambda request: limits.process_view(request, stated, (), {}) or stated(request))
    return limits(request)


def test_two_files_are_read_at_a_time_and_the_third_is_put_off():
    def nested(depth: int):
        return lambda request: ask(nested(depth - 1)) if depth else HttpResponse("read")

    assert ask(nested(1)).content == b"read"
    refused = ask(nested(2))
    assert (refused.status_code, refused["Retry-After"]) == (503, "10")
    assert n_free() == 2


def test_a_view_that_fails_gives_its_place_back():
    def fails(request):
        assert n_free() == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(fails)
    assert n_free() == 2


@pytest.mark.parametrize("length", [0, 1, 3])
def test_an_answer_that_streams_holds_its_place_until_it_was_sent_or_broke_off(length):
    answer = ask(lambda request: StreamingHttpResponse(iter([b"1", b"2", b"3"])))
    for _ in zip(range(length), answer, strict=False):
        assert n_free() == 1
    answer.close()
    assert n_free() == 2


def test_an_answer_that_another_one_replaces_gives_its_place_back():
    def replaced(request):
        ask(lambda request: StreamingHttpResponse(iter([b"never sent"])))
        gc.collect()
        return HttpResponseNotModified()

    assert ask(replaced).status_code == 304
    assert n_free() == 2


def test_places_are_those_of_a_machine_and_come_back_when_a_process_is_killed(settings):
    command = [sys.executable, "-c", HOLD, str(settings.PLACES_DIR)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert n_free() == 1
        other.kill()
    wait_until(lambda: n_free() == 2)


@pytest.mark.parametrize("limit", COSTLY, ids=lambda limit: limit.name)
def test_in_each_class_a_known_person_gets_what_no_stranger_can_take(limit):
    """Even while strangers from many networks hold whatever a process has for them."""
    assert len(taken(limit)) == (limit.process or limit.machine)
    for other in COSTLY:
        taken(other)
    place_take(limit, "198.51.100.1", lambda: True)()


def test_whatever_people_ask_for_threads_are_left_for_pages():
    held = [place for is_known in (False, True) for limit in COSTLY for place in taken(limit, is_known=is_known)]
    assert len(held) == threads - request_limits.FOR_PAGES
    assert len(taken(ACTS, who="one link")) == 1  # It has a thread for pages.


def test_one_network_never_holds_all_threads():
    assert sum(len(taken(limit, who="198.51.100.1")) for limit in COSTLY) < sum(request_limits.FOR_STRANGERS.values())
    place_take(SEARCH, "198.51.100.2")()


def test_of_those_who_wait_the_network_that_had_its_turn_last_is_put_off(monkeypatch):
    monkeypatch.setattr(request_limits.PLACES, "wait_seconds", HANG_SECONDS)
    place_take(SIGN_IN, "flood 2")()
    working, answered, refused = place_take(SIGN_IN, "flood 1"), [], []

    def waits(who: str) -> threading.Thread:
        def wait() -> None:
            try:
                place_take(SIGN_IN, who)()
                answered.append(who)
            except Busy:
                refused.append(who)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    first = waits("flood 2")
    wait_until(lambda: len(request_limits.PLACES.in_hand) == 2)
    second = waits("198.51.100.7")
    first.join(HANG_SECONDS)
    assert refused == ["flood 2"]
    with pytest.raises(Busy):
        place_take(SIGN_IN, "flood 2")
    working()
    second.join(HANG_SECONDS)
    assert answered == ["198.51.100.7"]


def test_acts_come_one_at_a_time_with_each_link_and_do_not_wait_for_previews():
    for limit in COSTLY:
        taken(limit)
    first = place_take(ACTS, "a link")
    with pytest.raises(Busy):
        place_take(ACTS, "a link")
    place_take(ACTS, "another link")()
    first()
    place_take(ACTS, "a link")()


def test_links_that_share_a_lock_hold_few_threads_while_they_wait(monkeypatch):
    monkeypatch.setattr(request_limits.PLACES, "wait_seconds", HANG_SECONDS)
    alike = [who for who in map(str, range(50_000)) if crc32(who.encode()) % OWN_LOCKS == crc32(b"mine") % OWN_LOCKS]
    give_back, refused = place_take(ACTS, "mine"), []

    def press(who: str) -> None:
        try:
            place_take(ACTS, who)()
        except Busy:
            refused.append(who)

    people = [threading.Thread(target=press, args=[who]) for who in alike[:30]]
    for person in people:
        person.start()
    wait_until(lambda: len(refused) == len(people) - MAX_WAITING)
    give_back()
    for person in people:
        person.join(HANG_SECONDS)
    assert len(refused) == len(people) - MAX_WAITING


def test_those_are_known_who_have_a_role_or_belong_to_an_organisation_that_operators_trust(make_subscription):
    make_subscription(email="owner@example.org")
    owner = make_organisation("owner@example.org")[0]
    reader = account("colleague")
    reader.email = "Owner@example.org"
    strangers = [{}, {"token": member_token(owner.pk)}, {"user": reader}, {"token": "made-up"}]
    held = taken(GIVEN_FILES)
    assert [ask(HttpResponse, **stranger).status_code for stranger in strangers] == [503] * 4
    Organisation.objects.update(trusted_at="2026-01-01T00:00Z")
    known = [{"user": account("vera", VIEWERS)}, *strangers[1:3]]
    assert [ask(HttpResponse, **person).status_code for person in known] == [200] * 3
    assert ask(HttpResponse).status_code == 503
    assert len(held) == 2


def test_strangers_take_no_place_for_uploads(monkeypatch):
    monkeypatch.setattr(middleware, "place_take", None)
    assert ask(HttpResponse, limit=UPLOADS).status_code == 200  # The view sends them to sign in.


def test_a_stranger_whose_place_is_free_costs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert ask(HttpResponse, token=member_token(1)).status_code == 200


SECONDS = 0.25  # which floating point adds without an error


@pytest.fixture
def time_passes(monkeypatch) -> Callable[[], None]:
    """Let SECONDS pass at each call, and no time in between."""
    now = [1000.0]
    monkeypatch.setattr(deadlines, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def passes() -> None:
        now[0] += SECONDS

    return passes


def served(application, pause: Callable[[], object]) -> list[float]:
    """How long the site had computed without a pause, whenever a piece of the answer was sent, slowly."""

    def read(*size: int) -> bytes:
        pause()
        return b"body"

    body = SimpleNamespace(read=read, readline=read)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.input": body}
    answer = with_deadline(application)(environ, lambda status, headers: None)
    clock, stretches = environ[CLOCK], []
    for _ in answer:
        pause()
        stretches.append(clock.seconds())
    assert clock not in deadlines._clocks
    return stretches


def test_time_of_sending_and_reading_is_the_visitors(time_passes):
    assert served(lambda environ, start: [environ["wsgi.input"].read(4), b"more"], time_passes) == [0.0, 0.0]


def test_a_stretch_ends_with_each_piece_of_a_body_and_of_an_answer(time_passes):
    stretches = []

    def application(environ, start):
        for _ in range(2):
            time_passes()
            stretches.append(environ[CLOCK].seconds())
            environ["wsgi.input"].read(1)
        for _ in range(2):
            time_passes()
            stretches.append(environ[CLOCK].seconds())
            yield b"piece"

    served(application, time_passes)
    assert stretches == [SECONDS] * 4
