"""How a data set agrees with stations: known offsets come back, stations have pages and marks, and tie wide regions."""

import re

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ground_motion.core.errors import AlreadyLoaded
from ground_motion.readers.records import Reference, Submission
from ground_motion.statistics.stations import agreement
from ingest.jobs import services as jobs
from ingest.models import IngestJob, Product, Station, StationFile
from ingest.products import comparison
from ingest.products.comparison import Left, comparisons_of, plane_of
from ingest.products.services import product_load
from ingest.stations.services import stations_load, stations_settle
from tests.makers import stations as made
from tests.makers.egms import LOS_ASCENDING

pytestmark = pytest.mark.django_db
PLACES = [(13.10, 38.65), (13.20, 38.66), (13.30, 38.64), (13.11, 38.75), (13.21, 38.77), (13.31, 38.76)]
OFFSET = 2.0  # points less stations, mm/yr toward the satellite
EAST, UP = 3.0, -6.0  # of every station, mm/yr


def slope(x: float, y: float) -> float:
    return EAST * LOS_ASCENDING[0] + UP * LOS_ASCENDING[2] + OFFSET + 10 * (x - 13.2)


def of_stations(folder, frame: str = "ETRF2000", n: int = 6, name: str = "stations.csv"):
    rows = {f"S{at}": (made.enu_mm((EAST, 0, UP), 365, 5, at, 1.0), place) for at, place in enumerate(PLACES[:n])}
    return made.gnss_table(folder, rows, frame=frame, name=name)


@pytest.fixture
def local_product(make_egms):
    name = "EGMS_L2a_117_0227_IW2_VV_2018_2022_1.zip"
    return product_load(path=make_egms(name=name, change=made.ground_around(PLACES, slope)))


def test_a_product_differs_from_its_stations_by_the_offset_that_was_made(tmp_path, local_product):
    stations_load(path=of_stations(tmp_path))
    comparisons = comparisons_of(product=local_product)
    found = agreement([one.difference for one in comparisons])
    assert found.n == 6
    for one in comparisons:
        expected = OFFSET + 10 * (one.station.position.x - 13.2)
        assert one.difference.mm_yr == pytest.approx(expected, abs=3 * one.difference.sigma_mm_yr)
        assert one.difference.sigma_mm_yr < 0.8
        assert one.difference.n_points >= 12
        assert one.difference.radius_m in (100.0, 200.0)
    assert found.bias_mm_yr == pytest.approx(OFFSET, abs=0.3)


def test_stations_of_a_frame_that_rests_on_the_continent_tie_wide_regions_of_a_product_once(tmp_path, local_product):
    stations_load(path=of_stations(tmp_path))
    plane = plane_of(product=local_product, epsg=32633)
    (x, y), metres = (500_000 - 156_500, 4_286_000), 87_000  # near 13.2° E, 38.7° N; a degree of longitude
    assert plane.at(np.array([x]), np.array([y])) == pytest.approx([OFFSET], abs=0.7)
    assert plane.slope_x * metres == pytest.approx(10, abs=3)
    local_product.reference = Reference.GNSS  # a product that is tied already keeps its zero
    assert plane_of(product=local_product, epsg=32633) is None
    local_product.reference = Reference.LOCAL
    for frame, n in (("IGS14", 6), ("WGS84", 6), ("", 6), ("ETRF2000", 4)):  # frames that drift, and few stations
        StationFile.objects.all().delete()
        stations_load(path=of_stations(tmp_path, frame, n))
        assert plane_of(product=local_product, epsg=32633) is None, (frame, n)


def test_levelling_stands_for_vertical_motion_and_says_nothing_of_the_east(tmp_path, make_egms):
    heights = [43.2, 43.2 - 0.012, 43.2 - 0.024]  # -6 mm/yr
    stations_load(path=made.levelling(tmp_path, heights, PLACES[0]))
    change = made.ground_around(PLACES[:1], lambda x, y: -6 * LOS_ASCENDING[2])
    (one,) = comparisons_of(product=product_load(path=make_egms(change=change)))
    assert one.difference.station.mm_yr == pytest.approx(-6 * LOS_ASCENDING[2], abs=0.05)
    assert one.difference.mm_yr == pytest.approx(0, abs=3 * one.difference.sigma_mm_yr)


def test_the_page_says_it_first_in_a_sentence_then_in_pictures_and_a_table(client, tmp_path, local_product):
    address = reverse("product-stations", args=[local_product.pk])
    assert "No station here can be compared" in client.get(address).content.decode()
    about = reverse("product-detail", args=[local_product.pk])
    assert address not in client.get(about).content.decode()
    pages, counted = [], []
    for n, name, attribution in ((2, "two.csv", "Two people"), (6, "six.csv", "Survey of Nowhere")):
        stations_load(path=of_stations(tmp_path, n=n, name=name), submission=Submission(attribution=attribution))
        stations_settle()
        with CaptureQueriesContext(connection) as asked:
            pages.append(client.get(address).content.decode())
        counted.append(len(asked))
    assert counted[0] == counted[1], "the same number of questions for any number of stations"
    page = pages[1]
    assert "stacks--pairs" in page  # short rows on a phone
    assert "At 6 stations, the points move 2.0 ±" in page
    assert "more toward the satellite than the stations, on average." in page
    assert page.count("<svg") == 2
    assert "Survey of Nowhere" in page
    assert address in client.get(about).content.decode()


