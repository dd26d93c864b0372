"""A house or street: its sentence against the points around it, computed apart, and what is said without any."""

import html
import json
import re
from datetime import date

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Point, Polygon
from pyproj import Geod, Transformer

from detection.rules.motion import Figure
from ground_motion.readers.context.records import ContextKind
from ground_motion.statistics.datum import of_file
from ingest.context.services import context_load
from ingest.models import MeasurementPoint, Product
from ingest.products.services import product_load
from monitor.maps.charts import here
from monitor.maps.charts.words import here_sentence, sure_sentences
from tests.makers.egms import DATES

pytestmark = pytest.mark.django_db
EAST, NORTH, SIDE_M = 4_600_000.0, 1_740_000.0, 4000.0
YEARS = np.array([int(day[:4]) - 2020 + (int(day[4:6]) - 1) / 12 for day in DATES])


def velocity(x, y):
    """Two bowls that sink, one that rises, and still ground between them, mm a year; metres from the corner."""
    bowls = ((1000, 1000, -30.0), (3000, 1200, 20.0), (2000, 3000, -8.0))
    return sum(rate * np.exp(-((x - at) ** 2 + (y - up) ** 2) / 2 / 400**2) for at, up, rate in bowls)


def fill(table, x, y, rates):
    """Put points at metres from the corner, which move steadily."""
    easting, northing = EAST + x, NORTH + y
    longitude, latitude = Transformer.from_crs(3035, 4326, always_xy=True).transform(easting, northing)
    for name in list(table):
        table[name] = [table[name][0]] * len(x)
    table["pid"] = [f"pt{i:08d}" for i in range(len(x))]
    table |= {"easting": list(easting), "northing": list(northing), "mean_velocity": list(np.round(rates, 2))}
    if "longitude" in table:
        table |= {"longitude": list(np.round(longitude, 6)), "latitude": list(np.round(latitude, 6))}
        table["mean_velocity_std"] = [0.4] * len(x)
    for day, years in zip(DATES, YEARS, strict=True):
        table[day] = list(np.round(rates * years, 1))
    return longitude, latitude


@pytest.fixture
def country(make_egms):
    """A made country: scattered points of one track, dense in the west, and vertical rates of its north on a grid."""
    rng = np.random.default_rng(45)
    x, y = rng.uniform(0, SIDE_M, (2, 24_000))
    kept = rng.random(x.size) < np.where(x < 1200, 1.0, np.where(x < 3000, 0.1, 0.002))
    x, y = x[kept], y[kept]
    rates = 0.78 * velocity(x, y) + rng.normal(0, 0.8, x.size)
    columns = {}
    product_load(path=make_egms(change=lambda table: columns.update(los=(*fill(table, x, y, rates), rates))))
    cells = np.arange(50.0, SIDE_M, 100.0)
    gx, gy = (axis.ravel() for axis in np.meshgrid(cells, cells[cells > 2400]))
    up = velocity(gx, gy) + rng.normal(0, 0.5, gx.size)
    name = "EGMS_L3_E46N17_100km_U_2020_2024_1.zip"
    product_load(path=make_egms(name, change=lambda table: columns.update(up=(*fill(table, gx, gy, up), up))))
    return columns


def around(points, longitude, latitude, radius_m):
    """Rates of the points within a radius."""
    longitudes, latitudes, rates = (np.asarray(column) for column in points)
    here_too = np.full(rates.size, longitude), np.full(rates.size, latitude)
    away = Geod(ellps="GRS80").inv(*here_too, np.round(longitudes, 6), np.round(latitudes, 6))[2]
    return np.round(rates, 2)[np.asarray(away) <= radius_m]


def test_forty_places_are_told_what_the_points_around_them_show(client, country):
    rng = np.random.default_rng(200)
    x = np.concatenate([rng.uniform(0, 3000, 24), rng.uniform(3000, SIDE_M, 16)])  # dense and few points, or none
    y = np.concatenate([rng.uniform(0, SIDE_M, 24), rng.uniform(0, 2200, 16)])
    onto = Transformer.from_crs(3035, 4326, always_xy=True)
    longitudes, latitudes = (np.round(axis, 4) for axis in onto.transform(EAST + x, NORTH + y))
    told = {"moves": 0, "still": 0, "unclear": 0, "none": 0}
    radii, wrong = set(), []
    for longitude, latitude in zip(longitudes, latitudes, strict=True):
        answer = client.get(f"/api/v1/here?lat={latitude}&lon={longitude}")
        body = json.loads(answer.content)
        assert answer.status_code == 200
        told[body["motion"]] += 1
        if body["motion"] == "none":
            assert not any(around(country[name], longitude, latitude, 199).size for name in country)
            assert "that does not mean that the ground is stable" in body["sentence"]
            continue
        main = body["tracks"][0]
        radii.add(body["radius_m"])
        rates = around(country[main["product"]["component"]], longitude, latitude, body["radius_m"])
        assert main["n_points"] == rates.size
        assert main["mean_mm_yr"] == pytest.approx(rates.mean(), abs=0.006)
        number = float(re.search(r"(\d+(\.\d+)?) mm a year", body["sentence"])[1])
        if body["motion"] == "moves":
            down = any(words in body["sentence"] for words in ("sank", "away from"))
            wrong += [(longitude, latitude)] if down != (rates.mean() < 0) else []
            assert number == pytest.approx(abs(rates.mean()), abs=0.51)
        elif body["motion"] == "still":
            assert abs(rates.mean()) < number + 0.1
    assert wrong == []
    assert radii == {50.0, 100.0, 200.0}
    assert min(told["moves"], told["still"], told["none"]) >= 5
    # The smallest circle with enough points is chosen, and vertical motion goes first.
    dense, sparse, north = (onto.transform(EAST + x, NORTH + y) for x, y in ((900, 900), (2600, 1200), (900, 3200)))
    assert here.look(*dense).radius_m == 50
    assert here.look(*sparse).radius_m in (100, 200)
    known = here.look(*north)
    assert [track.rate.along for track in known.tracks] == ["up", "los"]


