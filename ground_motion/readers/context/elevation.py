"""Readers of elevation and population: GeoTIFF of one band on a north-up grid, in metres or people per cell.

Copernicus DEM Product Handbook, 2022: Copernicus_DSM_COG_10_N46_00_E008_00_DEM.tif, EPSG:4326, heights over EGM2008.
WorldPop, doi:10.5258/SOTON/WP00645 (unconstrained, 100 m, nodata -99999); GHS-POP R2023A (Mollweide or degrees, nodata
-200), doi:10.2905/2FF68A52-5B5B-4A22-8F40-C41DA8332CFE. A density per km² is refused if its unit says so.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.io import DatasetReader
from shapely import MultiPolygon, Polygon, box

from ground_motion.core.areas import split_at_date_line
from ground_motion.core.errors import InputError
from ground_motion.readers.raster import epsg_of, open_of_sound_size, refuse_unplaced

MAX_PIXELS = 40_000_000  # A Copernicus tile has 13 million; three float bands of this are half a gigabyte.
LOWEST_M, HIGHEST_M = -1000.0, 9500.0
METRES = {"", "m", "metre", "metres", "meter", "meters"}
COPERNICUS_NAME = re.compile(r"Copernicus_DSM_(?:COG_)?\d+_([NS]\d\d)_00_([EW]\d{3})_00(?:_DEM)?", re.IGNORECASE)
COPERNICUS = (
    "Elevation: Copernicus DEM, © DLR e.V. 2010-2014 and © Airbus Defence and Space GmbH 2014-2018, provided under"
    " COPERNICUS by the European Union and ESA; all rights reserved",
    "Copernicus DEM licence: free of charge, with attribution",
)
MAX_CELLS = 2_000_000_000  # A country of a million square kilometres at 100 m has 100 million; read in blocks.
MAX_BLOCK_CELLS = 40_000_000
MAX_IN_CELL = 1_000_000.0
PEOPLE = {"", "people", "persons", "population", "count", "people per pixel", "people per cell"}


def check_grid(path: Path, raster: DatasetReader, *, most_pixels: int, smaller: str, of: str, units: set[str]) -> None:
    """Raise InputError for a grid without reference system, not north-up, too large, or not one band in `units`."""
    refuse_unplaced(path, raster)
    grid = raster.transform
    if grid.b or grid.d or grid.a <= 0 or grid.e >= 0:
        raise InputError(path, f"its grid {tuple(grid)[:6]} is not north-up", "Warp it (gdalwarp)")
    if raster.width * raster.height > most_pixels:
        raise InputError(path, f"it declares {raster.width} x {raster.height} pixels", smaller)
    if raster.count != 1:
        raise InputError(path, f"it has {raster.count} bands", f"Give one band of {of}")
    unit = (raster.units[0] or "").strip().lower()
    if unit not in units:
        raise InputError(path, f"its values are in {unit[:20]!r}", f"Give {of}")


def footprint(path: Path) -> MultiPolygon:
    """Return the outline of a grid in degrees, with points added between its corners. Raises InputError."""
    with open_of_sound_size(path, MAX_CELLS) as raster:
        west, south, east, north = raster.bounds
        corners = np.array(box(west, south, east, north).segmentize((east - west) / 8).exterior.coords)
        longitude, latitude = Transformer.from_crs(raster.crs, 4326, always_xy=True).transform(*corners.T)
    if not np.isfinite([longitude, latitude]).all():
        raise InputError(path, "its corners do not lie on the earth", "Cut the country out (gdal_translate -projwin)")
    return split_at_date_line(Polygon(np.column_stack([np.unwrap(longitude, period=360), latitude])))


class ElevationGrid(NamedTuple):
    """Heights, (rows, cols) float32 metres, NaN unknown, on a north-up grid. epsg: its reference system."""

    height_m: NDArray[np.float32]
    transform: Affine
    epsg: int


def read(path: Path) -> ElevationGrid:
    """Check the file's declarations, then read it. InputError if values cannot be metres above the sea."""
    with open_of_sound_size(path, MAX_CELLS) as raster:
        epsg = _checked_epsg(path, raster)
        height, grid = raster.read(1, masked=True).astype(np.float32).filled(np.nan), raster.transform
    known = height[np.isfinite(height)]
    if not known.size:
        raise InputError(path, "no pixel has a height", "Check its nodata value")
    lowest, highest = float(known.min()), float(known.max())
    if lowest < LOWEST_M or highest > HIGHEST_M:
        problem = f"its heights go from {lowest:g} to {highest:g}, which cannot be metres above the sea"
        raise InputError(path, problem, "Set its nodata value, or convert it to metres")
    height[~np.isfinite(height)] = np.nan
    return ElevationGrid(height, grid, epsg)


def credit(name: str) -> tuple[str, str]:
    """Return (attribution, licence) of a Copernicus tile, recognised by its file name; else two empty texts."""
    return COPERNICUS if COPERNICUS_NAME.match(name) else ("", "")


def _checked_epsg(path: Path, raster: DatasetReader) -> int:
    """Check everything that the file declares; return the EPSG number of its reference system."""
    smaller = "Cut it into tiles (gdal_translate -srcwin)"
    check_grid(path, raster, most_pixels=MAX_PIXELS, smaller=smaller, of="heights in metres", units=METRES)
    epsg = epsg_of(path, raster)
    if min(raster.width, raster.height) < 3:
        raise InputError(path, f"it has {raster.width} x {raster.height} pixels", "A slope needs three of each")
    crs, (west, south, east, north) = CRS.from_epsg(epsg), raster.bounds
    if not (crs.is_geographic or crs.is_projected):
        problem = f"its reference system {crs.name} is not a map projection"
        raise InputError(path, problem, "Warp it (gdalwarp -t_srs EPSG:…)")
    if crs.is_geographic and (max(-south, north) > 90.01 or max(-west, east) > 180.01):
        corners = f"{west:g}, {south:g} to {east:g}, {north:g}"
        raise InputError(path, f"a grid in degrees from {corners} is not on the earth", "Assign its reference system")
    return epsg


def population_total(path: Path) -> float:
    """Return the total population. Raises InputError if the values cannot be people per cell."""
    with open_of_sound_size(path, MAX_CELLS) as raster:
        smaller, of = "Cut the country out (gdal_translate -projwin)", "people per cell, no density"
        check_grid(path, raster, most_pixels=MAX_CELLS, smaller=smaller, of=of, units=PEOPLE)
        if max(rows * cols for rows, cols in raster.block_shapes) > MAX_BLOCK_CELLS:
            remedy = "Tile it (gdal_translate -co TILED=YES)"
            raise InputError(path, "its blocks are too large to read one by one", remedy)
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
    if highest > MAX_IN_CELL:
        raise InputError(path, f"a cell has {highest:,.0f} people", "Give people per cell")
    return float(people)
