"""A given file is loaded exactly once, by a process that can do no harm; for what it lacks, its sender is asked."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from ground_motion.core.errors import MAX_LINE, one_line
from ground_motion.readers.records import Declaration, Submission
from ingest import tasks
from ingest.foundation.storage import raster_entries
from ingest.jobs import child as job_child
from ingest.jobs import confine
from ingest.jobs import services as jobs
from ingest.jobs.confine import Limits
from ingest.models import IngestJob, MeasurementPoint, Product, Scene
from ingest.products import partitions
from ingest.products.services import product_delete
from tests.makers import generic, geotiff
from tests.waiting import HANG_SECONDS, Elsewhere, reread, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

State, UPLOAD, WATCH = IngestJob.State, IngestJob.Source.UPLOAD, IngestJob.Source.WATCH
ROOMY = Limits(memory_bytes=4 * 2**30, cpu_seconds=60, file_bytes=2**30, wall_seconds=HANG_SECONDS)


@pytest.fixture(autouse=True)
def quiet(settings, tmp_path, monkeypatch):
    """Uploads and rasters of their own, and a broker that only keeps the jobs announced to it."""
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    announced = []
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: announced.append(job_id))
    yield announced
    for product in Product.objects.all():  # partitions are not swept with the tables
        product_delete(product=product)


def queue(path: Path, source=WATCH, **given) -> IngestJob:
    return jobs.job_queue(source=source, path=path, original_name=path.name, submission=Submission(**given))


def uploaded(path: Path, settings) -> Path:
    folder = Path(settings.UPLOAD_DIR) / "one"
    folder.mkdir(parents=True)
    return path.rename(folder / path.name)


def test_a_job_becomes_a_product_and_the_upload_is_gone(make_egms, settings, quiet):
    path = uploaded(make_egms(n=40), settings)
    job = queue(path, UPLOAD, loaded_by="anna", attribution="Survey of Nowhere")
    assert quiet == [job.pk]
    job = jobs.job_execute(job_id=job.pk)
    assert (job.state, job.error, job.points_done, job.attempts) == (State.LOADED, "", 40, 1)
    assert (IngestJob.objects.get().stored_path, job.inspection) == ("", {})
    (product,) = job.products.all()
    assert (product.n_points, product.loaded_by, product.attribution) == (40, "anna", "Survey of Nowhere")
    assert job.sha256 == product.file_sha256
    assert not path.parent.exists()
    IngestJob.objects.update(state=State.QUEUED)  # It is put back by hand, although its file is gone.
    assert jobs.job_execute(job_id=job.pk) is None
    assert (reread(job).state, job.error, list(job.products.all())) == (State.LOADED, "", [product])


@pytest.mark.parametrize("kind", ["shp.zip", "shp"])
def test_a_shapefile_is_loaded_by_the_confined_process_from_its_zip_or_folder(tmp_path, kind):
    folder = tmp_path / "points"
    folder.mkdir()
    made = generic.make(folder, kind)
    path = made if kind == "shp.zip" else folder  # a folder of nothing but its parts, as the watched folder takes it
    job = jobs.job_execute(job_id=queue(path, declared=Declaration(unit="mm/yr", positive="toward")).pk)
    assert (job.state, job.error) == (State.LOADED, "")
    assert job.products.get().n_points == 12


def test_a_bad_file_is_refused_with_its_one_line_and_no_path_of_ours(make_egms):
    job = jobs.job_execute(job_id=queue(make_egms(change=lambda table: table.pop("mean_velocity"))).pk)
    assert job.state == State.REJECTED
    assert job.error.startswith("EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip: column 'mean_velocity' is missing.")
    assert "/" not in job.error
    assert Product.objects.count() == 0


def test_the_same_file_twice_is_loaded_once_and_said_so(make_egms):
    path = make_egms(n=12)
    first, second = queue(path), queue(path)
    jobs.job_execute(job_id=first.pk)
    again = jobs.job_execute(job_id=second.pk)
    assert again.state == State.LOADED
    assert "already loaded" in again.error
    assert list(again.products.all()) == list(Product.objects.all())
    assert Product.objects.count() == 1


def test_only_one_worker_gets_a_job_and_only_so_many_run_at_a_time(make_egms, settings):
    first, second = queue(make_egms()), queue(make_egms())
    claimed = [bool(jobs.job_claim(job_id=job.pk)) for job in (first, first, second)]
    settings.INGEST_JOBS_AT_ONCE = 2
    assert [*claimed, bool(jobs.job_claim(job_id=second.pk))] == [True, False, False, True]


def test_a_job_whose_worker_died_returns_is_loaded_once_and_fails_after_ten_deaths(make_egms):
    job = queue(make_egms(n=12))
    for attempt in range(1, 11):
        IngestJob.objects.filter(pk=job.pk).update(next_try_at=None)
        assert jobs.job_claim(job_id=job.pk).attempts == attempt
        assert jobs.jobs_requeue_expired() == 0  # the lease still holds
        IngestJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert jobs.jobs_requeue_expired() == 1
    assert reread(job).state == State.FAILED
    assert "ended before it was done" in job.error
    assert jobs.jobs_retry(jobs=IngestJob.objects.all()) == 1
    assert jobs.job_execute(job_id=job.pk).state == State.LOADED
    assert Product.objects.count() == 1


def test_a_reader_that_lost_its_job_leaves_nothing_behind(make_egms, make_rtc):
    for path in (make_egms(n=12), make_rtc()):
        job = queue(path)
        owned = jobs.job_claim(job_id=job.pk)

        with pytest.MonkeyPatch.context() as patch:
            load = job_child.arrival_load

            def overtaken(load=load, job=job, **options):
                loaded = load(**options)
                apart = connections.create_connection("default")
                with apart.cursor() as cursor:
                    cursor.execute("UPDATE ingest_ingestjob SET attempts = attempts + 1 WHERE id = %s", [job.pk])
                apart.close()
                return loaded

            patch.setattr("ingest.jobs.child.arrival_load", overtaken)
            job_child.job_carry_out(job_id=job.pk, attempt=owned.attempts)
        IngestJob.objects.all().delete()
    assert (Product.objects.count(), Scene.objects.count()) == (0, 0)
    assert [*raster_entries()] == []


@contextmanager
def attaching_waits() -> Iterator[None]:
    """Hold a lock that attaching a product's tables needs."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {partitions.POINTS} IN SHARE UPDATE EXCLUSIVE MODE")
        yield


