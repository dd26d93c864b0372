"""Images in the geometry of their swaths, resampled to one map with their ground control points."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import GCPTransformer
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window as RasterWindow

from ground_motion.core.errors import InputError
from ground_motion.core.geometry import middle_of, utm_epsg
from ground_motion.core.projections import transformer
from ground_motion.rasters.geotiffs import MAX_PIXELS, TO_POWER
from ground_motion.rasters.imagery import Float32, PairSource
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.windows import Window, cut, inner, intersect

MIN_CONTROL_POINTS = 6  # A polynomial of the second order needs this many points.
UTM_ENDS = 84.0  # Beyond this latitude, polar stereographic systems are used.
PIECE_PX = 512  # Pieces are small, because reading one touches several blocks.
MARGIN_PX = 8  # Resampled windows need a margin wider than the kernel's reach.
EDGE_POINTS = 9  # This many points on each side of a part of the map give its window in the swath.
OPPOSITE = CRS.from_string("+proj=longlat +datum=WGS84 +pm=180 +type=crs")  # It has no jump at 180 degrees.
POLAR = {True: 5041, False: 5042}  # EPSG codes of the polar systems of the north and the south.
Points = Sequence[GroundControlPoint]


class _Swath(NamedTuple):
    """An image in a swath's geometry: file, scale of values, shape (rows, cols), control points and their system."""

    path: Path
    scale: str
    shape: tuple[int, int]
    points: Points
    crs: str


def has_control_points(path: Path) -> bool:
    """Return whether an image is georeferenced by control points only; False for an unreadable file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                return bool(raster.gcps[0]) and raster.transform.is_identity
    except RasterioError:
        return False


def resampled_to_one_grid(reference: Path, secondary: Path, scale: str) -> PairSource:
    """Resample the common ground of two images on UTM (polar stereographic beyond 84 degrees).

    The posting is that of the coarser image. Amplitude is resampled by a cubic kernel. scale: of the values, as in
    open_pair. InputError for too few control points, images that do not overlap, and results that would be too large.
    """
    swaths = [_read(path, scale) for path in (reference, secondary)]
    epsg = _map_of(swaths[0])
    placed = [_place(swath, epsg) for swath in swaths]
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

    def read(at: Window) -> Float32:
        return np.stack([_resample(swath, grid, at, epsg) for swath in swaths])

    return PairSource((rows, cols), grid, epsg, read)


def store_in_pieces(source: PairSource, pieces: Pieces) -> PairSource:
    """Store the resampled pair in pieces, because it is read many times and resampling is expensive."""
    at = cut(source.shape, PIECE_PX)
    pieces.each("images", at, lambda here: {"images": source.read(here)})

    def read(window: Window) -> Float32:
        whole = np.full((2, window.rows, window.cols), np.nan, dtype=np.float32)
        for row in range(window.row // PIECE_PX * PIECE_PX, window.row + window.rows, PIECE_PX):
            for col in range(window.col // PIECE_PX * PIECE_PX, window.col + window.cols, PIECE_PX):
                here, images = at[f"{row}-{col}"], pieces.get("images", f"{row}-{col}")["images"]
                both = intersect(here, window)
                whole[:, *inner(both, window)] = images[:, *inner(both, here)]
        return whole

    return source._replace(read=read)


def _read(path: Path, scale: str) -> _Swath:
    with _open(path) as raster:
        points, crs = raster.gcps
        shape = raster.shape
        longitude = np.array([point.x for point in points])
        if len(points) and crs and crs.is_geographic and (np.ptp(longitude) > 180 or abs(longitude).max() > 180):
            points, crs = [_opposite(point) for point in points], OPPOSITE
    if len(points) < MIN_CONTROL_POINTS or crs is None:
        found = f"it has {len(points)} ground control points" + ("" if crs else " without a coordinate system")
        raise InputError(
            path, f"{found}, at least {MIN_CONTROL_POINTS} are needed", "Lay both images on one grid first"
        )
    return _Swath(path, scale, shape, points, crs.to_wkt())


def _opposite(point: GroundControlPoint) -> GroundControlPoint:
    return GroundControlPoint(point.row, point.col, point.x % 360 - 180, point.y, point.z)


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver="GTiff") as raster:
            yield raster


def _map_of(swath: _Swath) -> int:
    """Return the EPSG code of the map for the middle of an image."""
    x, y = (np.array([getattr(point, axis) for point in swath.points]) for axis in "xy")
    longitude, latitude = middle_of(*transformer(swath.crs, 4326).transform(x, y))
    return POLAR[latitude > 0] if abs(latitude) > UTM_ENDS else utm_epsg(longitude, latitude)


def _place(swath: _Swath, epsg: int) -> NDArray[np.float64]:
    """Return control points (n, 2) on the map, m."""
    x, y = ([getattr(point, axis) for point in swath.points] for axis in "xy")
    return np.column_stack(transformer(swath.crs, epsg).transform(x, y))


def _posting_m(points: Points, placed: NDArray[np.float64]) -> float:
    """Return the root of a pixel's area on the map, m, by a plane fitted to the control points."""
    at = np.array([[1.0, point.row, point.col] for point in points])
    plane = np.linalg.lstsq(at, placed, rcond=None)[0]
    return float(np.sqrt(abs(np.linalg.det(plane[1:]))))


def _resample(swath: _Swath, grid: Affine, at: Window, epsg: int) -> Float32:
    """Resample linear power to a part of a map grid, NaN unknown. Only that part of the swath is read."""
    resampled = np.full((at.rows, at.cols), np.nan, dtype=np.float32)
    transform = grid @ Affine.translation(at.col, at.row)
    seen = _window_seen(swath, transform, at, epsg)
    if seen is None:
        return resampled
    with _open(swath.path) as raster:
        values = raster.read(1, window=RasterWindow(seen.col, seen.row, seen.cols, seen.rows), masked=True)
    power = TO_POWER[swath.scale](values.astype(np.float32).filled(np.nan))
    reproject(
        np.sqrt(np.where(power > 0, power, np.nan)).astype(np.float32),
        resampled,
        gcps=[_shift(point, seen) for point in swath.points],
        src_crs=swath.crs,
        dst_transform=transform,
        dst_crs=f"EPSG:{epsg}",
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.cubic,
        tolerance=0,  # An approximation (an eighth of a pixel by default) would depend on the cutting of parts.
    )
    return np.where(resampled > 0, resampled, np.float32(np.nan)) ** 2


def _window_seen(swath: _Swath, transform: Affine, at: Window, epsg: int) -> Window | None:
    """Return the window of a swath that covers a window of the map, with the kernel's margin; None if there is none."""
    along = np.linspace(0, 1, EDGE_POINTS)
    row, col = (part.ravel() * size for part, size in zip(np.meshgrid(along, along), at[2:], strict=True))
    east, north = transform.c + transform.a * col, transform.f + transform.e * row
    x, y = transformer(epsg, swath.crs).transform(east, north)
    with GCPTransformer(swath.points) as of_map:
        rows, cols = of_map.rowcol(x, y, op=lambda value: value)
    first = [max(0, int(np.floor(np.min(part))) - MARGIN_PX) for part in (rows, cols)]
    last = [
        min(size, int(np.ceil(np.max(part))) + MARGIN_PX) for part, size in zip((rows, cols), swath.shape, strict=True)
    ]
    size = [end - begin for begin, end in zip(first, last, strict=True)]
    return Window(*first, *size) if min(size) > 0 else None


def _shift(point: GroundControlPoint, seen: Window) -> GroundControlPoint:
    return GroundControlPoint(point.row - seen.row, point.col - seen.col, point.x, point.y, point.z)
