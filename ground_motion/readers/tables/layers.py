"""Layers of points (shapefile, GeoPackage, GeoJSON, KML) as tables, a row for each point. See `readers.vectors.layers`.

The position is the geometry's, in the reference system that the file states; without one, a mapping states its epsg, or
columns hold longitude and latitude. Column names have at most ten letters in a shapefile.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from ground_motion.core.errors import InputError
from ground_motion.core.files import begins, head_of, names_in
from ground_motion.readers.tables.columns import GEOMETRY, Source, places_of, typed_array
from ground_motion.readers.vectors import layers

SUFFIXES = layers.SUFFIXES
POINTS = {"Point", "MultiPoint", "Unknown"}
MAX_GEOJSON_BYTES = 2**29
GEOJSON_HEAD_BYTES = 2**16  # GeoJSON says that it is one before its points.


def is_layer(path: Path) -> bool:
    """Return whether a path is a layer, a geodatabase, or a folder of just one shapefile's parts. Never raises."""
    if path.is_dir():
        is_geodatabase = begins(path / layers.CATALOGUE, {".gdbtable"}, *layers.CATALOGUE_STARTS)
        return is_geodatabase or _only_shapefile(path) is not None
    if path.suffix.lower() in layers.GEOJSON | {layers.KML}:
        return path.is_file() and (path.suffix.lower() != ".json" or b'"Feature' in head_of(path, GEOJSON_HEAD_BYTES))
    return any(layers.is_layer(path, suffix) for suffix in layers.STARTS)


def source(path: Path) -> Source:
    """Open the only layer of points as a table. Raises InputError if there are none or several."""
    file = (_only_shapefile(path) or path) if path.is_dir() else path
    if file.suffix.lower() in layers.GEOJSON and file.stat().st_size > MAX_GEOJSON_BYTES:
        raise InputError(path, f"it has {file.stat().st_size:,} bytes of GeoJSON", "Give it as a GeoPackage")
    listed = layers.layers_in(file)
    chosen = [layer for layer in listed if layer.kind.split()[-1 if layer.kind[:2] == "3D" else 0] in POINTS]
    if len(chosen) != 1:
        named = ", ".join(f"{layer.name} ({layer.kind})" for layer in listed[:8]) or "none"
        remedy = "Give one layer" if chosen else "Give points, such as the centroids of its shapes"
        raise InputError(path, f"it holds {len(chosen)} point layers where one is expected: {named}", remedy)
    (layer,) = chosen

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        for batch, geometry in layers.batches_of(file, layer, [name for name in layer.names if name in types], rows):
            names = batch.schema.names
            arrays = [typed_array(path, name, batch.column(name), types[name]) for name in names]
            yield pa.RecordBatch.from_arrays(
                [*arrays, *map(pa.array, places_of(path, geometry))], names=[*names, *GEOMETRY]
            )

    kind = layers.FORMATS.get(layers.suffix_of(file), "GeoJSON")
    return Source(kind, layer.names, batches, True, layer.crs, layer.rows, layers.parts_of(file))


def _only_shapefile(folder: Path) -> Path | None:
    """Return the one shapefile of a folder that holds nothing else; None for any other folder. Never raises."""
    files = [folder / name for name in names_in(folder) if name[0] != "."]
    shapes = [file for file in files if layers.is_layer(file, layers.SHAPEFILE)]
    if len(shapes) == 1 and all(file.name.startswith(f"{shapes[0].stem}.") for file in files):
        return shapes[0]
    return None