NOWHERE = ["", "lat=47", "lat=91&lon=0", "lat=nan&lon=0", "lat=1e400&lon=0", "lat=a&lon=b", "lat=0&lon=360.1"]


def test_what_is_no_place_or_outside_the_data_gets_one_clear_error(client, product):
    for query in (*NOWHERE, "lat=89.9&lon=0"):
        answer = client.get(f"/api/v1/here?{query}")
        assert answer.status_code == 400, query
        assert json.loads(answer.content)["error"]
        assert client.get(f"/here/?{query}").status_code == (400 if query else 200)
        assert client.get(f"/here/report/?{query}").status_code == 400
    for query in ("lat=10&lon=10", "lat=0&lon=180", "lat=0&lon=-180"):
        answer = client.get(f"/here/?{query}")
        assert answer.status_code == 404
        assert "No measurements are loaded for this place." in answer.content.decode()
        assert json.loads(client.get(f"/api/v1/here?{query}").content)["status"] == 404


def test_where_no_point_is_within_reach_the_map_opens_on_the_place(client, product):
    Product.objects.update(footprint=MultiPolygon(Polygon.from_bbox((10, 10, 12, 12))))
    page = client.get("/here/?lat=11&lon=11")
    assert page.status_code == 200
    assert page.context["here"].tracks == []
    assert page.context["map_config"]["here"] == [11, 11]
    assert page.context["map_config"]["urls"]["alerts"]


def test_across_the_date_line_points_on_both_sides_count(client, make_egms):
    product = product_load(path=make_egms())
    Product.objects.update(footprint=MultiPolygon(Polygon.from_bbox((-180, -0.01, 180, 0.01))))
    for number, point in enumerate(MeasurementPoint.objects.filter(product=product)):
        position = Point(179.9995 if number % 2 else -179.9995, 0.00001 * number, srid=4326)
        on_map = position.transform(3857, clone=True)
        MeasurementPoint.objects.filter(product=product, pid=point.pid).update(position=position, tile_point=on_map)
    bodies = [json.loads(client.get(f"/api/v1/here?lat=0&lon={lon}").content) for lon in ("180", "-180", "179.9999")]
    assert [body["tracks"][0]["n_points"] for body in bodies] == [12, 12, 12]
    assert client.get("/here/?lat=0&lon=180").status_code == 200


@pytest.mark.parametrize(
    ("rate", "sigma", "words"),
    [
        (-6.2, 1.04, "The ground here sank by about 6.2 mm a year (± 2.1) between 2020 and 2024."),
        (0.3, 0.4, "The ground here moved by at most 2 mm a year, up or down, between 2020 and 2024."),
        (1.5, 0.5, "The ground here moved by at most 2.5 mm a year, up or down, between 2020 and 2024."),
        (5.0, 4.0, "Whether the ground here moves is not clear: 5.0 mm a year (± 8.0) between 2020 and 2024."),
    ],
)
def test_one_sentence_says_how_much_and_how_sure(rate, sigma, words):
    first, last = date(2020, 1, 3), date(2024, 1, 3)
    assert here_sentence(Figure(rate, sigma, first, last, along="up")) == words
    for component in ("los", "up", "east", "north"):
        assert len(here_sentence(Figure(rate, sigma, first, last, along=component)).replace("± ", "±").split()) <= 20


def test_the_page_shows_picture_curve_limits_and_a_rounded_address_and_keeps_nothing(client, country, tmp_path):
    onto = Transformer.from_crs(3035, 4326, always_xy=True)
    longitude, latitude = onto.transform(EAST + 1000, NORTH + 1000)
    answer = client.get(f"/here/?lat={latitude:.8f}&lon={longitude:.8f}")
    page = answer.content.decode()
    assert "away from the satellite by about" in page
    assert f"/here/?lat={round(latitude, 4)}&amp;lon={round(longitude, 4)}" in page
    assert f"{latitude:.6f}" not in page.replace(f"{latitude:.8f}", "")
    for part in ('class="plan"', "drawn-chart--series", "not the motion of one building"):
        assert part in page
    assert "no-store" in answer["Cache-Control"]
    assert "sessionid" not in answer.cookies
    report = client.get(f"/here/report/?lat={latitude:.4f}&lon={longitude:.4f}").content.decode()
    assert "away from the satellite by about" in report
    # A name is answered on the page, too, and others of that name are offered.
    path = tmp_path / "villages.csv"
    path.write_text(f"name,latitude,longitude,population\nAldwick,{latitude},{longitude},9\nAldwick,1,1,8\n")
    context_load(path=path, kind=ContextKind.PLACES)
    page = client.get("/here/?q=aldwick").content.decode()
    assert here.look(round(longitude, 4), round(latitude, 4)).sentence in html.unescape(page)
    assert "/here/?lat=1.0&amp;lon=1.0" in page
    nothing = client.get("/here/?q=nowhere")
    assert nothing.status_code == 200
    assert "No place of this name was found." in nothing.content.decode()


def test_cells_that_are_means_of_many_points_are_not_called_few():
    rate = Figure(-19.0, 0.5, date(2019, 1, 1), date(2023, 12, 1), along="up")
    assert "So few points say little." in sure_sentences(rate, 4, 100.0, 0.4, None, 8, of_file(False))
    assert "So few points say little." not in sure_sentences(rate, 4, 100.0, 0.4, None, 3, of_file(False))