def test_a_station_has_a_page_with_its_series_beside_the_points(client, tmp_path, local_product):
    stations_load(path=of_stations(tmp_path))
    station = Station.objects.get(code="S1")
    with CaptureQueriesContext(connection) as asked:
        page = client.get(reverse("station-detail", args=[station.pk])).content.decode()
    assert sum("FROM ingest_measurementpoint" in one["sql"] for one in asked) == 2  # the nearest, and those around
    assert "GNSS station · ETRF2000" in page
    assert "metres) move 1." in page or "metres) move 2." in page
    assert "more toward the satellite than the station." in page
    assert page.count('class="dots"') == page.count('class="line"') == 1
    assert client.get("/stations/0/").status_code == 404


def test_a_field_derived_from_two_others_is_shown_once_after_them(client, tmp_path, local_product, make_egms):
    stations_load(path=of_stations(tmp_path, n=1))
    others = [product_load(path=make_egms(name=f"EGMS_L2a_{track}_0227_IW2_VV_2018_2022_1.zip")) for track in (44, 95)]
    local_product.derived_from.set(others)
    Product.objects.update(footprint=local_product.footprint, superseded_by=None)
    page = client.get(reverse("station-detail", args=[Station.objects.get().pk])).content.decode()
    shown = [int(one) for one in re.findall(r'href="/products/(\d+)/stations/"', page)]
    assert shown == [*sorted(one.pk for one in others), local_product.pk]


def test_a_station_says_how_many_points_lie_around_it_though_some_are_a_sample(tmp_path, make_egms, monkeypatch):
    monkeypatch.setattr(comparison, "MAX_POINTS", 8)
    stations_load(path=of_stations(tmp_path, n=1))
    (one,) = comparisons_of(product=product_load(path=make_egms(change=made.ground_around(PLACES[:1], slope))))
    assert one.difference.n_points >= 12


def test_a_station_that_is_not_compared_says_why_and_not_that_a_series_with_gaps_is_short(
    client, tmp_path, local_product
):
    address = reverse("product-stations", args=[local_product.pk])
    made.make_station(place=(13.25, 38.70))
    assert [one.left for one in comparisons_of(product=local_product)] == [Left.POINTS]
    assert "hardly any points within 1.6 km" in client.get(address).content.decode()
    StationFile.objects.all().delete()
    few = made.enu_mm((EAST, 0, UP), 4, 500, 0, 1.0)
    stations_load(path=made.gnss_table(tmp_path, {"GAPS": (few, PLACES[0])}, step=500))
    station = Station.objects.get()
    columns = station.series.columns_mm.copy()
    columns[3:] = np.nan  # without stated errors, a few dates do not give a rate
    Station.objects.update(packed=columns.astype("<f4").tobytes())
    assert [each.left for each in comparisons_of(product=local_product)] == [Left.DATES]
    assert "too few dates in common" in client.get(address).content.decode()


def test_stations_are_marks_on_the_map_that_lead_to_their_pages(client):
    assert 'data-context="stations"' not in client.get("/").content.decode()
    made.make_station()
    assert 'data-context="stations"' in client.get("/").content.decode()
    tile = client.get("/tiles/context/stations/0/0/0.mvt").content
    assert b"MADE" in tile
    assert b"technique" in tile


def test_the_same_file_is_refused_and_a_newer_one_of_the_same_stations_takes_their_place(tmp_path):
    stations_load(path=of_stations(tmp_path))
    with pytest.raises(AlreadyLoaded):
        stations_load(path=of_stations(tmp_path))
    newer = stations_load(path=of_stations(tmp_path, n=5, name="newer.csv"))
    assert stations_settle() == 5
    assert newer.stations.count() == 5
    assert Station.objects.count() == 6  # the sixth is in the older file only
    stations_load(path=of_stations(tmp_path, frame="EU", name="newest.csv"))
    assert stations_settle() == 6
    assert StationFile.objects.count() == 1
    for heights in ([10.0, 9.99, 9.98], [9.98, 9.97]):  # the newer one lacks older dates
        stations_load(path=made.levelling(tmp_path, heights, PLACES[0]))
    assert stations_settle() == 0
    assert sorted(len(one.dates) for one in Station.objects.filter(technique="levelling")) == [2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_watched_file_of_stations_is_read_in_the_confined_process(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    good, bad = made.tenv3(tmp_path, made.enu_mm((0, 0, 1), 50, 5), PLACES[0]), tmp_path / "BAD1.tenv3"
    bad.write_text(good.read_text()[:-40])
    done = []
    for path in (good, bad):
        job = jobs.job_queue(source=IngestJob.Source.WATCH, path=path, original_name=path.name)
        done.append(jobs.job_execute(job_id=job.pk))
    assert [job.state for job in done] == ["loaded", "rejected"]
    assert done[0].error == "Loaded: series of stations: 1."
    assert done[1].error.startswith("BAD1.tenv3: line 51")
    assert Station.objects.get().code == "MADE"
