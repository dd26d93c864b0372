"""The page of data: releases, what changed, what was refused and why; and the layers of ice."""

import csv
import html
import io
import re
from datetime import UTC, date, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rasterio.io import MemoryFile

from ground_motion.readers.context.records import ContextKind
from ground_motion.readers.records import Declaration, Submission
from ingest.context.services import context_load
from ingest.jobs.child import job_carry_out
from ingest.jobs.services import job_claim
from ingest.models import IngestJob, Product, Scene
from ingest.products.releases import release_changes_make
from ingest.products.services import product_load, products_load
from ml.models import ModelVersion, Run
from monitor.maps.map import plans
from monitor.maps.map.selectors import layers_available
from monitor.models.messages import Notification, OutgoingMessage
from monitor.pages.products import views
from monitor.wording.figures import cell_text
from tests.makers import geotiff
from tests.makers import its_live as made_its_live
from tests.makers import pairs as made_pairs
from tests.makers.detections import make_detection

pytestmark = pytest.mark.django_db


def incomplete(table):
    table["mean_velocity"][6:9] = [-9999] * 3
    table["mean_velocity"][2] = "nan"
    table["pid"][2] = '=HYPERLINK("http://example.org")'
    table["latitude"][5] = "nan"


@pytest.fixture
def two_releases(make_egms) -> list[Product]:
    def shifted(table):
        for day in [name for name in table if name.isdigit()]:
            table[f"{int(day) + 10000}"] = table.pop(day)

    older = product_load(path=make_egms(name="EGMS_L2b_117_0227_IW2_VV_2019_2023_1.zip", n=14, velocity_mm_yr=-5.0))
    newer = make_egms(name="EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip", n=12, velocity_mm_yr=-7.0, change=shifted)
    return [older, product_load(path=newer)]


def test_refused_rows_are_counted_by_reason_and_can_be_downloaded(client, make_egms):
    product = product_load(path=make_egms(change=incomplete))
    page = client.get(reverse("product-detail", args=[product.pk])).content.decode()
    assert "its velocity is not a number (1)" in page
    assert "its position is not a number (1)" in page
    assert "3 rows hold -9999, which was taken for a missing value." in page
    answer = client.get(reverse("product-refused", args=[product.pk]))
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["point", "reason"]
    assert ["pt00000005", "its position is not a number"] in rows
    assert rows[2][0].startswith("'=HYPERLINK")  # no spreadsheet runs it


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_text_starts_a_formula(text):
    assert cell_text(text) == f"'{text}"
    assert cell_text("its velocity is not a number") == "its velocity is not a number"


def test_an_older_release_is_folded_away_and_the_change_is_reported(client, two_releases):
    release_changes_make()
    older, newer = two_releases
    assert "Older releases, kept but no longer shown (1)" in client.get(reverse("product-list")).content.decode()
    pages = [client.get(reverse("product-detail", args=[one.pk])).content.decode() for one in two_releases]
    for page, other in zip(pages, reversed(two_releases), strict=True):
        assert f'<a href="{reverse("product-detail", args=[other.pk])}">{other.name}</a>' in page
    page = pages[1]
    assert "Since the release 2019–2023, version 1, 2 points are gone and 0 are new" in page
    assert "Still ground differs by 2.0 mm a year between the two releases; this is subtracted." in page
    assert re.search(r"Of \d+ cells, 0 move faster, 0 move slower, 0 show new motion, and 0 have lost", page)
    answer = client.get(reverse("product-change", args=[newer.pk]))
    with MemoryFile(b"".join(answer)) as memory, memory.open() as raster:
        assert raster.descriptions == ("gone", "new", "velocity_change_mm_yr", "sigma_mm_yr", "verdict")
    assert client.get(reverse("product-change", args=[older.pk])).status_code == 404


