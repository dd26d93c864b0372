"""Points of an area as a file: counted, and the answer of the same request."""

import csv
import io
import json
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from django.contrib.gis.geos import MultiPolygon
from django.utils import timezone

from ingest.models import DisplacementSeries, MeasurementPoint
from ingest.products.encoding import unpack_series
from monitor.open_data.extracts import formats, layers, services
from monitor.wording.refusals import Refusal
from monitor.wording.regions import rectangle
from tests.makers.people import words

pytestmark = pytest.mark.django_db


def asked(client, product, **fields):
    west, south, east, north = product.footprint.extent
    drawn = rectangle(west - 0.01, south - 0.01, east + 0.01, north + 0.01)
    return client.post("/extract/", {"where": "drawn", "drawn": drawn, "file_format": "gpkg"} | fields)


def content(client, product, **fields) -> bytes:
    answer = asked(client, product, **fields)
    assert answer.status_code == 200, answer.content.decode()
    return b"".join(answer)


def tables(client, product, **fields) -> tuple[dict, list[dict]]:
    """Return the facts and the rows of an area as CSV."""
    with zipfile.ZipFile(io.BytesIO(content(client, product, file_format="csv", **fields))) as archive:
        (about,) = csv.DictReader(io.TextIOWrapper(archive.open("data_sets.csv"), "utf-8"))
        return about, list(csv.DictReader(io.TextIOWrapper(archive.open(f"{about['layer']}.csv"), "utf-8")))


def test_the_answer_is_the_file_and_nothing_of_it_stays(client, product, settings):
    answer = asked(client, product)
    file = b"".join(answer)
    assert file.startswith(b"SQLite format 3")
    assert answer["Content-Type"] == "application/geopackage+sqlite3"
    assert int(answer["Content-Length"]) == len(file)
    assert answer["Content-Disposition"].endswith('.gpkg"')
    assert [*Path(settings.WORK_DIR).glob("extract-*")] == []


def test_a_geopackage_holds_all_points_with_their_series_units_and_signs(client, product, tmp_path):
    path = tmp_path / "points.gpkg"
    path.write_bytes(content(client, product))
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
    about, rows = tables(client, product)
    assert len(rows) == 12
    assert {f"d{day:%Y%m%d}" for day in product.dates} <= rows[0].keys()
    assert (about["first_date"], about["simulated"]) == (f"{product.dates[0]}", "no")
    _, rows = tables(client, product, without_series="on")
    assert len(rows) == 12
    assert [*rows[0]] == ["pid", "longitude", "latitude", *layers.VALUES]


def test_a_file_that_would_lack_points_is_not_sent(client, product, monkeypatch):
    counted = services._points_in

    def counted_before(area, products):
        found = counted(area, products)
        MeasurementPoint.objects.filter(product=product).first().delete()
        return found

    monkeypatch.setattr(services, "_points_in", counted_before)
    answer = asked(client, product)
    assert answer.status_code == 422
    assert "Ask for the area again" in answer.content.decode()


def test_too_many_points_are_refused_with_their_number_and_lead_to_the_published_files(
    client, product, settings, monkeypatch
):
    settings.PUBLISHED_URL = "https://files.example.org/motion/"
    monkeypatch.setattr(services, "AT_ONCE", 11)
    page = asked(client, product)
    assert page.status_code == 422
    assert "12 points lie in this area; one file holds at most 11. Choose a smaller area." in words(page)
    assert f'href="{settings.PUBLISHED_URL}"' in page.content.decode()
    settings.PUBLISHED_URL = ""
    assert "published files" not in words(asked(client, product))
    monkeypatch.setattr(services, "COUNTED", 0)  # an area with far too many is not counted
    assert "points lie in this area" in words(asked(client, product))


def test_series_that_would_fill_too_large_a_file_are_refused_with_their_size_and_what_to_do(product, monkeypatch):
    area, n_numbers = product.footprint.buffer(0.01), 12 * product.n_dates
    monkeypatch.setattr(services, "MAX_BYTES", services.NUMBER_BYTES * n_numbers)
    services.points_of(area=area, file_format="csv")
    monkeypatch.setattr(services, "MAX_BYTES", services.NUMBER_BYTES * n_numbers - 1)
    with pytest.raises(Refusal, match=r"fill about .*smaller area, or leave out the series"):
        services.points_of(area=area, file_format="csv")
    services.points_of(area=area, file_format="csv", with_series=False)


def test_more_dates_than_columns_of_a_geopackage_are_refused_and_no_others(product, tmp_path, monkeypatch):
    kind = formats.KINDS["gpkg"]
    schema = layers.schema_of([f"d{n}" for n in range(kind.most_dates)])
    table = pa.table([["a"], *([[1.0]] * (len(schema) - 1))], schema=schema)
    layer = formats.Layer("many", {"layer": "many"}, schema, lambda: iter([table]))
    formats.geopackage_write(tmp_path / "many.gpkg", [layer])  # as many as are allowed fit
    monkeypatch.setitem(formats.KINDS, "gpkg", kind._replace(most_dates=product.n_dates - 1))
    with pytest.raises(Refusal, match="Choose another format, or leave out the series"):
        services.points_of(area=product.footprint.buffer(0.01), file_format="gpkg")
    services.points_of(area=product.footprint.buffer(0.01), file_format="csv")


def test_the_page_of_an_alert_offers_a_file_only_where_points_lie(client, alert, product):
    page = f"/alerts/{alert.code}/"
    alert.area = MultiPolygon(product.footprint.buffer(0.001))
    alert.save()
    assert "Points as a file" in client.get(page).content.decode()
    product.points_deleted_at = timezone.now()
    product.save()
    assert "Points as a file" not in client.get(page).content.decode()


def test_an_area_without_points_is_refused_and_the_preview_counts_points(client, product, alert):
    answer = asked(client, product, drawn=rectangle(1, 1, 1.1, 1.1))
    assert answer.status_code == 422
    assert "No measurement point lies in this area" in answer.content.decode()
    west, south, east, north = product.footprint.buffer(0.01).extent
    wish = {"where": "drawn", "file_format": "csv", "drawn": rectangle(west, south, east, north)}
    seen = client.post("/extract/preview.json", wish).json()
    assert seen["sentence"] == "12 measurement points in 1 data set."
    assert json.dumps(seen["outline"]).startswith('{"type": "MultiPolygon"')
    assert "MultiPolygon" in client.get("/extract/", {"alert": alert.code}).content.decode()  # It fills in its area.
    assert client.get("/extract/", {"alert": "NONE"}).status_code == 404


@pytest.mark.parametrize("rest", ["token/", "token/file"])
def test_links_of_mails_of_earlier_versions_lead_to_the_page(client, rest):
    answer = client.get(f"/extracts/{rest}")
    assert answer.status_code == 410
    assert "Choose the area again at http://testserver/extract/." in answer.content.decode()
