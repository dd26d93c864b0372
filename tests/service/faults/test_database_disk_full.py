"""The disk of the database runs full in the middle of a load, on servers of the test's own."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from tests.fixtures.servers import python
from tests.fixtures.storage import small_file_system
from tests.makers.geotiff import write

SIDE = 400  # pixels: 160,000 points take 41 MB
MB = 10**6
ATTEMPTS = """
import json, shutil, sys
from datetime import date
from pathlib import Path
import django
django.setup()
from django.conf import settings
from ground_motion.readers.records import Declaration, Submission
from ingest.jobs import services as jobs
from ingest.jobs.child import job_carry_out
from ingest.models import IngestJob, MeasurementPoint, Product
from lab.speed.faults.loads import what_is_partial
path, disk, attempts = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
declared = Declaration(unit="mm/yr", positive="up", period=(date(2020, 1, 1), date(2021, 1, 1)))
jobs.job_queue(source="watch", path=path, original_name=path.name, submission=Submission(declared=declared))
rows, ballast = IngestJob.objects.all(), disk / "ballast"
for left_bytes, settings.DATABASE_DISK_PATH in attempts:
    ballast.unlink(missing_ok=True)
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - left_bytes))
    jobs.jobs_retry(jobs=rows)
    job_carry_out(job_id=rows.get().pk, attempt=jobs.job_claim(job_id=rows.get().pk).attempts)
    loaded = [Product.objects.count(), MeasurementPoint.objects.count(), what_is_partial()]
    print(json.dumps([rows.get().state, rows.get().error, *loaded]))
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


@pytest.mark.demo
def test_nothing_stays_of_a_load_that_the_disk_has_no_room_for_and_it_is_done_once_there_is(
    own_servers, servers_folder, tmp_path
):
    values = np.random.default_rng(1).normal(size=(SIDE, SIDE)).astype(np.float32)
    path = write(tmp_path / "velocity.tif", values, "EPSG:32633", Affine(30, 0, 4e5, 0, -30, 5e6))
    given = {"DISK_SPARE_BYTES": "0", "TEST_SETTINGS": '{"DISK_SPARE_PERCENT": 0}'}
    # At first it looks at another disk, and cannot know.
    steps = [(30 * MB, "/"), (30 * MB, str(servers_folder)), (200 * MB, str(servers_folder))]
    ran = python("-c", ATTEMPTS, path, servers_folder, json.dumps(steps), around=own_servers, **given)
    unknown, known, with_room = map(json.loads, ran.stdout.splitlines())
    for outcome, words in ((unknown, "The disk of the database is full: free space"), (known, "make room on its disk")):
        state, error, *left = outcome
        assert (state, *left) == ("queued", 0, 0, [])
        assert words in error
    assert with_room == ["loaded", "", 1, SIDE**2, []]
