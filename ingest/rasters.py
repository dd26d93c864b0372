"""Rasters that are written: Cloud-Optimised GeoTIFF with named bands and the tags that let a number be traced."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS


def write_cog(
    path: Path,
    bands: Mapping[str, NDArray[np.float32]],
    transform: Affine,
    epsg: int | None,
    units: Sequence[str],
    tags: Mapping[str, str],
) -> None:
    """Write (rows, cols) bands as float32 COG, NaN as nodata. The file appears whole or not at all.

    epsg None: a plain pixel grid without a place on the ground.
    """
    rows, cols = next(iter(bands.values())).shape
    partial = path.with_name(f".{path.name}.partial")
    profile = {
        "driver": "COG", "dtype": "float32", "count": len(bands), "height": rows, "width": cols, "nodata": np.nan,
        "crs": CRS.from_epsg(epsg) if epsg else None, "transform": transform, "compress": "DEFLATE", "predictor": 3,
    }  # fmt: skip
    try:
        with rasterio.open(partial, "w", **profile) as raster:
            for index, ((name, values), unit) in enumerate(zip(bands.items(), units, strict=True), start=1):
                raster.write(values.astype(np.float32, copy=False), index)
                raster.set_band_description(index, name)
                raster.update_tags(index, units=unit)
            raster.update_tags(**tags)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
