"""Boundaries that people upload: every format gives the same area, and what is wrong is said in one line."""

import io
import json
import math
import os
import re
import sqlite3
import struct
import zipfile
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
import shapefile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pyproj import CRS, Transformer
from shapely.geometry import shape

from ground_motion import readers
from ground_motion.core.areas import area_of
from ground_motion.core.errors import InputError
from ingest.jobs import given
from ingest.jobs.given import LIMITS
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions import given_files
from monitor.subscribers.subscriptions.given_files import MAX_BYTES, boundary
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region
from tests.makers import streetmap
from tests.makers.hostile import Trap
from tests.makers.hostile_archives import archives_and_sheets
from tests.makers.hostile_boundaries import hostile_boundaries
from tests.makers.hostile_tables import xmls, zips
from tests.makers.organisations import FORM
from tests.seconds import used_seconds

SQUARE = [[-12.02, 46.98], [-11.98, 46.98], [-11.98, 47.02], [-12.02, 47.02], [-12.02, 46.98]]
POLYGON = {"type": "Polygon", "coordinates": [SQUARE]}
READERS = Path(readers.__file__).parent
MARKED = {  # what readers say that pages translate
    text for path in READERS.rglob("*.py") for text in re.findall(r'gettext_noop\(\s*"(.*?)"', path.read_text())
}
CORNERS = " ".join(f"{x},{y},0" for x, y in SQUARE)
KML = f"""<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>Home</name>
<MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>{CORNERS}</coordinates></LinearRing>
</outerBoundaryIs></Polygon></MultiGeometry></Placemark></Document></kml>"""


def geojson(*geometries, **more) -> bytes:
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries or [POLYGON]]
    return json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()