def test_operators_see_who_loaded_a_product_what_searched_it_and_how_far_that_is(client, operator, make_egms):
    product = product_load(path=make_egms(), submission=Submission(loaded_by="somebody.else"))
    version = ModelVersion.objects.create(task="deformation", method="model", version="1", weights_sha256="ab" * 32)
    Run.objects.create(model_version=version, product=product, state="running", share_done=0.4)
    page = reverse("product-detail", args=[product.pk])
    public = client.get(page).content.decode()
    assert "Searched for motion" not in public
    assert "somebody.else" not in public
    content = operator.get(page).content.decode()
    assert "running, 40 % done" in content
    assert "somebody.else" in content
    assert "weights <code>abababababab</code>" in content


def test_ice_has_layers_of_its_own_and_speaks_in_metres(client, tmp_path, make_egms):
    products_load(path=made_its_live.make(tmp_path, vx=100))
    product_load(path=make_egms(name="EGMS_L3_E46N17_100km_E_2020_2024_1.zip"))
    assert {layer.name for layer in layers_available()} == {"east", "tracked-east", "tracked-north"}
    east = Product.objects.get(component="east", technique="tracking")
    point = east.measurementpoint_set.order_by("pid").last()
    body = client.get(reverse("point-series", args=[east.pk, point.pid])).json()
    assert "moved east by about 100" in body["sentence"]
    assert "m a year" in body["sentence"]
    assert (body["dates"], body["displacement_mm"], body["fit_mm"]) == ([], [], None)


def test_filters_in_the_address_narrow_the_table_and_wrong_ones_are_told(client, tmp_path, make_egms):
    product_load(path=make_egms())
    product_load(path=make_egms(name="EGMS_L3_E46N17_100km_E_2020_2024_1.zip"))
    village = tmp_path / "villages.csv"
    village.write_text("name,latitude,longitude,population\nFaraway,1,1,9\n")
    context_load(path=village, kind=ContextKind.PLACES)

    def shown(query: str) -> set[str]:
        page = client.get(f"{reverse('product-list')}?{query}")
        assert page.status_code == 200
        return {row["row"].component for row in page.context["products"]}

    everything = {"los", "east"}
    assert shown("") == shown("sort=points") == shown("origin=real&since=2020&until=2024") == everything
    assert shown("kind=east") == {"east"}
    assert shown("kind=images") == shown("origin=simulated") == shown("place=faraway") == shown("since=2090") == set()
    assert shown("kind=nonsense&since=soon&place=nowhere&page=x") == everything
    assert "No place of this name was found." in client.get(f"{reverse('product-list')}?place=nowhere").content.decode()


@pytest.mark.parametrize("simulated", [False, True])
def test_ground_of_images_alone_is_drawn_as_what_it_is(client, monkeypatch, simulated):
    made_pairs.make_scene(datetime(2021, 12, 1, 6, 30, tzinfo=UTC))
    Scene.objects.update(simulated=simulated, source_format="sentinel1-grd")
    drawn = []
    monkeypatch.setattr(
        views, "footprints_plan", lambda *given: drawn.append(given[-1]) or plans.footprints_plan(*given)
    )
    assert client.get(f"{reverse('product-list')}?kind=images").context["stacks"]
    assert drawn == [simulated]


def test_a_long_list_has_pages_and_as_many_queries_as_a_short_one(
    client, make_egms, monkeypatch, django_assert_max_num_queries
):
    product_load(path=make_egms())
    product_load(path=make_egms(name="EGMS_L3_E46N17_100km_E_2020_2024_1.zip"))
    with CaptureQueriesContext(connection) as of_two:
        client.get(reverse("product-list"))
    monkeypatch.setattr(views, "PER_PAGE", 1)
    with django_assert_max_num_queries(len(of_two)):
        first = client.get(reverse("product-list"))
    second = client.get(f"{reverse('product-list')}?page=2")
    assert [row["row"].component for page in (first, second) for row in page.context["products"]] == ["east", "los"]
    assert "?page=2" in first.content.decode()


