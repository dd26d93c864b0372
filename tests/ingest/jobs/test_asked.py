"""An upload that lacks a declaration: its sender is asked, with what was found in it, and nothing is guessed."""

from datetime import date
from pathlib import Path

import pytest

from ingest.jobs import services as jobs
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete
from ingest.readers.records import Declaration, Submission
from tests.makers import geotiff

State, UPLOAD, WATCH = IngestJob.State, IngestJob.Source.UPLOAD, IngestJob.Source.WATCH
UNIT = Declaration(unit="m/yr", positive="away", track=7)
WHOLE = Declaration(unit="m/yr", positive="away", track=7, period=(date(2019, 1, 1), date(2023, 12, 31)))

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet(settings, tmp_path, monkeypatch):
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    yield
    for product in Product.objects.all():  # partitions are not swept with the tables
        product_delete(product=product)


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
    assert jobs.job_retry(job=job, submission=Submission(declared=WHOLE))
    loaded = jobs.job_execute(job_id=job.pk)
    assert (loaded.state, loaded.error, loaded.inspection) == (State.LOADED, "", {})


def test_what_was_declared_is_used_in_the_inspection(settings):
    job = given(settings, UNIT)
    assert job.inspection["missing"] == ["period"]
    assert job.inspection["told"]["parts"][0]["values"] == pytest.approx([20.0] * 5)
    assert ["unit", "m/yr", "declared"] in job.inspection["told"]["parts"][0]["facts"]


def test_a_file_that_states_all_goes_on_without_a_question(settings):
    job = given(settings, WHOLE)
    assert (job.state, job.inspection) == (State.LOADED, {})


@pytest.mark.parametrize("command", [["-c", "import os; os.abort()"], ["-m", "no_such_module"]])
def test_an_inspection_that_fails_leaves_the_question(settings, command):
    settings.INSPECT_COMMAND = command
    job = given(settings, UNIT)
    assert (job.state, job.inspection) == (State.REJECTED, {"missing": ["period"]})


@pytest.mark.parametrize("written", ["'{'", "'[]'", "'[1' + ',1' * 200_000 + ']'"])
def test_what_the_inspection_writes_is_limited_and_may_be_anything(settings, written):
    code = f"import sys; open(sys.argv[sys.argv.index('--out') + 1], 'w').write({written})"
    settings.INSPECT_COMMAND = ["-c", code]
    assert given(settings, UNIT).inspection == {"missing": ["period"]}


def test_the_watched_folder_has_nobody_to_ask(settings):
    job = given(settings, UNIT, source=WATCH)
    assert (job.state, job.inspection) == (State.REJECTED, {})


def test_a_withdrawn_file_is_deleted_and_cannot_be_tried_again(settings):
    job = given(settings, UNIT)
    assert jobs.job_withdraw(job=job, by="anna")
    assert not (Path(settings.UPLOAD_DIR) / "one").exists()
    job.refresh_from_db()
    assert (job.state, job.error, job.stored_path) == (State.CANCELLED, "Withdrawn by anna.", "")
    assert not jobs.may_retry(job)
    assert not jobs.job_withdraw(job=job, by="anna")
