"""GeoParquet: geometry as WKB or points, the reference system as an EPSG number, sizes looked at before values."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import join_batches
from ground_motion.readers.tables import geoparquet
from tests.makers.damage import outcome
from tests.makers.generic import TOWARD, make, mapping


def the_points(path, declared=TOWARD):
    batches = list(open_velocity_field(path, declared=declared).batches())
    assert all(batch.pid.size <= 12 for batch in batches)
    return batches


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"encoding": "point"},
        {"epsg": 25832},
        {"crs": "left out"},
        {"epsg": 3035, "encoding": "point"},
        {"crs": {"id": {"authority": "OGC", "code": "CRS84"}}},
    ],
)
def test_points_stand_where_they_are_in_every_encoding(tmp_path, options):
    batches = the_points(make(tmp_path, "parquet", **options))
    longitude = np.concatenate([batch.longitude for batch in batches])
    assert longitude == pytest.approx(11.0 + 0.001 * np.arange(12), abs=1e-6)
    assert batches[0].latitude == pytest.approx(47.5, abs=1e-6)


def test_a_reference_system_that_is_not_known_is_asked_for(tmp_path):
    path = make(tmp_path, "parquet", epsg=25832, crs=None)
    assert "its geometry has no reference system (EPSG). Add epsg to a mapping" in outcome(path, TOWARD)
    utm = mapping(tmp_path, 'epsg = 25832\nunit = "mm/yr"\npositive = "toward"\n')
    assert the_points(path, utm)[0].latitude == pytest.approx(47.5, abs=1e-6)


def test_parquet_without_geometry_is_a_table(tmp_path):
    path = tmp_path / "points.parquet"
    pq.write_table(pa.table({"fid": [1, 2], "lon": [11.0, 11.1], "lat": [47.0, 47.0], "vel": [3, -4]}), path)
    batch = join_batches(list(the_points(path)))
    assert list(batch.pid) == [b"1", b"2"]
    assert list(batch.velocity_mm_yr) == [3, -4]


def test_rows_without_place_or_velocity_are_refused_with_their_reason(tmp_path):
    path = tmp_path / "points.parquet"
    pq.write_table(
        pa.table(
            {
                "id": ["a", "b", "c", None],
                "lon": [11.0, None, 11, 11],
                "lat": [47.0, 47, 47, 47],
                "vel": [np.inf, 1, 1, 1],
            }
        ),
        path,
    )
    batch = join_batches(list(the_points(path)))
    assert list(batch.pid) == [b"c"]
    assert [row.reason for row in batch.refused] == [
        "its id is empty or not valid text",
        "its position is not a number",
        "its velocity is not a number",
    ]


def rewritten(path, change=lambda table: table, geo=lambda geo: geo, **how):
    table = change(pq.read_table(path))
    metadata = geo(json.loads(table.schema.metadata[b"geo"]))
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    pq.write_table(table.replace_schema_metadata({"geo": text}), path, **how)
    return path


def column(name, values):
    return lambda table: table.set_column(table.schema.get_field_index(name), name, pa.array(values))


def described_as(**values):
    return lambda geo: geo | {"columns": {"geometry": geo["columns"]["geometry"] | values}}


LINES = [shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))] * 12
BAD = {
    "column 'VEL' holds '1,5', which is no number": (column("VEL", ["1,5"] * 12), lambda geo: geo),
    "column 'CODE' holds double, not text": (column("CODE", [1.5] * 12), lambda geo: geo),
    "its geometries are Polygon, not points": (lambda t: t, described_as(geometry_types=["Polygon"])),
    "holds a value of 100,000 bytes": (column("CODE", ["x" * 100_000] * 12), lambda geo: geo),
    "holds geometries other than points": (column("geometry", LINES), lambda geo: geo),
    "a geometry is damaged": (column("geometry", [b"\x01\x01"] * 12), lambda geo: geo),
    "its points are stored as": (lambda t: t, described_as(encoding="point")),
    "encoded as 'polygon'": (lambda t: t, described_as(encoding="polygon")),
    "do not name a geometry column": (lambda t: t, lambda geo: geo | {"primary_column": "shape"}),
    "it cannot be read as Parquet": (lambda t: t, lambda geo: "{"),
    "cannot be read as Parquet": (lambda t: t, lambda geo: "[" * 100_000),
    "do not name a geometry": (lambda t: t, lambda geo: [1]),
    "'VEL' appears twice": (lambda t: t.append_column("VEL", t["VEL"]), lambda geo: geo),
    "the table has a header and no rows": (lambda t: t.slice(0, 0), lambda geo: geo),
    "EPSG:999 is not a known reference system": (
        lambda t: t,
        described_as(crs={"id": {"authority": "EPSG", "code": 999}}),
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_file_is_refused_with_a_line_that_names_the_fault(tmp_path, message):
    change, geo = BAD[message]
    assert message in outcome(rewritten(make(tmp_path, "parquet"), change, geo), TOWARD)


def test_a_long_text_repeated_a_million_times_is_not_unpacked(tmp_path):
    path, n = tmp_path / "points.parquet", 1_000_000
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int32)), pa.array(["x" * 100_000]))
    flat = pa.array(np.full(n, 11.0))
    pq.write_table(pa.table({"id": same, "lon": flat, "lat": flat, "vel": flat}), path)
    assert path.stat().st_size < 300_000  # and 100 GB unpacked
    assert "holds a value of 100,000 bytes" in outcome(path, TOWARD)


def test_a_row_group_that_would_unpack_to_far_more_is_refused(tmp_path, monkeypatch):
    path = make(tmp_path, "parquet", n=4000)
    monkeypatch.setattr(geoparquet, "MAX_GROUP_BYTES", 1000)
    rewritten(path, row_group_size=4000)
    assert "a row group would unpack to" in outcome(path, TOWARD)


def test_many_rows_come_in_batches_and_all_of_them(tmp_path):
    path, n = tmp_path / "points.parquet", 450_000
    numbers = np.arange(n)
    table = {"id": numbers, "lon": 11 + numbers * 1e-6, "lat": np.full(n, 47.0), "vel": np.sin(numbers)}
    pq.write_table(pa.table(table), path)
    sizes = [batch.pid.size for batch in open_velocity_field(path, declared=TOWARD).batches()]
    assert sum(sizes) == n
    assert max(sizes) <= 200_000
