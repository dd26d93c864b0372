"""Images in the geometry of their swaths, laid on one map by their ground control points."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import Resampling, reproject

from ingest.errors import InputError
from ingest.geometry import utm_epsg
from ingest.projections import transformer
from ml.rasters.imagery import MAX_PIXELS, SCALES, Float32, ImagePair

FEWEST = 6  # points, for a polynomial of the second order
UTM_ENDS = 84.0  # degrees from the equator; polar stereographic beyond
POLAR = {True: 5041, False: 5042}  # north, south
Points = Sequence[GroundControlPoint]


class _Swath(NamedTuple):
    """An image (rows, cols) of amplitude, NaN unknown, and its control points in a coordinate system."""

    amplitude: Float32
    points: Points
    crs: str


def has_control_points(path: Path) -> bool:
    """Whether control points alone say where an image lies; False for what cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                return bool(raster.gcps[0]) and raster.transform.is_identity
    except RasterioError:
        return False


def laid_on_one_grid(reference: Path, secondary: Path, scale: str) -> ImagePair:
    """Both images where both show ground, on UTM (polar stereographic beyond 84 degrees), at the coarser posting.

    Amplitude by a cubic kernel. scale: of the values, as of open_pair. InputError for too few control points, images
    that do not overlap, and what would be too large.
    """
    swaths = [_read(path, scale) for path in (reference, secondary)]
    epsg = _map_of(swaths[0])
    placed = [_placed(swath, epsg) for swath in swaths]
    posting = float(round(max(_posting_m(swath.points, xy) for swath, xy in zip(swaths, placed, strict=True)), 1))
    west, south = np.max([xy.min(axis=0) for xy in placed], axis=0)
    east, north = np.min([xy.max(axis=0) for xy in placed], axis=0)
    rows, cols = int((north - south) / posting), int((east - west) / posting)
    if min(rows, cols) < 1:
        raise InputError(
            secondary, f"by its control points it shows nothing of {reference.name}", "Choose another pair"
        )
    if rows * cols > MAX_PIXELS:
        raise InputError(secondary, f"both images share {rows} x {cols} pixels", "Cut them into tiles")
    grid = Affine(posting, 0, float(west), 0, -posting, float(north))
    first, second = (_laid(swath, grid, (rows, cols), epsg) for swath in swaths)
    return ImagePair(first, second, grid, epsg)


def _read(path: Path, scale: str) -> _Swath:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver="GTiff") as raster:
            points, crs = raster.gcps
            values = raster.read(1, masked=True)
    if len(points) < FEWEST or crs is None:
        found = f"it has {len(points)} ground control points" + ("" if crs else " without a coordinate system")
        raise InputError(path, f"{found}, at least {FEWEST} are needed", "Lay both images on one grid first")
    power = SCALES[scale](values.astype(np.float32).filled(np.nan))
    return _Swath(np.sqrt(np.where(power > 0, power, np.nan)).astype(np.float32), points, crs.to_wkt())


def _map_of(swath: _Swath) -> int:
    """EPSG code of the map on which the middle of an image is laid."""
    x, y = (np.array([getattr(point, axis) for point in swath.points]) for axis in "xy")
    longitude, latitude = transformer(swath.crs, 4326).transform(x, y)
    middle = float(np.median(latitude))
    return POLAR[middle > 0] if abs(middle) > UTM_ENDS else utm_epsg(float(np.median(longitude)), middle)


def _placed(swath: _Swath, epsg: int) -> NDArray[np.float64]:
    """Control points (n, 2) on the map, m."""
    x, y = ([getattr(point, axis) for point in swath.points] for axis in "xy")
    return np.column_stack(transformer(swath.crs, epsg).transform(x, y))


def _posting_m(points: Points, placed: NDArray[np.float64]) -> float:
    """Root of the area of a pixel, from the plane through the points."""
    at = np.array([[1.0, point.row, point.col] for point in points])
    plane = np.linalg.lstsq(at, placed, rcond=None)[0]
    return float(np.sqrt(abs(np.linalg.det(plane[1:]))))


def _laid(swath: _Swath, grid: Affine, shape: tuple[int, int], epsg: int) -> Float32:
    """Linear power on a grid of the map, NaN unknown."""
    laid = np.full(shape, np.nan, dtype=np.float32)
    reproject(
        swath.amplitude,
        laid,
        gcps=swath.points,
        src_crs=swath.crs,
        dst_transform=grid,
        dst_crs=f"EPSG:{epsg}",
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.cubic,
    )
    return np.where(laid > 0, laid, np.float32(np.nan)) ** 2
