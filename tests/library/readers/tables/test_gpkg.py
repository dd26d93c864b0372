"""GeoPackages: one point layer, its reference system, and nothing else that SQLite could be made to do."""

import sqlite3
import struct

import numpy as np
import pytest
import shapely

from tests.makers.damage import outcome, the_batch
from tests.makers.generic import TOWARD, blob, make


def execute(path, *statements):
    file = sqlite3.connect(path)
    for statement, *values in statements:
        file.execute(statement, *values)
    file.commit()
    file.close()
    return path


def test_points_of_a_projected_layer_stand_where_they_are(tmp_path):
    batch = the_batch(make(tmp_path, "gpkg", epsg=25832), TOWARD)
    assert batch.longitude[5] == pytest.approx(11.005, abs=1e-6)
    assert batch.latitude == pytest.approx(47.5, abs=1e-6)


def test_polygons_beside_the_points_do_no_harm(tmp_path):
    path = execute(
        make(tmp_path, "gpkg"),
        ("INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('outline', 'features', 4326)",),
        ("INSERT INTO gpkg_geometry_columns VALUES ('outline', 'geom', 'POLYGON', 4326, 0, 0)",),
        ("CREATE TABLE outline (fid INTEGER PRIMARY KEY, geom POLYGON)",),
    )
    assert the_batch(path, TOWARD).pid.size == 12
    several = make(tmp_path, "gpkg", layers=("north", "south"))
    assert "2 point layers where one is expected: north (Point), south" in outcome(several, TOWARD)


@pytest.mark.parametrize("damaged", ["4750", blob(shapely.Point(1, 1))[:20].hex()])
def test_a_damaged_geometry_is_a_row_left_out(tmp_path, damaged):
    path = execute(make(tmp_path, "gpkg"), (f"UPDATE points SET geom = x'{damaged}' WHERE fid = 3",))
    assert [(row.pid, row.reason) for row in the_batch(path, TOWARD).refused] == [
        ("P00002", "its position is not a number")
    ]


def test_empty_geometries_and_missing_or_infinite_numbers_are_rows_left_out(tmp_path):
    path = execute(
        make(tmp_path, "gpkg"),
        ("UPDATE points SET geom = ? WHERE fid = 1", [blob(None)]),
        ("UPDATE points SET geom = NULL WHERE fid = 2",),
        ("UPDATE points SET VEL = NULL WHERE fid = 3",),
        ("UPDATE points SET VEL = 9e999 WHERE fid = 4",),
        ("UPDATE points SET D20210103 = NULL WHERE fid = 5",),
    )
    batch = the_batch(path, TOWARD)
    assert {row.pid: row.reason.split()[1] for row in batch.refused} == {
        "P00000": "position",
        "P00001": "position",
        "P00002": "velocity",
        "P00003": "velocity",
    }
    assert np.isnan(batch.displacement_mm[0, 2])


LINE = struct.pack("<2sBBi", b"GP", 0, 1, 4326) + shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
BAD = {
    "column 'VEL' holds 'fast', which is no number": ("UPDATE points SET VEL = 'fast' WHERE fid = 3",),
    "geometries other than points": ("UPDATE points SET geom = ? WHERE fid = 3", [LINE]),
    "Unable to parse srs_id '4326'": ("UPDATE gpkg_spatial_ref_sys SET organization = 'NONE'",),
    "is no place on the Earth": ("UPDATE points SET geom = ?", [blob(shapely.Point(47, 111))]),
    "it holds no layer": ("DELETE FROM gpkg_geometry_columns",),
    "gpkg_spatial_ref_sys or gpkg_contents, is missing": ("DROP TABLE gpkg_spatial_ref_sys",),
    "Layer 'points' could not be opened": ("ALTER TABLE points RENAME TO elsewhere",),
    "no such column: m.geom": ("ALTER TABLE points RENAME COLUMN geom TO shape",),
    "no column is a velocity": ("ALTER TABLE points RENAME COLUMN VEL TO speed",),
    "column 'CODE' holds a value of 3,000,000 bytes": (f"UPDATE points SET CODE = '{'x' * 3_000_000}' WHERE fid = 3",),
    "a point id has 1500 characters": (f"UPDATE points SET CODE = '{'x' * 1500}' WHERE fid = 3",),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_layer_is_refused_with_a_line_that_names_the_fault(tmp_path, message):
    change = {"VEL": "speed"} if "no column" in message else {}

    def without_series(table):
        if change:
            for name in [name for name in table if name.startswith("D2")]:
                table.pop(name)

    assert message in outcome(execute(make(tmp_path, "gpkg", change=without_series), BAD[message]), TOWARD)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, i AS VEL, 0 AS geom FROM n"
TRAPS = {
    "a view that never ends": [("DROP TABLE points",), (f"CREATE VIEW points AS {ENDLESS}",)],
    "a view of another table": [
        ("ALTER TABLE points RENAME TO secret",),
        ("CREATE VIEW points AS SELECT * FROM secret",),
    ],
    "a virtual table": [("DROP TABLE points",), ("CREATE VIRTUAL TABLE points USING fts5(geom, VEL)",)],
    "system tables that are views": [
        ("ALTER TABLE gpkg_contents RENAME TO c",),
        ("CREATE VIEW gpkg_contents AS SELECT * FROM c",),
    ],
    "a generated column": [
        ("ALTER TABLE points RENAME COLUMN VEL TO speed",),
        ("ALTER TABLE points ADD COLUMN VEL GENERATED ALWAYS AS (length(hex(zeroblob(900000))))",),
    ],
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_file_that_wants_more_than_to_be_read_is_refused(tmp_path, trap):
    refused = outcome(execute(make(tmp_path, "gpkg"), *TRAPS[trap]), TOWARD)
    assert "not a plain table" in refused or "no plain one" in refused


def test_nothing_is_written_and_no_journal_beside_the_file_is_believed(tmp_path):
    path = make(tmp_path, "gpkg", name="a name?with#odd%20signs.gpkg")
    before = path.read_bytes()
    for suffix in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).write_bytes(before)
    assert the_batch(path, TOWARD).pid.size == 12
    assert path.read_bytes() == before
    assert all(other.read_bytes() == before for other in tmp_path.iterdir())
