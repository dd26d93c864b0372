"""GeoParquet 1.1.0 (OGC) of points, written table by table: columns, a geometry, and a box to prune by."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyarrow.parquet import ParquetWriter

EDGES = ("xmin", "ymin", "xmax", "ymax")
GEOMETRY = {  # Without `crs`, coordinates are OGC:CRS84.
    "encoding": "WKB",
    "geometry_types": ["Point"],
    "covering": {"bbox": {edge: ["bbox", edge] for edge in EDGES}},
}
GEO = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": GEOMETRY}}
BOX = pa.struct([(edge, pa.float32()) for edge in EDGES])
GROUP_ROWS = 8192  # Points in Hilbert order: a town lies in few groups, and the index of 10⁷ points stays small.


def write_points(
    file: Any, schema: pa.Schema, tables: Iterable[pa.Table], facts: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write points as GeoParquet, in row groups of GROUP_ROWS.

    Args:
        file: Path, or a file open for writing.
        schema: Schema of the tables, with the columns longitude and latitude, degrees.
        tables: The points, in tables that fit into memory.
        facts: Metadata of the file, each written as JSON under its name.
    """
    known = {"geo": json.dumps(GEO)} | {name: json.dumps(fact) for name, fact in facts.items()}
    whole = schema.append(pa.field("geometry", pa.binary())).append(pa.field("bbox", BOX)).with_metadata(known)
    pruned_by = [f"bbox.{edge}" for edge in EDGES]  # Statistics of other columns would double the file's index.
    with ParquetWriter(file, whole, compression="zstd", use_dictionary=False, write_statistics=pruned_by) as writer:
        for table in tables:
            columns = [*table.columns, pa.array(wkb_of(table), pa.binary()), _boxes(table)]
            writer.write_table(pa.table(columns, schema=whole), row_group_size=GROUP_ROWS)


def wkb_of(table: pa.Table | pa.RecordBatch) -> list[bytes]:
    """Return the positions of a table's points as WKB, little-endian."""
    longitude, latitude = (table[name].to_numpy() for name in ("longitude", "latitude"))
    blobs: list[bytes] = shapely.to_wkb(shapely.points(longitude, latitude), byte_order=1).tolist()
    return blobs


def _boxes(table: pa.Table) -> pa.StructArray:
    """Return the boxes of a table's points, rounded outwards to 32 bits."""
    at = np.stack([table["longitude"].to_numpy(), table["latitude"].to_numpy()]).astype(np.float32)
    edges = [*np.nextafter(at, np.float32(-np.inf)), *np.nextafter(at, np.float32(np.inf))]
    return pa.StructArray.from_arrays([pa.array(edge) for edge in edges], fields=list(BOX))
