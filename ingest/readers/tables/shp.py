"""Shapefiles of points, as files, in a folder or in a zip: each point is one shape and one row of the .dbf.

The position is the geometry's, in the reference system of the .prj; without one, a mapping states its epsg, or columns
hold longitude and latitude. Column names have at most ten letters in a .dbf.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapefile

from ingest.errors import InputError
from ingest.readers.files import names_in, names_in_zip
from ingest.readers.tables.columns import GEOMETRY, Source, array_of
from ingest.vectors import shapefiles
from ingest.vectors.packages import unpacked

SUFFIXES = frozenset({shapefiles.SUFFIX})
POINT_TYPES = {shapefile.POINT, shapefile.POINTZ, shapefile.POINTM}
POINT_TYPES |= {shapefile.MULTIPOINT, shapefile.MULTIPOINTZ, shapefile.MULTIPOINTM}


def is_shapefile(path: Path) -> bool:
    """Return whether a path is a shapefile, a zip with one, or a folder with the parts of just one. Never raises."""
    if path.is_dir():
        return _only_shapefile(path) is not None
    if path.suffix.lower() != ".zip":
        return shapefiles.is_shapefile(path)
    return any(name.lower().endswith(shapefiles.SUFFIX) for name in names_in_zip(path))


def source(path: Path) -> Source:
    """Open a shapefile as a table. Raises InputError."""
    with _opened(path) as (file, reader):
        names = [field.name for field in reader.fields[1:]]  # the first marks deleted rows
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise InputError(path, f"column {doubled[0]!r} appears twice", "Remove one of the two")
        system, rows = shapefiles.reference_system(file), reader.numRecords
        parts = () if path.suffix.lower() == ".zip" else shapefiles.parts_of(file)
    crs = None if system is None else system.to_epsg() or system.to_wkt()

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        return _batches(path, names, types, rows)

    return Source("Shapefile", names, batches, True, crs, rows, parts)


def _only_shapefile(folder: Path) -> Path | None:
    """Return the one shapefile of a folder that holds nothing else; None for any other folder. Never raises."""
    files = [folder / name for name in names_in(folder) if name[0] != "."]
    shapes = [file for file in files if shapefiles.is_shapefile(file)]
    if len(shapes) == 1 and all(file.name.startswith(f"{shapes[0].stem}.") for file in files):
        return shapes[0]
    return None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Path, shapefile.Reader]]:
    """Yield the .shp and its reader; a zip stays unpacked until the block ends. Raises InputError."""
    given = (_only_shapefile(path) or path) if path.is_dir() else path
    with unpacked(given) as file:
        try:
            with shapefiles.opened(file, POINT_TYPES, "Point") as reader:
                yield file, reader
        except InputError as fault:  # of what was given, not of a file inside it that the submitter does not know
            raise InputError(path, fault.problem, fault.remedy) from fault


def _batches(path: Path, names: list[str], types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
    wanted = [name for name in names if name in types]  # in this order they stand in a record
    with _opened(path) as (_, reader):
        records = reader.iterRecords(fields=wanted, deleted_as_None=True)
        pairs = zip(reader.iterShapes(), records, strict=True)
        while taken := list(islice(pairs, rows)):
            kept = [(shape, record) for shape, record in taken if record is not None]  # None: deleted
            values = list(zip(*(record for _, record in kept), strict=True)) or [()] * len(wanted)
            arrays = [array_of(path, name, column, types[name]) for name, column in zip(wanted, values, strict=True)]
            x, y = np.array([_place(path, shape) for shape, _ in kept], dtype=np.float64).reshape(-1, 2).T
            yield pa.RecordBatch.from_arrays([*arrays, pa.array(x), pa.array(y)], names=[*wanted, *GEOMETRY])


def _place(path: Path, shape: Any) -> tuple[float, float]:
    """Return (x, y) of a shape, NaN if it is empty. Raises InputError if it has several points."""
    if len(shape.points) > 1:
        problem = f"one of its shapes holds {len(shape.points)} points"
        raise InputError(path, problem, "Export single points (QGIS: Multipart to singleparts)")
    return tuple(shape.points[0][:2]) if shape.points else (np.nan, np.nan)
