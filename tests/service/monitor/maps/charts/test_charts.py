"""Several points on one chart, the mean of an area, a profile, frames of displacement: figures known beforehand."""

import csv
import io
import json

import numpy as np
import pytest
from django.contrib.gis.geos import Polygon

from ingest.models import MeasurementPoint
from ingest.products.services import product_load
from monitor.maps.charts import selectors

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(make_egms):
    """Twelve points 50 m apart in a row from west to east; the further east, the faster: 0, -2, ... -22 mm a year."""

    def faster(table):
        for i in range(12):
            table["mean_velocity"][i] = -2.0 * i
            for day in [name for name in table if name.isdigit()]:
                years = int(day[:4]) - 2020 + (int(day[4:6]) - 1) / 12
                table[day][i] = round(-2.0 * i * years, 1)

    return product_load(path=make_egms(change=faster))


@pytest.fixture
def ends(product):
    """Return the first and the last point of the row."""
    points = MeasurementPoint.objects.filter(product=product).order_by("pid")
    return points[0].position, points[11].position


def body(client, address: str, status: int = 200) -> dict:
    answer = client.get(address)
    assert answer.status_code == status, answer.content
    return json.loads(answer.content)


def points(product, *numbers: int) -> str:
    return "&".join(f"point={product.pk}/pt{number:08d}" for number in numbers)


def box(ends, margin: float = 0.0003) -> str:
    first, last = ends
    xs, ys = sorted((first.x, last.x)), sorted((first.y, last.y))
    return f"{xs[0] - margin},{ys[0] - margin},{xs[1] + margin},{ys[1] + margin}"


def test_every_line_has_its_own_rate_also_in_a_period_and_the_sentence_names_the_fastest(client, product):
    chart = body(client, f"/charts/series.json?{points(product, 0, 5, 11)}")
    assert [trace["rate_mm_yr"] for trace in chart["traces"]] == pytest.approx([0, -10, -22], abs=0.2)
    assert chart["sentence"].startswith("2 of the 3 lines moved; line 3 is the fastest.")
    assert body(client, f"/charts/series.json?{points(product, 5, 11)}")["sentence"].startswith("Both lines moved")
    assert "Line 3 moved away from the satellite (down or sideways) by about 22 mm a year" in chart["sentence"]
    assert "between January 2020 and January 2022. No change of speed" in chart["sentence"]
    part = body(client, f"/charts/series.json?{points(product, 11)}&from=2020-06-01&until=2021-12-31")["traces"][0]
    assert part["fit_mm"][0] is None
    assert chart["traces"][2]["fit_mm"][0] is not None
    assert part["rate_mm_yr"] == pytest.approx(-22, abs=0.3)


def test_against_a_reference_everything_moves_as_it_does_relative_to_it(client, product, ends):
    first, last = ends
    relative = body(client, f"/charts/series.json?{points(product, 0, 11)}&reference={last.x},{last.y},20")
    assert [trace["rate_mm_yr"] for trace in relative["traces"]] == pytest.approx([22, 0], abs=0.2)
    assert relative["traces"][0]["n_reference"] == 1
    assert relative["traces"][0]["values_mm"][-1] == pytest.approx(44, abs=0.2)
    nowhere = body(client, f"/charts/series.json?{points(product, 0)}&reference={first.x + 1},{first.y},20", 400)
    assert "no measurement point in the reference area" in nowhere["error"]


def test_an_area_is_the_mean_of_its_points_with_their_scatter(client, product, ends):
    chart = body(client, f"/charts/series.json?area={box(ends)}")
    (trace,) = chart["traces"]
    assert trace["n_points"] == 12
    assert trace["rate_mm_yr"] == pytest.approx(-11, abs=0.2)
    assert trace["scatter_mm_yr"] == pytest.approx(np.std(np.arange(12) * 2.0), abs=0.05)
    assert trace["low_mm"][-1] < trace["values_mm"][-1] < trace["high_mm"][-1]
    west, south, east, north = map(float, box(ends).split(","))
    drawn = ";".join(f"{x},{y}" for x, y in ((west, south), (east, south), (east, north), (west, north)))
    assert body(client, f"/charts/series.json?area={drawn}")["traces"][0]["n_points"] == 12


def test_the_profile_shows_where_it_moves_and_how_it_grew(client, product, ends):
    first, last = ends
    line = f"line={first.x},{first.y};{last.x},{last.y}&layer=los&width=60"
    profile = body(client, f"/charts/profile.json?{line}")
    assert profile["n_points"] == 12
    assert profile["length_m"] == pytest.approx(550, rel=0.01)
    assert profile["distance_m"] == pytest.approx(np.arange(12) * 50, abs=3)
    assert profile["velocity_mm_yr"] == pytest.approx(-2.0 * np.arange(12), abs=0.1)
    grown = [epoch["displacement_mm"][-1] for epoch in profile["epochs"]]
    assert grown == sorted(grown, reverse=True)
    assert grown[-1] == pytest.approx(-40, abs=4)
    wide = f"line={first.x},{first.y};{(first.x + last.x) / 2},{(first.y + last.y) / 2}&layer=los&width=900"
    assert body(client, f"/charts/profile.json?{wide}")["n_points"] == 6  # what lies beyond its end is not drawn at it
    backwards = body(client, f"/charts/profile.json?line={last.x},{last.y};{first.x},{first.y}&layer=los&width=60")
    assert backwards["velocity_mm_yr"][0] == pytest.approx(-22, abs=0.1)


