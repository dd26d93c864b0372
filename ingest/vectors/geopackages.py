"""Functions that readers of GeoPackages share. These are SQLite files; only SELECT statements are allowed.

Source: OGC 12-128r19, GeoPackage Encoding Standard 1.4, clause 2.1.3 for the geometry blobs. GDAL is not used here,
because the only GDAL of the process is that of rasterio.
"""

import math
import sqlite3
import struct
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.errors import InputError, gettext_noop

SUFFIXES = frozenset({".gpkg"})
MAGIC = b"SQLite format 3\0"
MAX_VALUE_BYTES = 2**20
ENVELOPE_BYTES = (0, 32, 48, 48, 64)  # by the indicator in the blob's flags; more is invalid
BATCH_ROWS = 1000
REMEDY = gettext_noop("Export it again as GeoPackage")
COPY = gettext_noop("Copy it again")
DAMAGED = gettext_noop("the GeoPackage is damaged (%(fault)s)")
SYSTEM_TABLES = frozenset({"gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys"})
MOST_LAYERS = 1000
SYSTEM_SECONDS = 5.0  # for all queries of the system tables, which are small
STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 10_000  # of SQLite's virtual machine


class Layer(NamedTuple):
    """A layer of geometries. srs_id: number within the file; epsg: None if it is not EPSG's; names: other columns."""

    table: str
    geometry: str
    srs_id: int
    epsg: int | None
    names: list[str]


def is_gpkg(path: Path) -> bool:
    """Return whether a file begins like SQLite and has the suffix of a GeoPackage."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(16) == MAGIC


def check_is_gpkg(path: Path) -> None:
    """Raise InputError if a file is no GeoPackage or was cut off."""
    if not is_gpkg(path):
        raise InputError(path, gettext_noop("it is no GeoPackage: its content is of another format"), REMEDY)
    _check_whole(path)


def layers_listed(path: Path) -> list[tuple[Any, ...]]:
    """Return (table, geometry column, type, srs_id) of each layer. Raises InputError, also for doubled layers."""
    with opened(path, SYSTEM_TABLES, seconds=SYSTEM_SECONDS) as connection:
        listed: list[tuple[Any, ...]] = connection.execute(
            "SELECT g.table_name, g.column_name, g.geometry_type_name, g.srs_id FROM gpkg_geometry_columns g"
            " JOIN gpkg_contents c ON c.table_name = g.table_name"
        ).fetchmany(MOST_LAYERS)
    tables = [str(row[0]).lower() for row in listed]
    if len(set(tables)) < len(tables):
        raise InputError(path, gettext_noop("it lists the same layer more than once"), REMEDY)
    return listed


def layer_of(path: Path, listed: tuple[Any, ...]) -> Layer:
    """Return the layer for a row of `layers_listed`, with its table checked. Raises InputError."""
    table, geometry, _, srs_id = listed
    with opened(path, SYSTEM_TABLES, seconds=SYSTEM_SECONDS) as connection:
        srs = connection.execute(
            "SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = ?", [srs_id]
        ).fetchone()
    is_epsg = srs is not None and str(srs[0]).upper() == "EPSG" and isinstance(srs[1], int) and 0 < srs[1] < 10**6
    with opened(path, frozenset({table}), check=table) as connection:
        described = connection.execute(f"SELECT * FROM {quoted(table)} LIMIT 0").description  # noqa: S608 (quoted)
        columns = [str(column[0]) for column in described]
    if geometry not in columns:
        problem = gettext_noop("layer '%(layer)s' lacks its geometry column '%(column)s'")
        raise InputError(path, problem, REMEDY, layer=table, column=geometry)
    names = [name for name in columns if name != geometry]
    if len({name.lower() for name in names}) < len(names) or not isinstance(srs_id, int):
        raise InputError(path, gettext_noop("the columns of layer '%(layer)s' are damaged"), REMEDY, layer=table)
    return Layer(table, geometry, srs_id, srs[1] if is_epsg else None, names)


def rows_of(
    path: Path, layer: Layer, names: Sequence[str], batch: int, known: str = ""
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield batches of rows: (geometry blob, *named columns). known: a column; rows in which it is null are skipped."""
    wanted = ", ".join(quoted(name) for name in (layer.geometry, *names))
    where = f" WHERE {quoted(known)} IS NOT NULL" if known else ""
    with opened(path, frozenset({layer.table})) as connection:
        cursor = connection.execute(f"SELECT {wanted} FROM {quoted(layer.table)}{where}")  # noqa: S608 (quoted names)
        while taken := list(islice(cursor, batch)):
            yield taken


def features_of(path: Path, layer: Layer, key: str = "") -> Iterator[tuple[dict[str, Any], BaseGeometry | None]]:
    """Yield (lower-case name -> value, geometry or None) of each row. key: rows with a null in it are skipped."""
    names = [name.lower() for name in layer.names]
    for rows in rows_of(path, layer, layer.names, BATCH_ROWS, key if key in layer.names else ""):
        for geometry, row in zip(geometries(path, layer, [row[0] for row in rows]), rows, strict=True):
            yield dict(zip(names, row[1:], strict=True)), geometry


