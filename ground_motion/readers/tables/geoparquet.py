"""GeoParquet (and Parquet with columns of coordinates), row group by row group.

Source: OGC GeoParquet 1.1: key `geo` of the file's metadata, geometry as WKB or as native points. The reference system
is PROJJSON, of which only the EPSG number is used; without one it is OGC:CRS84, longitude and latitude.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ground_motion.core.errors import InputError, refusing
from ground_motion.readers.tables import text_table
from ground_motion.readers.tables.columns import GEOMETRY, TEXT, Source, places_of, typed_array
from ground_motion.readers.vectors import packages

SUFFIXES = frozenset({".parquet", ".geoparquet"})
MAGIC = b"PAR1"
MAX_ROWS = 10**9
MAX_GROUP_BYTES = 4 * 2**30
BOMB_BYTES = 64 * 2**20  # Smaller files do no harm, however tightly they are packed.
REMEDY = "Export it again as GeoParquet"
_FAULTS = (pa.ArrowException, OSError, MemoryError, ValueError, RecursionError)


class Geometry(NamedTuple):
    """Primary geometry column. encoding: wkb or point; epsg: EPSG number, None if not stated."""

    name: str
    encoding: str
    epsg: int | None


def source(path: Path) -> Source:
    """Open a Parquet file as a table. Raises InputError."""
    with _open(path) as file:
        schema = file.schema_arrow
        doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if doubled:
            raise InputError(path, f"column {doubled[0]!r} appears twice", "Remove one of the two")
        geometry, rows = _geometry(path, schema), file.metadata.num_rows
    # A box to prune by (GeoParquet 1.1) is a struct and has no figures.
    own = geometry.name if geometry else None
    names = [one.name for one in schema if one.name != own and not pa.types.is_struct(one.type)]

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        return _batches(path, geometry, dict(types), rows)

    return Source("GeoParquet", names, batches, geometry is not None, geometry.epsg if geometry else None, rows)


@contextmanager
def _open(path: Path, texts: tuple[str, ...] = ()) -> Iterator[pq.ParquetFile]:
    """Open a file whose declared sizes are plausible; columns `texts` stay dictionary-encoded until checked."""
    options = {"page_checksum_verification": True, "arrow_extensions_enabled": False, "read_dictionary": list(texts)}
    limits = {"thrift_string_size_limit": text_table.MAX_SIDE_BYTES, "thrift_container_size_limit": 10**6}
    readable = refusing(path, "it cannot be read as Parquet ({})", REMEDY, *_FAULTS)
    with readable, pq.ParquetFile(path, **options, **limits) as file:
        _check_sizes(path, file.metadata)
        yield file


def _check_sizes(path: Path, metadata: pq.FileMetaData) -> None:
    # sizes of groups only: when it reads a chunk of columns whose statistics are damaged, pyarrow ends the process
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    if not 0 <= metadata.num_rows <= MAX_ROWS or sum(group.num_rows for group in groups) != metadata.num_rows:
        raise InputError(path, f"it declares {metadata.num_rows:,} rows", "Check where this file comes from")
    for group in groups:
        unpacked = group.total_byte_size
        too_dense = unpacked > BOMB_BYTES and unpacked > packages.MAX_RATIO * path.stat().st_size
        if unpacked < 0 or unpacked > MAX_GROUP_BYTES or too_dense:
            problem = f"a row group would unpack to {unpacked:,} bytes"
            raise InputError(path, problem, "Write it in smaller row groups, or check where it comes from")


def _geometry(path: Path, schema: pa.Schema) -> Geometry | None:
    """Return the primary geometry column, by the metadata `geo`; None for Parquet that is no GeoParquet."""
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        return None
    geo = json.loads(text)
    name = geo.get("primary_column") if isinstance(geo, dict) else None
    columns = geo.get("columns") if isinstance(geo, dict) else None
    described = columns.get(name) if isinstance(columns, dict) and isinstance(name, str) else None
    if not isinstance(described, dict) or name not in schema.names:
        raise InputError(path, "its geo metadata do not name a geometry column that is there", REMEDY)
    encoding = str(described.get("encoding"))
    kinds = described.get("geometry_types", [])
    if encoding.lower() not in {"wkb", "point"} or not isinstance(kinds, list):
        raise InputError(path, f"its geometry is encoded as {encoding!r:.40}", "Encode it as WKB")
    if any(str(kind).removesuffix(" Z") != "Point" for kind in kinds):
        raise InputError(path, f"its geometries are {', '.join(map(str, kinds))[:60]}, not points", "Give points")
    return Geometry(str(name), encoding.lower(), _epsg(described))


def _epsg(described: dict[str, Any]) -> int | None:
    """Return the EPSG number of a column's PROJJSON `crs`; 4326 if it has no `crs`, None (unknown) if that is null."""
    if "crs" not in described:
        return 4326
    crs = described["crs"]
    identity = crs.get("id") if isinstance(crs, dict) else None
    if not isinstance(identity, dict):
        return None
    authority, code = str(identity.get("authority")).upper(), identity.get("code")
    if authority == "OGC" and code == "CRS84":
        return 4326
    return code if authority == "EPSG" and isinstance(code, int) and 0 < code < 10**6 else None


def _batches(
    path: Path, geometry: Geometry | None, types: dict[str, pa.DataType], rows: int
) -> Iterator[pa.RecordBatch]:
    texts = tuple(name for name, kind in types.items() if kind == TEXT)
    wkb = (geometry.name,) if geometry and geometry.encoding == "wkb" else ()
    wanted = [*types, *([geometry.name] if geometry else [])]
    with _open(path, (*texts, *wkb)) as file:
        for batch in file.iter_batches(batch_size=rows, columns=wanted):
            arrays = {name: typed_array(path, name, batch.column(name), kind) for name, kind in types.items()}
            if geometry:
                coordinates = _coordinates(path, geometry, batch.column(geometry.name))
                arrays |= dict(zip(GEOMETRY, map(pa.array, coordinates), strict=True))
            yield pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _coordinates(path: Path, geometry: Geometry, column: pa.Array) -> tuple[Any, Any]:
    """Return (x, y), NaN where a geometry is empty or missing. Raises InputError for shapes other than points."""
    if geometry.encoding == "point":
        if not pa.types.is_struct(column.type) or {"x", "y"} - {field.name for field in column.type}:
            raise InputError(path, f"its points are stored as {column.type!s:.60}", "Encode them as WKB")
        x, y = (pc.struct_field(column, name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in "xy")
        return x, y
    return places_of(path, column)
