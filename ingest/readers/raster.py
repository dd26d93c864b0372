"""A GeoTIFF of velocities. A file cannot be trusted to say its unit and sign: they are declared by whoever gives it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ingest.errors import InputError
from ingest.projections import transformer
from ingest.readers.records import (
    METRES_PER_DEGREE,
    UNIT_VECTORS,
    Component,
    Declared,
    FieldHeader,
    Float32,
    Float64,
    PointBatch,
    VelocityField,
)

TITLE = "GeoTIFF"
MM_PER_UNIT = {"mm/yr": 1.0, "cm/yr": 10.0, "m/yr": 1000.0}
TOWARD = {"toward": 1.0, "away": -1.0, "up": 1.0, "down": -1.0, "east": 1.0, "west": -1.0}
COMPONENT_OF_SIGN = {
    "toward": Component.LOS, "away": Component.LOS, "up": Component.UP, "down": Component.UP,
    "east": Component.EAST, "west": Component.EAST,
}  # fmt: skip
MAX_PIXELS = 10**9
BLOCK_PIXELS = 200_000
FASTEST_MM_YR = 1e6  # a kilometre a year: no ground, and no ice but in a surge
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_geotiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does and is called one."""
    if path.suffix.lower() not in {".tif", ".tiff"} or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) in _TIFF_MAGIC


def recognises(path: Path) -> bool:
    """Any GeoTIFF that no other reader claims."""
    return is_geotiff(path)


@contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """Open a GeoTIFF with that one driver, once its declared size was looked at; faults become InputError."""
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            if dataset.width * dataset.height > MAX_PIXELS:
                raise InputError(path, f"it declares {dataset.width} x {dataset.height} pixels", "Cut it into tiles")
            if dataset.crs is None:
                raise InputError(path, "it has no reference system", "Assign one (gdal_edit.py -a_srs EPSG:…)")
            yield dataset
    except RasterioError as fault:
        raise InputError(path, f"it cannot be read as GeoTIFF ({fault})", "Copy or make it again") from fault


def read(path: Path, declared: Declared | None = None) -> VelocityField:
    """Read band 1 as velocities of the declared unit and sign. Raises InputError where they are not declared."""
    declared = declared or Declared()
    _scale(path, declared)
    with opened(path) as dataset:
        posting, epsg = _posting_m(dataset.transform, dataset.crs), dataset.crs.to_epsg()
        metric = dataset.crs.is_projected and dataset.crs.linear_units.startswith("met")
    header = FieldHeader(
        source_format="geotiff",
        level="velocity",
        component=COMPONENT_OF_SIGN[str(declared.positive)],
        dates=declared.period or (),
        has_series=False,
        track=declared.track,
        posting_m=posting,
        grid_epsg=epsg if metric else None,
        attribution="Velocity raster; its source is not stated in the file",
        extras={"unit": str(declared.unit), "positive": str(declared.positive)},
    )
    return field(path, declared, header)


def field(path: Path, declared: Declared, header: FieldHeader) -> VelocityField:
    """Band 1 as a velocity field under a header that the caller made."""
    factor = _scale(path, declared)
    with opened(path):  # refuse what cannot be used before anybody asks for its points
        pass
    return VelocityField(header, lambda: _batches(path, factor, header.component))


def _scale(path: Path, declared: Declared) -> float:
    """What turns the file's values into mm/yr with our sign."""
    if declared.unit not in MM_PER_UNIT:
        raise InputError(
            path, f"the unit of its values is not declared ({declared.unit})", f"Add --unit {'|'.join(MM_PER_UNIT)}"
        )
    if declared.positive not in TOWARD:
        raise InputError(
            path, f"the sign of its values is not declared ({declared.positive})", f"Add --positive {'|'.join(TOWARD)}"
        )
    return MM_PER_UNIT[declared.unit] * TOWARD[declared.positive]


def _posting_m(transform: Affine, crs: CRS) -> float:
    return float(abs(transform.a)) * (METRES_PER_DEGREE if crs.is_geographic else 1.0)


def _batches(path: Path, factor: float, component: Component) -> Iterator[PointBatch]:
    with opened(path) as dataset:
        geographic = transformer(dataset.crs.to_wkt(), 4326)
        lines = max(1, BLOCK_PIXELS // dataset.width)
        for first in range(0, dataset.height, lines):
            window = Window(0, first, dataset.width, min(lines, dataset.height - first))
            values = dataset.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
            row, col = np.nonzero(np.isfinite(values))
            if not row.size:
                continue
            # file: declared unit and sign; ours: mm/yr, positive toward the satellite, up or east
            velocity = values[row, col] * np.float32(factor)
            if np.abs(velocity).max() > FASTEST_MM_YR:
                found = f"a velocity of {velocity[np.abs(velocity).argmax()]:.3g} mm/yr cannot be"
                raise InputError(path, found, "Check the unit and the nodata value")
            x, y = dataset.transform @ (col + 0.5, row + first + 0.5)
            yield _batch(row + first, col, *geographic.transform(x, y), velocity, component)


def _batch(row, col, longitude: Float64, latitude: Float64, velocity: Float32, component: Component) -> PointBatch:  # type: ignore[no-untyped-def]
    unknown = np.full(row.size, np.nan, dtype=np.float32)
    east, north, up = (np.full(row.size, part, dtype=np.float32) for part in UNIT_VECTORS.get(component, (np.nan,) * 3))
    pid = np.char.add(np.char.add(row.astype("S7"), b"_"), col.astype("S7"))
    return PointBatch(
        pid, longitude, latitude, unknown, velocity, unknown, unknown, unknown,
        east, north, up, np.empty((row.size, 0), dtype=np.float32),
    )  # fmt: skip
