"""A run that hangs gives up its lease and its process, is tried again, and fails for good; by real processes."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db.models.signals import pre_delete
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from ingest.foundation.failures import Cause, next_step
from ingest.models import Product
from ingest.products.services import product_delete, product_load
from ml.models import Run
from ml.runs import queue, services
from tests.fixtures.servers import another_connection, database_url
from tests.waiting import HANG_SECONDS, reread, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HANGING = """
import sys, time, django
django.setup()
from ml.runs import services
from ml.models import Run
run = Run.objects.get(pk=int(sys.argv[1]))
task = run.model_version.task
services.WORK[task] = lambda *_: time.sleep(3600)
services.run_execute(run_id=run.pk)
"""


@pytest.fixture
def run(make_egms):
    product = product_load(path=make_egms(n=12))
    (queued,) = services.runs_queue(method="matched-filter")
    yield queued
    product_delete(product=product)


def test_what_is_being_deleted_takes_no_more_results(run):
    """A result that was stored between the search for references and the deletion used to undo the deletion."""
    waits: list[str] = []

    def store(**_: object) -> None:
        for table, pk in (("ingest_product", run.product_id), ("ml_run", run.pk)):
            with another_connection() as other:
                try:
                    other.execute(f"SELECT FROM {table} WHERE id = %s FOR KEY SHARE NOWAIT", [pk])  # as references do
                except LockNotAvailable:
                    waits.append(table)

    pre_delete.connect(store, sender=Product)
    try:
        product_delete(product=run.product)
    finally:
        pre_delete.disconnect(store, sender=Product)
    assert waits == ["ingest_product", "ml_run"]


def hang(run: Run, stall_minutes: float) -> "subprocess.Popen[bytes]":
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "TEST_SETTINGS": json.dumps({"RUN_STALL_MINUTES": stall_minutes, "RUN_BEAT_SECONDS": 0.1}),
    }
    return subprocess.Popen([sys.executable, "-c", HANGING, str(run.pk)], env=environment)


def test_a_run_that_hangs_ends_with_its_process_and_fails_the_third_time(run):
    """Before, its heartbeat prolonged its lease for ever."""
    Run.objects.filter(pk=run.pk).update(faults=2, cause="stalled")
    assert hang(run, stall_minutes=0.01).wait(HANG_SECONDS) == 1
    assert (reread(run).state, run.cause, run.faults, run.lease_until) == ("failed", "stalled", 3, None)
    assert run.error == "It made no progress for 0.01 minutes."
    again = next_step(Cause.STALLED, faults=0, cause_before="", now=timezone.now())
    assert again.next_try_at > timezone.now() + timedelta(minutes=4)


def test_cancelling_a_running_run_ends_its_process(run):
    process = hang(run, stall_minutes=60)
    wait_until(lambda: Run.objects.get(pk=run.pk).state == Run.State.RUNNING)
    assert process.poll() is None
    assert queue.runs_cancel(runs=Run.objects.all(), by="anna") == 1
    assert process.wait(HANG_SECONDS) == 1
    assert Run.objects.get(pk=run.pk).state == Run.State.CANCELLED
