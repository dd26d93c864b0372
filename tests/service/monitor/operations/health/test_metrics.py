"""Who may read the metrics and what they show of each fault; what probes answer, and what they cost."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from ingest.models import IngestJob
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import Alarm, SignOfLife
from monitor.operations.health import process, views
from monitor.operations.health.selectors import BEAT
from tests.fixtures.servers import python

TOKEN = "made-token"


@pytest.fixture
def metrics(healthy, settings):
    """Name with its labels -> value, as Prometheus would read them."""
    settings.METRICS_TOKEN = TOKEN

    def read() -> dict[str, float]:
        answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
        return {
            line.rpartition(" ")[0].removeprefix("ground_motion_"): float(line.rpartition(" ")[2]) for line in lines
        }

    return read


@pytest.mark.django_db
def test_metrics_are_for_nobody_without_a_token_in_the_settings(settings):
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
        assert Client().get("/metrics", headers=headers).status_code == 404


def test_metrics_are_for_whoever_has_the_token(metrics):
    assert metrics()["database_up"] == 1
    for headers in ({}, {"Authorization": TOKEN}, {"Authorization": "Bearer other"}, {"Cookie": f"token={TOKEN}"}):
        assert Client().get("/metrics", headers=headers).status_code == 403
    assert Client().get(f"/metrics?token={TOKEN}").status_code == 403


def test_each_fault_shows_in_its_gauge(metrics, settings):
    well = metrics()
    assert well['sign_of_life_age_seconds{name="beat"}'] < 60
    assert well['oldest_waiting_seconds{kind="message"}'] == well['alarm_open{condition="beat"}'] == 0
    now = timezone.now()
    SignOfLife.objects.filter(name=BEAT).update(seen_at=now - timedelta(minutes=10))
    OutgoingMessage.objects.create(
        kind="alert", key="made", address="reader@example.org", next_try_at=now - timedelta(hours=2)
    )
    OutgoingMessage.objects.create(
        kind="alert", key="dead", address="reader@example.org", next_try_at=now, state="failed", attempts=8
    )
    IngestJob.objects.create(source="upload", state="failed", finished_at=now)
    Alarm.objects.create(condition="beat", sentence="made", first_seen_at=now, opened_at=now)
    settings.UPLOAD_SPARE_BYTES = 10**18
    ill = metrics()
    assert ill['sign_of_life_age_seconds{name="beat"}'] >= 600
    assert ill['oldest_waiting_seconds{kind="message"}'] >= 7200
    assert ill['work{kind="message",state="queued"}'] == ill['work{kind="message",state="failed"}'] == 1
    assert ill['failed_lately{kind="file"}'] == ill['alarm_open{condition="beat"}'] == 1
    assert ill['disk_free_bytes{place="uploads"}'] < ill['disk_spare_bytes{place="uploads"}']


def test_metrics_without_a_database(metrics, monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr("monitor.operations.health.selectors.longest_waits", gone)
    values = metrics()
    assert values["database_up"] == 0
    assert 'disk_free_bytes{place="rasters"}' in values


COUNTED = """
import multiprocessing
import monitor.wsgi
from django.test import Client
client = Client(headers={"Authorization": "Bearer made-token"})
fork = multiprocessing.get_context("fork")
for _ in range(2):
    web = fork.Process(target=client.get, args=("/healthz",))
    web.start()
    web.join()
print(client.get("/metrics").content.decode())
"""


def test_requests_are_counted_over_all_web_processes(tmp_path):
    """Two processes, each with one request; a third one reports both."""
    own = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"), "METRICS_TOKEN": TOKEN, "ALLOWED_HOSTS": "testserver"}
    healthz = 'http_responses_total_by_status_view_method_total{method="GET",status="200",view="healthz"} 2.0'
    assert healthz in python("-c", COUNTED, **own).stdout


@pytest.fixture(autouse=True)
def nothing_kept():
    """Forget what was found for an earlier test."""
    views._examined.cache_clear()


def test_a_living_process_answers_without_a_database(settings):
    settings.SECURE_SSL_REDIRECT = True  # probes ask from inside
    answer = Client().get("/healthz")  # this test may not touch the database
    assert (answer.status_code, answer.content) == (200, b"alive\n")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_a_ready_site_says_so():
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "wrong": {}})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "sentence"), [("database", "the database does not answer"), ("broker", "Redis does not answer")]
)
def test_a_site_without_its_database_is_not_ready_and_names_no_secret(monkeypatch, settings, name, sentence):
    if name == "database":
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    else:
        settings.CELERY_BROKER_URL = "redis://:secret@localhost:1/0"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "wrong": {name: sentence}})


@pytest.mark.django_db
def test_strangers_who_ask_all_the_time_cost_nothing(monkeypatch):
    examined = []
    monkeypatch.setattr(views, "examine", lambda conditions: examined.append(1) or [])
    monkeypatch.setattr(views, "KEEP_SECONDS", 1e9)
    for _ in range(20):
        assert Client().get("/readyz").status_code == 200
    assert len(examined) == 1


@pytest.fixture
def own_server() -> Iterator[LiveServer]:
    """Start a web server that a test may stop: later tests ask `live_server`."""
    server = LiveServer("localhost")
    yield server
    server.stop()


def test_the_health_check_of_a_container_asks_its_web_process(own_server, monkeypatch):
    monkeypatch.setenv("PORT", str(own_server.thread.port))
    monkeypatch.setenv("ALLOWED_HOSTS", ".localhost,motion.example.org")
    assert process.web() == ""
    own_server.stop()
    assert process.web().startswith("the web process does not answer")


def test_the_health_check_of_a_container_loads_neither_settings_nor_torch():
    code = (
        "import sys, monitor.operations.health.process;"
        "sys.exit('monitor.settings' in sys.modules or 'torch' in sys.modules)"
    )
    assert python("-c", code, check=False).returncode == 0
