"""What probes answer, and what they cost."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from monitor.operations.health import process, views
from tests.fixtures.servers import python


@pytest.fixture(autouse=True)
def nothing_kept():
    """Forget the results of earlier tests."""
    views._examined.cache_clear()


def test_a_living_process_answers_without_a_database(settings):
    settings.SECURE_SSL_REDIRECT = True  # Probes ask from inside.
    answer = Client().get("/healthz")  # This test may not touch the database.
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
