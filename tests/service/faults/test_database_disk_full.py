"""The disk of the database runs full in the middle of a load, on servers of the test's own."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from tests.fixtures.storage import small_file_system
from tests.makers.geotiff import write

ROOT = Path(__file__).resolve().parents[3]
SIDE = 400  # pixels: 160,000 points take 41 MB
MB = 10**6
ATTEMPT = """
import json, os, sys
from datetime import timedelta
from django.conf import settings
from django.utils import timezone
from ingest.jobs import services as jobs
from ingest.models import IngestJob, MeasurementPoint, Product
from lab.speed.faults.loads import what_is_partial
rows = IngestJob.objects.filter(source="watch")
rows.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
jobs.jobs_requeue_expired()
jobs.jobs_retry(jobs=rows)
jobs.job_execute(job_id=rows.get().pk)
row = rows.get()
print(json.dumps([row.state, row.error, Product.objects.count(), MeasurementPoint.objects.count(), what_is_partial()]))
"""
QUEUE = """
import sys
from datetime import date
from pathlib import Path
from ingest.jobs.services import job_queue
from ground_motion.readers.records import Declaration
from ground_motion.readers.records import Submission
declared = Declaration(unit="mm/yr", positive="up", period=(date(2020, 1, 1), date(2021, 1, 1)))
path = Path("{path}")
job_queue(source="watch", path=path, original_name=path.name, submission=Submission(declared=declared))
"""


@pytest.fixture
def servers_folder() -> Iterator[Path]:
    """A file system of 400 MB (an empty cluster takes 100) that the owner of the cluster can reach."""
    folder = Path(tempfile.mkdtemp(prefix="gm-disk-"))
    folder.chmod(0o755)
    with small_file_system(folder, "size=400m,mode=755"):
        yield folder
    folder.rmdir()


@pytest.fixture
def server_options() -> str:
    """No log of what is copied into new tables: it is the tables that meet the end of the disk."""
    return "-c wal_level=minimal -c max_wal_senders=0"


def leave(folder: Path, left_bytes: int) -> None:
    """Put something in the way, so that only this is left."""
    ballast = folder / "ballast"
    ballast.unlink(missing_ok=True)
    ballast.write_bytes(bytes(shutil.disk_usage(folder).free - left_bytes))


@pytest.mark.demo
def test_nothing_stays_of_a_load_that_the_disk_has_no_room_for_and_it_is_done_once_there_is(
    own_servers, servers_folder, tmp_path
):
    values = np.random.default_rng(1).normal(size=(SIDE, SIDE)).astype(np.float32)
    path = write(tmp_path / "velocity.tif", values, "EPSG:32633", Affine(30, 0, 4e5, 0, -30, 5e6))
    environment = own_servers | {"DISK_SPARE_BYTES": "0", "TEST_SETTINGS": '{"DISK_SPARE_PERCENT": 0}'}

    def run(*command: str, **changed: str) -> str:
        given = environment | changed
        ran = subprocess.run(
            [sys.executable, ROOT / "manage.py", *command], env=given, check=True, stdout=subprocess.PIPE, text=True
        )
        return ran.stdout

    def attempt(left_bytes: int, **changed: str) -> list:
        leave(servers_folder, left_bytes)
        return json.loads(run("shell", "--verbosity", "0", "-c", ATTEMPT, **changed))

    run("shell", "--verbosity", "0", "-c", QUEUE.format(path=path))
    state, error, *left = attempt(30 * MB, DATABASE_DISK_PATH="/")  # it looks at another disk, and cannot know
    assert (state, *left) == ("queued", 0, 0, [])
    assert "The disk of the database is full: free space" in error
    state, error, *left = attempt(30 * MB)
    assert (state, *left) == ("queued", 0, 0, [])
    assert "make room on its disk" in error
    state, error, *left = attempt(200 * MB)
    assert (state, error, *left) == ("loaded", "", 1, SIDE**2, [])
