"""An object store that is away, busy, slow, full, or breaks off: nothing is kept in part, nothing is lost or misstated,
one clear reason is given, and everything goes on once it is back.
"""

import contextlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from ground_motion.core.errors import StorageFailed
from ground_motion.readers.context.records import ContextKind
from ingest.context.exposure import exposed_in
from ingest.context.selectors import context_at, ground_at
from ingest.context.services import context_load
from ingest.context.terrain import elevation_over
from ingest.foundation.storage import raster_entries, raster_storage
from ingest.jobs import services as jobs
from ingest.jobs import watching
from ingest.models import IngestJob, Scene
from ingest.products.services import product_load
from ingest.scenes.services import scenes_load
from ml.models import Prediction, Run
from ml.runs import services as ml_services
from ml.runs.queue import runs_retry
from monitor.operations.backups import manifest, services
from monitor.operations.retention.services import KINDS
from monitor.web.guards import OPERATORS
from tests.makers import streetmap
from tests.makers.people import account, signed_in
from tests.makers.wire import FAULTS_OF_READING, FAULTS_OF_WRITING, be_full, be_slow, refuse, with_the_rest

AREA = MultiPolygon(Polygon.from_bbox((10.0, 49.99, 10.01, 50.0)), srid=4326)


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path, monkeypatch):
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    settings.WATCH_STABLE_SECONDS = 0
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)


def unfinished() -> list:
    """Uploads that were begun and neither ended nor given up."""
    return raster_storage().unfinished_uploads(before=timezone.now() + timedelta(minutes=1))


def sweep(begin, monkeypatch) -> None:
    """What was given up as too slow may still arrive: it is deleted a day later, as nothing names it."""
    if begin is be_slow:
        monkeypatch.setattr("monitor.operations.retention.services.ORPHAN_AFTER", timedelta(seconds=-60))
        for over in KINDS[-1].due():
            over.delete()


def send(name: str, content: bytes):
    """As an operator, through the page."""
    user = User.objects.filter(username="olga").first() or account("olga", OPERATORS)
    body = {"files": [SimpleUploadedFile(name, content)], "whole": "yes"}
    return signed_in(user).post(reverse("uploads"), body, headers={"Accept": "application/json"})


@pytest.mark.django_db
@pytest.mark.parametrize("begin", FAULTS_OF_WRITING)
def test_a_run_waits_says_why_and_succeeds_once_the_store_is_back(wire, begin, make_egms, monkeypatch):
    product_load(path=make_egms(n=60))
    (run,) = ml_services.runs_queue(method="matched-filter")
    begin(wire)
    with contextlib.suppress(OSError):
        ml_services.run_execute(run_id=run.pk)
    wire.mend()
    sweep(begin, monkeypatch)
    run.refresh_from_db()
    assert (run.state, Prediction.objects.count()) == (Run.State.QUEUED, 0)
    assert run.error.startswith("The object store s3://")
    assert ("has no room" if begin is be_full else "see whether it runs") in run.error
    assert [*raster_entries(), *unfinished()] == []
    runs_retry(runs=Run.objects.all())
    assert ml_services.run_execute(run_id=run.pk).pk == run.pk
    with Prediction.objects.get().raster.open() as stream:
        assert len(stream.read()) > 1000


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begin", FAULTS_OF_WRITING)
def test_an_upload_is_kept_whole_or_not_at_all_and_its_sender_is_told(wire, begin, make_rtc, tmp_path, monkeypatch):
    content = make_rtc().read_bytes()
    begin(wire)
    answer = send("a.h5", content)
    wire.mend()
    sweep(begin, monkeypatch)
    assert answer.status_code == (507 if begin is be_full else 503)
    (fault,) = answer.json()["faults"]
    assert "Nothing was kept" in fault
    assert [*storages["inputs"].entries(), *unfinished(), *(tmp_path / "uploads").iterdir()] == []
    assert not IngestJob.objects.exists()
    assert send("a.h5", content).json() == {"queued": ["a.h5"], "faults": []}
    assert storages["inputs"].size(IngestJob.objects.get().stored_path) == len(content)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begin", [pytest.param(refuse, marks=with_the_rest), be_full])
