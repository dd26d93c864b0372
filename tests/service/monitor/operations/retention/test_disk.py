"""Below the room that is to stay free no new work begins, before the disk is full; with room again it goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import storages

from ingest.foundation.disk import disk_full, disk_places
from ingest.jobs.services import job_claim
from ingest.models import IngestJob, SceneDownload
from ingest.sources.services import download_claim
from ml.models import ModelVersion, Prediction, Run
from ml.runs.services import run_claim, run_execute, runs_queue
from tests.fixtures.storage import small_file_system
from tests.makers import pairs as made
from tests.waiting import reread

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("storage_kind", ["disk"])]
SPARE, SIZE = 16 * 2**20, 64 * 2**20


@pytest.fixture
def small_disk(tmp_path, settings, monkeypatch):
    """Mount a file system of 64 MB for the rasters, of which 16 MB are to stay free."""
    settings.DISK_SPARE_BYTES = SPARE
    with small_file_system(tmp_path / "small", "size=64m") as folder:
        monkeypatch.setitem(storages["rasters"].__dict__, "location", str(folder))
        yield folder


def fill(folder: Path, n_bytes: int) -> Path:
    path = folder / "filling"
    path.write_bytes(b"\0" * n_bytes)
    return path


def waiting_run() -> Run:
    made.make_dates(n=2)
    version = ModelVersion.objects.create(task="offsets", method="waiting", version="1")
    return Run.objects.create(model_version=version, pair=Prediction.objects.first().run.pair)


def test_no_new_work_is_claimed_on_a_disk_that_is_nearly_full_and_it_goes_on_by_itself(small_disk):
    run = waiting_run()
    job = IngestJob.objects.create(source="upload", original_name="a.csv", stored_path="/nowhere/a.csv")
    download = SceneDownload.objects.create(
        source="asf", scene_id="one", file_name="one.tif", url="https://example.org"
    )
    assert not disk_full()
    filling = fill(small_disk, SIZE - SPARE + 2**20)
    assert shutil.disk_usage(small_disk).free > 2**20  # nothing has failed yet
    assert "The disk of rasters" in disk_full()
    assert "manage.py prune" in disk_full()
    assert run_claim(run_id=run.pk) is None
    assert job_claim(job_id=job.pk) is None
    assert download_claim(download_id=download.pk) is None
    for row in (run, job, download):
        assert reread(row).attempts == 0
        assert row.state in ("queued", "wanted")
    filling.unlink()
    assert run_claim(run_id=run.pk).state == Run.State.RUNNING
    assert job_claim(job_id=job.pk).state == IngestJob.State.RUNNING
    assert download_claim(download_id=download.pk).state == SceneDownload.State.FETCHING


def test_what_runs_when_the_room_ends_is_finished(small_disk, monkeypatch):
    made.make_dates(n=2)
    made_pair = Prediction.objects.first().run.pair
    for scene in (made_pair.reference, made_pair.secondary):
        made.fill_scene(scene, np.random.default_rng(scene.pk).gamma(4, 0.025, (made.ROWS, made.COLS)))
    run = next(iter(runs_queue(method="multi-kernel", task="offsets")))
    claim = run_claim

    def then_the_disk_fills(*, run_id: int):
        claimed = claim(run_id=run_id)
        fill(small_disk, SIZE - SPARE + 2**20)
        return claimed

    monkeypatch.setattr("ml.runs.services.run_claim", then_the_disk_fills)
    assert run_execute(run_id=run.pk).pk == run.pk
    assert reread(run).state == Run.State.SUCCEEDED
    assert disk_full()


def test_places_say_how_much_is_free_and_how_that_is(small_disk, settings):
    assert {place.name for place in disk_places()} >= {"rasters", "uploads", "downloads"}
    states = []
    for filled in (0, SIZE - 2 * SPARE + 2**20, SIZE - SPARE + 2**20):
        fill(small_disk, filled)
        (rasters,) = (place for place in disk_places() if place.name == "rasters")
        states.append(rasters.state)
        assert rasters.path == small_disk
        assert rasters.total_bytes == SIZE
        assert rasters.free_bytes <= SIZE - filled
    assert states == ["ok", "low", "full"]
    settings.DISK_SPARE_BYTES, settings.DISK_SPARE_PERCENT = 0, 50
    (rasters,) = (place for place in disk_places() if place.name == "rasters")
    assert rasters.spare_bytes == SIZE // 2
