"""Lines of organisations: files are read or refused, readings find the break, and who sees what."""

import csv
import io
import json
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from shapely import LineString, get_coordinates
from shapely.geometry import shape

from detection.models import AuditEntry
from ground_motion.methods.structures.lines import Break
from monitor.models.lines import Line, LineBreak, LineReading
from monitor.models.subscriptions import Organisation
from monitor.subscribers.organisations import line_readings, lines, services
from monitor.subscribers.organisations.line_readings import lines_due
from monitor.subscribers.subscriptions import given_files, tokens
from monitor.wording.cards.lines import stretch_words
from monitor.wording.refusals import Refusal
from tests.makers import streetmap
from tests.makers.lines import (
    FORM,
    LENGTH_M,
    STEP_M,
    STEP_MM_YR,
    WISH,
    degrees,
    line_file,
    load_points,
    make_line,
    read,
)
from tests.makers.organisations import make_organisation
from tests.service.monitor.subscribers.subscriptions.test_given_files import zipped

pytestmark = pytest.mark.django_db
PLACES = degrees([0, 1000, 3000], [0, 0, 0])


@pytest.fixture
def points(tmp_path):
    """Return a function that loads points along the line, with the step that it is given."""
    return partial(load_points, tmp_path)


@pytest.fixture
def line(three, points) -> Line:
    """The line of an organisation of three, read, with one break."""
    points()
    line = make_line(three[0])
    read(line)
    return line


def gpx(*segments) -> bytes:
    tracks = "".join(
        "<trkseg>" + "".join(f'<trkpt lat="{y}" lon="{x}"><ele>3</ele></trkpt>' for x, y in one) + "</trkseg>"
        for one in segments
    )
    return f'<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/1/1"><trk>{tracks}</trk></gpx>'.encode()


def formats(folder) -> dict[str, bytes]:
    corners = " ".join(f"{x},{y},0" for x, y in PLACES)
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><LineString><coordinates>'
    kml += f"{corners}</coordinates></LineString></Placemark></Document></kml>"
    table = "latitude;longitude\n" + "\n".join(f"{y};{x}" for x, y in PLACES)
    gpkg = streetmap.gpkg(folder / "b.gpkg", {"b": ("LINESTRING", [({"name": "rail"}, LineString(PLACES))])})
    return {
        "line.geojson": line_file(),
        "line.kml": kml.encode(),
        "line.kmz": zipped(doc_kml=kml.encode()),
        "line.gpx": gpx(PLACES),
        "line.csv": table.encode(),
        "line.gpkg": gpkg.read_bytes(),
        "line.zip": zipped(line_geojson=line_file()),
    }


def test_every_format_gives_the_same_line(tmp_path):
    for name, content in formats(tmp_path).items():
        course, length_m = given_files.line(content=content, name=name)
        assert length_m == pytest.approx(LENGTH_M, rel=1e-3), name
        assert course.coords[0] == pytest.approx(PLACES[0], abs=1e-6), name
        assert course.coords[-1] == pytest.approx(PLACES[-1], abs=1e-6), name


def test_pieces_that_join_are_one_line_in_the_direction_of_the_first():
    content = line_file((1000, 2000), (3000, 2000.5), (0, 999.5))
    course, length_m = given_files.line(content=content, name="pieces.geojson")
    assert length_m == pytest.approx(LENGTH_M, rel=1e-3)
    assert (np.diff(get_coordinates(course)[:, 0]) > -2e-5).all()
    assert given_files.line(content=gpx(PLACES[:2], PLACES[1:]), name="a.gpx")[1] == pytest.approx(LENGTH_M, rel=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (line_file((0, 1000), (1200, 2000)), r"do not join \(a gap of 200 m\)"),
        (line_file((0, 50)), "its line is 0.05 km long"),
        (b'{"type": "Point", "coordinates": [0, 0]}', "contains no line"),
        (b"latitude;longitude\n50;15\nnorth;15\n", "row 3 is no corner"),
        (b"latitude;longitude\n50;15\n", "fewer than two corners"),
        (b"easting;northing\n50;15\n", "no column “latitude”"),
        (";".join(f"column {n} of many" for n in range(90)).encode(), "no column “latitude”.*…. Add a column"),
        (gpx([("15", "50"), ("15", "north")]), "cannot be read as GPX"),
        (gpx([("15", "50"), ("15", "91")]), "not a place on Earth"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not a text table"),
        (line_file(*[(0, 3000)] * 2001), "more than 2,000 pieces or 20,000 corners"),
    ],
)
def test_what_is_no_line_is_refused_with_file_value_and_remedy(content, message):
    with pytest.raises(Refusal, match=message) as refusal:
        given_files.line(content=content, name="rail.geojson")
    assert "rail.geojson" in refusal.value.error
    assert len(refusal.value.error) <= 200


