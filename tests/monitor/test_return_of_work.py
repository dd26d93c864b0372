"""How long the work of a killed worker lies idle: what the numbers of leases and of the schedule add up to."""

from datetime import timedelta

import pytest

from ingest import tasks as ingest_tasks
from ingest.failures import Cause, delay
from ingest.jobs.services import LEASE as OF_FILES
from ml.queue import LEASE as OF_RUNS
from monitor.schedule import BEAT_SCHEDULE

MOST = timedelta(seconds=150)


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
    assert lease.duration + sum(waits, timedelta(0)) <= MOST
    assert ingest_tasks.announce_jobs.name == BEAT_SCHEDULE["data 2 announce files that are waiting"]["task"]