def test_what_was_said_wrongly_is_corrected_taken_back_and_restored_on_pages(
    client, operator, settings, tmp_path, make_alert, make_subscription
):
    """Correct, take back and restore data on pages, and read after each step what visitors get."""
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    path = geotiff.make(tmp_path, value=24.0, name="vel.tif")
    days = {"first_day": "2019-01-01", "last_day": "2023-12-31"}
    told = Declaration(unit="mm/yr", positive="up", period=(date(2019, 1, 1), date(2023, 12, 31)))
    old = product_load(path=path, submission=Submission(declared=told, loaded_by="somebody.else"))
    alert, subscription = make_alert(longitude=-99.198, latitude=19.498), make_subscription()
    make_detection(old, alert)
    message = OutgoingMessage.due("alert", "1", subscription.email, state="sent")
    message.save()
    Notification.objects.create(transition=alert.transitions.first(), subscription=subscription, message=message)

    def page(pk: int, client=client, status: int = 200) -> str:
        answer = client.get(reverse("product-detail", args=[pk]))
        assert answer.status_code == status
        return html.unescape(" ".join(answer.content.decode().split()))

    assert '<td data-label="Value">upward</td>' in page(old.pk)
    assert "the person who gave the file" in page(old.pk)
    assert "somebody.else" not in page(old.pk)
    form = f"{reverse('uploads')}?correct={old.pk}"
    assert form not in page(old.pk)
    assert form in page(old.pk, operator)

    asked = operator.get(form).content.decode()
    assert '<option value="up" selected>' in asked
    assert 'value="2019-01-01"' in asked
    wish = {"unit": "mm/yr", "positive": "down", **days, "why": "The sign was wrong.", "whole": "yes"}
    other = SimpleUploadedFile("other.tif", b"another file")
    answer = operator.post(form, wish | {"files": [other]})
    assert (answer.status_code, "other.tif is not the file that was loaded" in answer.content.decode()) == (422, True)
    answer = operator.post(form, wish | {"files": [SimpleUploadedFile("vel.tif", path.read_bytes())]})
    assert answer.status_code == 302
    job = IngestJob.objects.get()
    job_carry_out(job_id=job.pk, attempt=job_claim(job_id=job.pk).attempts)
    new = Product.objects.get()
    assert new.corrects == old
    assert new.header["declared"]["positive"] == "down"
    gone = page(old.pk, status=410)
    assert "The sign was wrong." in gone
    assert reverse("product-detail", args=[new.pk]) in gone
    assert "Restore the data set" not in page(old.pk, operator)
    assert "The sign was wrong." in page(new.pk)
    assert "are being searched again" in client.get(alert.get_absolute_url()).content.decode()

    make_detection(new, alert)
    take_back = reverse("product-take-back", args=[new.pk])
    asked = " ".join(operator.get(take_back).content.decode().split())
    assert "1 alert ends, because it rests on these data alone." in asked
    assert "1 subscription that had news of these alerts gets a message" in asked
    assert "What was mailed or copied cannot be recalled." in asked
    assert operator.post(take_back, {"why": " "}).status_code == 422
    assert operator.post(take_back, {"why": "It is another place."}).status_code == 302
    assert "It is another place." in page(new.pk, status=410)
    for address in (alert.get_absolute_url(), f"{alert.get_absolute_url()}report/"):
        assert "the data were taken back: It is another place." in client.get(address).content.decode()
    listed = [client.get(reverse("product-list")).content.decode() for client in (client, operator)]
    assert ["It is another place." in one for one in listed] == [False, True]
    assert "30 days left" in listed[1]
    assert "Restore the data set" in page(new.pk, operator)
    assert operator.post(reverse("product-undo", args=[new.pk])).status_code == 302
    operator.post(reverse("product-undo", args=[new.pk]))
    assert f'<span lang="en">product {new.pk} (' in page(new.pk, operator)
    assert "Restored" in page(new.pk)
    alert.refresh_from_db()
    assert alert.state == "first"