def at(*corners_m) -> bytes:
    course = degrees(*np.array(corners_m, dtype=float).T)
    return json.dumps({"type": "LineString", "coordinates": course}).encode()


def test_two_tracks_are_not_one_line_of_double_length_but_a_serpentine_is_one():
    tracks = [degrees([0, 3000], [y, y]) for y in (0.0, 4.0)]
    double = json.dumps({"type": "MultiLineString", "coordinates": tracks}).encode()
    spur = at((0, 0), (3000, 0), (2000, 0))
    for content in (double, spur, at((0, 0), (3000, 0), (0, 0))):
        with pytest.raises(Refusal, match="runs back beside itself"):
            given_files.line(content=content, name="rail.geojson")
    serpentine = at((0, 0), (300, 20), (0, 60), (300, 100), (0, 140), (300, 180))
    assert given_files.line(content=serpentine, name="pass.geojson")[1] == pytest.approx(1510, rel=0.01)
    hairpins = at(*[(300 * ((leg + 1) // 2 % 2), 15 * (leg // 2)) for leg in range(20)])
    assert given_files.line(content=hairpins, name="pass.geojson")[1] == pytest.approx(3135, rel=0.01)
    for radius_m in (30, 1000):
        ring = at(*[(radius_m * np.cos(turn), radius_m * np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 200)])
        length_m = given_files.line(content=ring, name="ring.geojson")[1]
        assert length_m == pytest.approx(2 * np.pi * radius_m, rel=0.01)


def test_a_line_across_180_degrees_is_refused_with_the_reason():
    for pieces in ([[178, 180], [-180, -179]], [[178, -179]], [[179, 180.005]]):
        course = [[(longitude, -17.0) for longitude in piece] for piece in pieces]
        content = json.dumps({"type": "MultiLineString", "coordinates": course}).encode()
        with pytest.raises(Refusal, match="crosses longitude 180"):
            given_files.line(content=content, name="rail.geojson")


def test_a_line_counts_for_all_its_readings(three, points):
    line = make_line(three[0])
    reserved = line.size_bytes
    for step_mm_yr, track in ((-30.0, 64), (-31.0, 65), (-32.0, 66), (-33.0, 67)):
        points(step_mm_yr=step_mm_yr, track=track)
    read(line)
    assert line.readings.count() == 4
    assert line.size_bytes == reserved + lines.READING_BYTES


def test_a_name_or_a_first_station_makes_no_reading_again_and_a_width_a_limit_or_a_newer_release_does(line, points):
    found = Break(2.0, -8.0, LENGTH_M + 7, -30.0, 1.0, 5.0, 30.0, 6.0, 0.2)
    row = line_readings._break(line, line.readings.get(), found, [])
    assert (row.from_m, row.to_m) == (0, LENGTH_M)  # A break at an end lies on the line.
    lines.line_change(line=line, **WISH | {"name": "Harbour line", "kind": "road", "first_station_m": 0.0})
    assert not lines_due().exists()
    lines.line_change(line=line, **WISH | {"half_width_m": 4.0})
    assert lines_due().exists()
    for limit_mm_m_yr, n_beyond in ((20.0, 0), (0.5, 1)):
        lines.line_change(line=line, **WISH | {"limit_mm_m_yr": limit_mm_m_yr})
        read(line)
        assert line.breaks.filter(is_beyond=True).count() == n_beyond
    newer = points(step_mm_yr=-31.0)
    read(line)
    assert line.readings.get().product == newer
    assert line.breaks.count() == 1


def test_the_page_opens_where_a_line_breaks_and_counts_the_places_of_all_data_sets(three, client, points):
    owner = three[0]
    points(step_mm_yr=0.0, gap_m=(2900, 2910))
    breaks = points()
    line = make_line(owner)
    read(line)
    page = address(owner, "organisation-line", line.pk)
    shown = client.get(page)
    assert shown.context["reading"].product == breaks
    assert shown.context["n_beyond"] == 1
    other = line.readings.exclude(product=breaks).get()
    of_other = client.get(f"{page}?reading={other.pk}")
    assert of_other.context["reading"] == other
    assert "beyond your limit, at 1 place" in of_other.content.decode()
    points(step_mm_yr=-33.0, track=65)
    read(line)
    assert line.breaks.filter(is_beyond=True).count() == 2
    assert client.get(page).context["n_beyond"] == 1
    with CaptureQueriesContext(connection) as queries:
        assert "1 step beyond the limit" in client.get(address(owner, "organisation-lines")).content.decode()
    assert not any('"strip"' in query["sql"] or "rate_mm_yr" in query["sql"] for query in queries)
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    assert sum('"strip"' in query["sql"] for query in queries) == 1
    assert not any("curvature" in query["sql"] for query in queries)


def test_a_step_is_found_at_its_station_with_its_height_those_of_the_trusted_first(three, points, make_subscription):
    points()
    line = make_line(three[0])
    assert list(lines_due()) == [line]
    make_subscription("town@example.org")
    later = make_line(make_organisation("town@example.org", name="Town")[0])
    Organisation.objects.filter(name="Town").update(trusted_at=timezone.now())
    assert list(lines_due()) == [later, line]
    later.delete()
    read(line)
    assert not lines_due().exists()
    (found,) = line.breaks.all()
    assert found.station_m == pytest.approx(STEP_M, abs=50)
    assert found.height_mm_yr == pytest.approx(STEP_MM_YR, abs=6)
    assert found.is_beyond
    reading = line.readings.get()
    known = [rate for rate in reading.rate_mm_yr[:50] if rate is not None]
    assert np.median(known) == pytest.approx(0, abs=1)
    assert reading.rate_mm_yr[96:107] == [None] * 11  # in the gap, where a parabola would only be prolonged
    assert reading.rate_mm_yr[94] is not None
    assert len(reading.strip) % (2 * len(reading.dates)) == 0


def test_stations_are_named_by_their_kilometres():
    assert stretch_words(12_400, 12_700) == "km 12.4–12.7"
    assert stretch_words(12_430, 12_510) == "km 12.43–12.51"
    assert stretch_words(-400, 100) == "km −0.4 – 0.1"


def address(mine, name, *more) -> str:
    return reverse(name, args=[tokens.member_token(mine.pk), mine.organisation_id, *more])


def upload(content=None) -> dict:
    return FORM | {"file": SimpleUploadedFile("rail.geojson", content or line_file())}


def test_an_owner_adds_a_line_and_members_see_it(three, client, points):
    owner, anna, _ben = three
    points()
    answer = client.post(address(owner, "organisation-lines"), upload())
    line = Line.objects.get()
    assert answer.url.endswith(f"/lines/{line.pk}/")
    assert (line.half_width_m, line.first_station_m, line.limit_mm_m_yr) == (3, 11_000, 0.5)
    assert "No result yet" in client.get(answer.url).content.decode()
    read(line)
    page = client.get(address(anna, "organisation-line", line.pk)).content.decode()
    assert "beyond your limit, at 1 place" in page
    assert "km 12.4" in page
    assert 'class="strip"' in page
    assert "Remove the line" not in page
    assert "1 step beyond the limit" in client.get(address(anna, "organisation-lines")).content.decode()
    assert client.post(address(anna, "organisation-line", line.pk), {"deed": "remove"}).status_code == 403
    rows = {
        name: list(
            csv.reader(io.StringIO(client.get(address(anna, "organisation-line-file", line.pk, name)).content.decode()))
        )
        for name in ("profile", "breaks")
    }
    assert len(rows["profile"]) == 121
    sections = client.get(address(anna, "organisation-line-sections", line.pk)).json()["features"]
    assert [str(one["properties"]["station_km"]) for one in sections] == [row[1] for row in rows["profile"][1:]]
    assert all(
        first["geometry"]["coordinates"][-1] == second["geometry"]["coordinates"][0]
        for first, second in pairwise(sections)
    )
    whole = [corner for one in sections for corner in one["geometry"]["coordinates"]]
    # Stations stand in whole steps, so that a rest of the line, here a metre, is in no section.
    assert np.array([whole[0], whole[-1]]) == pytest.approx(np.array(degrees([0, LENGTH_M], [0, 0])), abs=3e-5)
    assert float(rows["breaks"][1][1]) == pytest.approx(12.5, abs=0.05)
    assert client.get(address(anna, "organisation-line-file", line.pk, "other")).status_code == 404


def test_what_is_wrong_is_said_and_nothing_is_stored(three, client):
    owner = three[0]
    for more, said in (
        ({"file": SimpleUploadedFile("rail.geojson", b"{")}, "rail.geojson"),
        ({"width_m": "wide"}, "Type a number"),
        ({"limit_mm_m_yr": "0"}, "greater than or equal to 0.1"),
    ):
        answer = client.post(address(owner, "organisation-lines"), upload() | more)
        assert answer.status_code == 422
        assert said in answer.content.decode()
    assert not Line.objects.exists()


def test_an_owner_changes_and_removes_a_line_and_the_log_says_so(three, client):
    owner = three[0]
    line = make_line(owner)
    page = address(owner, "organisation-line", line.pk)
    assert client.post(page, FORM | {"name": "Harbour line", "deed": "change"}).status_code == 302
    line.refresh_from_db()
    assert line.name == "Harbour line"
    assert client.post(page, FORM | {"name": "", "deed": "change"}).status_code == 422
    assert client.post(page, {"deed": "remove"}).status_code == 302
    assert client.get(page).status_code == 410
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["line added", "line changed", "line removed"]


def test_lines_are_limited_in_number_and_in_changes_of_a_day(three, monkeypatch):
    owner = three[0]
    monkeypatch.setattr(lines, "MAX_LINES", 1)
    line = make_line(owner)
    with pytest.raises(Refusal, match="1 lines at most"):
        make_line(owner)
    monkeypatch.setattr(lines, "MAX_CHANGES", 1)
    with pytest.raises(Refusal, match="Daily limit"):
        lines.line_change(line=line, **WISH)


def test_strangers_get_nowhere_and_lines_are_exported_and_dissolved(three, line, client, make_subscription):
    owner = three[0]
    token = tokens.manage_token(make_subscription("stranger@example.org").pk)
    for name, more in (("organisation-lines", ()), ("organisation-line", (line.pk,))):
        assert client.get(reverse(name, args=[token, owner.organisation_id, *more])).status_code == 410
    export = json.loads(client.get(address(owner, "organisation-export")).content)
    (exported,) = export["lines"]
    assert exported["name"] == "Coal line"
    assert shape(exported["course"]).length == pytest.approx(shape(json.loads(line.geometry.json)).length)
    assert len(exported["breaks"]) == 1
    services.organisation_dissolve(organisation=owner.organisation)
    assert not any(table.objects.exists() for table in (Line, LineReading, LineBreak))