def test_the_reader_killed_in_the_middle_leaves_nothing_and_the_next_attempt_loads(make_egms, monkeypatch):
    """While points are being attached; their number is seen by others before anything is committed."""
    children, started = [], confine.ForkServer.start_child

    def remembered(*args):
        children.append(started(*args))
        return children[-1]

    monkeypatch.setattr(confine.ForkServer, "start_child", remembered)
    job = queue(make_egms(n=200))
    with attaching_waits():
        worker = Elsewhere(lambda: jobs.job_execute(job_id=job.pk, every_seconds=0.1))
        wait_until(lambda: IngestJob.objects.get(pk=job.pk).points_done == 200)
        assert Product.objects.count() == 0
        os.kill(children[0].pid, signal.SIGKILL)
        worker.returned()
    assert (reread(job).state, job.attempts, job.cause) == (State.QUEUED, 1, "memory")
    assert (Product.objects.count(), MeasurementPoint.objects.count()) == (0, 0)
    assert jobs.job_execute(job_id=job.pk) is None  # not before its time
    assert jobs.jobs_retry(jobs=IngestJob.objects.all()) == 1
    assert jobs.job_execute(job_id=job.pk).state == State.LOADED
    assert (Product.objects.count(), MeasurementPoint.objects.count()) == (1, 200)


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_reader_that_hangs_is_ended_and_its_file_is_tried_again_unless_its_job_was_deleted(
    make_egms, settings, is_deleted
):
    """It waits for a lock: no progress, and no computing. Before, its lease was prolonged for two hours."""
    settings.INGEST_STALL_MINUTES = 10 if is_deleted else 0.05
    job = queue(make_egms(n=200))
    with attaching_waits():
        worker = Elsewhere(lambda: jobs.job_execute(job_id=job.pk, every_seconds=0.1))
        if is_deleted:
            wait_until(lambda: IngestJob.objects.get(pk=job.pk).points_done == 200)
            Elsewhere(lambda: IngestJob.objects.all().delete()).returned()
        assert (worker.returned() is None) == is_deleted
    assert Product.objects.count() == 0
    if not is_deleted:
        assert (reread(job).state, job.cause, job.faults) == (State.QUEUED, "stalled", 1)
        assert "It made no progress for 0.05 minutes." in job.error


def test_a_fault_of_this_program_is_called_one_and_a_file_that_takes_too_long_is_refused(
    make_egms, settings, monkeypatch
):
    job = queue(uploaded(make_egms(), settings), UPLOAD)
    owned = jobs.job_claim(job_id=job.pk)
    monkeypatch.setattr(job_child, "arrival_load", lambda **options: 1 / 0)
    job_child.job_carry_out(job_id=job.pk, attempt=owned.attempts)
    assert (reread(job).state, job.cause, job.faults) == (State.QUEUED, "program", 1)
    assert "fault in this program (ZeroDivisionError" in job.error
    assert jobs.jobs_retry(jobs=IngestJob.objects.all()) == 1
    slow = jobs.job_execute(job_id=job.pk, limits=ROOMY._replace(wall_seconds=0.2))
    assert slow.state == State.REJECTED
    assert "longer than the 0.00333333 minutes" in slow.error


