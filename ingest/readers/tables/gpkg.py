"""GeoPackage: one point layer, read as the SQLite file it is, with nothing allowed but to select from that layer.

Source: OGC 12-128r19, GeoPackage Encoding Standard 1.4, clause 2.1.3 for the geometry blobs.
No GDAL here: rasterio brings the one GDAL of the process.
"""

import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import shapely

from ingest.errors import InputError
from ingest.readers.tables.columns import GEOMETRY, Source, array_of

SUFFIXES = frozenset({".gpkg"})
MAGIC = b"SQLite format 3\0"
MAX_VALUE_BYTES = 2**20
MAX_WKB_BYTES = 64  # a point with z and m has 37, and 41 with a reference system
ENVELOPE_BYTES = (0, 32, 48, 48, 64)  # by the indicator in the blob's flags; more is invalid
POINT_TYPES = {"POINT", "GEOMETRY"}
REMEDY = "Export it again as GeoPackage"
SYSTEM_TABLES = frozenset({"gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys", "sqlite_master"})


class Layer(NamedTuple):
    """A layer of points. srs_id: the file's own number; epsg: None where it is no EPSG number."""

    table: str
    geometry: str
    srs_id: int
    epsg: int | None
    names: list[str]


def is_gpkg(path: Path) -> bool:
    """Whether a file begins as SQLite does and is called a GeoPackage."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(16) == MAGIC


def source(path: Path) -> Source:
    """The one point layer as a table. Raises InputError."""
    if not is_gpkg(path):
        raise InputError(path, "it is no GeoPackage: its content is of another format", REMEDY)
    _check_whole(path)
    layer = _layer(path)

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        return _batches(path, layer, dict(types), rows)

    return Source("GeoPackage", layer.names, batches, True, layer.epsg)


def _check_whole(path: Path) -> None:
    """A file shorter than its own header states was cut off, even if the part that is read is there."""
    with path.open("rb") as stream:
        head = stream.read(100)
        length = stream.seek(0, 2)
    if len(head) < 100:
        raise InputError(path, "the file was cut off", "Copy it again")
    page = struct.unpack(">H", head[16:18])[0]
    pages = struct.unpack(">I", head[28:32])[0]
    if head[24:28] == head[92:96] and length < pages * (65536 if page == 1 else page):
        raise InputError(path, f"the file was cut off: {length:,} bytes of what should be more", "Copy it again")


@contextmanager
def _opened(path: Path, tables: frozenset[str], check: str | None = None) -> Iterator[sqlite3.Connection]:
    """Open read-only, without journals beside it, for selects from these tables and nothing else.

    check: a table whose pages are walked through first: a damaged one could lose rows without a word.
    """

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
        if check is not None:
            _check_pages(path, connection, check)
        connection.set_authorizer(allow)
        yield connection
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as fault:
        raise InputError(path, f"the GeoPackage is damaged, or no plain one ({fault})", REMEDY) from fault
    finally:
        if connection is not None:
            connection.close()


def _check_pages(path: Path, connection: sqlite3.Connection, table: str) -> None:
    problems = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({_quoted(table)})")]
    if problems != ["ok"]:
        raise InputError(path, f"the GeoPackage is damaged ({problems[0] if problems else 'no answer'})", REMEDY)


def _layer(path: Path) -> Layer:
    with _opened(path, SYSTEM_TABLES) as connection:
        rows = connection.execute(
            "SELECT g.table_name, g.column_name, g.geometry_type_name, g.srs_id FROM gpkg_geometry_columns g"
            " JOIN gpkg_contents c ON c.table_name = g.table_name"
        ).fetchmany(1000)
        layers = [row for row in rows if str(row[2]).upper() in POINT_TYPES]
        if len(layers) != 1:
            named = ", ".join(f"{row[0]} ({row[2]})" for row in rows[:8]) or "none"
            raise InputError(
                path, f"it holds {len(layers)} point layers where one is expected: {named}", "Give one layer"
            )
        table, geometry, _, srs_id = layers[0]
        kind = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
        if kind is None or kind[0] != "table" or not str(kind[1]).upper().lstrip().startswith("CREATE TABLE"):
            raise InputError(path, f"layer {table!r} is not a plain table", "Save the layer as a table of its own")
        srs = connection.execute(
            "SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = ?", [srs_id]
        ).fetchone()
    is_epsg = srs is not None and str(srs[0]).upper() == "EPSG" and isinstance(srs[1], int) and 0 < srs[1] < 10**6
    with _opened(path, frozenset({table}), check=table) as connection:
        described = connection.execute(f"SELECT * FROM {_quoted(table)} LIMIT 0").description  # noqa: S608 (quoted)
        columns = [str(column[0]) for column in described]
    if geometry not in columns:
        raise InputError(path, f"layer {table!r} lacks its geometry column {geometry!r}", REMEDY)
    names = [name for name in columns if name != geometry]
    if len({name.lower() for name in names}) < len(names) or not isinstance(srs_id, int):
        raise InputError(path, f"the columns of layer {table!r} are damaged", REMEDY)
    return Layer(table, geometry, srs_id, srs[1] if is_epsg else None, names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _batches(path: Path, layer: Layer, types: dict[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
    wanted = ", ".join(_quoted(name) for name in (layer.geometry, *types))
    with _opened(path, frozenset({layer.table})) as connection:
        cursor = connection.execute(f"SELECT {wanted} FROM {_quoted(layer.table)}")  # noqa: S608 (quoted names)
        while taken := list(islice(cursor, rows)):
            columns = list(zip(*taken, strict=True))
            arrays = {
                name: array_of(path, name, values, types[name]) for name, values in zip(types, columns[1:], strict=True)
            }
            arrays |= dict(zip(GEOMETRY, map(pa.array, _coordinates(path, layer, columns[0])), strict=True))
            yield pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _coordinates(path: Path, layer: Layer, blobs: tuple[Any, ...]) -> tuple[Any, Any]:
    """x and y of geometry blobs, NaN where one is empty or missing. Raises InputError for what is no point."""
    points = [_wkb(path, layer, blob) for blob in blobs]
    try:
        geometries = shapely.from_wkb(points)
    except (shapely.errors.ShapelyError, ValueError) as fault:
        raise InputError(path, f"a geometry of layer {layer.table!r} is damaged ({fault})", REMEDY) from fault
    kinds = shapely.get_type_id(geometries)
    if ((kinds != 0) & (kinds != -1)).any():
        raise InputError(path, f"layer {layer.table!r} holds geometries other than points", "Give a layer of points")
    return shapely.get_x(geometries), shapely.get_y(geometries)


def _wkb(path: Path, layer: Layer, blob: Any) -> bytes | None:
    """The well-known binary behind a GeoPackage header: magic, version, flags, srs_id, envelope."""
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:3] != b"GP\0" or (blob[3] >> 1 & 0b111) > 4:
        raise InputError(path, f"a geometry of layer {layer.table!r} is damaged", REMEDY)
    flags = blob[3]
    if flags & 0b100000:
        raise InputError(path, f"layer {layer.table!r} holds extended geometries", "Give a layer of points")
    (srs_id,) = struct.unpack("<i" if flags & 1 else ">i", blob[4:8])
    if srs_id != layer.srs_id:
        problem = f"a geometry has reference system {srs_id} where its layer has {layer.srs_id}"
        raise InputError(path, problem, "Re-project the layer as a whole")
    wkb = blob[8 + ENVELOPE_BYTES[flags >> 1 & 0b111] :]
    if len(wkb) > MAX_WKB_BYTES:
        raise InputError(path, f"layer {layer.table!r} holds geometries other than points", "Give a layer of points")
    return None if flags & 0b10000 else wkb
