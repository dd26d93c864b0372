"""What the doctor says of each fault, with its remedy and exit code 1."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from ingest.models import IngestJob, Scene, StepFailure
from ml.models import ModelVersion, Run
from monitor.celery import app
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import SignOfLife
from monitor.notifications.outbox import BACK_OFF
from monitor.notifications.rounds import channel_pause
from monitor.operations.health.selectors import BACKUP, BEAT, installed_seconds, queue_sign, sign_give, signs_forget
from tests.fixtures.servers import another_connection
from tests.makers import pairs as made_pairs

pytestmark = pytest.mark.django_db


def age(name: str, **span: float) -> None:
    SignOfLife.objects.filter(name=name).update(seen_at=timezone.now() - timedelta(**span))


def make_message(**values) -> OutgoingMessage:
    return OutgoingMessage.objects.create(
        **{"kind": "alert", "key": "made", "address": "reader@example.org", "next_try_at": timezone.now()} | values
    )


def aged(name: str, **span: float) -> None:
    """Give a sign of life, some time ago."""
    sign_give(name=name)
    age(name, **span)


def files_wait(hours: float = 3, **values) -> None:
    IngestJob.objects.create(source="upload", **values)
    IngestJob.objects.update(created_at=timezone.now() - timedelta(hours=hours))


def outbox_grows() -> None:
    late = timezone.now() - timedelta(minutes=90)
    make_message(next_try_at=late, error="451 <reader@example.org> greylisted")
    make_message(key="to come", next_try_at=timezone.now() + timedelta(hours=1))


def work_failed() -> None:
    now = timezone.now()
    IngestJob.objects.create(source="upload", state="failed", error="the disk is full", finished_at=now)
    Run.objects.filter(pk=Run.objects.first().pk).update(state="failed", error="old", finished_at=now - timedelta(8))


def step_failed() -> None:
    failed = {"state": "failed", "cause": "disk", "error": "the raster is missing"}
    StepFailure.objects.create(step="search", subject_id=1, subject="made", **failed)


def worker_lost() -> None:
    lost = timezone.now() - timedelta(minutes=6)
    Run.objects.filter(pk=Run.objects.first().pk).update(state="running", lease_until=lost)


def images_loaded(days: float) -> None:
    Scene.objects.update(loaded_at=timezone.now() - timedelta(days=days))


HUNG = "web process ended: POST /subscribe/preview.json"
NOT_THE_SERVICES_FAULT = {"state": "failed", "attempts": 1, "error": "550 5.1.1 no such user"}


@pytest.fixture
def a_run(db) -> Run:
    """Return a run on a pair of images, without any file."""
    scenes = [made_pairs.make_scene(datetime(2021, 12, day, tzinfo=UTC)) for day in (1, 13)]
    version = ModelVersion.objects.create(task="offsets", method="made", version="1")
    return Run.objects.create(model_version=version, pair=made_pairs.make_pair(*scenes), state="succeeded")


@pytest.mark.parametrize(
    "harm",
    [
        lambda: None,
        lambda: (aged(BACKUP, hours=47), signs_forget()),
        lambda: age(queue_sign("cpu"), minutes=14),  # which may be a long run
        lambda: make_message(**NOT_THE_SERVICES_FAULT),
        lambda: files_wait(next_try_at=timezone.now() + timedelta(minutes=20)),
        lambda: (files_wait(), files_wait(state="running", lease_until=timezone.now() + timedelta(seconds=90))),
        lambda: images_loaded(days=11),
    ],
)
def test_what_is_usual_is_not_reported(doctor, settings, a_run, harm):
    settings.ALARM_NO_DATA_DAYS = 12
    harm()
    assert doctor() == {}


@pytest.mark.parametrize(
    ("harm", "name", "words"),
    [
        (lambda: age(BEAT, minutes=5), "beat", "no sign of life for 5 minutes Start beat, or look into its log. Until"),
        (lambda: age(BEAT, hours=-1), "beat", "Start beat"),  # a clock that was set back
        (
            lambda: aged(HUNG, minutes=5),
            "requests",
            "5 minutes ago, because a request hung: POST /subscribe/preview.json",
        ),
        (outbox_grows, "outbox", "2 messages wait, the oldest for 90 minutes; the last reason: 451 <(address)>"),
        (
            lambda: channel_pause(channel="mail", reason="554 5.7.1 <reader@example.org>: relay access denied"),
            "channels",
            "nothing gets through by mail: 554 5.7.1 <(address)>: relay access denied Mend",
        ),
        (work_failed, "failed work", "failed in the last 7 days (files: 1); the last reason: the disk is full"),
        (step_failed, "failed work", "(steps: 1); the last reason: the raster is missing"),
        (worker_lost, "stuck work", "work has lost its worker and nobody takes it up (runs: 1)"),
        (files_wait, "stuck work", "files have been waiting for 3 hours, and no worker has one"),
        (lambda: age(queue_sign("mail"), minutes=4), "queue mail", "no sign of life for 4 minutes Start the worker of"),
        (lambda: aged(BACKUP, days=3), "backup", "the last one was made 3 days ago See why manage.py backup fails"),
        (lambda: images_loaded(days=13), "new data", "nothing new has been loaded for 13 days"),
        (
            lambda: make_message(state="failed", attempts=len(BACK_OFF) + 1, error="timed out"),
            "undelivered messages",
            "1 messages were given up in the last 7 days",
        ),
    ],
)
def test_each_fault_is_reported_alone_with_its_remedy(doctor, settings, a_run, harm, name, words):
    settings.ALARM_NO_DATA_DAYS = 12
    harm()
    reported = doctor()
    assert list(reported) == [name]
    assert words in reported[name]


def test_a_backup_that_was_never_made_is_a_warning_until_one_is_overdue(doctor, settings, capsys, monkeypatch):
    call_command("doctor")
    said = capsys.readouterr().out
    assert "warning  backup: manage.py backup has made none yet\n         See why manage.py backup fails" in said
    MigrationRecorder.Migration.objects.update(applied=timezone.now() - timedelta(days=3))
    monkeypatch.setattr("monitor.operations.health.work_checks.installed_seconds", installed_seconds)
    assert doctor()["backup"].startswith("manage.py backup has never made one See why manage.py backup fails")
    settings.DEMO = True
    call_command("doctor")
    assert "ok       backup: none: a demo's data are made up" in capsys.readouterr().out


def test_a_public_site_without_any_backup(healthy, capsys):
    with pytest.raises(SystemExit):
        call_command("doctor", "--deploy")
    assert "WRONG    backup: manage.py backup has never made one" in capsys.readouterr().out


def test_a_site_that_answers_without_a_page(doctor, site):
    site.status = 500
    assert doctor() == {
        "web": "the first page answers with status 500 Start the web process, or look into its log; where it runs on"
        " another machine, set WEB."
    }


@pytest.mark.parametrize(
    ("setting", "value", "name", "words"),
    [
        ("WEB", "127.0.0.1:1", "web", "no web process answers at 127.0.0.1:1 Start the web process"),
        ("UPLOAD_SPARE_BYTES", 10**18, "disk", "The disk of uploads"),
        ("CELERY_BROKER_URL", "redis+socket:///nowhere/redis.sock", "broker", "Redis does not answer Start it"),
        ("CELERY_BROKER_URL", "amqp://guest:secret@127.0.0.1:1//", "broker", "RabbitMQ does not answer Start it"),
        ("REDIS_URL", "unix:///nowhere/redis.sock", "cache", "the cache does not answer"),
    ],
)
def test_a_server_or_a_disk_that_fails(doctor, settings, setting, value, name, words):
    setattr(settings, setting, value)
    reported = doctor()
    assert list(reported) == [name]
    assert reported[name].startswith(words)
    assert name != "disk" or "Free the disk (manage.py prune" in reported["disk"]


def test_a_queue_without_a_worker(doctor, monkeypatch):
    answers = {"worker@here": [{"name": "ingest"}, {"name": "cpu"}]}
    monkeypatch.setattr(type(app.control.inspect()), "active_queues", lambda self: answers)
    assert doctor()["workers"].startswith("no worker answers for mail, housekeeping Start a worker")


def test_a_database_that_hangs_or_is_gone(doctor, monkeypatch):
    """The rest is left out: the one fault is reported once, with its remedy."""
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    reported = doctor()
    assert reported["database"].startswith("the database does not answer Start PostgreSQL")
    assert not {"beat", "outbox", "stuck work"} & set(reported)


def test_a_migration_that_is_missing(doctor):
    with another_connection() as other:
        table = MigrationRecorder.Migration._meta.db_table
        (row,) = other.execute(f"DELETE FROM {table} WHERE app = 'sessions' RETURNING id, name, applied").fetchall()
        other.commit()
        try:
            reported = doctor()["migrations"]
        finally:
            other.execute(f"INSERT INTO {table} (id, app, name, applied) VALUES (%s, 'sessions', %s, %s)", row)
    assert reported.startswith("the database is not migrated: sessions.0001_initial Run manage.py prepare")


def test_a_setting_that_is_gone_is_named_while_it_is_set(doctor, monkeypatch):
    monkeypatch.setenv("DATABASE_REPLICA_URL", "postgis://replica/ground_motion")
    assert "no settings any more: DATABASE_REPLICA_URL" in doctor()["removed settings"]
