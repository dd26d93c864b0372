"""The second step of an upload: what a file was taken for, and fields for what it does not state."""

import re
from pathlib import Path

import pytest
from django.contrib.gis.geos import Point
from django.urls import reverse

from ground_motion.readers.formats.inspection import inspect
from ingest.jobs.services import job_execute, job_queue
from ingest.models import IngestJob
from tests.makers import geotiff

pytestmark = pytest.mark.django_db
State = IngestJob.State


@pytest.fixture
def asked(settings, tmp_path) -> IngestJob:
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    path = geotiff.make(tmp_path / "uploads" / "one", value=-0.02, name="vel.tif")
    told = inspect(path)
    return IngestJob.objects.create(
        source=IngestJob.Source.UPLOAD,
        original_name="vel.tif",
        stored_path=str(path),
        state=State.REJECTED,
        track=7,
        error="vel.tif: the unit, sign and period of its values are not declared. Add what holds.",
        inspection={"missing": ["unit", "positive", "period"], "told": told},
    )


def page(operator) -> str:
    return operator.get(reverse("uploads")).content.decode()


def test_the_page_shows_what_the_file_was_taken_for_and_asks_for_what_it_lacks(operator, asked):
    shown = page(operator)
    assert "Taken for: GeoTIFF." in shown
    assert "19 points, Mexico" in shown
    assert "The file’s own numbers run from" in shown.replace("&#x27;", "’")
    assert "waiting for your answer" in shown
    for name in ("unit", "positive", "first_day", "last_day"):
        assert f'id="job-{asked.pk}-{name}" required' in shown or f'required id="job-{asked.pk}-{name}"' in shown
    assert f'<input type="hidden" name="track" value="7" id="job-{asked.pk}-track">' in shown
    assert "please choose" in shown
    told = asked.inspection["told"] | {"title": "<b>x</b>", "reason": '"><script>'}
    IngestJob.objects.update(inspection={"missing": ["unit"], "told": told})
    shown = page(operator)
    assert "&lt;b&gt;x" in shown
    assert '"><script>' not in shown


def test_the_answer_is_queued_with_what_was_known_before(operator, asked):
    days = {"first_day": "2019-01-01", "last_day": "2023-12-31"}
    answer = {"source_format": "auto", "track": "7", "unit": "m/yr", "positive": "away", **days}
    assert operator.post(reverse("upload-again", args=[asked.pk]), answer).status_code == 302
    asked.refresh_from_db()
    assert (asked.state, asked.unit, asked.positive, asked.track) == (State.QUEUED, "m/yr", "away", 7)


def test_a_file_can_be_withdrawn_once(operator, asked):
    address = reverse("upload-withdraw", args=[asked.pk])
    assert operator.post(address).status_code == 302
    assert not Path(asked.stored_path).exists()
    assert "was withdrawn and deleted" in page(operator)
    assert operator.post(address).status_code == 409


@pytest.mark.django_db(transaction=True)  # A process of its own reads the file.
@pytest.mark.parametrize(
    ("header", "place", "epsg", "chosen"),
    [
        ("", "500000 4167239", 32633, ""),
        ("breite_x hoehe_y foo vel_mm_yr\n", "15.0 37.65", 4326, '<option value="vel_mm_yr" selected>'),
    ],
)
def test_a_table_of_unknown_columns_shows_its_rows_and_is_loaded_by_what_is_chosen(
    operator, settings, tmp_path, header, place, epsg, chosen
):
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    path = tmp_path / "uploads" / "one" / "table.txt"
    path.parent.mkdir(parents=True)
    east, north = map(float, place.split())
    step = 1e-3 if epsg == 4326 else 100
    rows = [f"{east + step * i:.4f} {north + step * (i % 5):.4f} {i % 7} {-3 - i % 4}.5" for i in range(40)]
    path.write_text(header + "\n".join(rows) + "\n")
    job = job_queue(source=IngestJob.Source.UPLOAD, path=path, original_name="table.txt")
    assert job_execute(job_id=job.pk).state == State.REJECTED
    shown = page(operator)
    assert f"<td>{rows[0].split()[0]}</td>" in shown
    assert "Say which column holds what below" in shown
    assert "--" not in re.search(r'data-part="reason"[^>]*>([^<]*)', shown)[1]
    assert chosen in shown
    x, y, _, velocity = header.split() or [f"column {number}" for number in (1, 2, 3, 4)]
    answer = {"column-x": x, "column-y": y, "column-velocity": velocity, "column-epsg": epsg}
    answer |= {"source_format": "auto", "first_day": "2019-01-01", "last_day": "2023-12-31"}
    answer |= {"positive": "toward"} | ({} if header else {"unit": "mm/yr"})
    again = reverse("upload-again", args=[job.pk])
    assert operator.post(again, answer | {"column-y": x}).status_code == 400
    assert operator.post(again, answer | {"column-velocity": "rate"}).status_code == 400
    assert operator.post(again, answer).status_code == 302
    loaded = job_execute(job_id=job.pk)
    assert (loaded.state, loaded.error) == (State.LOADED, "")
    assert operator.post(again, answer).status_code == 409
    product = loaded.products.get()
    assert product.n_points == 40
    assert product.footprint.centroid.distance(Point(15.02, 37.652)) < 0.02


ODD = [
    [],
    {"title": "<script>", "reason": "x", "parts": [{"points": "many"}]},
    {"title": "x", "reason": "x", "parts": 7},
    {"title": "x", "reason": "x", "parts": [{"extent": [1, 2, 3, float(9)], "values": [0] * 5, "points": 10**400}]},
]


def test_an_inspection_of_an_odd_form_leaves_the_question_without_a_picture(operator, asked):
    for told in ODD:
        IngestJob.objects.update(inspection={"missing": ["unit"], "told": told})
        shown = page(operator)
        assert "<script>x" not in shown
        assert "Taken for" not in shown, told
        assert f"job-{asked.pk}-unit" in shown
