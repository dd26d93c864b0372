"""Boundaries made to stop a service: outlines, GeoJSON, GeoPackages. Zips and XML are those of `hostile_tables`."""

import json
import math
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

SQUARE = [[-12.02, 46.98], [-11.98, 46.98], [-11.98, 47.02], [-12.02, 47.02], [-12.02, 46.98]]
POLYGON = {"type": "Polygon", "coordinates": [SQUARE]}
SPATIAL = "CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id)"
CONTENTS = "CREATE TABLE gpkg_contents (table_name, data_type)"
COLUMNS = "CREATE TABLE gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id)"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
CROSS_JOIN = "sqlite_master a, sqlite_master b, sqlite_master c, sqlite_master d, sqlite_master e, sqlite_master f"


def hostile_boundaries(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a name and the content of each."""
    yield from _crossing()
    yield from _json()
    yield from ((f"gpkg {name}", _gpkg(folder / f"{name}.gpkg", steps)) for name, steps in _databases())


def geojson(*geometries: object, **more: object) -> bytes:
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    return json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()


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
