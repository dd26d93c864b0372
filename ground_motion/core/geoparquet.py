"""GeoParquet 1.1.0 (OGC) of points, written table by table: columns, and a geometry from longitude and latitude."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import shapely
from pyarrow.parquet import ParquetWriter

GEOMETRY = {"encoding": "WKB", "geometry_types": ["Point"]}  # Without `crs`, coordinates are OGC:CRS84.
GEO = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": GEOMETRY}}


def write_points(
    file: Any, schema: pa.Schema, tables: Iterable[pa.Table], facts: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write points as GeoParquet.

    Args:
        file: Path, or a file open for writing.
        schema: Schema of the tables, with the columns longitude and latitude, degrees.
        tables: The points, in tables that fit into memory.
        facts: Metadata of the file, each written as JSON under its name.
    """
    known = {"geo": json.dumps(GEO)} | {name: json.dumps(fact) for name, fact in facts.items()}
    whole = schema.append(pa.field("geometry", pa.binary())).with_metadata(known)
    with ParquetWriter(file, whole, compression="zstd") as writer:
        for table in tables:
            writer.write_table(pa.table([*table.columns, pa.array(wkb_of(table), pa.binary())], schema=whole))


def wkb_of(table: pa.Table | pa.RecordBatch) -> list[bytes]:
    """Return the positions of a table's points as WKB, little-endian."""
    longitude, latitude = (table[name].to_numpy() for name in ("longitude", "latitude"))
    blobs: list[bytes] = shapely.to_wkb(shapely.points(longitude, latitude), byte_order=1).tolist()
    return blobs
