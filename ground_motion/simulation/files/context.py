"""The heights of a simulated region as a layer of context: GeoTIFF."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from ground_motion.simulation.ground.frame import GRID_EPSG
from ground_motion.simulation.velocity.region import Region


def write_heights(region: Region, path: Path) -> Path:
    """Write the heights of the island, metres above the sea, NaN over the sea."""
    land = region.terrain
    rows, cols = land.height_m.shape
    grid = Affine(land.posting_m, 0, land.west_m, 0, -land.posting_m, land.top_m)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="float32",
        count=1,
        height=rows,
        width=cols,
        crs=f"EPSG:{GRID_EPSG}",
        transform=grid,
        nodata=np.nan,
    ) as raster:
        raster.write(land.height_m, 1)
        raster.update_tags(SIMULATED="yes")
    return path
