"""Places of requests, given back whatever becomes of the answer, and clocks, which stop while others wait."""

import gc
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.test import RequestFactory

from monitor.gunicorn import threads
from monitor.web import deadlines, in_hand, request_limits
from monitor.web.deadlines import CLOCK, with_deadline
from monitor.web.middleware import LimitRequests
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db  # at the end of an answer old connections are closed
HOLD = """
import sys, time, django
django.setup()
from django.conf import settings
from monitor.web import request_limits
settings.PLACES_DIR = sys.argv[1]
request_limits.place_take("given files")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def given_files(settings, tmp_path, monkeypatch):
    """Ask for an address that is given a file; how many of its places are taken."""
    settings.PLACES_DIR = tmp_path / "places"
    monkeypatch.setattr(request_limits, "WAIT_SECONDS", 0.0)
    boundary = {"boundary": "edge"}

    def ask(view):
        request = RequestFactory().post("/subscribe/preview.json", boundary)
        return LimitRequests(view)(request)

    return ask


def n_free() -> int:
    """How many places of given files are free."""
    taken = []
    try:
        while True:
            taken.append(request_limits.place_take("given files"))
    except request_limits.Busy:
        return len(taken)
    finally:
        for give_back in taken:
            give_back()


def test_two_files_are_read_at_a_time_and_the_third_is_put_off(given_files):
    def nested(depth: int):
        return lambda request: given_files(nested(depth - 1)) if depth else HttpResponse("read")

    assert given_files(nested(1)).content == b"read"
    refused = given_files(nested(2))
    assert (refused.status_code, refused["Retry-After"]) == (503, "10")
    assert n_free() == 2


def test_a_view_that_fails_gives_its_place_back(given_files):
    def fails(request):
        assert n_free() == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        given_files(fails)
    assert n_free() == 2


@pytest.mark.parametrize("length", [0, 1, 3])
def test_an_answer_that_streams_holds_its_place_until_it_was_sent_or_broke_off(given_files, length):
    answer = given_files(lambda request: StreamingHttpResponse(iter([b"1", b"2", b"3"])))
    for _ in zip(range(length), answer, strict=False):
        assert n_free() == 1
    answer.close()
    assert n_free() == 2


def test_an_answer_that_another_one_replaces_gives_its_place_back(given_files):
    def replaced(request):
        given_files(lambda request: StreamingHttpResponse(iter([b"never sent"])))
        gc.collect()
        return HttpResponseNotModified()

    assert given_files(replaced).status_code == 304
    assert n_free() == 2


def test_places_are_those_of_a_machine_and_come_back_when_a_process_is_killed(given_files, settings):
    command = [sys.executable, "-c", HOLD, str(settings.PLACES_DIR)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert n_free() == 1
        other.kill()
    wait_until(lambda: n_free() == 2)


def test_however_many_kinds_are_asked_for_threads_are_left_for_pages(settings, tmp_path):
    settings.PLACES_DIR = tmp_path
    others = [kind for kind in request_limits.EACH_PROCESS if kind != "sign-in"]
    taken = [request_limits.place_take(kind) for kind in others[: threads - request_limits.FOR_PAGES]]
    with pytest.raises(request_limits.Busy):
        request_limits.place_take("sign-in")
    for give_back in taken:
        give_back()
    request_limits.place_take("sign-in")()


SECONDS = 0.25  # which floating point adds without an error


@pytest.fixture
def time_passes(monkeypatch) -> Callable[[], None]:
    """Let SECONDS pass at each call, and no time in between."""
    now = [1000.0]
    for module in (deadlines, in_hand):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def passes() -> None:
        now[0] += SECONDS

    return passes


@pytest.fixture
def served(time_passes) -> Callable[..., tuple[float, float]]:
    """Seconds that the clock has counted in all, and without a pause, once the answer was sent slowly."""

    def read(*size: int) -> bytes:
        time_passes()
        return b"body"

    def seconds(application) -> tuple[float, float]:
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.input": SimpleNamespace(read=read)}
        answer = with_deadline(application)(environ, lambda status, headers: None)
        for _ in answer:
            time_passes()
        answer.close()
        return environ[CLOCK].worked_seconds(), environ[CLOCK].stretch_seconds()

    return seconds


def test_time_of_sending_and_reading_is_the_visitors(served):
    assert served(lambda environ, start: [environ["wsgi.input"].read(4), b"more"]) == (0.0, 0.0)


def test_what_a_request_computed_can_be_read_by_the_parent_until_it_is_charged(monkeypatch, time_passes):
    table, charged = in_hand.table_make(), []
    monkeypatch.setattr(in_hand, "_table", table)
    monkeypatch.setattr(deadlines, "seconds_charge", lambda **charge: charged.append(charge))
    clock = deadlines.Clock("GET /")
    clock.start()
    clock.charge_begin("a" * 64)
    time_passes()
    assert in_hand.requests_left(table) == [("a" * 64, SECONDS)]
    time_passes()
    clock.charge(ended=True)
    time_passes()
    assert in_hand.requests_left(table) == [("a" * 64, SECONDS)]  # only what came since
    clock.stop()
    clock.charge_end()
    assert in_hand.requests_left(table) == []
    assert [(charge["ended"], charge["seconds"]) for charge in charged] == [(True, 2 * SECONDS), (False, SECONDS)]


def test_what_is_computed_before_and_between_the_pieces_of_an_answer_counts(served, time_passes):
    def pieces():
        for _ in range(2):
            time_passes()
            yield b"piece"

    def application(environ, start):
        time_passes()
        return pieces()

    assert served(application) == (3 * SECONDS, 0.0)


def test_a_piece_of_a_body_begins_a_new_stretch(served, time_passes):
    stretches = []

    def application(environ, start):
        for _ in range(2):
            time_passes()
            stretches.append(environ[CLOCK].stretch_seconds())
            environ["wsgi.input"].read(1)
        return []

    assert served(application) == (2 * SECONDS, 0.0)
    assert stretches == [SECONDS, SECONDS]