def polygon(*corners) -> dict:
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def zipped(**members: bytes) -> bytes:
    """Members by name, with "_" before the suffix."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(".".join(name.rsplit("_", 1)), member)
    return content.getvalue()


def shapes(folder: Path, epsg: int = 4326) -> dict[str, bytes]:
    """Return the parts of a shapefile of the square, by suffix."""
    to = Transformer.from_crs(4326, epsg, always_xy=True)
    base = folder / "boundary"
    with shapefile.Writer(str(base), shapeType=shapefile.POLYGON) as writer:
        writer.field("name", "C", 20)
        writer.poly([[to.transform(*corner) for corner in SQUARE]])
        writer.record("home")
    base.with_suffix(".prj").write_text(CRS.from_epsg(epsg).to_wkt("WKT1_ESRI"))
    return {f"boundary_{part}": base.with_suffix(f".{part}").read_bytes() for part in ("shp", "dbf", "prj")}


def formats(folder: Path) -> dict[str, bytes]:
    metres = Transformer.from_crs(4326, 32629, always_xy=True)
    projected = {"type": "Polygon", "coordinates": [[metres.transform(*corner) for corner in SQUARE]]}
    gpkg = streetmap.gpkg(folder / "b.gpkg", {"b": ("POLYGON", [({"name": "home"}, shape(POLYGON))])}).read_bytes()
    return {
        "collection.geojson": geojson(),
        "feature.json": json.dumps({"type": "Feature", "geometry": POLYGON}).encode(),
        "bare.json": b"\xef\xbb\xbf" + json.dumps(POLYGON).encode(),
        "utm.geojson": geojson(projected, crs={"type": "name", "properties": {"name": "EPSG:32629"}}),
        "home.kml": KML.encode(),
        "home.kmz": zipped(doc_kml=KML.encode()),
        "home.gpkg": gpkg,
        "shape.zip": zipped(**shapes(folder)),
        "utm-shape.zip": zipped(**shapes(folder, 32629)),
        "named-wrongly.txt": geojson(),
    }


def changed(path: Path, *statements: str) -> bytes:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)
    return path.read_bytes()


def package(path: Path) -> Path:
    return streetmap.gpkg(path, {"b": ("POLYGON", [({"name": "home"}, shape(POLYGON))])})


def as_other_programs_write(folder: Path) -> dict[str, bytes]:
    """Return the square with what many files have and no standard wants, or few expect."""
    twice = {"type": "Feature", "id": 7, "properties": {}, "geometry": POLYGON}
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    dates = ("ALTER TABLE b ADD COLUMN built DATE", "UPDATE b SET built = '2021-03-04'")
    views = ("st_spatial_ref_sys", "spatial_ref_sys", "st_geometry_columns", "geometry_columns")
    parts = shapes(folder)
    ended = KML.replace(f" {SQUARE[0][0]},{SQUARE[0][1]},0</coordinates>", "</coordinates>")
    assert ended != KML
    return {
        "open.geojson": geojson({"type": "Polygon", "coordinates": [SQUARE[:-1]]}),
        "open.kml": ended.encode(),
        "ids.geojson": json.dumps({"type": "FeatureCollection", "features": [twice, twice]}).encode(),
        "times.geojson": geojson({"type": "Polygon", "coordinates": [[[*corner, 0, 1e9] for corner in SQUARE]]}),
        "dates.gpkg": changed(package(folder / "dates.gpkg"), *dates),
        "views.gpkg": changed(package(folder / "v.gpkg"), *(f"CREATE VIEW {view} AS {endless}" for view in views)),
        "longer.zip": zipped(**parts | {"boundary_shp": parts["boundary_shp"] + b"\0\0"}),
    }


def test_every_format_gives_the_same_area_also_as_other_programs_write_it(tmp_path):
    plain = formats(tmp_path)
    for name, content in (plain | as_other_programs_write(tmp_path)).items():
        region = boundary(content=content, name=name)
        assert area_of(region.outline) == pytest.approx(area_of(shape(POLYGON)), rel=1e-3), name
        if name in plain:
            assert region.outline.bounds == pytest.approx((-12.02, 46.98, -11.98, 47.02), abs=1e-4), name
            assert region.label == "an uploaded area of 14 km² around 47.00° N 12.00° W", name


def region_of(*rings, **more) -> Region:
    """Return the region of a file with a polygon of each ring."""
    polygons = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    return boundary(content=geojson(*polygons, **more), name="made.geojson")


def test_neighbours_that_overlap_a_little_are_joined_however_many_corners_they_have():
    def side(x: float, sign: int) -> list:
        return [[x + sign * 1e-6 * (n % 7), 46.98 + 0.04 * n / 2000] for n in range(2001)]

    west = [*side(-12.0, 1), [-12.02, 47.02], [-12.02, 46.98]]
    east = [*side(-12.0, -1), [-11.98, 47.02], [-11.98, 46.98]]
    region = region_of(*([*half, half[0]] for half in (west, east)))
    assert area_of(region.outline) == pytest.approx(area_of(shape(POLYGON)), rel=1e-3)


def test_an_outline_beyond_the_pole_by_rounding_and_lines_that_cross_are_mended_and_a_fine_border_gets_coarser():
    cap = [[-10, 89], [10, 89], [10, 90.000000001], [-10, 90.000000001], [-10, 89]]
    assert area_of(region_of(cap).outline) == pytest.approx(2.17e9, rel=0.02)
    assert area_of(region_of([[0, 0], [0.1, 0.1], [0.1, 0], [0, 0.1], [0, 0]]).outline) > 0
    fine = [[0.001 * n, 0.0005 * (n % 2)] for n in range(900)] + [[0.9, -0.5], [0, -0.5], [0, 0]]
    outline = region_of(fine).outline
    assert sum(len(part.exterior.coords) for part in outline.geoms) <= 500
    assert outline.contains(shape({"type": "Polygon", "coordinates": [fine]}).buffer(-1e-6))


def test_a_geopackage_without_plain_shapes_or_a_shapefile_without_its_system_is_refused_with_what_to_do(tmp_path):
    arc = b"GP\0\1" + struct.pack("<i", 4326) + struct.pack("<BII6d", 1, 8, 3, -12, 47, -11.9, 47.1, -11.8, 47)
    curved = changed(package(tmp_path / "c.gpkg"), f"UPDATE b SET geom = x'{arc.hex()}'")
    with pytest.raises(Refusal, match=r"layer 'b' holds curves\. Draw them with straight lines"):
        boundary(content=curved, name="c.gpkg")
    statements = ("DROP TABLE gpkg_geometry_columns", "UPDATE gpkg_contents SET data_type = 'tiles'")
    with pytest.raises(Refusal, match="it holds no layer"):
        boundary(content=changed(package(tmp_path / "t.gpkg"), *statements), name="t.gpkg")
    parts = shapes(tmp_path)
    del parts["boundary_prj"]
    with pytest.raises(Refusal, match=r"boundary\.prj is missing"):
        boundary(content=zipped(**parts), name="b.zip")


def test_several_polygons_are_one_region_and_holes_stay():
    hole = [[-12.01, 46.99], [-11.99, 46.99], [-11.99, 47.01], [-12.01, 47.01], [-12.01, 46.99]]
    beside = [[x + 0.04, y] for x, y in SQUARE]
    region = boundary(
        content=geojson(
            {"type": "Polygon", "coordinates": [SQUARE, hole]}, {"type": "Polygon", "coordinates": [beside]}
        ),
        name="two.geojson",
    )
    assert area_of(region.outline) == pytest.approx(1.75 * area_of(shape(POLYGON)), rel=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"x" * (MAX_BYTES + 1), "the limit is 5,120 kB"),
        (b"\x89PNG\r\n", "is not a boundary file"),
        (b"{", r"cannot be read as GeoJSON \(.*\). Download it again"),
        (b'{"type": "FeatureCollection"}', "cannot be read as GeoJSON"),
        (b'{"type": "FeatureCollection", "features": [[]]}', "contains no polygons"),
        (b'{"type": "Topology"}', r"cannot be read as GeoJSON \(TopoJSON\). Export it as GeoJSON"),
        (b'{"geometryType": "esriGeometryPolygon", "features": []}', r"\(EsriJSON\). Export it as GeoJSON"),
        (b'{"a": 1}', r"\(other JSON\). Export it as GeoJSON"),
        (geojson({"type": "Point", "coordinates": [0, 0]}), "contains no polygons"),
        (geojson(polygon([500_000, 5_200_000], [1, 2], [3, 4])), "EPSG:4326"),
        (geojson(polygon([0, 0], [9, 0], [9, 9], [0, 9])), "the limit is 200,000"),
        (geojson(crs={"type": "name", "properties": {"name": "EPSG:99"}}), "reference system"),
        (geojson(*[POLYGON] * 2001), "more than 2,000 features"),
        (b"<html></html>", "no KML"),
        (b"<kml><Placemark>", "cannot be read as KML"),
        (b'<!DOCTYPE k [<!ENTITY a "aaaa">]><kml>&a;</kml>', "cannot be read as KML"),
        (KML.replace("46.98", "north").encode(), "is no longitude and latitude"),
        (b"SQLite format 3\0" + b"\0" * 200, "GeoPackage"),
        (b"\x00\x00\x27\x0a" + b"\0" * 200, "Zip its parts"),
        (b"PK\x03\x04" + b"\0" * 50, "archive is damaged"),
        (zipped(a_geojson=geojson(), b_geojson=geojson()), "2 layers where one is expected"),
        (zipped(points_csv=b"name,lat,lon"), "is not a boundary file"),
        (zipped(), "0 layers where one is expected"),
        (zipped(big_geojson=b" " * 20_000_000), "would unpack to"),
        (zipped(**{".._.._etc_geojson": geojson()}), "layers where one"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_with_the_file_and_a_remedy(content, message):
    with pytest.raises(Refusal, match=message) as refusal:
        boundary(content=content, name="C:\\maps\\my\nboundary.x")
    line = str(refusal.value)
    assert "\n" not in line
    assert "my boundary.x" in line
    assert "/tmp" not in line
    assert line.count(".") >= 2
    fault = refusal.value.__cause__
    assert set(fault.words if isinstance(fault, InputError) else ()) <= MARKED, "no catalogue has its words"


def test_a_refusal_speaks_the_language_of_the_page(monkeypatch):
    monkeypatch.setattr(given_files, "_", lambda words: f"[{words}]")
    content = zipped(a_geojson=geojson(), b_geojson=geojson())
    with pytest.raises(Refusal) as refusal:
        boundary(content=content, name="b.zip")
    assert "[the zip holds 2 layers where one is expected]. [Give one layer in each zip]" in str(refusal.value)


def box(west: float, east: float, south: float = -17.0, north: float = -16.8) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


ACROSS = [(-180.0, -179.9), (179.9, 180.0)]


@pytest.mark.parametrize(
    ("polygons", "size_km2", "parts"),
    [
        ([[box(179.9, -179.9)]], 471.6, ACROSS),
        ([[box(179.9, 180.1)]], 471.6, ACROSS),
        ([[box(-180.1, -179.9)]], 471.6, ACROSS),
        ([[box(179.9, 180)], [box(-180, -179.9)]], 471.6, ACROSS),
        ([[box(179.9, -179.9)], [box(179.5, 179.6)]], 707.4, [ACROSS[0], (179.5, 179.6), ACROSS[1]]),
        ([[box(179.9, -179.9), box(-179.98, -179.95, -16.95, -16.9)]], 453.9, ACROSS),
    ],
)
def test_a_region_across_180_degrees_is_split_there_in_whichever_form_it_is_given(polygons, size_km2, parts):
    given = boundary(content=geojson({"type": "MultiPolygon", "coordinates": polygons}), name="a.geojson")
    assert area_of(given.outline) / 1e6 == pytest.approx(size_km2, abs=0.1)
    found = sorted((part.bounds[0], part.bounds[2]) for part in given.outline.geoms)
    assert [*chain(*found)] == pytest.approx([*chain(*parts)])


def test_a_region_across_180_degrees_that_crosses_itself_is_refused():
    with pytest.raises(Refusal, match="an outline across 180 degrees crosses itself"):
        boundary(content=geojson(polygon([179.9, -17], [-179.9, -16], [-179.9, -17], [179.9, -16])), name="a.geojson")


def star(n: int) -> dict:
    """Return an outline that crosses itself everywhere: mending it would take time with the square of its corners."""
    corners = [[5 + (n % 2) * math.cos(3 * n), 5 + math.sin(5 * n)] for n in range(n)]
    return polygon(*corners)


def comb(n: int) -> dict:
    """Return a valid outline of thin teeth, whose widened border would cross itself everywhere."""
    teeth = [corner for k in range(n) for corner in ([k / n, 0], [(k + 0.5) / n, 1])]
    return polygon(*teeth, [1, -0.1], [0, -0.1])


@pytest.mark.parametrize(
    ("outlines", "message"),
    [
        ([star(15_000)], "cross each other"),
        ([comb(5000), star(400)], "cross each other"),
        ([comb(9000)], "corners close to each other"),
        ([star(21_000)], "20,000 corners"),
    ],
)
def test_an_outline_that_would_keep_the_server_busy_is_refused_at_once(outlines, message):
    with pytest.raises(Refusal, match=message):
        boundary(content=geojson(*outlines), name="star.geojson")


@pytest.mark.long
def test_hostile_boundaries_are_read_or_refused_within_seconds_of_computing(tmp_path, monkeypatch):
    limits = LIMITS._replace(cpu_seconds=1)  # So that those without an end are over sooner.
    monkeypatch.setattr(given, "LIMITS", limits)
    seconds, refusals = {}, {}
    trap = Trap(tmp_path, tmp_path / "canary", 9)
    corpus = (
        (one.name, one.make_in(trap).read_bytes()) for part in (zips, xmls, archives_and_sheets) for one in part()
    )
    for name, content in chain(hostile_boundaries(tmp_path), corpus):
        begun = used_seconds(os.getpid())  # The server's children read, and count as well.
        try:
            assert boundary(content=content, name="given.x").outline.is_valid, name
        except Refusal as refusal:
            refusals[name] = str(refusal)
        seconds[name] = used_seconds(os.getpid()) - begun
    assert len(seconds) >= 90
    assert len(refusals) >= 80
    assert not [
        name for name, line in refusals.items() if "given.x" not in line or "/tmp/given" in line or "\n" in line
    ]
    assert 0.5 < max(seconds.values()) < limits.cpu_seconds + 1.5  # above half a second: they are counted


@pytest.mark.django_db
def test_a_boundary_is_subscribed_to_on_the_page():
    wish = FORM | {"where": "boundary"}
    visitor, file = Client(), SimpleUploadedFile("home.kml", KML.encode())
    seen = visitor.post("/subscribe/preview.json", wish | {"boundary": file}).json()
    assert seen["outline"]["type"] == "MultiPolygon"
    file.seek(0)
    answer = visitor.post("/subscribe/", wish | {"boundary": file, "email": "resident@example.org", "name": "Home"})
    assert answer.status_code == 302
    subscription = Subscription.objects.get()
    assert subscription.title == "Home"
    bad = visitor.post("/subscribe/", wish | {"boundary": SimpleUploadedFile("x.kml", b""), "email": "a@example.org"})
    assert "is empty" in bad.content.decode()
