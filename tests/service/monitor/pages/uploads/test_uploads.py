"""Sending files: who may, what is kept, what is answered. What becomes of them: tests/service/ingest/jobs."""

import hashlib
import stat
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from shapely import from_wkt

from ingest.jobs import child
from ingest.jobs.services import LEASE
from ingest.models import IngestJob
from ingest.products.services import product_load
from monitor.pages.uploads import resumable as uploads
from monitor.pages.uploads.forms import job_row
from monitor.web.guards import ADMINISTRATORS, OPERATORS
from tests.makers.people import account, signed_in
from tests.waiting import reread

pytestmark = pytest.mark.django_db
State, UPLOAD = IngestJob.State, IngestJob.Source.UPLOAD


@pytest.fixture(autouse=True)
def folder(settings, tmp_path) -> Path:
    settings.UPLOAD_DIR = str(tmp_path / "uploads")
    settings.UPLOAD_SPARE_BYTES = 0
    return tmp_path / "uploads"


def send(client: Client, *files, accept: str = "text/html", whole: bool = True, **declared):
    body = {"files": files, **declared} | ({"whole": "yes"} if whole else {})
    return client.post(reverse("uploads"), body, headers={"Accept": accept})


def file(name: str = "a.csv", content: bytes = b"a,b\n1,2\n", kind: str = "text/csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def lying(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


@pytest.mark.parametrize("group", [OPERATORS, ADMINISTRATORS])
def test_a_file_that_is_sent_waits_in_a_folder_of_its_own_that_only_the_service_reads(group, folder):
    answer = send(
        signed_in(account(group, group)),
        file("my field (1).csv", kind="image/png"),
        unit="cm/yr",
        positive="up",
        track="117",
        licence="CC0",
    )
    assert answer.status_code == 302
    job = IngestJob.objects.get()
    assert (job.state, job.source, job.original_name, job.given_by) == (State.QUEUED, UPLOAD, "my field (1).csv", group)
    assert (job.unit, job.positive, job.track, job.licence, job.size_bytes) == ("cm/yr", "up", 117, "CC0", 8)
    path = Path(job.stored_path)
    assert path.read_bytes() == b"a,b\n1,2\n"
    assert (path.name, path.parent.parent) == ("my_field_1_.csv", folder)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(job.sha256) == 64


def test_a_column_list_goes_along_with_every_file(operator):
    send(operator, file("a.csv"), file("b.csv", b"x,y\n"), mapping=file("columns.toml", b"velocity = 'v'"))
    for job in IngestJob.objects.all():
        assert Path(job.mapping_path).read_bytes() == b"velocity = 'v'"
        assert Path(job.mapping_path).parent == Path(job.stored_path).parent


SQUARE = b'{"type": "Polygon", "coordinates": [[[14, 40], [14.1, 40], [14.1, 40.1], [14, 40.1], [14, 40]]]}'


@pytest.mark.parametrize(
    ("entered", "given", "area_deg2", "fault"),
    [
        ("14.2, 40.9, 1.5", None, 7.55e-4, ""),
        ("", ("still.geojson", SQUARE), 0.01, ""),
        ("/etc/passwd", None, 0, "Write longitude, latitude and radius"),
        ("14.2, 40.9, nan", None, 0, "more than 0 and at most 50 km"),
        ("14.2, 140.9, 1.5", None, 0, "Latitude must be between"),
        ("", ("still.geojson", b'{"type": "Polygon"'), 0, "cannot be used"),
        ("", ("still.geojson", b'{"a":' * 10**5), 0, "still.geojson"),
        ("", ("still.exe", SQUARE), 0, "its ending is not one of"),
        ("", ("still.json", b" " * (5 * 2**20 + 1)), 0, "it may have at most 5.24 MB"),
    ],
)
def test_ground_that_stands_still_goes_along_as_a_disc_or_a_file(operator, folder, entered, given, area_deg2, fault):
    beside = {"still_file": file(*given)} if given else {}
    answer = send(operator, file(), still=entered, accept="application/json", **beside)
    if fault:
        assert fault in answer.json()["faults"][0]
        assert len(answer.json()["faults"][0]) <= 200
        assert (IngestJob.objects.exists(), lying(folder)) == (False, [])
    else:
        job = IngestJob.objects.get()
        assert from_wkt(job.still).area == pytest.approx(area_deg2, rel=0.1)
        IngestJob.objects.update(state=State.FAILED)
        shown = {field.name: field.value() or "" for field in job_row(reread(job))["form"]}
        operator.post(reverse("upload-again", args=[job.pk]), shown | {"unit": "cm/yr"})
        assert (reread(job).unit, reread(job).still) == ("cm/yr", job.still)
        assert child._submission(job).still == job.still


@pytest.mark.parametrize("group", ["anonymous", None])
def test_nobody_else_may_send_and_not_a_byte_is_kept(group, folder):
    answer = send(Client() if group else signed_in(account("nobody")), file())
    assert answer.status_code == (302 if group else 403)
    assert lying(folder) == []
    assert not IngestJob.objects.exists()


def test_without_the_token_of_the_form_nothing_is_kept(operator, folder):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert send(strict, file()).status_code == 403
    assert lying(folder) == []
    page = strict.get(reverse("uploads"))
    token = page.context["csrf_token"]
    assert send(strict, file(), csrfmiddlewaretoken=str(token)).status_code == 302


@pytest.mark.parametrize(
    ("change", "status", "fault"),
    [
        ({"UPLOAD_MAX_BYTES": 300}, 413, "at most 1 kB can be sent"),
        ({"UPLOAD_SPARE_BYTES": 10**18}, 507, "not enough room"),
    ],
)
def test_too_much_is_refused_before_a_byte_is_read(operator, settings, folder, change, status, fault):
    for name, value in change.items():
        setattr(settings, name, value)
    answer = send(operator, file(content=b"x" * 5000), accept="application/json")
    assert answer.status_code == status
    assert fault in answer.json()["faults"][0]
    assert lying(folder) == []


def test_a_transfer_that_broke_off_or_filled_the_disk_keeps_nothing(operator, folder, monkeypatch):
    answer = send(operator, file(), accept="application/json", whole=False)
    assert (answer.status_code, answer.json()["queued"]) == (400, [])
    assert "was interrupted" in answer.json()["faults"][0]
    assert lying(folder) == []
    cut = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n1,2\r\n3,'
    answer = operator.generic("POST", reverse("uploads"), cut, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert lying(folder) == []

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads.Incoming, "write", full, raising=False)
    assert send(operator, file(), accept="application/json").status_code == 507
    assert lying(folder) == []


def test_what_cannot_be_taken_is_named_and_the_others_are_taken_once(operator, folder, client):
    assert "Choose at least one file" in send(operator).content.decode()
    answer = send(operator, file(), track="many")
    assert (answer.status_code, "The track is a number" in answer.content.decode()) == (422, True)
    assert lying(folder) == []
    files = [file(name) for name in ("a.exe", "b.csv", "c", "d.shp")]  # of a shapefile, one part of several
    answer = send(operator, *files, accept="application/json").json()
    assert answer["queued"] == ["b.csv"]
    assert [fault.split(" was not taken")[0] for fault in answer["faults"]] == ["a.exe", "c", "d.shp"]
    again = send(operator, file("copy of b.csv"), accept="application/json")
    assert again.status_code == 422
    assert "in the list already" in again.json()["faults"][0]
    assert IngestJob.objects.count() == len(lying(folder)) == 1
    stored_at = Path(IngestJob.objects.get().stored_path).relative_to(folder.parent)
    for prefix in ("/", "/static/", "/media/", "/uploads/"):
        assert client.get(f"{prefix}{stored_at}").status_code in (302, 404), "uploads are under no address"


@pytest.mark.parametrize(
    "name", ["../../etc/x.csv", "..\\x.csv", "/abs.csv", ".hidden.csv", "-rf.csv", "a\u202eb.csv", "é" * 200 + ".csv"]
)
def test_no_name_leads_out_of_the_folder(operator, folder, name):
    send(operator, file(name))
    path = Path(IngestJob.objects.get().stored_path)
    assert path.resolve().parent.parent == folder.resolve()
    assert path.name.isascii()
    assert path.name[0] not in ".-"
    assert len(path.name) <= 150


def test_the_page_says_what_became_of_each_file(operator, product):
    common = {"source": UPLOAD, "given_by": "anna"}
    loaded = IngestJob.objects.create(original_name="good.zip", state=State.LOADED, points_done=12, **common)
    loaded.products.add(product)
    IngestJob.objects.create(original_name="<b>bad</b>.csv", state=State.REJECTED, error="bad.csv: no column", **common)
    IngestJob.objects.create(original_name="now.zip", state=State.RUNNING, points_done=12_000, **common)
    page = operator.get(reverse("uploads")).content.decode()
    assert f'<a href="{reverse("product-detail", args=[product.pk])}">{product.name}</a>' in page
    for words in ("loaded, 12 points", "bad.csv: no column", "being read, 12,000 points so far", "&lt;b&gt;bad"):
        assert words in page
    answer = operator.get(reverse("upload-jobs")).json()
    assert answer["busy"] is True
    assert [job["state"] for job in answer["jobs"]] == ["running", "rejected", "loaded"]


def test_the_public_reads_nothing_of_it(operator, make_egms, client):
    product_load(path=make_egms())
    send(operator, file("secret plan.csv"))
    for name in ("product-list", "map", "api-1:product_list", "about"):
        page = client.get(reverse(name)).content.decode()
        assert "secret plan" not in page
        assert "Add data" not in page
    assert "Add data" in operator.get(reverse("product-list")).content.decode()


def test_a_failed_file_is_tried_again_as_it_is_and_one_that_is_gone_is_not(operator, folder):
    job = stored(folder, State.FAILED, error="the program died")
    assert "Try again" in operator.get(reverse("uploads")).content.decode()
    assert operator.post(reverse("upload-again", args=[job.pk]), {}).status_code == 302
    gone = stored(folder, State.FAILED)
    Path(gone.stored_path).unlink()
    assert operator.post(reverse("upload-again", args=[gone.pk]), {}).status_code == 409
    assert operator.post(reverse("upload-again", args=[10**6]), {}).status_code == 404
    loaded = stored(folder, State.LOADED)
    assert operator.post(reverse("upload-again", args=[loaded.pk]), {"unit": "m/yr"}).status_code == 409
    assert not LEASE.held_row(loaded).exists()


def test_a_large_file_is_streamed_and_hashed_on_the_way(operator):
    class Endless(BytesIO):
        name = "big.csv"

    content = b"0123456789abcdef" * 2**18  # 4 MiB, in many chunks
    send(operator, Endless(content))
    job = IngestJob.objects.get()
    assert job.size_bytes == len(content)
    assert job.sha256 == hashlib.sha256(content).hexdigest()


def stored(folder: Path, state: State, **values) -> IngestJob:
    own = folder / f"job{IngestJob.objects.count()}"
    own.mkdir(parents=True)
    (own / "v.tif").write_bytes(b"II*\0")
    return IngestJob.objects.create(
        source=UPLOAD, original_name="v.tif", stored_path=str(own / "v.tif"), state=state, **values
    )
