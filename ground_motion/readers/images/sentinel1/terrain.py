"""Terrain correction: finds the pixel that shows a place of known height by the orbit (range and Doppler), with sarsen.

sarsen (B-Open, Apache-2.0; the extra `terrain`) finds when the satellite passed a place abeam, and at what distance. To
save time this is done only for the nodes of a piece, at three heights; between them a bilinear mesh and a parabola in
height give line and pixel to a few centimetres. UZH, Guide to Sentinel-1 Geocoding, UZH-S1-GC-AD 1.10.

Heights of elevation rasters refer to the sea (a geoid), those of the orbit to the ellipsoid. The product itself gives
the difference: its geolocation grid has ellipsoidal heights at some 200 places, and their median difference to the
raster is added to the raster (right to a metre or two, 0.2 pixels of 10 m, if both know the ground to 20 m). Where the
raster has no value (the sea), its height is 0. Layover and shadow are kept.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import Resampling, reproject

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.projections import transformer
from ground_motion.readers import raster
from ground_motion.readers.images.sentinel1.geolocation import Locator, Piece, Positions, Sighting
from ground_motion.readers.images.sentinel1.safe import Annotation
from ground_motion.readers.records import Float32, Float64

NOT_INSTALLED = "ellipsoid, the extra terrain is not installed"
NO_ORBIT = "ellipsoid, the annotation holds no orbit or no range model"
CLOSE_M = 0.02
MIN_SPAN_M = 100.0  # The three heights must span at least this.
MAX_HEIGHT_M = 10_000.0
ENOUGH_POINTS = 5
ImageOf = Callable[[Float64, Float64, Float64], tuple[Float64, Float64]]


@dataclass(frozen=True)
class Terrain:
    """Heights from a raster. offset_m: added to each; reach_m: how far on the map heights may displace a pixel."""

    elevation: Path
    offset_m: float
    reach_m: float
    image_of: ImageOf

    @contextmanager
    def locator(self, grid: PixelGrid, positions: Positions) -> Iterator[Locator]:
        """Yield a locator for use in one thread, because it holds the raster open."""
        with _open(self.elevation) as dataset:
            yield ByTerrain(self, grid, positions, dataset)


class ByTerrain:
    """Locator that uses the orbit and the height of every pixel of the map."""

    def __init__(self, terrain: Terrain, grid: PixelGrid, positions: Positions, dataset: DatasetReader) -> None:
        self.terrain, self.grid, self.positions, self.dataset = terrain, grid, positions, dataset

    def __call__(self, piece: Piece) -> Sighting | None:
        """Return line and pixel of each pixel of the piece, by range and Doppler at its height; or None."""
        height = self._height(piece)
        middle = float(height.min() + height.max()) / 2
        span = max(float(np.ptp(height)) / 2, MIN_SPAN_M)
        x, y = raster.centres(self.grid.transform, *piece.nodes())
        longitude, latitude = transformer(self.grid.epsg, 4326).transform(x, y)
        levels = [self.terrain.image_of(longitude, latitude, np.full(x.shape, middle + d)) for d in (-span, 0, span)]
        if not all(np.isfinite(part).all() for level in levels for part in level):
            return None
        share = (height - np.float32(middle)) / np.float32(span)  # -1 to 1
        first = [int(np.floor(part.min())) for part in levels[1]]
        parts = []
        for axis in range(2):
            low, mid, high = (piece.between(level[axis] - first[axis]) for level in levels)
            parts.append(mid + share * ((high - low) / 2 + share * ((high + low) / 2 - mid)))
        return Sighting(first[0], first[1], np.stack(parts))

    def _height(self, piece: Piece) -> Float32:
        height = np.full((piece.rows, piece.cols), np.nan, dtype=np.float32)
        moved = self.grid.transform @ self.grid.transform.translation(piece.col, piece.row)
        _reproject(self.dataset, height, moved, f"EPSG:{self.grid.epsg}")
        return np.nan_to_num(height, nan=0.0, posinf=0.0, neginf=0.0) + np.float32(self.terrain.offset_m)


def terrain_of(annotation: Annotation, elevation: Path, path: Path) -> Terrain | str:
    """Return what terrain correction needs, or the reason why it is impossible. InputError for a useless raster."""
    with _open(elevation) as dataset:
        if find_spec("sarsen") is None:
            return NOT_INSTALLED
        if len(annotation.orbit) < 4 or not annotation.ranges:
            return NO_ORBIT
        offset, top = _offset_and_top(annotation, dataset)
    steepest = float(np.tan(np.radians(annotation.points.incidence_deg)).min())
    reach = (top + abs(offset)) / steepest
    with refusing(path, "its orbit cannot be used ({})", "Download it again", ValueError, ArithmeticError):
        return Terrain(elevation, offset, reach, image_of_orbit(annotation))


def image_of_orbit(annotation: Annotation) -> ImageOf:
    """Return a function: (longitude, latitude, degrees; ellipsoidal height, m) -> fractional (line, pixel)."""
    import xarray as xr
    from sarsen import geocoding
    from sarsen.orbit import OrbitPolyfitInterpolator

    times = np.array([_numpy_time(vector.time) for vector in annotation.orbit])
    position = np.stack([vector.position_m for vector in annotation.orbit])
    first = _numpy_time(annotation.first_line_time)
    if (np.diff(times) <= np.timedelta64(0)).any():
        raise ValueError("its times are out of order")
    state = xr.DataArray(position, dims=("azimuth_time", "axis"), coords={"azimuth_time": times, "axis": [0, 1, 2]})
    orbit = OrbitPolyfitInterpolator.from_position(state, epoch=first, interval=(times[0], times[-1]))
    ranges = _RangeTable(annotation)
    interval_s = annotation.line_interval_s
    to_earth = transformer(4979, 4978)

    def image_of(longitude: Float64, latitude: Float64, height_m: Float64) -> tuple[Float64, Float64]:
        place = np.stack(to_earth.transform(longitude, latitude, height_m))
        ecef = xr.DataArray(place, dims=("axis", "y", "x"), coords={"axis": [0, 1, 2]})
        geocoded: Any = geocoding.backward_geocode_simple(
            ecef, orbit, zero_doppler_distance=CLOSE_M, method="newton", maxiter=20
        )
        seconds = np.asarray(geocoded[0], dtype=np.float64)  # Seconds since the first line.
        distance = np.sqrt((np.asarray(geocoded[1].transpose("axis", "y", "x")) ** 2).sum(axis=0))
        return seconds / interval_s, ranges.pixel_of(seconds, distance)

    return image_of


class _RangeTable:
    """Conversion of slant range to pixel by the annotation's polynomials, interpolated linearly in time."""

    def __init__(self, annotation: Annotation) -> None:
        first = annotation.first_line_time
        self.seconds = np.array([(model.time - first).total_seconds() for model in annotation.ranges])
        if (np.diff(self.seconds) <= 0).any():
            raise ValueError("its range models are out of order")
        self.models, self.spacing = annotation.ranges, annotation.range_spacing_m

    def pixel_of(self, seconds: Float64, distance_m: Float64) -> Float64:
        at = np.clip(np.searchsorted(self.seconds, seconds) - 1, 0, max(len(self.models) - 2, 0))
        pixel = np.empty_like(distance_m)
        for index in np.unique(at):
            mine = at == index
            near = self._ground(int(index), distance_m[mine])
            if len(self.models) > 1:
                whole = self.seconds[index + 1] - self.seconds[index]
                share = np.clip((seconds[mine] - self.seconds[index]) / whole, 0, 1)
                near = near + share * (self._ground(int(index) + 1, distance_m[mine]) - near)
            pixel[mine] = near / self.spacing
        return pixel

    def _ground(self, index: int, distance_m: Float64) -> Float64:
        model = self.models[index]
        ground: Float64 = np.asarray(np.polynomial.polynomial.polyval(distance_m - model.sr0_m, model.srgr))
        return ground


