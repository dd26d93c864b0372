"""Files of points with their series, written table by table: GeoPackage, GeoParquet and CSV.

sqlite3 writes GeoPackages, so that rasterio's GDAL is the only one. OGC 12-128r19 (GeoPackage 1.4), GeoParquet 1.1.0.
"""

import csv
import io
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pyarrow as pa
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from pyarrow.csv import CSVWriter
from pyproj import CRS

from ground_motion.core.geoparquet import wkb_of, write_points

GEOMETRY_HEAD = b"GP\0\1" + struct.pack("<i", 4326)  # GeoPackage header: version 1, little-endian, no envelope.
DATA_SETS = "data_sets"  # the table with one row for each layer
ROWS_AT_ONCE = 1000  # Rows are held as Python objects, which take ten times the memory of arrays.
MANY_COLUMNS = 100  # Rows of more columns would leave half of SQLite's usual pages empty.
PAGE_BYTES, WIDE_PAGE_BYTES = 4096, 65_536
GEOPACKAGE_TABLES = """
PRAGMA application_id = 1196444487; PRAGMA user_version = 10400; PRAGMA synchronous = OFF;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
    description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL UNIQUE REFERENCES gpkg_contents (table_name),
    column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL,
    m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined Cartesian', -1, 'NONE', -1, 'undefined', NULL),
    ('Undefined geographic', 0, 'NONE', 0, 'undefined', NULL);
"""

MAX_COLUMNS = 2000  # The limit of programs that read a GeoPackage.
MAX_DATES = MAX_COLUMNS - 20  # The columns that are no dates are 13.


class Layer(NamedTuple):
    """Points of a data set. name: letters, digits, underscores; about: facts in words; tables: a new pass by each call.

    The tables have the same schema: pid, longitude and latitude (degrees), further numbers, one column for each date.
    """

    name: str
    about: dict[str, str]
    schema: pa.Schema
    tables: Callable[[], Iterator[pa.Table]]


def geopackage_write(path: Path, layers: Sequence[Layer]) -> None:
    """Write a GeoPackage with a layer for each data set and a table about them."""
    wide = any(len(layer.schema) > MANY_COLUMNS for layer in layers)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"PRAGMA page_size = {WIDE_PAGE_BYTES if wide else PAGE_BYTES}")
        _tables_write(file, layers)


def _tables_write(file: sqlite3.Connection, layers: Sequence[Layer]) -> None:
    names = list(layers[0].about)
    file.executescript(GEOPACKAGE_TABLES)
    wgs84 = ("WGS 84", 4326, "EPSG", 4326, CRS.from_epsg(4326).to_wkt("WKT1_GDAL"), None)
    file.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", wgs84)
    _contents(file, DATA_SETS, "attributes", "One row for each layer")
    file.execute(f"CREATE TABLE {DATA_SETS} (fid INTEGER PRIMARY KEY, {' TEXT, '.join(names)} TEXT)")
    for layer in layers:
        _insert(file, DATA_SETS, names, [tuple(layer.about.values())])
        _contents(file, layer.name, "features", _sentence(layer.about))
        srs = "INSERT INTO gpkg_geometry_columns VALUES (?, 'geometry', 'POINT', 4326, 0, 0)"
        file.execute(srs, [layer.name])
        types = {name: "TEXT" if name == "pid" else "REAL" for name in layer.schema.names}
        columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
        file.execute(f"CREATE TABLE {layer.name} (fid INTEGER PRIMARY KEY, geometry POINT, {columns})")
        for batch in _batches(layer):
            blobs = (GEOMETRY_HEAD + wkb for wkb in wkb_of(batch))
            values = zip(blobs, *(column.to_pylist() for column in batch.columns), strict=True)
            _insert(file, layer.name, ["geometry", *layer.schema.names], values)


def _contents(file: sqlite3.Connection, name: str, kind: str, description: str) -> None:
    row = "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) VALUES (?, ?, ?, ?, ?)"
    file.execute(row, [name, kind, name, description, 4326 if kind == "features" else None])


def _insert(file: sqlite3.Connection, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    marks = ", ".join("?" * len(names))
    file.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)  # noqa: S608


def geoparquet_write(path: Path, layers: Sequence[Layer]) -> None:
    """Write a zip with a GeoParquet file for each data set and a table about them."""
    with ZipFile(path, "w", ZIP_STORED) as archive:
        _about(archive, layers)
        for layer in layers:
            with archive.open(f"{layer.name}.parquet", "w", force_zip64=True) as part:
                write_points(part, layer.schema, layer.tables(), {"data_set": layer.about})


def csv_write(path: Path, layers: Sequence[Layer]) -> None:
    """Write a zip with a table (CSV) for each data set and one about them."""
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        _about(archive, layers)
        for layer in layers:
            part = archive.open(f"{layer.name}.csv", "w", force_zip64=True)
            with part, CSVWriter(part, layer.schema) as writer:
                for table in layer.tables():
                    writer.write_table(table)


def _batches(layer: Layer) -> Iterator[pa.RecordBatch]:
    for table in layer.tables():
        yield from table.to_batches(max_chunksize=ROWS_AT_ONCE)


def _about(archive: ZipFile, layers: Sequence[Layer]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(chain([layers[0].about], (layer.about.values() for layer in layers)))
    archive.writestr(f"{DATA_SETS}.csv", text.getvalue())


def _sentence(about: dict[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in about.items() if value)


class FileKind(NamedTuple):
    """Kind of file: what the form calls it, its writer, suffix and media type, and how long series may be in it."""

    label: Promise
    write: Callable[[Path, Sequence[Layer]], None]
    suffix: str
    content_type: str
    most_dates: int = 10_000


KINDS = {
    "gpkg": FileKind(
        gettext_lazy("GeoPackage: a layer for each data set"),
        geopackage_write,
        ".gpkg",
        "application/geopackage+sqlite3",
        MAX_DATES,
    ),
    "parquet": FileKind(
        gettext_lazy("GeoParquet: a file for each data set, in a zip"), geoparquet_write, ".zip", "application/zip"
    ),
    "csv": FileKind(gettext_lazy("CSV: a table for each data set, in a zip"), csv_write, ".zip", "application/zip"),
}
