"""The elevation that is loaded, as one raster over an area: what terrain correction of an image needs."""

import logging
from pathlib import Path

import numpy as np
import rasterio
from django.contrib.gis.geos import GEOSGeometry
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from ingest.models import ElevationTile
from ingest.storage import stored_tiff

logger = logging.getLogger(__name__)

MARGIN_M = 5000.0  # terrain displaces a pixel by about twice its height
BLOCK_ROWS = 512


def elevation_over(*, area: GEOSGeometry, epsg: int, posting_m: float, path: Path) -> bool:
    """Write the finest loaded elevation over an area (EPSG:4326), m, NaN unknown, as GeoTIFF; False without any."""
    tiles = ElevationTile.objects.filter(footprint__intersects=area, layer__simulated=False)
    tiles = list(tiles.order_by("-posting_m", "-pk"))  # the finest is written last
    if not tiles:
        return False
    west, south, east, north = area.transform(epsg, clone=True).extent
    cols = int(np.ceil((east - west + 2 * MARGIN_M) / posting_m))
    rows = int(np.ceil((north - south + 2 * MARGIN_M) / posting_m))
    grid = from_origin(west - MARGIN_M, north + MARGIN_M, posting_m, posting_m)
    crs = CRS.from_epsg(epsg)
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "width": cols,
        "height": rows,
        "crs": crs,
        "transform": grid,
        "nodata": np.nan,
        "tiled": True,
    }
    with rasterio.open(path, "w+", **profile) as merged:
        for first in range(0, rows, BLOCK_ROWS):
            window = Window(0, first, cols, min(BLOCK_ROWS, rows - first))
            merged.write(np.full((window.height, cols), np.nan, dtype=np.float32), 1, window=window)
        for tile in tiles:
            try:
                with (
                    stored_tiff(tile.raster) as raster,
                    WarpedVRT(
                        raster, crs=crs, transform=grid, width=cols, height=rows, resampling=Resampling.bilinear
                    ) as warped,
                ):
                    _lay_over(merged, warped)
            except (FileNotFoundError, RasterioError) as fault:
                logger.warning("elevation tile %s cannot be read: %s", tile.raster.name, fault)
    return True


def _lay_over(merged: rasterio.io.DatasetWriter, warped: WarpedVRT) -> None:
    for first in range(0, merged.height, BLOCK_ROWS):
        window = Window(0, first, merged.width, min(BLOCK_ROWS, merged.height - first))
        height = warped.read(1, window=window, masked=True).filled(np.nan)
        if np.isfinite(height).any():
            merged.write(np.where(np.isfinite(height), height, merged.read(1, window=window)), 1, window=window)
