"""People per cell: a GeoTIFF of one band, such as WorldPop's country rasters or the GHS-POP grid.

WorldPop, doi:10.5258/SOTON/WP00645 (unconstrained, 100 m, nodata -99999); GHS-POP R2023A (Mollweide or degrees, nodata
-200), doi:10.2905/2FF68A52-5B5B-4A22-8F40-C41DA8332CFE. A density per km² is refused as far as its unit says so.
"""

from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader
from shapely import Polygon

from ingest.errors import InputError
from ingest.readers.context.elevation import check_grid, opened, outline

MAX_PIXELS = 2_000_000_000  # a country of a million square kilometres at 100 m has 100 million; read in blocks
MAX_BLOCK_PIXELS = 40_000_000
MOST_IN_CELL = 1_000_000.0
PEOPLE = {"", "people", "persons", "population", "count", "people per pixel", "people per cell"}


def check(path: Path) -> float:
    """Return how many people there are in all. Raises InputError for what cannot be people per cell."""
    with opened(path) as raster:
        _check_grid(path, raster)
        people, highest = 0.0, 0.0
        for _, window in raster.block_windows(1):
            known = raster.read(1, window=window, masked=True).compressed().astype(np.float64)
            known = known[np.isfinite(known)]
            if known.size and known.min() < 0:
                problem = f"a cell has {known.min():g} people"
                raise InputError(path, problem, "Set its nodata value (gdal_edit.py -a_nodata)")
            people, highest = people + known.sum(), max(highest, float(known.max(initial=0.0)))
    if not people:
        raise InputError(path, "nobody lives in any of its cells", "Check its nodata value")
    if highest > MOST_IN_CELL:
        raise InputError(path, f"a cell has {highest:,.0f} people", "Give people per cell")
    return float(people)


def footprint(path: Path) -> Polygon:
    """Return the outline of the grid in degrees."""
    with opened(path) as raster:
        west, south, east, north = raster.bounds
        shown = outline(west, south, east, north, raster.crs)
    if not np.isfinite(shown.bounds).all():
        raise InputError(path, "its corners do not lie on the earth", "Cut the country out (gdal_translate -projwin)")
    return shown


def _check_grid(path: Path, raster: DatasetReader) -> None:
    smaller, of = "Cut the country out (gdal_translate -projwin)", "people per cell, no density"
    check_grid(path, raster, most_pixels=MAX_PIXELS, smaller=smaller, of=of, units=PEOPLE)
    if max(rows * cols for rows, cols in raster.block_shapes) > MAX_BLOCK_PIXELS:
        raise InputError(path, "its blocks are too large to read one by one", "Tile it (gdal_translate -co TILED=YES)")
