"""A GeoTIFF of velocities. A file cannot be trusted to say its unit and sign: they are declared by whoever gives it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.errors import RasterioError

from ingest.errors import InputError
from ingest.readers.records import METRES_PER_DEGREE, Float32, Float64

MM_PER_UNIT = {"mm/yr": 1.0, "cm/yr": 10.0, "m/yr": 1000.0}
TOWARD = {"toward": 1.0, "away": -1.0, "up": 1.0, "down": -1.0, "east": 1.0, "west": -1.0}
MAX_PIXELS = 10**9


class RasterVelocities(NamedTuple):
    """The pixels that have a velocity. Degrees (EPSG:4326) and mm/yr, positive toward the satellite, up or east."""

    longitude: Float64
    latitude: Float64
    velocity_mm_yr: Float32
    posting_m: float


def read(path: Path, unit: str | None, positive: str | None) -> RasterVelocities:
    """Read band 1. unit: one of MM_PER_UNIT; positive: one of TOWARD; InputError where they are not declared."""
    if unit not in MM_PER_UNIT:
        raise InputError(
            path, f"the unit of its values is not declared ({unit})", f"Add --unit {'|'.join(MM_PER_UNIT)}"
        )
    if positive not in TOWARD:
        raise InputError(
            path, f"the sign of its values is not declared ({positive})", f"Add --positive {'|'.join(TOWARD)}"
        )
    try:
        with rasterio.open(path, driver="GTiff") as raster:
            if raster.width * raster.height > MAX_PIXELS:
                raise InputError(path, f"it declares {raster.width} x {raster.height} pixels", "Cut it into tiles")
            if raster.crs is None:
                raise InputError(path, "it has no reference system", "Assign one (gdal_edit.py -a_srs EPSG:…)")
            values = raster.read(1, masked=True).astype(np.float32).filled(np.nan)
            crs, transform = raster.crs, raster.transform
    except RasterioError as fault:
        raise InputError(path, f"it cannot be read as GeoTIFF ({fault})", "Copy or make it again") from fault
    row, col = np.nonzero(np.isfinite(values))
    if not row.size:
        raise InputError(path, "no pixel has a velocity", "Check its nodata value")
    x, y = transform @ (col + 0.5, row + 0.5)
    longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    posting = abs(transform.a) * (METRES_PER_DEGREE if crs.is_geographic else 1.0)
    # file: declared unit and sign; ours: mm/yr, positive toward the satellite, up or east
    velocity = values[row, col] * np.float32(MM_PER_UNIT[unit] * TOWARD[positive])
    return RasterVelocities(longitude, latitude, velocity, posting)
