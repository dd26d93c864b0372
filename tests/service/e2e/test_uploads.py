"""An operator in a browser sends files: progress, the line of a bad one, the product of a good one."""

import pytest
from playwright.sync_api import expect

from ingest.jobs import services as jobs
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete
from tests.makers import geotiff
from tests.service.e2e.browsers import fits_any_window, sign_in


@pytest.fixture(autouse=True)
def no_worker(operator, settings, tmp_path, monkeypatch):
    """The test carries the jobs out."""
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    yield
    for product in Product.objects.all():
        product_delete(product=product)


def carry_out() -> None:
    for job in IngestJob.objects.filter(state=IngestJob.State.QUEUED):
        jobs.job_execute(job_id=job.pk)


def test_a_file_without_unit_is_tried_again_with_what_is_said_of_it(page, tmp_path):
    path = geotiff.make(tmp_path, 0.02)
    sign_in(page, "/uploads/")
    page.get_by_label("Choose files").set_input_files(path)
    page.get_by_role("button", name="Send").click()
    row = page.locator("[data-job]")
    expect(row).to_contain_text("waiting")
    carry_out()
    expect(row).to_contain_text("are not declared. Say what holds below and try again.")
    expect(row).to_contain_text("19 points, Mexico")
    assert fits_any_window(page)
    row.get_by_label("Unit of its values").select_option("m/yr")
    row.get_by_label("A positive value moves").select_option("down")
    row.get_by_label("First day, if it has velocities only").fill("2019-01-01")
    row.get_by_label("Last day").fill("2023-12-31")
    row.get_by_role("button", name="Load it").click()
    expect(page.get_by_text("velocity.tif is tried again.")).to_be_visible()
    carry_out()
    expect(row).to_contain_text("loaded, 19 points")
