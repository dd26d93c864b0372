"""GeoPackage: one point layer as a table. See `ingest.vectors.geopackages`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely

from ingest.errors import InputError
from ingest.readers.tables.columns import GEOMETRY, Source, array_of
from ingest.vectors import geopackages
from ingest.vectors.geopackages import SUFFIXES, Layer, is_gpkg

__all__ = ["SUFFIXES", "is_gpkg", "source"]

MAX_WKB_BYTES = 64  # a point with z and m has 37, and 41 with a reference system
POINT_TYPES = {"POINT", "GEOMETRY"}


def source(path: Path) -> Source:
    """Open the only point layer as a table. Raises InputError if there are none or several."""
    geopackages.check_is_gpkg(path)
    layer = _layer(path)

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        return _batches(path, layer, dict(types), rows)

    return Source("GeoPackage", layer.names, batches, True, layer.epsg)


def _layer(path: Path) -> Layer:
    listed = geopackages.layers_listed(path)
    layers = [row for row in listed if str(row[2]).upper() in POINT_TYPES]
    if len(layers) != 1:
        named = ", ".join(f"{row[0]} ({row[2]})" for row in listed[:8]) or "none"
        raise InputError(path, f"it holds {len(layers)} point layers where one is expected: {named}", "Give one layer")
    return geopackages.layer_of(path, layers[0])


def _batches(path: Path, layer: Layer, types: dict[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
    for taken in geopackages.rows_of(path, layer, list(types), rows):
        columns = list(zip(*taken, strict=True))
        arrays = {
            name: array_of(path, name, values, types[name]) for name, values in zip(types, columns[1:], strict=True)
        }
        arrays |= dict(zip(GEOMETRY, map(pa.array, _coordinates(path, layer, columns[0])), strict=True))
        yield pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _coordinates(path: Path, layer: Layer, blobs: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return (x, y) of geometry blobs, NaN where empty or missing. Raises InputError for shapes other than points."""
    points = geopackages.geometries(path, layer, blobs, MAX_WKB_BYTES)
    kinds = shapely.get_type_id(points)
    if ((kinds != 0) & (kinds != -1)).any():
        raise InputError(path, f"layer {layer.table!r} holds geometries other than points", "Give a layer of points")
    return shapely.get_x(points), shapely.get_y(points)