def test_a_given_image_waits_in_the_store_until_it_can_be_read_and_stored(wire, begin, make_rtc):
    """The process that reads it stores through its worker."""
    path = make_rtc()
    send(path.name, path.read_bytes())
    begin(wire)
    with contextlib.suppress(OSError):
        jobs.job_execute(job_id=IngestJob.objects.get().pk)
    wire.mend()
    job = IngestJob.objects.get()
    assert (job.state, Scene.objects.ready().count()) == (IngestJob.State.QUEUED, 0)
    assert "The object store s3://" in job.error
    assert [*raster_entries()] == []
    assert storages["inputs"].exists(job.stored_path)
    jobs.jobs_retry(jobs=IngestJob.objects.all())
    assert jobs.job_execute(job_id=job.pk)
    assert [entry.name for entry in raster_entries()] == [Scene.objects.ready().get().raster.name]
    assert [*storages["inputs"].entries()] == []


@pytest.mark.django_db
@pytest.mark.parametrize("begin", FAULTS_OF_WRITING)
def test_a_file_in_the_watched_folder_waits_there(wire, begin, make_egms, tmp_path, monkeypatch):
    folder = tmp_path / "inbox"
    folder.mkdir()
    content = make_egms(n=200).rename(folder / "egms.csv").read_bytes()
    begin(wire)
    assert watching.round_make(folder=folder) == 0
    wire.mend()
    sweep(begin, monkeypatch)
    assert not IngestJob.objects.exists()
    assert [path.read_bytes() for path in folder.rglob("egms.csv")] == [content]
    assert watching.round_make(folder=folder) == 1
    with storages["inputs"].open(IngestJob.objects.get().stored_path) as stream:
        assert stream.read() == content
    assert len([*storages["inputs"].entries()]) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("begin", FAULTS_OF_READING)
def test_what_goes_into_an_alert_is_never_computed_without_what_the_store_holds(wire, begin, tmp_path, make_dem):
    """Else an alert would be less severe for ever because of a minute."""
    people = streetmap.people(tmp_path / "people.tif", np.full((20, 20), 10.0))
    context_load(path=people, kind=ContextKind.POPULATION)
    context_load(path=make_dem(), kind=ContextKind.ELEVATION)
    slope = MultiPolygon(Polygon.from_bbox((9.001, 46.945, 9.01, 46.95)), srid=4326)
    begin(wire)
    with pytest.raises(StorageFailed):
        exposed_in(area=AREA)
    with pytest.raises(StorageFailed):
        ground_at(area=slope)
    with pytest.raises(StorageFailed):
        elevation_over(area=slope, epsg=32632, posting_m=30.0, path=tmp_path / "over.tif")
    assert context_at(area=slope).ground is None  # beside other things, on a page
    wire.mend()
    assert exposed_in(area=AREA).people == pytest.approx(1000, rel=0.01)
    assert ground_at(area=slope) == context_at(area=slope).ground
    assert elevation_over(area=slope, epsg=32632, posting_m=30.0, path=tmp_path / "over.tif")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begin", FAULTS_OF_READING)
def test_a_backup_that_cannot_read_is_none_and_leaves_the_one_before(wire, begin, make_rtc, tmp_path, monkeypatch):
    monkeypatch.setattr(services, "_dump", lambda path, snapshot: Path(path).write_bytes(b"dump"))
    folder = tmp_path / "backup"
    scenes_load(path=make_rtc("20211119"))
    before = services.backup_make(folder=folder)
    scenes_load(path=make_rtc("20211201"))
    begin(wire)
    with pytest.raises(StorageFailed):
        services.backup_make(folder=folder)
    wire.mend()
    assert manifest.read(folder) == before
    manifest.check(folder, before)
    after = services.backup_make(folder=folder)
    manifest.check(folder, after)
    assert {f"rasters/{scene.raster.name}" for scene in Scene.objects.all()} <= {*after.files}
    assert (after.missing, len(after.files)) == ([], len(before.files) + 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begin", FAULTS_OF_WRITING)
def test_a_restore_that_breaks_off_is_taken_up_again(wire, begin, make_rtc, tmp_path, monkeypatch):
    monkeypatch.setattr(services, "_dump", lambda path, snapshot: Path(path).write_bytes(b"dump"))
    (scene,) = scenes_load(path=make_rtc())
    name = scene.raster.name
    with raster_storage().open(name) as stream:
        content = stream.read()
    made = services.backup_make(folder=tmp_path / "backup")
    raster_storage().delete(name)
    begin(wire)
    with pytest.raises(OSError, match="The object store"):
        services._rasters_restore(tmp_path / "backup", made)
    wire.mend()
    sweep(begin, monkeypatch)
    assert [*raster_entries(), *unfinished()] == []
    services._rasters_restore(tmp_path / "backup", made)
    with raster_storage().open(name) as stream:
        assert stream.read() == content
