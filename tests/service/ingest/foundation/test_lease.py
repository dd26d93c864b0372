"""A heartbeat beats while the work lasts, and not a beat longer."""

import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone

from ingest.foundation.leases import heartbeat
from ingest.jobs.services import LEASE, jobs_requeue_expired
from ingest.models import IngestJob
from tests.waiting import HANG_SECONDS, reread

ROOT = Path(__file__).resolve().parents[4]


def test_the_lease_is_prolonged_while_the_block_works_also_where_the_database_is_away_for_a_moment():
    tries, recovered = [], threading.Event()

    def prolong() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("the server closed the connection")
        recovered.set()

    with heartbeat(prolong, every_seconds=0.001):
        during = threading.active_count()
        assert recovered.wait(HANG_SECONDS)
    assert threading.active_count() == during - 1


@pytest.fixture
def claimed(db) -> IngestJob:
    """A job that a worker has just taken."""
    job = IngestJob.objects.create(source="upload")
    assert LEASE.claim(IngestJob.objects.filter(pk=job.pk))
    job.refresh_from_db()
    return job


def test_the_worker_of_a_lease_is_alive_until_it_ends(claimed):
    assert list(LEASE.alive()) == [claimed]
    assert jobs_requeue_expired() == 0
    IngestJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert not LEASE.alive()
    assert jobs_requeue_expired() == 1


def test_a_clock_that_is_set_back_by_an_hour_makes_no_lease_longer_unless_its_worker_lives(claimed):
    """If the worker died: by the new clock its lease would last for another hour."""
    IngestJob.objects.update(lease_until=claimed.lease_until + timedelta(hours=1))
    assert LEASE.prolong(claimed)
    assert list(LEASE.alive()) == [claimed]
    assert jobs_requeue_expired() == 0
    IngestJob.objects.update(lease_until=claimed.lease_until + timedelta(hours=1))
    assert jobs_requeue_expired() == 1


WORKER = """
from django.utils import timezone
from ingest.jobs.services import LEASE, jobs_requeue_expired
from ingest.models import IngestJob
job = IngestJob.objects.get()
print(timezone.now().timestamp(), LEASE.prolong(job), len(LEASE.alive()), jobs_requeue_expired())
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("jump", ["-2h", "+2h"])
def test_a_worker_whose_own_clock_is_wrong_has_the_same_lease(jump, wrong_clock, own_environment):
    """A process of its own: by its clock, the lease of everybody is over, or lasts for hours."""
    job = IngestJob.objects.create(source="upload")
    assert LEASE.claim(IngestJob.objects.filter(pk=job.pk))
    wrong_clock.set(jump)
    asked = subprocess.run(
        [sys.executable, ROOT / "manage.py", "shell", "--verbosity", "0", "-c", WORKER],
        env=own_environment(0) | wrong_clock.environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    now, *answers = asked.stdout.split()
    assert abs(abs(float(now) - time.time()) - 7200) < 600
    assert answers == ["True", "1", "0"]
    assert abs(reread(job).lease_until - timezone.now()) < LEASE.duration + timedelta(minutes=1)
