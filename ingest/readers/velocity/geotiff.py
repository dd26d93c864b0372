"""GeoTIFF of velocities. Files do not state unit and sign reliably: the submitter declares them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from ingest.errors import InputError
from ingest.readers import raster
from ingest.readers.raster import COMPONENT_OF_SIGN, MM_PER_UNIT, mm_per_value, opened
from ingest.readers.records import Declaration, FieldHeader, PointBatch, Technique, VelocityField

NAME = "geotiff"
TITLE = "GeoTIFF"
SUFFIXES = raster.SUFFIXES
BLOCK_PIXELS = raster.BLOCK_PIXELS
TRACKED_UNITS = {"m/day"}  # never used for phase measurements


def recognises(path: Path) -> bool:
    """Return whether a path is a GeoTIFF; readers of particular formats are asked before this one."""
    return raster.is_geotiff(path)


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Prepare the only band as velocities in the declared unit and sign. InputError if either is not declared."""
    if declared.unit is None:
        remedy = f"Add --unit {'|'.join(MM_PER_UNIT)}, or --scale power|amplitude|db if it is a radar image"
        raise InputError(path, "the unit of its values is not declared", remedy)
    mm_per_value(path, declared)
    with opened(path) as dataset:
        posting, metric = raster.posting_m(dataset.transform, dataset.crs), raster.is_metric(dataset.crs)
        epsg = raster.epsg_of(path, dataset)
    header = FieldHeader(
        source_format=NAME,
        level="velocity",
        component=COMPONENT_OF_SIGN[str(declared.positive)],
        dates=declared.period or (),
        has_series=False,
        technique=Technique.TRACKING if declared.unit in TRACKED_UNITS else Technique.INSAR,
        track=declared.track,
        posting_m=posting,
        grid_epsg=epsg if metric else None,
        attribution="Velocity raster; its source is not stated in the file",
        extras={"unit": str(declared.unit), "positive": str(declared.positive)},
    )
    return (field(path, declared, header),)


def field(path: Path, declared: Declaration, header: FieldHeader) -> VelocityField:
    """Return the only band as a velocity field with a given header; values are read later."""
    factor = mm_per_value(path, declared)
    with opened(path) as dataset:  # refuse what cannot be used before its points are read
        raster.epsg_of(path, dataset)
        if dataset.count != 1:
            problem = f"it holds {dataset.count} bands, and the file does not state which of them is the velocity"
            raise InputError(path, problem, "Give one band (gdal_translate -b 1)")
        if dataset.dtypes[0].startswith("complex"):
            raise InputError(path, f"its values are {dataset.dtypes[0]} numbers", "Give real velocities")
        pixels = dataset.width * dataset.height
    return VelocityField(header=header, batches=lambda: _batches(path, factor, header), expected_points=pixels)


def _batches(path: Path, factor: float, header: FieldHeader) -> Iterator[PointBatch]:
    with opened(path) as dataset:
        epsg = raster.epsg_of(path, dataset)
        lines = max(1, BLOCK_PIXELS // dataset.width)
        for first in range(0, dataset.height, lines):
            window = Window(0, first, dataset.width, min(lines, dataset.height - first))
            # file: declared unit and sign; ours: mm/yr, positive toward the satellite, up, east or north
            values = raster.values_of(path, dataset, window) * factor
            raster.refuse_too_fast(path, values, header.technique)
            row, col = np.nonzero(np.isfinite(values))
            if row.size:
                velocity = values[row, col].astype(np.float32)
                places = raster.degrees(path, epsg, *raster.centres(dataset.transform, row + first, col))
                yield raster.batch(row + first, col, *places, velocity, header.component)
