"""Processes: what the web imports, who beats, what the schedule sends, and how soon lost work returns."""

import os
import re
from datetime import timedelta

import pytest
from celery.utils.nodenames import gethostname
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from ingest import tasks as ingest_tasks
from ingest.foundation.failures import Cause, delay
from ingest.foundation.locks import Lock, try_lock
from ingest.jobs.services import LEASE as OF_FILES
from ml.runs.queue import LEASE as OF_RUNS
from monitor import broker
from monitor.beat import LOOK_AGAIN_SECONDS
from monitor.celery import app
from monitor.operations.health.condition import Wrong
from monitor.operations.health.process import beat_sign
from monitor.operations.health.selectors import sign_ages
from monitor.operations.management.commands import prepare
from monitor.schedule import BEAT_SCHEDULE, TASK_ROUTES
from monitor.storages import DashFiles, StaticFiles
from tests.fixtures.servers import another_connection

SENT = re.compile(r"send_task\(\s*\"([\w.]+)\"")
MAX_IDLE = timedelta(seconds=150)


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
    with another_connection() as other:
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
    with try_lock(Lock.BEAT) as alone:
        assert not alone
    scheduler._lock.free()
    with try_lock(Lock.BEAT) as alone:
        assert alone


@pytest.mark.django_db(transaction=True)
def test_no_task_waits_for_a_moment_that_a_clock_set_back_has_not_reached(make_scheduler, monkeypatch):
    """The clock may also have been set back while no beat ran; one that goes forward makes tasks due by itself."""
    make_scheduler().schedule  # noqa: B018 (its rows are made)
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(hours=1))
    scheduler, sent = make_scheduler(), []
    monkeypatch.setattr(scheduler, "apply_async", lambda entry, **options: sent.append(entry.name))
    for jump in (timedelta(0), timedelta(hours=1)):
        for entry in scheduler.schedule.values():
            entry.last_run_at += jump
        scheduler._last_tick += jump.total_seconds()
        scheduler.tick()
        assert {entry.last_run_at <= timezone.now() for entry in scheduler.schedule.values()} == {True}
    for entry in scheduler.schedule.values():
        entry.last_run_at -= timedelta(hours=6)
    while scheduler.tick() == 0:
        pass
    scheduler._lock.free()
    due = {name for name, entry in BEAT_SCHEDULE.items() if entry["schedule"] <= timedelta(hours=6)}
    assert due <= set(sent)


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


def test_a_start_compresses_only_static_files_that_changed(tmp_path):
    script = tmp_path / "page.js"
    script.write_text("export {};\n" * 500)
    compress = StaticFiles(location=tmp_path).create_compressor(quiet=True).compress
    assert compress(str(script)) == [f"{script}.gz"]
    assert compress(str(script)) == []
    os.utime(script, (1, 1))
    assert compress(str(script)) == [f"{script}.gz"]
    large = tmp_path / "vendor" / "plotly.js" / "plotly.min.js"
    large.parent.mkdir(parents=True)
    large.write_text(script.read_text())
    assert compress(str(large)) == [f"{large}.br", f"{large}.gz"]
    assert compress(str(large)) == []


def test_of_dash_only_what_browsers_load_is_collected():
    names = [name for name, _ in DashFiles().list(None)]
    assert {"dash_renderer.min.js", "dash_core_components.js", "async-graph.js"} <= {
        name.rpartition("/")[2] for name in names
    }
    assert not [name for name in names if name.endswith((".map", ".dev.js", ".py")) or "mathjax" in name]


def test_the_broker_is_redis_unless_another_is_named(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "unix:///run/redis.sock")
    for named, address in (("", "redis+socket:///run/redis.sock"), ("amqp://a:b@host//", "amqp://a:b@host//")):
        monkeypatch.setenv("BROKER_URL", named)
        assert broker.broker_url() == address
    redis, rabbitmq = (broker.transport_options(url, longest_task_seconds=60) for url in ("redis://h", "amqp://h"))
    assert redis["visibility_timeout"] > 60  # or a task that lives would be given to a second worker
    assert rabbitmq["confirm_publish"]
    assert rabbitmq["read_timeout"]  # a server that is short of memory confirms nothing


def test_every_task_that_is_sent_exists_and_every_task_of_ours_has_a_queue():
    app.loader.import_default_modules()
    code = [
        path.read_text()
        for app_name in ("ingest", "ml", "detection", "monitor")
        for path in (settings.BASE_DIR / app_name).rglob("*.py")
    ]
    sent = {name for text in code for name in SENT.findall(text)} | {row["task"] for row in BEAT_SCHEDULE.values()}
    assert "ingest.tasks.execute_job" in sent
    assert sent <= set(app.tasks)
    ours = {name for name in app.tasks if name.split(".")[0] in {"ingest", "ml", "detection", "monitor"}}
    routes = [route.removesuffix("*") for route in TASK_ROUTES]
    assert all(any(name.startswith(route) for route in routes) for name in ours)


@pytest.mark.parametrize(
    ("lease", "steps"),
    [
        (OF_RUNS, ["1 return runs whose worker died", "3 queue runs for every new product and pair"]),
        (OF_FILES, ["data 2 announce files that are waiting"]),  # which returns them, too
    ],
)
def test_the_work_of_a_killed_worker_is_announced_again_within_150_seconds(lease, steps):
    assert delay(Cause.LOST, 1) == timedelta(0)
    waits = [BEAT_SCHEDULE[step]["schedule"] for step in steps]
    assert lease.duration + sum(waits, timedelta(0)) <= MAX_IDLE
    assert ingest_tasks.announce_jobs.name == BEAT_SCHEDULE["data 2 announce files that are waiting"]["task"]
