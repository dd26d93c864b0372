"""The processes: what the web imports, who beats, what the schedule names."""

import subprocess
import sys

import pytest
from celery.utils.nodenames import gethostname
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingest.locks import Lock, try_locked
from monitor import broker
from monitor.beat import LOOK_AGAIN_SECONDS
from monitor.celery import app
from monitor.operations.health.condition import Wrong
from monitor.operations.health.process import beat_sign
from monitor.operations.health.signs import sign_ages
from monitor.operations.management.commands import prepare
from monitor.schedule import BEAT_SCHEDULE
from tests.waiting import HANG_SECONDS


def test_the_web_process_never_imports_torch():
    code = "import sys, monitor.wsgi, monitor.urls; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=HANG_SECONDS).returncode == 0


def test_every_scheduled_task_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} <= set(app.tasks)


@pytest.mark.django_db(transaction=True)
def test_every_scheduled_message_expires_before_the_next_one_comes(make_scheduler):
    """By the scheduler that sends it: django-celery-beat dropped Celery's own `expires` without a word."""
    scheduler = make_scheduler()
    entries = {name: entry for name, entry in scheduler.schedule.items() if name in BEAT_SCHEDULE}
    assert set(entries) == set(BEAT_SCHEDULE)
    for name, entry in entries.items():
        assert 0 < entry.options["expires"] <= BEAT_SCHEDULE[name]["schedule"].total_seconds(), name


@pytest.mark.django_db(transaction=True)
def test_of_two_beats_one_stays_silent(make_scheduler):
    import psycopg

    parameters = connection.get_connection_params()
    with psycopg.connect(
        dbname=parameters["dbname"],
        host=parameters.get("host"),
        user=parameters.get("user"),
        password=parameters.get("password"),
    ) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [Lock.BEAT])
        scheduler = make_scheduler(lazy=True)
        with CaptureQueriesContext(connection) as queries:
            assert scheduler.tick() == LOOK_AGAIN_SECONDS
        assert not scheduler.leading
        assert not any("celery_beat" in query["sql"] for query in queries)  # it read no schedule, and sent nothing
        assert set(sign_ages()) == {beat_sign(gethostname())}
        other.execute("SELECT pg_advisory_unlock(%s)", [Lock.BEAT])
    assert scheduler._leads()
    assert scheduler._leads()  # and keeps it
    with try_locked(Lock.BEAT) as alone:
        assert not alone
    scheduler._lock.free()
    with try_locked(Lock.BEAT) as alone:
        assert alone


def test_a_process_waits_until_another_has_migrated_and_says_so_once(monkeypatch, capsys):
    answers = iter([Wrong("a.0002 is missing"), Wrong("a.0002 is missing"), None])

    def migrations() -> None:
        if fault := next(answers):
            raise fault

    monkeypatch.setattr(prepare, "migrations", migrations)
    monkeypatch.setattr(prepare, "ASK_SECONDS", 0.0)
    call_command("prepare", "--wait")
    assert capsys.readouterr().err.count("waiting, because a.0002 is missing") == 1
    assert next(answers, "none left") == "none left"


def test_the_broker_is_redis_unless_another_is_named():
    known = {"REDIS_URL": "unix:///run/redis.sock", "BROKER_URL": ""}
    assert broker.broker_url(known) == "redis+socket:///run/redis.sock"
    assert broker.broker_url(known | {"BROKER_URL": "amqp://a:b@host//"}) == "amqp://a:b@host//"
    redis, rabbitmq = (broker.transport_options(url, longest_task_seconds=60) for url in ("redis://h", "amqp://h"))
    assert redis["visibility_timeout"] > 60  # or a task that lives would be given to a second worker
    assert rabbitmq["confirm_publish"]
    assert rabbitmq["read_timeout"]  # a server that is short of memory confirms nothing