def test_refused_uploads_are_deleted_when_their_time_is_over_and_stray_ones_after_a_day(make_egms, settings):
    path = uploaded(make_egms(change=lambda table: table.pop("pid")), settings)
    job = jobs.job_execute(job_id=queue(path, UPLOAD).pk)
    stray, young, outside = (path.parent.with_name(name) for name in ("stray", "young", "outside"))
    for folder in (stray, young):
        folder.mkdir()
    os.utime(stray, (0, 0))
    jobs.uploads_tidy()
    assert path.exists()
    assert (stray.exists(), young.exists()) == (False, True)
    settings.UPLOAD_KEEP_HOURS = 0
    jobs.uploads_tidy()
    assert not path.parent.exists()
    job.refresh_from_db()
    assert not jobs.may_retry(job)


def test_the_task_carries_out_a_job_and_rings_for_the_next_and_an_emptied_broker_is_told_again(make_egms, quiet):
    first, second = queue(make_egms()), queue(make_egms())
    tasks.announce_jobs()
    assert quiet == [first.pk, second.pk] * 2
    IngestJob.objects.update(queued_at=timezone.now())
    del quiet[:]
    tasks.announce_jobs()
    assert quiet == []
    for _ in range(2):
        tasks.execute_job(first.pk)
        assert quiet == [second.pk]


def test_words_of_a_hostile_file_become_one_line():
    assert one_line("a\x00b\r\nc\u202e d\x1b[31m") == "a b c d [31m"
    assert len(one_line("x" * 10_000)) == MAX_LINE


UNIT = Declaration(unit="m/yr", positive="away", track=7)
WHOLE = Declaration(unit="m/yr", positive="away", track=7, period=(date(2019, 1, 1), date(2023, 12, 31)))


def given(settings, declared: Declaration, source=UPLOAD) -> IngestJob:
    path = geotiff.make(Path(settings.UPLOAD_DIR) / "one", value=-0.02, name="vel.tif")
    job = jobs.job_queue(source=source, path=path, original_name="vel.tif", submission=Submission(declared=declared))
    return jobs.job_execute(job_id=job.pk)


def test_a_file_that_lacks_a_declaration_is_inspected_and_kept_until_its_sender_has_answered(settings):
    job = given(settings, Declaration())
    assert (job.state, job.inspection["missing"]) == (State.REJECTED, ["unit", "positive", "period"])
    assert job.error.startswith("vel.tif: the unit, sign and period of its values are not declared.")
    told = job.inspection["told"]
    assert (told["title"], told["parts"][0]["points"]) == ("GeoTIFF", 19)
    assert told["parts"][0]["values"] == pytest.approx([-0.02] * 5)
    assert not Product.objects.exists()
    assert Path(job.stored_path).exists()
    assert not jobs.job_retry(job=job, submission=Submission())
    assert jobs.job_retry(job=job, submission=Submission(declared=WHOLE))
    loaded = jobs.job_execute(job_id=job.pk)
    assert (loaded.state, loaded.error, loaded.inspection) == (State.LOADED, "", {})
    assert loaded.products.get().track == 7
    assert MeasurementPoint.objects.first().velocity_mm_yr == pytest.approx(20)


def test_what_was_declared_is_used_in_the_inspection_and_a_withdrawn_file_is_deleted(settings):
    job = given(settings, UNIT)
    assert job.inspection["missing"] == ["period"]
    assert job.inspection["told"]["parts"][0]["values"] == pytest.approx([20.0] * 5)
    assert ["unit", "m/yr", "declared"] in job.inspection["told"]["parts"][0]["facts"]
    assert jobs.job_withdraw(job=job, by="anna")
    assert not (Path(settings.UPLOAD_DIR) / "one").exists()
    assert (reread(job).state, job.error, job.stored_path) == (State.CANCELLED, "Withdrawn by anna.", "")
    assert not jobs.may_retry(job)
    assert not jobs.job_withdraw(job=job, by="anna")


WRITES = "import sys; open(sys.argv[sys.argv.index('--out') + 1], 'w').write({})"


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import os; os.abort()"],
        ["-m", "no_such_module"],
        *(["-c", WRITES.format(text)] for text in ("'{'", "'[]'", "'[1' + ',1' * 200_000 + ']'")),
    ],
)
def test_an_inspection_that_fails_or_writes_anything_leaves_the_question(settings, command):
    settings.INSPECT_COMMAND = command
    job = given(settings, UNIT)
    assert (job.state, job.inspection) == (State.REJECTED, {"missing": ["period"]})


def test_the_watched_folder_has_nobody_to_ask(settings):
    job = given(settings, UNIT, source=WATCH)
    assert (job.state, job.inspection) == (State.REJECTED, {})