def geometries(path: Path, layer: Layer, blobs: Sequence[Any], most_bytes: int = MAX_VALUE_BYTES) -> Any:
    """Return an array of geometries, None where empty or missing. most_bytes: of one geometry's WKB."""
    try:
        return shapely.from_wkb([_wkb(path, layer, blob, most_bytes) for blob in blobs])
    except (shapely.errors.ShapelyError, ValueError) as fault:
        if isinstance(fault, InputError):
            raise
        problem = gettext_noop("a geometry of layer '%(layer)s' is damaged (%(fault)s)")
        raise InputError(path, problem, REMEDY, layer=layer.table, fault=str(fault)) from fault


@contextmanager
def opened(
    path: Path, tables: Set[str], check: str | None = None, seconds: float = math.inf
) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage read-only, without journal files, for SELECT on the plain tables in `tables` only.

    check: a table whose pages are checked first, because rows of a damaged one could be lost silently; seconds: time
    after which SQLite is interrupted. Raises InputError, also if a table is a view or a virtual table, because reading
    it would run any statement in the file.
    """
    ends_at = time.monotonic() + seconds

    def allow(action: int, one: str | None, _two: str | None, _database: str | None, _trigger: str | None) -> int:
        if action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and one in tables):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    connection = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.text_factory = lambda content: content.decode("utf-8", "replace")
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS_BETWEEN_LOOKS_AT_THE_CLOCK)
        for table in tables:
            _check_plain(path, connection, table)
        if check is not None:
            _check_pages(path, connection, check)
        connection.set_authorizer(allow)
        yield connection
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as fault:
        problem = gettext_noop("the GeoPackage is damaged, or no plain one (%(fault)s)")
        raise InputError(path, problem, REMEDY, fault=str(fault)) from fault
    finally:
        if connection is not None:
            connection.close()


def quoted(name: str) -> str:
    """Return a name quoted as an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _check_whole(path: Path) -> None:
    """Raise InputError if a file is shorter than its header states, because it was cut off."""
    with path.open("rb") as stream:
        head = stream.read(100)
        length = stream.seek(0, 2)
    if len(head) < 100:
        raise InputError(path, gettext_noop("the file was cut off"), COPY)
    page = struct.unpack(">H", head[16:18])[0]
    pages = struct.unpack(">I", head[28:32])[0]
    if head[24:28] == head[92:96] and length < pages * (65536 if page == 1 else page):
        problem = gettext_noop("the file was cut off: %(size)s bytes of what should be more")
        raise InputError(path, problem, COPY, size=length)


def _check_plain(path: Path, connection: sqlite3.Connection, table: str) -> None:
    """Raise InputError if a table is a view or a virtual table. SQLite ignores case in names."""
    kinds = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE", [table]).fetchall()
    if any(kind != "table" or not str(sql).upper().lstrip().startswith("CREATE TABLE") for kind, sql in kinds):
        problem = gettext_noop("layer '%(layer)s' is not a plain table")
        raise InputError(path, problem, gettext_noop("Save the layer as a table of its own"), layer=table)


def _check_pages(path: Path, connection: sqlite3.Connection, table: str) -> None:
    problems = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({quoted(table)})")]
    if problems != ["ok"]:
        raise InputError(path, DAMAGED, REMEDY, fault=problems[0] if problems else "no answer")


def _wkb(path: Path, layer: Layer, blob: Any, most_bytes: int) -> bytes | None:
    """Return a blob's WKB, without the GeoPackage header; None if empty or missing. Raises InputError."""
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:3] != b"GP\0" or (blob[3] >> 1 & 0b111) > 4:
        raise InputError(path, gettext_noop("a geometry of layer '%(layer)s' is damaged"), REMEDY, layer=layer.table)
    flags = blob[3]
    if flags & 0b100000:
        problem = gettext_noop("layer '%(layer)s' holds extended geometries")
        raise InputError(path, problem, gettext_noop("Export it with plain geometries"), layer=layer.table)
    (srs_id,) = struct.unpack("<i" if flags & 1 else ">i", blob[4:8])
    if srs_id != layer.srs_id:
        problem = gettext_noop("a geometry has reference system %(found)s where its layer has %(wanted)s")
        remedy = gettext_noop("Re-project the layer as a whole")
        raise InputError(path, problem, remedy, found=str(srs_id), wanted=str(layer.srs_id))
    wkb = blob[8 + ENVELOPE_BYTES[flags >> 1 & 0b111] :]
    if len(wkb) > most_bytes:
        problem = gettext_noop("a geometry of layer '%(layer)s' has %(size)s bytes")
        raise InputError(path, problem, gettext_noop("Simplify this layer"), layer=layer.table, size=len(wkb))
    return None if flags & 0b10000 else wkb
