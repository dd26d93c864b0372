"""Too many requests, statements that take too long, a cache or a database that is away: never an error 500."""

import io
import os
import threading
import time

import pytest
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from monitor.maps.map import place_search
from monitor.web import request_limits
from tests.fixtures.servers import another_connection, python
from tests.waiting import HANG_SECONDS, wait_until

LIMITED = ["/api/v1/alerts", "/alerts.geojson", "/alerts.atom", "/alerts/none/report/", "/alerts/none/series.json"]
LIMITED += ["/ogc/", "/places.json?q=x", "/record/alerts.csv", "/regions/none/report/", "/stac/", "/workbench/1/"]
LIMITED += ["/rasters/1.tif", "/charts/near.json", "/here/", "/cap.atom", "/feeds/none/alerts.atom", "/ogc/wms"]
LIMITED += ["/sign-on/none/login/", "/sign-on/none/login/callback/", "/ogc/wmts", "/products/1/stations/"]
LIMITED += ["/stations/1/", "/bulletins/1/", "/bulletins/1/report/", "/bulletins.atom"]
LIMITED += ["/extracts/none/file", "/subscriptions/none/organisations/1/lines/1/"]
POSTED = ["/login/", "/password/forgotten/", "/accounts/join/", "/subscribe/", "/subscribe/preview.json"]
POSTED += ["/extract/", "/extract/preview.json", "/reports/"]
POSTED += ["/subscriptions/none/1/where/", "/subscriptions/none/organisations/1/add/", "/review/none/notes/"]
VERY_LITTLE = 0.001  # second, which every answer takes
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", LIMITED)
def test_a_network_that_used_up_its_time_learns_when_to_come_back(client, settings, address):
    settings.WORK_SECONDS_PER_MINUTE = VERY_LITTLE
    answers = [client.get(address) for _ in range(3)]  # a minute may end in between
    refused = answers[-1]
    assert answers[0].status_code != 429
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= request_limits.WINDOW_SECONDS
    assert refused.json()["error"] == "too many requests came from your network"


@pytest.mark.parametrize("address", POSTED)
def test_what_is_posted_costs_time_too(client, settings, address):
    settings.WORK_SECONDS_PER_MINUTE = VERY_LITTLE
    answers = [client.post(address, headers={"Accept": "text/html"}) for _ in range(3)]
    assert answers[0].status_code != 429
    assert answers[-1].status_code == 429
    assert client.get(address).status_code != 429


def test_a_limit_counts_the_seconds_that_the_site_worked_and_no_requests(client, settings):
    settings.WORK_SECONDS_PER_MINUTE = 60
    assert {client.get("/places.json?q=x").status_code for _ in range(30)} == {200}

    def is_refused_after_ten_seconds_more() -> bool:
        account = request_limits.account_of(kind="search", network="127.0.0.1")
        request_limits.seconds_charge(account=account, seconds=10)
        return client.get("/places.json?q=x").status_code == 429

    wait_until(is_refused_after_ten_seconds_more)  # in a minute that has just begun only what is over counts
    assert client.get("/charts/near.json").status_code == 400  # another kind


def test_a_request_that_was_ended_counts_whole_in_this_minute_and_the_next(client, settings, monkeypatch):
    settings.WORK_SECONDS_PER_MINUTE = 60
    account = request_limits.account_of(kind="search", network="127.0.0.1")
    begin = request_limits.WINDOW_SECONDS * 30_000_000.0
    monkeypatch.setattr(request_limits.time, "time", lambda: begin + 1)
    request_limits.seconds_charge(account=account, seconds=61, ended=True)
    waits = []
    for seconds in (1, 59, 61, 119, 121):
        monkeypatch.setattr(request_limits.time, "time", lambda at=begin + seconds: at)
        waits.append(request_limits.seconds_to_wait(account=account))
    assert waits == [59, 1, 59, 1, 0]


def test_others_are_answered_meanwhile_and_a_made_up_address_does_not_help(settings):
    settings.WORK_SECONDS_PER_MINUTE = VERY_LITTLE
    for _ in range(3):
        answer = Client(REMOTE_ADDR="203.0.113.7").get("/api/v1/alerts", headers={"X-Forwarded-For": "198.51.100.9"})
    assert answer.status_code == 429
    assert Client(REMOTE_ADDR="203.0.113.8").get("/api/v1/alerts").status_code == 200


def test_pages_and_tiles_of_fifty_people_behind_one_address_are_not_limited(client, settings):
    settings.WORK_SECONDS_PER_MINUTE = VERY_LITTLE
    for address in ("/", "/alerts/", "/tiles/points/los/9/1/1.mvt", "/rasters.json"):
        assert {client.get(address).status_code for _ in range(5)} == {200}


def test_a_browser_gets_a_page_that_says_when_to_come_back(client, settings):
    settings.WORK_SECONDS_PER_MINUTE = VERY_LITTLE
    for _ in range(4):
        answer = client.get("/places/?q=x", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 429
    assert "Please try again in a moment" in answer.content.decode()


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


def test_only_web_processes_end_long_statements():
    ask = "from django.db import connection; cursor = connection.cursor(); cursor.execute('SHOW statement_timeout')"
    ask += "; print(cursor.fetchone())"
    web = f"import monitor.wsgi; {ask}"
    others = f"import django, monitor.celery; django.setup(); {ask}"
    of_web = os.environ["DATABASE_URL"]
    if "DATABASE_POOLER" in os.environ:  # there, PgBouncer limits what comes through this name
        of_web = of_web.replace("/ground_motion?", "/ground_motion_web?")
    shown = [python("-c", web, DATABASE_URL=of_web), python("-c", others)]
    assert [one.stdout.splitlines()[-1] for one in shown] == ["('10s',)", "('0',)"]


def test_a_cache_that_is_away_breaks_no_page_and_limits_nobody(client, settings, tmp_path):
    settings.WORK_SECONDS_PER_MINUTE = VERY_LITTLE
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
    with pytest.raises(ValueError, match="not found"):
        cache.incr("a")


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
    cache.set("count", 1, timeout=60)
    assert cache.incr("count") == 2
    assert cache.get("count") == 2
    cache.delete_many(["list", "count"])
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
