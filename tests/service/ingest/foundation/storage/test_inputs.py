"""Given files in the object store: uploaded, taken from the watched folder, brought to the worker that reads them."""

from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from ingest.foundation.storage import raster_entries
from ingest.jobs import services as jobs
from ingest.jobs import watching
from ingest.models import IngestJob, Scene
from monitor.web.guards import OPERATORS


@pytest.fixture
def storage_kind() -> str:
    return "s3"


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path, monkeypatch):
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    settings.WATCH_STABLE_SECONDS = 0
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)


def files(folder: str | Path) -> list[str]:
    return [path.name for path in Path(folder).rglob("*") if path.is_file()]


@pytest.mark.django_db(transaction=True)
def test_an_upload_goes_to_the_store_and_its_image_too_by_a_process_without_keys(make_rtc, settings):
    user = get_user_model().objects.create_user("olga")
    user.groups.add(Group.objects.get(name=OPERATORS))
    client = Client()
    client.force_login(user)
    path = make_rtc()
    body = {"files": [SimpleUploadedFile(path.name, path.read_bytes())], "whole": "yes"}
    answer = client.post(reverse("uploads"), body, headers={"Accept": "application/json"})
    assert answer.json() == {"queued": [path.name], "faults": []}
    job = IngestJob.objects.get()
    assert job.stored_path.startswith("uploads/")
    assert files(settings.UPLOAD_DIR) == []
    assert storages["inputs"].size(job.stored_path) == path.stat().st_size
    assert jobs.job_execute(job_id=job.pk)
    job.refresh_from_db()
    assert (job.error, job.state, job.stored_path) == ("", IngestJob.State.LOADED, "")
    scene = Scene.objects.ready().get()
    assert [entry.name for entry in raster_entries()] == [scene.raster.name]
    assert [*storages["inputs"].entries()] == []


@pytest.mark.django_db
def test_what_lies_in_the_watched_folder_is_stored_read_and_then_moved_there(make_egms, tmp_path):
    folder, here = tmp_path / "inbox", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    make_egms(n=30).rename(folder / "egms.csv")
    assert [watching.round_make(folder=folder) for _ in range(2)] == [1, 0]
    job = IngestJob.objects.get()
    assert job.stored_path.startswith("watched/")
    assert storages["inputs"].exists(job.stored_path)
    jobs._fetch(jobs.job_claim(job_id=job.pk), here)
    assert files(here) == ["egms.csv"]
    IngestJob.objects.update(state=IngestJob.State.LOADED)
    watching.round_make(folder=folder)
    assert files(folder / "done") == ["egms.csv"]
    assert [*storages["inputs"].entries()] == []
