"""Tiles and arrows of one date of a layer, drawn from stored files by `monitor.maps.imaging.drawing`."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ground_motion.core.errors import promised
from ingest.foundation.storage import stored_tiff
from monitor.maps.imaging import drawing as rasters
from monitor.maps.imaging.drawing import Arrow, Bounds, Float32
from monitor.maps.rasters.answers import etag_of
from monitor.maps.rasters.catalogue import RasterSource
from monitor.maps.rasters.layers import RasterLayer
from monitor.maps.rasters.velocity import velocity_values

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

PAINT_VERSION = 2  # raise when tiles of the same rasters look different
MAX_ARROWS = 400


def fingerprint(layer: RasterLayer, sources: Sequence[RasterSource], place: str) -> str:
    """Return an ETag that changes with the rasters and with the way they are painted."""
    painted = (PAINT_VERSION, layer.name, layer.bands, layer.low, layer.high, layer.stops, layer.overlap)
    return etag_of(*painted, place, *(source.fingerprint for source in sources))


def picture_png(
    layer: RasterLayer, sources: Sequence[RasterSource], epsg: int, bounds: Bounds, shape: tuple[int, int]
) -> bytes:
    """Return a PNG of (rows, cols) of a box, in units of the system `epsg`, transparent where no source has a value."""
    shown = layer_values(layer, sources, epsg, bounds, shape)
    return rasters.empty_tile(shape) if shown is None else rasters.paint(shown, layer.stops, layer.low, layer.high)


def layer_values(
    layer: RasterLayer, sources: Sequence[RasterSource], epsg: int, bounds: Bounds, shape: tuple[int, int]
) -> Float32 | None:
    """Return what a layer shows in a box, (rows, cols), in its unit, NaN where unknown; None without any source."""
    shown: Float32 | None = None
    if fields := [source.product for source in sources if source.product]:
        return velocity_values(fields, epsg, bounds, shape)
    for source in sources:
        values = read_source(source, lambda dataset: rasters.window_values(dataset, layer.bands, epsg, bounds, shape))
        if values is None:
            continue
        value = layer.value(values if source.grid is None else layer.of_pair(values, source.grid))
        shown = value if shown is None else _merged(shown, value, layer.overlap)
        if layer.overlap == "first" and np.isfinite(shown).all():
            break
    return shown


def group_arrows(sources: Sequence[RasterSource], bounds: Bounds) -> list[Arrow]:
    """Return the arrows of motion in a box, degrees, at most about MAX_ARROWS."""
    drawn: list[Arrow] = []
    for source in sources:
        if (grid := source.grid) is not None:
            most = max(1, MAX_ARROWS // len(sources))
            drawn += read_source(source, partial(rasters.arrows, grid=grid, bounds=bounds, most=most)) or []
    return drawn


def _merged(shown: Float32, values: Float32, overlap: str) -> Float32:
    if overlap == "first":
        return np.where(np.isfinite(shown), shown, values)
    return np.fmax(shown, values) if overlap == "highest" else np.fmin(shown, values)


def read_source(source: RasterSource, work: Callable[[DatasetReader], Result]) -> Result | None:
    """Open a raster and return the result of `work`; None if the file is missing or damaged. Raises StorageFailed."""
    # A missing file leaves a hole in the map; after a temporary failure, browsers would cache that hole.
    file = promised(source.file)
    try:
        with stored_tiff(file) as dataset:
            return work(dataset)
    except (FileNotFoundError, RasterioError, ValueError) as fault:
        logger.warning("raster %s cannot be shown: %s", file.name, fault)
        return None