def test_the_same_place_from_other_directions_is_the_nearest_point_of_each(client, product, ends, make_egms):
    name = "EGMS_L2b_044_0351_IW1_VV_2020_2024_1.zip"
    header = "<BURST><track>44</track><burst_id>0351</burst_id></BURST>"
    other = product_load(path=make_egms(name, xml=header, los=(0.62, -0.10, 0.78)))
    at = ends[0]
    found = body(client, f"/charts/near.json?at={at.x + 0.0001},{at.y}")["points"]
    assert {one["product"]["id"] for one in found} == {product.pk, other.pk}
    assert all(one["key"].endswith("/pt00000000") and one["distance_m"] < 20 for one in found)
    assert "no measurement point" in body(client, f"/charts/near.json?at={at.x},{at.y + 0.05}", 400)["error"]


def test_frames_start_at_nothing_and_end_where_the_point_went(client, product, ends):
    frames = body(client, f"/charts/frames.json?layer=los&bbox={box(ends)}")
    assert frames["dates"][0] == "2020-01-03"
    assert frames["dates"][-1] == "2022-01-03"
    assert len(frames["points"]) == frames["n_points"] == 12
    (fastest,) = [row for row in frames["points"] if row[0] == max(one[0] for one in frames["points"])]
    assert np.mean(fastest[2][:3]) == pytest.approx(0, abs=1)
    assert fastest[2][-1] - fastest[2][0] == pytest.approx(-44, abs=1)


def test_what_is_taken_away_is_what_was_drawn(client, product, ends):
    asked = f"{points(product, 0, 11)}&area={box(ends)}"
    rows = list(csv.DictReader(io.StringIO(client.get(f"/charts/series.csv?{asked}").content.decode())))
    assert len(rows) == 3 * 5
    assert {row["line"] for row in rows} == {"1", "2", "3"}
    assert [float(row["displacement_mm"]) for row in rows if row["line"] == "2"][-1] == pytest.approx(-44)
    collection = json.loads(client.get(f"/charts/series.geojson?{asked}").content)
    assert [one["geometry"]["type"] for one in collection["features"]] == ["Point", "Point", "MultiPolygon"]
    line = f"line={ends[0].x},{ends[0].y};{ends[1].x},{ends[1].y}&layer=los"
    assert len(client.get(f"/charts/profile.csv?{line}").content.decode().splitlines()) == 13
    assert client.get(f"/charts/series.parquet?{asked}").status_code == 404


REFUSED = {
    "series.json": "no point and no area",
    "series.json?point=1": "no name of a point",
    "series.json?" + "&".join(f"point=1/{i}" for i in range(7)): "“point” has 7 entries",
    "series.json?point=1/none": "none of these points",
    "series.json?area=1,2,3": "no measurement point",
    "series.json?area=0,0,3,3": "km² large",
    "series.json?area=0,0;0.01,0.01;0,0.01;0.01,0": "cross",
    "series.json?area=nan,0,1,1": "not four numbers",
    "series.json?point=1/a&from=2021-13-01": "no day",
    "series.json?point=1/a&from=2022-01-01&until=2021-01-01": "ends before it begins",
    "profile.json?line=0,0&layer=los": "1 corners",
    "profile.json?line=0,0;9,9&layer=los": "km long",
    "profile.json?line=0,0;0.01,0": "no layer",
    "profile.json?line=0,0;0.01,0&layer=los&width=9e9": "the width is",
    "frames.json?layer=los&bbox=0,0,40,40": "too wide",
    "near.json?at=500,0": "no position",
}


def test_what_cannot_be_drawn_gets_one_clear_line(client):
    for address, error in REFUSED.items():
        assert error in body(client, f"/charts/{address}", 400)["error"], address


def test_a_large_area_is_averaged_over_an_even_sample_and_more_points_are_not_read(client, product, ends, monkeypatch):
    area = Polygon.from_bbox(tuple(map(float, box(ends).split(","))))
    area.srid = 4326
    some = selectors.points_in(product=product, area=area, most=5)
    assert some.n_points == 12
    assert 1 <= len(some.pids) <= 5
    assert some.series_mm.shape == (len(some.pids), 5)
    monkeypatch.setattr(selectors, "MAX_COUNTED", 11)
    answer = body(client, f"/charts/series.json?area={box(ends)}", 400)
    assert "12 points of" in answer["error"]
    assert "at most 11" in answer["remedy"]
