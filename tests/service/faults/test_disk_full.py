"""A disk that is really full: nothing is kept in part, the work waits and says why, and is done once there is room."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.rasters import Block, write_cog, write_cog_blocks
from ingest.jobs import services as jobs
from ingest.jobs.child import job_carry_out
from ingest.models import IngestJob, Scene
from ingest.products.services import product_load
from ml.models import Prediction, Run
from ml.runs import services as ml_services
from ml.runs.queue import runs_retry
from monitor.web.guards import OPERATORS
from tests.fixtures.storage import fill_up, small_file_system
from tests.makers.people import account, signed_in

pytestmark = pytest.mark.parametrize("storage_kind", ["disk"])
PLACES = ["rasters", "temporary files"]


class SmallDisk:
    """A file system of 64 MB."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"

    def fill(self, left_bytes: int = 0) -> None:
        """Put something in the way, so that no more than this is left."""
        fill_up(self._ballast)
        with self._ballast.open("r+b") as stream:
            stream.truncate(self._ballast.stat().st_size - left_bytes)

    def make_room(self) -> None:
        self._ballast.unlink()

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file() and path != self._ballast)


@pytest.fixture
def small_disk(tmp_path, settings) -> Iterator[SmallDisk]:
    settings.DISK_SPARE_BYTES = settings.DISK_SPARE_PERCENT = settings.UPLOAD_SPARE_BYTES = 0
    with small_file_system(tmp_path / "small", "size=64m") as folder:
        yield SmallDisk(folder)


@pytest.fixture(params=PLACES)
def full_disk(request, small_disk, settings, monkeypatch) -> SmallDisk:
    """Full under the rasters, or under what is made before they are put there."""
    if request.param == "rasters":
        monkeypatch.setitem(storages["rasters"].__dict__, "location", str(small_disk.folder))
    else:
        monkeypatch.setattr(tempfile, "tempdir", str(small_disk.folder))
        settings.WORK_DIR = str(small_disk.folder)
    small_disk.fill()
    return small_disk


@pytest.mark.django_db
def test_a_run_waits_says_what_to_do_and_succeeds_once_there_is_room(full_disk, make_egms):
    product_load(path=make_egms(n=60))
    (run,) = ml_services.runs_queue(method="matched-filter")
    with contextlib.suppress(OSError):
        ml_services.run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.cause, Prediction.objects.count()) == (Run.State.QUEUED, "disk", 0)
    assert "is full: free space" in run.error
    assert full_disk.files() == []
    full_disk.make_room()
    runs_retry(runs=Run.objects.all())
    assert ml_services.run_execute(run_id=run.pk).pk == run.pk
    run.refresh_from_db()
    assert (run.state, run.faults, run.cause, run.next_try_at) == (Run.State.SUCCEEDED, 0, "", None)
    with Prediction.objects.get().raster.open() as stream:
        assert stream.size > 1000


@pytest.mark.django_db(transaction=True)
def test_an_image_waits_says_what_to_do_and_is_loaded_once_there_is_room(full_disk, make_rtc, monkeypatch):
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    path = make_rtc()
    job = jobs.job_queue(source=IngestJob.Source.WATCH, path=path, original_name=path.name)
    job_carry_out(job_id=job.pk, attempt=jobs.job_claim(job_id=job.pk).attempts)
    job.refresh_from_db()
    assert (job.state, Scene.objects.count()) == (IngestJob.State.QUEUED, 0)
    assert "is full: free space" in job.error
    assert full_disk.files() == []
    full_disk.make_room()
    jobs.jobs_retry(jobs=IngestJob.objects.all())
    job_carry_out(job_id=job.pk, attempt=jobs.job_claim(job_id=job.pk).attempts)
    assert Scene.objects.ready().count() == 1


@pytest.mark.parametrize("left_kb", [0, 500, 1500, 2500, 3500, 4500])
def test_what_gdal_writes_is_whole_or_not_there_however_little_room_is_left(small_disk, left_kb):
    """Of some of these GDAL reports success, and leaves a file that cannot be read."""
    values = np.random.default_rng(1).normal(size=(900, 900)).astype(np.float32)
    grid = PixelGrid(32633, Affine(30, 0, 4e5, 0, -30, 5e6), 900, 900)
    small_disk.fill(left_bytes=left_kb * 1000)
    path, outcomes = small_disk.folder / "a.tif", []
    for write in (
        lambda: write_cog(path, {"a": values}, grid.transform, grid.epsg, ["mm"], {}),
        lambda: write_cog_blocks(path, grid, [Block(0, 0, values)], ("a", "mm"), {}),
    ):
        with contextlib.suppress(OSError):
            write()
            with rasterio.open(path) as raster:
                assert np.array_equal(raster.read(1), values)
        outcomes.append(small_disk.files())
        path.unlink(missing_ok=True)
    assert outcomes[0] == (["a.tif"] if left_kb == 4500 else [])
    assert outcomes[1] == []


@pytest.mark.django_db
@pytest.mark.parametrize("size", [100, 6_000, 3_000_000])
def test_an_upload_onto_a_disk_that_fills_up_meanwhile_keeps_nothing_and_says_so(
    small_disk, settings, monkeypatch, size
):
    settings.UPLOAD_DIR = str(small_disk.folder / "uploads")
    monkeypatch.setattr("monitor.pages.uploads.views.too_much", lambda content_length: "")
    client = signed_in(account("olga", OPERATORS))

    def send():
        body = {"files": [SimpleUploadedFile("a.csv", b"x" * size)], "whole": "yes"}
        return client.post(reverse("uploads"), body, headers={"Accept": "application/json"})

    small_disk.fill()
    answer = send()
    assert (answer.status_code, small_disk.files()) == (507, [])
    assert "not enough room" in answer.json()["faults"][0]
    small_disk.make_room()
    assert send().status_code == 200
    assert small_disk.files() == ["a.csv"]
