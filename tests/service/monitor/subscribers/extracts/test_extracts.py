"""Points of an area as a file: asked for, confirmed by mail, written, fetched, and deleted."""

import csv
import io
import json
import sqlite3
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from django.contrib.gis.geos import MultiPolygon
from django.core import mail
from django.utils import timezone

from ground_motion.core.errors import UnusableData
from ingest.foundation.storage import raster_storage
from ingest.models import DisplacementSeries, MeasurementPoint
from ingest.products.encoding import unpack_series
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import Extract
from monitor.notifications.rounds import messages_send
from monitor.subscribers.extracts import formats, layers, services
from monitor.subscribers.subscriptions.services import person_delete, person_export
from monitor.wording.refusals import Refusal
from monitor.wording.regions import rectangle
from tests.waiting import reread

pytestmark = pytest.mark.django_db
IP = "192.0.2.1"


def area_around(product, margin: float = 0.01) -> str:
    west, south, east, north = product.footprint.extent
    return rectangle(west - margin, south - margin, east + margin, north + margin)


def asked(client, product, **fields) -> Extract:
    wish = {"where": "drawn", "drawn": area_around(product), "file_format": "gpkg", "email": "Gis@example.org"}
    answer = client.post("/extract/", wish | fields)
    assert answer.status_code == 302, answer.content.decode()
    return Extract.objects.latest("pk")


def made(client, product, **fields) -> Extract:
    extract = asked(client, product, **fields)
    services.extract_confirm(extract=extract, ip=IP)
    services.extracts_make()
    assert reread(extract).state == "succeeded", extract.error
    return extract


def tables(client, extract: Extract) -> tuple[dict, list[dict]]:
    """Return the facts and the rows of an extract as CSV."""
    with zipfile.ZipFile(io.BytesIO(content(client, extract))) as archive:
        (about,) = csv.DictReader(io.TextIOWrapper(archive.open("data_sets.csv"), "utf-8"))
        return about, list(csv.DictReader(io.TextIOWrapper(archive.open(f"{about['layer']}.csv"), "utf-8")))


def page_of(extract: Extract) -> str:
    return f"/extracts/{services.extract_token(extract.pk)}/"


def content(client, extract: Extract) -> bytes:
    return b"".join(client.get(f"{page_of(extract)}file"))


def test_nothing_is_made_before_the_address_confirms_and_the_mails_carry_the_link(client, product):
    extract = asked(client, product)
    messages_send()
    services.extracts_make()
    assert (reread(extract).state, extract.file.name, extract.email) == ("queued", "", "gis@example.org")
    assert "points of an area" in mail.outbox[0].subject
    address = next(line for line in mail.outbox[0].body.split() if "/extracts/" in line)
    page = address[address.index("/extracts/") :]
    assert "Make the file" in client.get(page).content.decode()
    assert reread(extract).confirmed_at is None
    assert client.post(page, {"deed": "start"}).status_code == 302
    services.extracts_make()
    messages_send()
    assert "is ready" in mail.outbox[1].subject
    assert "Download" in client.get(page).content.decode()
    answer = client.get(f"{page}file", headers={"Range": "bytes=0-14"})
    assert (answer.status_code, answer.content) == (206, b"SQLite format 3")
    assert "no-store" in answer["Cache-Control"]


def test_a_geopackage_holds_all_points_with_their_series_units_and_signs(client, product, tmp_path):
    path = tmp_path / "points.gpkg"
    path.write_bytes(content(client, made(client, product)))
    with sqlite3.connect(path) as file:
        file.row_factory = sqlite3.Row
        (about,) = file.execute("SELECT * FROM data_sets")
        rows = {row["pid"]: row for row in file.execute(f"SELECT * FROM {about['layer']}")}
    assert (about["positive"], about["n_points"]) == ("toward the satellite", "12")
    assert "mm/yr" in about["units"]
    assert about["licence"] == product.licence
    points = MeasurementPoint.objects.filter(product=product)
    assert set(rows) == {point.pid for point in points}
    for point in points:
        series = unpack_series([bytes(DisplacementSeries.objects.get(pk=point.pk).packed)], product.n_dates)[0]
        row = rows[point.pid]
        assert row["velocity_mm_yr"] == pytest.approx(point.velocity_mm_yr)
        kept = [row[f"d{day:%Y%m%d}"] for day in product.dates]
        assert [np.nan if one is None else one for one in kept] == pytest.approx(series.tolist(), nan_ok=True)


