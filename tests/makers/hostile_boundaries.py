"""Boundaries that were made to stop a service: by time, by memory, by what they refer to."""

import io
import json
import math
import random
import sqlite3
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

SQUARE = [[-12.02, 46.98], [-11.98, 46.98], [-11.98, 47.02], [-12.02, 47.02], [-12.02, 46.98]]
POLYGON = {"type": "Polygon", "coordinates": [SQUARE]}
CORNERS = " ".join(f"{x},{y},0" for x, y in SQUARE)
RING = f"<outerBoundaryIs><LinearRing><coordinates>{CORNERS}</coordinates></LinearRing></outerBoundaryIs>"
PLACEMARK = f"<Placemark><Polygon>{RING}</Polygon></Placemark>"
SPATIAL = "CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id)"
CONTENTS = "CREATE TABLE gpkg_contents (table_name, data_type)"
COLUMNS = "CREATE TABLE gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id)"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
CROSS_JOIN = "sqlite_master a, sqlite_master b, sqlite_master c, sqlite_master d, sqlite_master e, sqlite_master f"


def hostile_boundaries(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a name and the content of each."""
    yield from _crossing()
    yield from _json()
    yield from ((f"kml {name}", content) for name, content in _kml())
    yield from ((f"zip {name}", content) for name, content in _zips())
    yield from ((f"gpkg {name}", _gpkg(folder / f"{name}.gpkg", steps)) for name, steps in _databases())
    yield from _shapefiles()


def geojson(*geometries: object, **more: object) -> bytes:
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    return json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()


def zipped(members: Iterable[tuple[str, bytes | str]]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members:
            archive.writestr(name, member)
    return content.getvalue()


def random_star(n: int, seed: int) -> dict[str, object]:
    """Return an outline whose every side crosses most of the others."""
    pick = random.Random(seed)
    corners = [[5 + pick.random(), 5 + pick.random()] for _ in range(n)]
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def _crossing() -> Iterator[tuple[str, bytes]]:
    yield "crossing star", geojson(random_star(499, 2))
    yield "many crossing triangles", geojson(*(random_star(3, seed) for seed in range(120)))
    yield "the same square 2,000 times", geojson(*[POLYGON] * 2000)
    spiral = [[5 + n / 1e4 * math.cos(n / 9), 5 + n / 1e4 * math.sin(n / 9)] for n in range(9000)]
    yield "spiral", geojson({"type": "Polygon", "coordinates": [[*spiral, spiral[0]]]})
    comb = [corner for k in range(9000) for corner in ([k / 9000, 0], [(k + 0.5) / 9000, 1])]
    yield "comb", geojson({"type": "Polygon", "coordinates": [[*comb, [1, -1], [0, -1], comb[0]]]})


def _json() -> Iterator[tuple[str, bytes]]:
    yield "nested arrays", b"{" + b'"type":' + b"[" * 2_000_000
    yield "nested objects", b'{"a":' * 500_000 + b"1" + b"}" * 500_000
    nested: object = 1
    for _ in range(900):
        nested = [nested]
    yield "nested coordinates", geojson({"type": "Polygon", "coordinates": nested})
    yield "long number", b'{"type": "Polygon", "coordinates": [[[' + b"9" * 100_000 + b",1],[1,1],[2,2],[1,1]]]}"
    yield "infinite", geojson({"type": "Polygon", "coordinates": [[[math.inf, 0], [1, 1], [2, 0], [math.inf, 0]]]})
    yield "not numbers", geojson({"type": "Polygon", "coordinates": [[["a", "b"], {}, None, []]]})
    yield "a coordinate of many dimensions", geojson({"type": "Polygon", "coordinates": [[[0] * 100_000] * 4]})
    yield "many empty lists", b'{"type": "FeatureCollection", "features": [' + b"[]," * 1_700_000 + b"1]}"
    yield "many keys", b'{"type": "FeatureCollection", ' + b",".join(b'"%d":[]' % n for n in range(400_000)) + b"}"
    yield "features are a text", b'{"type": "FeatureCollection", "features": "' + b"x" * 4_000_000 + b'"}'
    for system in (
        "/etc/passwd",
        "+init=/etc/passwd:1",
        "+proj=pipeline " + "+step +proj=utm +zone=32 " * 20_000,
        'PROJCS["' + "x" * 1_000_000,
        "+proj=utm +zone=32 +nadgrids=/etc/passwd",
        "http://localhost:1/crs",
    ):
        named = {"type": "name", "properties": {"name": system}}
        yield f"reference system {system[:30]}", geojson(POLYGON, crs=named)


def _kml() -> Iterator[tuple[str, bytes]]:
    def kml(inside: str, before: str = "") -> bytes:
        return f'<?xml version="1.0"?>{before}<kml><Document>{inside}</Document></kml>'.encode()

    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    yield "billion laughs", kml("&a9;", f'<!DOCTYPE kml [<!ENTITY a0 "ha">{laughs}]>')
    yield "foreign entity", kml("&x;", '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    yield "foreign document type", kml(PLACEMARK, '<!DOCTYPE kml SYSTEM "http://localhost:1/x.dtd">')
    yield "include", kml('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>')
    yield "link", kml("<NetworkLink><Link><href>http://localhost:1/</href></Link></NetworkLink>")
    yield "nested", kml("<Folder>" * 300_000)
    yield "nested placemarks", kml("<Placemark>" * 100_000 + "</Placemark>" * 100_000)
    yield "no corner", kml(PLACEMARK.replace(CORNERS, "1 2 3"))
    yield "many corners", kml(PLACEMARK.replace(CORNERS, "1,1 " * 1_000_000))
    yield "many attributes", kml("<Folder " + " ".join(f'a{n}="1"' for n in range(200_000)) + "/>")
    yield "another encoding", b'<?xml version="1.0" encoding="UTF-7"?><kml/>'
    yield "cut off", kml(PLACEMARK)[:-40]


def _zips() -> Iterator[tuple[str, bytes]]:
    pick = random.Random(1)
    varied = "".join(f"<a{pick.randrange(10_000)}/>" for _ in range(1_100_000))  # below the greatest ratio of sizes
    yield "with many elements", zipped([("doc.kml", f"<kml>{varied}</kml>")])
    arrays = "".join(f"[{pick.randrange(10)}]," for _ in range(2_400_000))
    yield "with many arrays", zipped([("a.geojson", f'{{"type":"FeatureCollection","features":[{arrays}1]}}')])
    yield "with much text", zipped([("doc.kml", "<kml>" + "<a>" + "xy" * 4_900_000)])
    yield "with many placemarks", zipped([("doc.kml", "<kml>" + "<Placemark/>" * 800_000 + "</kml>")])
    yield "with nested arrays", zipped([("a.geojson", b'{"a":' + b"[" * 9_000_000)])
    yield "of 40 MB", zipped([("a.geojson", random.Random(1).randbytes(10_000) * 4000)])
    yield "of 1,000 files", zipped((f"{n}.geojson", geojson(POLYGON)) for n in range(1000))
    yield "in a zip", zipped([("a.zip", zipped([("a.geojson", geojson(POLYGON))]))])
    yield "that leads outside", zipped([("../../etc/a.geojson", geojson(POLYGON))])
    link = zipfile.ZipInfo("a.geojson")
    link.external_attr = 0o120777 << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield "with a link", content.getvalue()
    plain = zipped([("a.geojson", geojson(POLYGON) * 100)])
    yield "that is damaged", plain[:60] + bytes(40) + plain[100:]
    yield "whose sizes are wrong", plain.replace(struct.pack("<I", len(geojson(POLYGON)) * 100), struct.pack("<I", 9))


def _databases() -> Iterator[tuple[str, list[str]]]:
    """Yield a name and the statements that make the database."""
    layer = "CREATE TABLE layer (geom BLOB, name TEXT)"
    listed = [
        "INSERT INTO gpkg_contents VALUES ('layer', 'features')",
        "INSERT INTO gpkg_geometry_columns VALUES ('layer', 'geom', 'POLYGON', 4326)",
        "INSERT INTO gpkg_spatial_ref_sys VALUES (4326, 'EPSG', 4326)",
    ]
    joined = f"CREATE VIEW gpkg_contents AS SELECT a.name AS table_name FROM {CROSS_JOIN}"
    yield "view over a cross join", [SPATIAL, joined, COLUMNS, *(f"CREATE TABLE t{n} (a)" for n in range(12))]
    yield "endless view", [SPATIAL, f"CREATE VIEW gpkg_contents AS SELECT x AS table_name FROM ({ENDLESS})", COLUMNS]
    columns = "x AS table_name, x AS column_name, 'POLYGON' AS geometry_type_name, 4326 AS srs_id"
    view = f"CREATE VIEW gpkg_geometry_columns AS SELECT {columns} FROM ({ENDLESS})"
    yield "endless columns", [SPATIAL, CONTENTS, view]
    yield "endless columns in capitals", [SPATIAL, CONTENTS, view.replace("gpkg_geometry", "GPKG_GEOMETRY")]
    systems = "CREATE VIEW gpkg_spatial_ref_sys AS SELECT 'EPSG' AS organization, x AS srs_id,"
    systems += f" 4326 AS organization_coordsys_id FROM ({ENDLESS}) WHERE x < 0"
    yield "endless reference systems", [systems, CONTENTS, COLUMNS, layer, *listed[:2]]
    yield (
        "endless layer",
        [SPATIAL, CONTENTS, COLUMNS, f"CREATE VIEW layer AS SELECT x AS geom FROM ({ENDLESS})", *listed],
    )
    search = "CREATE VIRTUAL TABLE layer USING fts5(geom, name)"
    yield "layer that is a search index", [SPATIAL, CONTENTS, COLUMNS, search, *listed]
    yield "one layer 1,000 times", [SPATIAL, CONTENTS, COLUMNS, layer, *listed[1:2] * 1000, listed[0], listed[2]]
    yield "contents 1,000 times", [SPATIAL, CONTENTS, COLUMNS, layer, *listed[:1] * 1000, *listed[1:]]
    many = [statement.replace("layer", f"layer{n}") for n in range(200) for statement in (layer, *listed[:2])]
    yield "200 layers", [SPATIAL, CONTENTS, COLUMNS, listed[2], *many]
    product = " * ".join(["length(name)"] * 200)
    computed = f"CREATE TABLE layer (name TEXT, geom BLOB GENERATED ALWAYS AS ({product}))"
    rows = "INSERT INTO layer(name) SELECT x FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE"
    yield "computed geometries", [SPATIAL, CONTENTS, COLUMNS, computed, f"{rows} x < 20000) SELECT x FROM n)", *listed]
    large = "INSERT INTO layer VALUES (zeroblob(4000000), 'a')"
    yield "large geometry", [SPATIAL, CONTENTS, COLUMNS, layer, large, *listed]
    broken = "INSERT INTO layer VALUES (x'47500001e6100000' || x'0106000000ffffffff', 'a')"
    yield "geometry of four billion parts", [SPATIAL, CONTENTS, COLUMNS, layer, broken, *listed]
    yield "no tables", ["CREATE TABLE other (a)"]


def _gpkg(path: Path, statements: list[str]) -> bytes:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path.read_bytes()


def _shapefiles() -> Iterator[tuple[str, bytes]]:
    def parts(record: bytes, table: bytes, system: str) -> bytes:
        head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(record)) // 2) + struct.pack("<2i", 1000, 5)
        shapes = head + bytes(100 - len(head)) + record
        return zipped([("a.shp", shapes), ("a.dbf", table), ("a.prj", system)])

    degrees = 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],UNIT["degree",0.0174532925]]'
    table = struct.pack("<B3xIHH20x", 3, 1, 65, 11) + struct.pack("<11sc4xB15x", b"a", b"C", 10) + b"\r" + b" " * 11
    claims = struct.pack("<i4d2i", 5, 0, 0, 1, 1, 2**31 - 1, 2**31 - 1)
    yield "shapefile of two billion corners", parts(struct.pack(">2i", 1, len(claims) // 2) + claims, table, degrees)
    wrong = struct.pack("<i4d2ii", 5, 0, 0, 1, 1, 1, 4, -9) + struct.pack("<8d", 0, 0, 1, 1, 1, 0, 0, 0)
    record = struct.pack(">2i", 1, len(wrong) // 2) + wrong
    yield "shapefile with a part before its begin", parts(record, table, degrees)
    yield "shapefile with a nested system", parts(record, table, "PROJCS[" * 9000)
    yield "shapefile with a table of four billion rows", parts(record, b"\x03" + b"\xff" * 31, degrees)
