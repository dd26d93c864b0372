"""A scheduled task runs once at a time, and one that fails on a row leaves the others and tries it again later."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from detection import tasks as detection_tasks
from detection.alerts import services as alert_services
from ingest import tasks
from ingest.foundation.locks import Lock, short_text_key
from ingest.jobs.steps import Step, attempt, failures_retry, rows_due
from ingest.models import Product, StepFailure
from ingest.products.services import product_load
from ml.runs import services as runs
from monitor import tasks as monitor_tasks
from monitor.celery import app
from monitor.schedule import BEAT_SCHEDULE


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("task", "work"),
    [
        (tasks.compare_releases, "ingest.tasks.release_changes_make"),
        (detection_tasks.scan_finished_predictions, "detection.tasks.rows_due"),
        (monitor_tasks.queue_digests, "monitor.tasks.digests.due_queue"),
    ],
)
def test_a_task_that_goes_on_elsewhere_returns_at_once(task, work, monkeypatch):
    done = []
    monkeypatch.setattr(work, lambda *args: done.append(1) or [])
    own = connection.get_connection_params()
    names = ("dbname", "host", "user", "password", "port")
    with psycopg.connect(**{name: own[name] for name in names if name in own}) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(%s, %s)", [Lock.STAGE, short_text_key(task.name)])
        task()
        assert not done
        elsewhere.execute("SELECT pg_advisory_unlock_all()")
    task()
    assert done


def test_whatever_is_scheduled_runs_once_at_a_time():
    app.loader.import_default_modules()
    # ACQUIRE_AT_ONCE downloads, held apart by their leases; a sign takes a moment; prune has a lock of its own
    several = {"ingest.tasks.fetch_images", "monitor.tasks.give_sign", "monitor.tasks.prune"}
    for entry in BEAT_SCHEDULE.values():
        assert (entry["task"] in several) or hasattr(app.tasks[entry["task"]].run, "__wrapped__"), entry


@pytest.fixture
def searchable(make_egms):
    product = product_load(path=make_egms(n=60))
    (run,) = runs.runs_queue(method="matched-filter")
    runs.run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run.prediction if product else None


@pytest.mark.django_db
def test_a_prediction_without_its_raster_is_searched_three_times_and_not_for_ever(searchable, monkeypatch):
    """Before, it was searched every five seconds for ever, and stood nowhere."""
    tries, search = [], alert_services.prediction_scan
    monkeypatch.setattr(alert_services, "prediction_scan", lambda **options: tries.append(1) or search(**options))
    searchable.raster.storage.delete(searchable.raster.name)
    for _ in range(20):
        detection_tasks.scan_finished_predictions()
    assert len(tries) == 1
    failure = StepFailure.objects.get()
    assert (failure.state, failure.cause, failure.subject_id) == ("queued", "program", searchable.pk)
    assert failure.next_try_at > timezone.now() + timedelta(minutes=4)
    for _ in range(20):
        StepFailure.objects.filter(state="queued").update(next_try_at=timezone.now())
        detection_tasks.scan_finished_predictions()
    assert len(tries) == 3
    failure.refresh_from_db()
    assert (failure.state, failure.faults, failure.next_try_at) == ("failed", 3, None)
    assert searchable.raster.name in failure.error

    assert failures_retry(failures=StepFailure.objects.all()) == 1
    detection_tasks.scan_finished_predictions()
    assert len(tries) == 4


@pytest.mark.django_db
def test_a_step_that_succeeds_or_is_not_due_any_more_leaves_no_failure(make_egms):
    row = product_load(path=make_egms(n=12))
    pending = Product.objects.filter(pk=row.pk)
    with attempt(Step.SEARCH, row):
        raise ValueError("no")
    assert not rows_due(Step.SEARCH, pending).exists()
    assert rows_due(Step.MEASURE, pending).exists()
    assert not rows_due(Step.SEARCH, pending.none()).exists()
    assert not StepFailure.objects.exists()