def test_tables_keep_dates_as_columns_say_what_they_hold_and_have_no_dates_without_series(client, product):
    about, rows = tables(client, made(client, product, file_format="csv"))
    assert len(rows) == 12
    assert {f"d{day:%Y%m%d}" for day in product.dates} <= rows[0].keys()
    assert (about["first_date"], about["simulated"]) == (f"{product.dates[0]}", "no")
    _, rows = tables(client, made(client, product, file_format="csv", without_series="on", email="b@example.org"))
    assert len(rows) == 12
    assert [*rows[0]] == ["pid", "longitude", "latitude", *layers.VALUES]


def test_an_extract_put_back_by_hand_keeps_its_file_and_its_one_mail(client, product):
    extract = made(client, product)
    before = content(client, extract)
    Extract.objects.update(state="queued")
    services.extracts_make()
    after = Extract.objects.get()
    assert (after.state, after.error, after.file.name) == ("succeeded", "", extract.file.name)
    assert content(client, extract) == before
    assert OutgoingMessage.objects.filter(key__endswith=":ready").count() == 1


@pytest.mark.parametrize("gone", ["before", "while it is written"])
def test_a_file_that_would_lack_points_is_not_made(client, product, gone, monkeypatch):
    extract, counted = asked(client, product), services._points_in
    services.extract_confirm(extract=extract, ip=IP)

    def counted_before(area, products):
        found = counted(area, products)
        MeasurementPoint.objects.filter(product=product).first().delete()
        return found

    if gone == "before":
        Extract.objects.update(n_points=extract.n_points + 1)  # as if one point had been deleted since
    else:
        monkeypatch.setattr(services, "_points_in", counted_before)
    with pytest.raises(UnusableData, match="Ask for the area again"):
        services.extracts_make()
    assert (reread(extract).state, extract.file.name) == ("failed", "")
    for _round in range(2):
        services.extracts_make()
    keys = OutgoingMessage.objects.order_by("pk").values_list("key", flat=True)
    assert list(keys) == [f"extract:{extract.pk}", f"extract:{extract.pk}:failed"]  # once, and never that it is ready


def test_a_lease_that_ran_out_is_taken_up_again_without_what_was_left_and_no_cancelled_one(client, product, settings):
    extract, other, written = (asked(client, product, email=f"{name}@example.org") for name in "abc")
    Extract.objects.filter(pk=written.pk).update(state="running", lease_until=timezone.now() + timedelta(seconds=60))
    left, kept = (Path(settings.WORK_DIR) / f"extract-{one.pk}-abc" for one in (extract, written))
    for folder in (left, kept):
        folder.mkdir(parents=True)
    gone = timezone.now() - timedelta(minutes=5)
    both = Extract.objects.filter(pk__in=[extract.pk, other.pk])
    both.update(state="running", attempts=1, lease_until=gone, confirmed_at=gone)
    assert services.LEASE.cancel(both.filter(pk=other.pk), by="anna", finished_at=timezone.now()) == 1
    services.extracts_make()
    assert sorted(both.values_list("state", flat=True)) == ["cancelled", "succeeded"]
    assert (kept.exists(), left.exists()) == (True, False)


def test_too_many_points_are_refused_with_their_number_and_what_to_do(product, monkeypatch):
    monkeypatch.setitem(formats.KINDS, "gpkg", formats.KINDS["gpkg"]._replace(most_points=11))
    area = product.footprint.buffer(0.01)
    with pytest.raises(Refusal, match=r"12 points lie in this area.*at most 11.*Choose a smaller area"):
        services.contents_of(area=area, file_format="gpkg")
    monkeypatch.setattr(services, "COUNTED", 0)  # an area with far too many is not counted
    with pytest.raises(Refusal, match="points lie in this area"):
        services.contents_of(area=area, file_format="gpkg")


