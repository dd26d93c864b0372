"""Slope and aspect of elevation grids, and the loaded elevation tiles merged to one raster for terrain correction.

Horn, B. K. P. 1981, Hill shading and the reflectance map, Proc. IEEE 69(1), doi:10.1109/PROC.1981.11918.
"""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
import scipy  # Parts of scipy load when they are used.
from affine import Affine
from django.contrib.gis.geos import GEOSGeometry
from pyproj import CRS, Geod, Proj, Transformer
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from ground_motion.readers.records import Float32, Float64
from ingest.foundation.storage import stored_tiff
from ingest.models import ElevationTile

BLOCK_ROWS = 256
_GEOD = Geod(ellps="WGS84")
_NODES = 17  # Nodes per side at which the scale and rotation of a map projection are computed.
logger = logging.getLogger(__name__)
MARGIN_M = 5000.0  # Terrain displaces a pixel by about twice its height.
WRITTEN_ROWS = 512


class Spacing(NamedTuple):
    """Size of pixels, metres, and rotation of the grid, degrees clockwise from north; broadcast to (rows, cols)."""

    east_m: Float64
    south_m: Float64
    turn_deg: Float64


class SlopeAspect(NamedTuple):
    """Slope (0: flat) and aspect (downhill, clockwise from true north, NaN on flat ground), (rows, cols), degrees."""

    slope_deg: Float32
    aspect_deg: Float32


def slope_and_aspect(height_m: Float32, transform: Affine, crs: CRS) -> SlopeAspect:
    """Compute slope and aspect (Horn). height_m: (rows, cols), metres, NaN unknown; a north-up grid in any system.

    Beyond its edges the grid is extrapolated linearly; next to an unknown pixel, slope and aspect are NaN.
    """
    rows, cols = height_m.shape
    slope, aspect = (np.empty((rows, cols), dtype=np.float32) for _ in range(2))
    for first in range(0, rows, BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, rows)
        block = height_m[max(first - 1, 0) : min(last + 1, rows)].astype(float)
        margin = ((first == 0, last == rows), (1, 1))
        padded = np.pad(block, margin, mode="reflect", reflect_type="odd")  # (last - first + 2, cols + 2)
        spacing = spacing_of(transform, crs, (rows, cols), first, last)
        slope[first:last], aspect[first:last] = _horn(padded, spacing)
    return SlopeAspect(slope, aspect)


def spacing_of(transform: Affine, crs: CRS, shape: tuple[int, int], first: int, last: int) -> Spacing:
    """Return the pixel size and rotation of rows `first` to `last` (excluded) of a grid. shape: of the whole grid."""
    row: Float64 = np.arange(first, last, dtype=np.float64) + 0.5
    if crs.is_geographic:
        latitude = np.radians(transform.f + transform.e * row)[:, None]  # (rows, 1)
        squeeze = 1 - _GEOD.es * np.sin(latitude) ** 2
        east = np.radians(transform.a) * _GEOD.a / np.sqrt(squeeze) * np.cos(latitude)
        south = np.radians(-transform.e) * _GEOD.a * (1 - _GEOD.es) / squeeze**1.5
        return Spacing(east, south, np.zeros((1, 1)))
    metre = float(crs.axis_info[0].unit_conversion_factor)
    scale, turn = _stretch_and_turn(transform, crs, shape, row)
    return Spacing(transform.a * metre / scale, -transform.e * metre / scale, turn)


def mean_bearing(bearing_deg: Float32) -> float:
    """Return the mean of directions, degrees 0 to 360, or NaN where they cancel each other out or none is known."""
    known = np.radians(bearing_deg[np.isfinite(bearing_deg)].astype(float))
    if not known.size:
        return float("nan")
    east, north = np.sin(known).mean(), np.cos(known).mean()
    return float(np.degrees(np.arctan2(east, north)) % 360) if np.hypot(east, north) > 0.1 else float("nan")


def _horn(z: Float64, spacing: Spacing) -> SlopeAspect:
    west = z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2]
    east = z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]
    north = z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]
    south = z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:]
    to_east, to_north = (east - west) / (8 * spacing.east_m), (north - south) / (8 * spacing.south_m)
    rise = np.hypot(to_east, to_north) + 0 * z[1:-1, 1:-1]  # NaN where the pixel itself is unknown
    aspect = (np.degrees(np.arctan2(-to_east, -to_north)) + spacing.turn_deg) % 360
    aspect = np.where(rise > 1e-6, aspect, np.nan)
    return SlopeAspect(np.degrees(np.arctan(rise)).astype(np.float32), aspect.astype(np.float32))


def _stretch_and_turn(transform: Affine, crs: CRS, shape: tuple[int, int], row: Float64) -> tuple[Float64, Float64]:
    """Return map length per ground length, and the meridian convergence, degrees; (rows, cols) each."""
    mesh_row, mesh_col = np.linspace(0, shape[0], _NODES), np.linspace(0, shape[1], _NODES)
    x = transform.c + transform.a * np.tile(mesh_col, _NODES)
    y = transform.f + transform.e * np.repeat(mesh_row, _NODES)
    longitude, latitude = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    factors = Proj(crs).get_factors(longitude, latitude)
    stretch = np.sqrt(np.asarray(factors.areal_scale)).reshape(_NODES, _NODES)
    turn = np.unwrap(np.asarray(factors.meridian_convergence).reshape(_NODES, _NODES), period=360)
    col = np.arange(shape[1]) + 0.5
    stretch, turn = (
        scipy.interpolate.RectBivariateSpline(mesh_row, mesh_col, mesh, kx=1, ky=1)(row, col)
        for mesh in (stretch, turn)
    )
    return stretch, turn


def elevation_over(*, area: GEOSGeometry, epsg: int, posting_m: float, path: Path) -> bool:
    """Write the loaded elevation of an area (EPSG:4326), finest on top, as GeoTIFF, m, NaN unknown; False if none."""
    loaded = ElevationTile.objects.filter(footprint__intersects=area, layer__simulated=False)
    tiles = list(loaded.order_by("-posting_m", "-pk"))  # Write the finest tile last, over the others.
    if not tiles:
        return False
    west, south, east, north = area.transform(epsg, clone=True).extent
    cols = int(np.ceil((east - west + 2 * MARGIN_M) / posting_m))
    rows = int(np.ceil((north - south + 2 * MARGIN_M) / posting_m))
    grid = from_origin(west - MARGIN_M, north + MARGIN_M, posting_m, posting_m)
    placed = {"crs": f"EPSG:{epsg}", "transform": grid, "width": cols, "height": rows}
    kind = {"driver": "GTiff", "dtype": "float32", "count": 1, "nodata": np.nan, "tiled": True}
    with rasterio.open(path, "w+", **kind, **placed) as merged:  # NaN where nothing is written
        for tile in tiles:
            try:
                with (
                    stored_tiff(tile.raster) as raster,
                    WarpedVRT(raster, resampling=Resampling.bilinear, **placed) as warped,
                ):
                    _lay_over(merged, warped)
            except (FileNotFoundError, RasterioError) as fault:
                logger.warning("elevation tile %s cannot be read: %s", tile.raster.name, fault)
    return True


def _lay_over(merged: rasterio.io.DatasetWriter, warped: WarpedVRT) -> None:
    for first in range(0, merged.height, WRITTEN_ROWS):
        window = Window(0, first, merged.width, min(WRITTEN_ROWS, merged.height - first))
        height = warped.read(1, window=window, masked=True).filled(np.nan)
        if np.isfinite(height).any():
            merged.write(np.where(np.isfinite(height), height, merged.read(1, window=window)), 1, window=window)