def _offset_and_top(annotation: Annotation, dataset: DatasetReader) -> tuple[float, float]:
    """Return (median of ellipsoidal minus raster heights at grid points, 0 if few; upper limit of heights), m."""
    points = annotation.points
    x, y = transformer(4326, dataset.crs.to_wkt()).transform(points.longitude.ravel(), points.latitude.ravel())
    there = np.isfinite(x) & np.isfinite(y)
    height = np.full(x.shape, np.nan)
    with _reading(dataset.name):
        sampled = dataset.sample(zip(x[there], y[there], strict=True), 1, masked=True)
        height[there] = [float(np.ma.filled(value.astype(float), np.nan)[0]) for value in sampled]
    gap = points.height_m.ravel() - height
    known = np.isfinite(gap)
    offset = float(np.median(gap[known])) if known.sum() >= ENOUGH_POINTS else 0.0
    return offset, min(float(np.abs(points.height_m).max()) + 1000.0, MAX_HEIGHT_M)


@contextmanager
def _open(elevation: Path) -> Iterator[DatasetReader]:
    with _reading(elevation), rasterio.open(elevation, driver="GTiff") as dataset:
        if dataset.crs is None or dataset.count != 1:
            raise InputError(elevation, "it is no elevation raster with a reference system", "Load elevation again")
        yield dataset


def _reproject(dataset: DatasetReader, height: Float32, transform: Any, crs: str) -> None:
    with _reading(dataset.name):
        reproject(
            rasterio.band(dataset, 1),
            height,
            dst_transform=transform,
            dst_crs=crs,
            dst_nodata=math.nan,
            resampling=Resampling.bilinear,
        )


def _numpy_time(time: Any) -> np.datetime64:
    return np.datetime64(time.replace(tzinfo=None), "ns")


def _reading(name: str | Path) -> AbstractContextManager[None]:
    problem = "the elevation raster cannot be read ({})"
    return refusing(name, problem, "Load elevation again", RasterioError, CRSError)