def test_series_that_would_fill_too_large_a_file_are_refused_with_their_size_and_what_to_do(product, monkeypatch):
    area, n_numbers = product.footprint.buffer(0.01), 12 * product.n_dates
    monkeypatch.setattr(services, "MAX_BYTES", services.NUMBER_BYTES * n_numbers)
    services.contents_of(area=area, file_format="csv")
    monkeypatch.setattr(services, "MAX_BYTES", services.NUMBER_BYTES * n_numbers - 1)
    with pytest.raises(Refusal, match=r"fill about .*smaller area, or leave out the series"):
        services.contents_of(area=area, file_format="csv")
    services.contents_of(area=area, file_format="csv", with_series=False)


def test_more_dates_than_columns_of_a_geopackage_are_refused_and_no_others(product, tmp_path, monkeypatch):
    kind = formats.KINDS["gpkg"]
    days = [f"d{n}" for n in range(kind.most_dates)]
    columns = [("pid", pa.string()), *((name, pa.float64()) for name in ("longitude", "latitude", *layers.VALUES))]
    schema = pa.schema([*columns, *((day, pa.float32()) for day in days)])
    table = pa.table([["a"], *([[1.0]] * (len(schema) - 1))], schema=schema)
    layer = formats.Layer("many", {"layer": "many"}, schema, lambda: iter([table]))
    formats.geopackage_write(tmp_path / "many.gpkg", [layer], 2**21)  # as many as are allowed fit
    monkeypatch.setitem(formats.KINDS, "gpkg", kind._replace(most_dates=product.n_dates - 1))
    with pytest.raises(Refusal, match="Choose another format, or leave out the series"):
        services.contents_of(area=product.footprint.buffer(0.01), file_format="gpkg")
    services.contents_of(area=product.footprint.buffer(0.01), file_format="csv")


def test_the_page_of_an_alert_offers_a_file_only_where_points_lie(client, alert, product):
    page = f"/alerts/{alert.code}/"
    alert.area = MultiPolygon(product.footprint.buffer(0.001))
    alert.save()
    assert "Points as a file" in client.get(page).content.decode()
    product.points_deleted_at = timezone.now()
    product.save()
    assert "Points as a file" not in client.get(page).content.decode()


def test_an_area_without_points_is_refused_and_the_preview_counts_points_and_writes_nothing(client, product, alert):
    wish = {"where": "drawn", "file_format": "csv", "email": "a@example.org"}
    answer = client.post("/extract/", wish | {"drawn": rectangle(1, 1, 1.1, 1.1)})
    assert answer.status_code == 422
    assert "No measurement point lies in this area" in answer.content.decode()
    seen = client.post("/extract/preview.json", wish | {"drawn": area_around(product)}).json()
    assert seen["sentence"] == "12 measurement points in 1 data set."
    assert json.dumps(seen["outline"]).startswith('{"type": "MultiPolygon"')
    assert not Extract.objects.exists()
    assert "MultiPolygon" in client.get("/extract/", {"alert": alert.code}).content.decode()  # It fills in its area.
    assert client.get("/extract/", {"alert": "NONE"}).status_code == 404


@pytest.mark.parametrize("way", ["page", "person", "age"])
def test_row_file_and_link_go_together(client, product, way, django_capture_on_commit_callbacks):
    extract = made(client, product)
    page, stored = page_of(extract), extract.file.name
    assert raster_storage().exists(stored)
    assert person_export(email=extract.email)["extracts"][0]["format"] == "gpkg"
    with django_capture_on_commit_callbacks(execute=True):
        if way == "page":
            client.post(page, {"deed": "delete"})
        elif way == "person":
            person_delete(email=extract.email)
        else:
            Extract.objects.update(created_at=timezone.now() - services.KEEP - timedelta(minutes=1))
            services.extracts_make()
    assert not Extract.objects.exists()
    assert not raster_storage().exists(stored)
    assert client.get(f"{page}file").status_code == 410


def test_a_mailbox_gets_a_few_links_a_day_and_what_nobody_confirms_is_forgotten_after_two(client, product, settings):
    settings.MAIL_LIMIT_PER_ADDRESS = 1
    for _ in range(2):
        asked(client, product)
    assert Extract.objects.count() == OutgoingMessage.objects.count() == 1
    Extract.objects.update(created_at=timezone.now() - services.CONFIRM_FOR - timedelta(minutes=1))
    services.extracts_make()
    assert not Extract.objects.exists()
