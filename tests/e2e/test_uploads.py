"""An operator in a browser sends files: progress, the line of a bad one, the product of a good one."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from playwright.sync_api import expect

from ingest.jobs import services as jobs
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete
from monitor.web.roles import OPERATORS
from tests.e2e.browsers import SIZES, fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a long enough pass phrase"


@pytest.fixture(autouse=True)
def operator(transactional_db, settings, tmp_path, monkeypatch):
    """An account, and no worker: the test carries the jobs out."""
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    user = get_user_model().objects.create_user("anna", password=PASSWORD)
    user.groups.add(Group.objects.get(name=OPERATORS))
    yield user
    for product in Product.objects.all():
        product_delete(product=product)


def sign_in(page) -> None:
    page.goto("/login/?next=/uploads/")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Add data")).to_be_visible()


def carry_out() -> None:
    for job in IngestJob.objects.filter(state=IngestJob.State.QUEUED):
        jobs.job_execute(job_id=job.pk)


@pytest.mark.parametrize("size", SIZES)
def test_files_are_sent_and_the_list_says_what_became_of_them(open_page, make_egms, tmp_path, size):
    bad = tmp_path / "notes.csv"
    bad.write_text("name,colour\nanna,red\n")
    page = open_page(size)
    sign_in(page)
    page.get_by_label("Choose files").set_input_files([make_egms(n=30), bad])
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#sending")).to_contain_text("sent")
    rows = page.locator("[data-job]")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("waiting")
    carry_out()
    expect(rows.filter(has_text="notes.csv")).to_contain_text("its columns name, colour")
    good = rows.filter(has_text="EGMS_L2b")
    expect(good).to_contain_text("loaded, 30 points")
    assert fits(page)
    expect(good.get_by_role("link", name="EGMS L2b, track 117")).to_have_attribute(
        "href", f"/products/{Product.objects.get().pk}/"
    )


def test_a_file_without_unit_is_tried_again_with_what_is_said_of_it(open_page, tmp_path):
    import numpy as np
    import rasterio
    from affine import Affine

    path = tmp_path / "velocity.tif"
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 6, "height": 5, "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=Affine(100, 0, 4e5, 0, -100, 5e6), **profile) as raster:
        raster.write(np.full((5, 6), 0.02, dtype=np.float32), 1)
    page = open_page("desktop")
    sign_in(page)
    page.get_by_label("Choose files").set_input_files(path)
    page.get_by_role("button", name="Send").click()
    row = page.locator("[data-job]")
    expect(row).to_contain_text("waiting")
    carry_out()
    expect(row).to_contain_text("Choose its unit below and try again")
    row.locator("summary").click()
    row.get_by_label("Unit of its values").select_option("m/yr")
    row.get_by_label("A positive value moves").select_option("down")
    row.get_by_label("First day, if it has velocities only").fill("2019-01-01")
    row.get_by_label("Last day").fill("2023-12-31")
    row.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("velocity.tif is tried again.")).to_be_visible()
    carry_out()
    expect(row).to_contain_text("loaded, 30 points")


def test_sending_works_without_javascript(open_page, make_egms):
    page = open_page("desktop", java_script_enabled=False)
    sign_in(page)
    page.get_by_label("Choose files").set_input_files(make_egms(n=12))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("1 file was received.")).to_be_visible()
    carry_out()
    page.reload()
    expect(page.locator("[data-job]")).to_contain_text("loaded, 12 points")
