"""Files of points with their series, written table by table: GeoPackage, GeoParquet and CSV.

sqlite3 writes GeoPackages, so that rasterio's GDAL is the only one. OGC 12-128r19 (GeoPackage 1.4), GeoParquet 1.1.0.
"""

import csv
import errno
import io
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pyarrow as pa
from pyarrow.csv import CSVWriter
from pyproj import CRS

from ground_motion.core.errors import UnusableData
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

MAX_POINTS = 1_000_000
MAX_COLUMNS = 2000  # The limit of programs that read a GeoPackage.
MAX_DATES = MAX_COLUMNS - 20  # The columns that are no dates are 13.
# Space to reserve for a file, computed for GeoPackage, the largest format.
NUMBER_BYTES, POINT_BYTES = 9, 300
LAYER_BYTES = 2**18
EMPTY_PAGES = 4 / 3  # At least three rows fit on a page, so that a quarter of it is empty at most.


class Layer(NamedTuple):
    """Points of a data set. name: letters, digits, underscores; about: facts in words; tables: a new pass by each call.

    The tables have the same schema: pid, longitude and latitude (degrees), further numbers, one column for each date.
    """

    name: str
    about: dict[str, str]
    schema: pa.Schema
    tables: Callable[[], Iterator[pa.Table]]


class TooLarge(UnusableData):
    """Error for a file that would grow beyond the bytes reserved for it."""

    def __init__(self) -> None:
        super().__init__("The file became larger than the room that was reserved for it.")


class CappedFile(io.BufferedWriter):
    """New file that cannot grow beyond max_bytes. Raises TooLarge."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(io.FileIO(path, "w"))
        self._max_bytes = max_bytes

    def write(self, data: Any) -> int:
        """Write bytes, unless the file would become too large."""
        if self.tell() + memoryview(data).nbytes > self._max_bytes:
            raise TooLarge
        return super().write(data)


def geopackage_write(path: Path, layers: Sequence[Layer], max_bytes: int) -> None:
    """Write a GeoPackage with a layer for each data set and a table about them. Raises TooLarge."""
    wide = any(len(layer.schema) > MANY_COLUMNS for layer in layers)
    page_bytes, free_bytes = WIDE_PAGE_BYTES if wide else PAGE_BYTES, shutil.disk_usage(path.parent).free
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(f"PRAGMA page_size = {page_bytes}; PRAGMA max_page_count = {max_bytes // page_bytes};")
        try:
            _tables_write(file, layers)
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            if free_bytes < max_bytes:  # SQLite reports this limit as a full disk, so check first.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from fault
            raise TooLarge from fault


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


def geoparquet_write(path: Path, layers: Sequence[Layer], max_bytes: int) -> None:
    """Write a zip with a GeoParquet file for each data set and a table about them. Raises TooLarge."""
    with CappedFile(path, max_bytes) as file, ZipFile(file, "w", ZIP_STORED) as archive:
        _about(archive, layers)
        for layer in layers:
            with archive.open(f"{layer.name}.parquet", "w", force_zip64=True) as part:
                write_points(part, layer.schema, layer.tables(), {"data_set": layer.about})


def csv_write(path: Path, layers: Sequence[Layer], max_bytes: int) -> None:
    """Write a zip with a table (CSV) for each data set and one about them. Raises TooLarge."""
    with CappedFile(path, max_bytes) as file, ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as archive:
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
    """Kind of file: its writer, suffix and media type, and how many points and dates of series it may have."""

    write: Callable[[Path, Sequence[Layer], int], None]
    suffix: str
    content_type: str
    most_points: int
    most_dates: int = 10_000


KINDS = {
    "gpkg": FileKind(geopackage_write, ".gpkg", "application/geopackage+sqlite3", MAX_POINTS, MAX_DATES),
    "parquet": FileKind(geoparquet_write, ".zip", "application/zip", MAX_POINTS),
    "csv": FileKind(csv_write, ".zip", "application/zip", MAX_POINTS),
}


def reserved_bytes(layers: Collection[tuple[int, int]]) -> int:
    """Return the most bytes that a file takes. layers: of each layer, the number of points and of dates of a series."""
    rows = sum(n_points * (POINT_BYTES + NUMBER_BYTES * n_dates) for n_points, n_dates in layers)
    return round(EMPTY_PAGES * rows) + (1 + len(layers)) * LAYER_BYTES
