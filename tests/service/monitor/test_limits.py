"""Too many requests, statements that take too long, a cache or a database that is away: never an error 500."""

import io
import os
import threading
import time
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.db import connection, connections
from django.urls import reverse

from monitor.maps.map import place_search
from monitor.web import request_limits
from monitor.web.request_limits import FOR_STRANGERS, LIMITS, SIGN_IN
from tests.fixtures.servers import another_connection, python
from tests.waiting import HANG_SECONDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd(monkeypatch) -> Iterator[None]:
    """Strangers who hold all threads that a web process has for them."""
    monkeypatch.setattr(request_limits.PLACES, "wait_seconds", 0.0)
    limits = [limit for limit in LIMITS if limit.process and limit.threads == "costly"]
    held = [request_limits.place_take(limit, limit.name) for limit in limits[: FOR_STRANGERS["costly"]]]
    yield
    for give_back in held:
        give_back()


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_stranger_who_gets_no_place_learns_when_to_come_back_and_pages_go_on(client, crowd, accept):
    for address in (
        "/api/v1/alerts",
        "/alerts.geojson",
        "/stac/",
        "/places.json?q=x",
        "/here/",
        "/alerts/none/report/",
    ):
        answer = client.get(address, headers={"Accept": accept})
        assert (answer.status_code, answer["Retry-After"]) == (503, "10"), address
        words = "Please try again in a moment" if accept == "text/html" else "too many such requests just now"
        assert words in answer.content.decode()
    give_back = request_limits.place_take(SIGN_IN, "a stranger")
    assert client.post("/login/", {}, headers={"Accept": accept}).status_code == 503
    give_back()
    assert client.post("/login/", {}).status_code == 200
    for address in ("/", "/alerts/", "/tiles/points/los/9/1/1.mvt", "/rasters.json", "/login/", "/subscribe/"):
        assert {client.get(address).status_code for _ in range(5)} == {200}


@pytest.mark.parametrize("address", ["/places.json?q=bonn", "/places/?q=bonn"])
def test_a_statement_that_takes_too_long_becomes_a_503(client, monkeypatch, address):
    def slow(**kwargs) -> list:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 50")
            cursor.execute("SELECT pg_sleep(60)")
        return []

    monkeypatch.setattr(place_search, "search_loaded", slow)
    answer = client.get(address, headers={"Accept": "text/html" if address.startswith("/places/") else "*/*"})
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "very busy" in answer.content.decode()


def test_only_web_processes_end_long_statements_and_they_never_import_torch():
    ask = "from django.db import connection; cursor = connection.cursor(); cursor.execute('SHOW statement_timeout')"
    ask += "; print(*cursor.fetchone(), 'torch' in sys.modules)"
    web = f"import sys, monitor.wsgi, monitor.urls; {ask}"
    others = f"import sys, django, monitor.celery; django.setup(); {ask}"
    of_web = os.environ["DATABASE_URL"]
    if "DATABASE_POOLER" in os.environ:  # there, PgBouncer limits what comes through this name
        of_web = of_web.replace("/ground_motion?", "/ground_motion_web?")
    assert python("-c", web, DATABASE_URL=of_web).stdout.splitlines()[-1] == "10s False"
    assert python("-c", others).stdout.splitlines()[-1].startswith("0 ")


def test_a_cache_that_is_away_breaks_no_page(client, settings, tmp_path):
    settings.CACHES = {
        "default": {
            "BACKEND": "monitor.web.fail_open_cache.FailOpenRedisCache",
            "LOCATION": f"unix://{tmp_path}/nowhere.sock",
        }
    }
    for address in ("/api/v1/alerts", "/alerts.geojson", "/"):
        assert {client.get(address).status_code for _ in range(3)} == {200}
    assert cache.get("a", 5) == 5
    assert cache.get_or_set("a", 7) == 7
    assert cache.get_many(["a"]) == {}
    assert cache.has_key("a") is False
    cache.set("a", 1)
    cache.delete("a")


def test_the_cache_keeps_values_while_its_server_runs(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "monitor.web.fail_open_cache.FailOpenRedisCache",
            "LOCATION": settings.REDIS_URL,
            "KEY_PREFIX": "tests",
            "OPTIONS": {"serializer": "monitor.web.fail_open_cache.JsonSerializer"},
        }
    }
    cache.set("list", ["ä", 1, 2.5, None], timeout=60)
    assert cache.get("list") == ["ä", 1, 2.5, None]
    cache.delete_many(["list"])
    assert cache.get("list") is None


def _status(address: str) -> int:
    """Return the status of a request as a real server has it handled, between the signals of its ends."""
    statuses: list[int] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": address, "REMOTE_ADDR": "127.0.0.1", "wsgi.input": io.BytesIO()}
    environ |= {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http"}
    answer = get_wsgi_application()(environ, lambda status, headers: statuses.append(int(status.split()[0])))
    b"".join(answer)
    answer.close()
    return statuses[0]


@pytest.mark.skipif("DATABASE_POOLER" in os.environ, reason="behind PgBouncer a connection cannot choose its victim")
@pytest.mark.django_db(transaction=True)
def test_after_a_restart_of_the_database_the_next_request_is_answered():
    statuses: list[int] = []

    def serve() -> None:
        try:
            statuses.append(_status(reverse("alert-list")))
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (backend,) = cursor.fetchone()
            _end(backend)
            statuses.append(_status(reverse("alert-list")))
        finally:
            connections.close_all()

    server = threading.Thread(target=serve)
    server.start()
    server.join(HANG_SECONDS)
    assert statuses == [200, 200]


def _end(backend: int) -> None:
    with another_connection() as other:
        other.autocommit = True
        other.execute("SELECT pg_terminate_backend(%s)", [backend])
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [backend]).fetchone():
            time.sleep(0.01)
