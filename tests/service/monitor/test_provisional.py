"""Provisional values of new passes on every surface: said to be provisional, and gone when a release replaces them."""

import csv
import html
import io
import zipfile
from datetime import timedelta

import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.core import mail
from django.utils import timezone

from detection.alerts.passes import date_follow, dates_unfollowed
from detection.models import Alert
from ingest.jobs.child import arrival_load
from ingest.models import Product
from ingest.products.encoding import MISSING_INT16
from ingest.products.services import product_load
from ml.models import LivingSeries, LivingValues
from ml.runs import living
from ml.runs.trends import trend_search_make
from monitor.models.messages import Bulletin
from monitor.notifications import announcements, digests, rounds
from monitor.pages.bulletins.drafts import bulletins_draft
from monitor.wording.regions import rectangle
from tests.makers import living as made

PASSES = 12


@pytest.fixture
def product(filled_once, tmp_path) -> Product:
    """Load a release, let twelve passes show a bowl that sinks, and make its alert."""

    def fill() -> None:
        ground = made.made_ground()
        moved = made.series(ground, onset_mm_yr=-150.0)
        loaded = product_load(path=made.release(tmp_path, ground, moved[:, : made.KNOWN]), submission=made.DECLARED)
        for number in range(made.KNOWN, made.KNOWN + PASSES):
            for path in made.interferograms(tmp_path, ground, moved, number):
                arrival_load(path=path)
        living.living_extend(product=loaded)
        for row in dates_unfollowed():
            date_follow(row=row)

    filled_once("provisional values", fill)
    return Product.objects.get()


@pytest.fixture
def alert(product) -> Alert:
    return Alert.objects.get()


def test_point_house_data_page_and_record_say_what_is_provisional_until_a_release_replaces_it(client, product):
    body = client.get(f"/api/points/{product.pk}/P05000/series/").json()
    assert len(body["dates"]) == made.KNOWN
    added = body["provisional"]
    assert added["dates"] == [day.isoformat() for day in made.DATES[made.KNOWN :][:PASSES]]
    assert len(added["displacement_mm"]) == len(added["sigma_mm"]) == PASSES
    assert "provisional" in added["sentence"]
    rows = list(csv.DictReader(io.StringIO(client.get(body["csv_url"]).content.decode())))
    assert [row["status"] for row in rows].count("provisional") == PASSES
    assert rows[-1]["date"] == added["dates"][-1]
    x, y = made.GRID @ (made.SIDE_PX / 2, made.SIDE_PX / 2)
    place = Point(x, y, srid=made.EPSG).transform(4326, clone=True)
    page = client.get(f"/here/?lat={place.y:.4f}&lon={place.x:.4f}").content.decode()
    assert "Dots: new passes, provisional" in page
    page = client.get(f"/products/{product.pk}/").content.decode()
    last = made.DATES[made.KNOWN + PASSES - 1]
    assert f"New passes prolong its series until {last:%-d %B %Y}, provisionally." in page
    LivingSeries.objects.update(difference={"within_mm": 3.2, "mean_mm": 0.1, "n": 12_000})
    for address in (f"/products/{product.pk}/", "/record/"):
        page = html.unescape(client.get(address).content.decode())
        assert (
            "Of the provisional values (12,000), 68 in 100 were within ± 3.2 mm of what the next release has." in page
        )
    LivingSeries.objects.update(replaced_by=product)
    assert client.get(f"/api/points/{product.pk}/P05000/series/").json()["provisional"] is None


def test_the_page_of_an_alert_and_lists_say_it_everywhere(client, alert):
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "Only new passes of the satellite" in page
    assert "Dots: new passes, provisional" in page
    (series,) = client.get(f"{alert.get_absolute_url()}series.json").json()["series"]
    assert series["provisional"]["displacement_mm"][-1] < series["mean_mm"][-1] - 10  # of the whole outline
    body = client.get(f"/api/v1/alerts/{alert.code}").json()
    assert "provisional" in body["sentence"]
    for address in ("/alerts/", "/alerts.atom", "/alerts.geojson", "/api/v1/alerts"):
        assert "provisional" in client.get(address).content.decode().replace("(provisional)", ""), address


def test_ground_that_no_pass_measured_has_no_provisional_values(client, product, alert):
    for row in LivingValues.objects.all():
        row.displacement = np.full(len(bytes(row.displacement)) // 2, MISSING_INT16).tobytes()
        row.save()
    assert client.get(f"/api/points/{product.pk}/P05000/series/").json()["provisional"] is None
    assert client.get(alert.get_absolute_url()).status_code == 200
    (series,) = client.get(f"{alert.get_absolute_url()}series.json").json()["series"]
    assert series["provisional"] is None


def test_its_mail_says_so_in_the_reader_s_language(alert, make_subscription):
    place = alert.area.centroid
    make_subscription(longitude=place.x, latitude=place.y, language="de")
    announcements.transitions_announce()
    digests.messages_gather(now=timezone.now() + timedelta(hours=2))
    rounds.messages_send()
    (sent,) = mail.outbox
    assert "vorläufig" in sent.subject + sent.body
    assert "Das zeigen nur neue Überflüge des Satelliten" in sent.body


def test_a_bulletin_lists_what_new_passes_show_in_every_language(client, alert, product):
    trend_search_make(product=product)
    bulletins_draft()
    bulletin = Bulletin.objects.get()
    (row,) = bulletin.content["provisional"]
    assert row["code"] == alert.code
    assert {code for code, words in row["words"].items() if words} == {"en", "de", "fr", "es"}
    assert "vorläufig" in row["words"]["de"]
    Bulletin.objects.update(signed_at=timezone.now())
    page = client.get(f"/bulletins/{bulletin.pk}/", headers={"Accept-Language": "de"}).content.decode()
    assert row["words"]["de"] in html.unescape(page)


def test_the_file_of_an_area_has_columns_of_their_own(client, product):
    west, south, east, north = product.footprint.extent
    outline = rectangle(west, south, west + 0.02, south + 0.02)
    wish = {"where": "drawn", "drawn": outline, "file_format": "csv"}
    file = b"".join(client.post("/extract/", wish))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        (about,) = csv.DictReader(io.TextIOWrapper(archive.open("data_sets.csv"), "utf-8"))
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(f"{about['layer']}.csv"), "utf-8")))
    days = [f"p{day:%Y%m%d}" for day in made.DATES[made.KNOWN :][:PASSES]]
    assert [name for name in rows[0] if name[:1] == "p" and name != "pid"] == days
    body = client.get(f"/api/points/{product.pk}/{rows[0]['pid']}/series/").json()
    assert [float(rows[0][day]) for day in days] == pytest.approx(body["provisional"]["displacement_mm"], abs=0.06)
    assert "provisional" in about["units"]
