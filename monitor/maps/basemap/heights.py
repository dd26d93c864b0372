"""Tiles of heights: red · 256 + green + blue / 256 − 32768 m ("Terrarium" encoding of MapLibre's raster-dem)."""

import math

import numpy as np
from django.contrib.gis.geos import Polygon
from django.db.models import Max, Min
from numpy.typing import NDArray

from ingest.models import ElevationTile
from monitor.maps.imaging import drawing
from monitor.maps.rasters.catalogue import RasterSource
from monitor.maps.rasters.tiles import read_source

FROM_ZOOM, FINEST_ZOOM = 6, 14
MOST_RASTERS = 64
EQUATOR_M = 40_075_017.0
OFFSET_M = 32_768.0
STEPS_OF_PIXEL = 128  # heights are rounded to 1/128 of a pixel's side, because noise does not compress


def heights_zoom() -> int | None:
    """Return the zoom at which tiles have the resolution of the finest raster; None if no heights are loaded."""
    posting_m = ElevationTile.objects.aggregate(finest=Min("posting_m"))["finest"]
    if posting_m is None:
        return None
    return max(FROM_ZOOM, min(FINEST_ZOOM, math.floor(math.log2(EQUATOR_M / drawing.TILE_PIXELS / posting_m))))


def heights_version() -> str:
    """Return a version that changes when heights are loaded or removed."""
    rows = ElevationTile.objects.all()
    return f"{rows.aggregate(newest=Max('pk'))['newest']}-{rows.count()}"


def heights_tile(*, z: int, x: int, y: int) -> bytes:
    """Return the heights of a tile as a PNG of 256 x 256; 0 m where no height is known, as over the sea."""
    box = Polygon.from_bbox(drawing.tile_bounds_deg(z, x, y))
    rows = ElevationTile.objects.filter(footprint__intersects=box).order_by("-posting_m", "-pk")[:MOST_RASTERS]
    heights_m = np.zeros((drawing.TILE_PIXELS, drawing.TILE_PIXELS))
    where = (["elevation_m"], 3857, drawing.tile_bounds_m(z, x, y), heights_m.shape)
    for row in rows:  # the finest comes last and covers the others
        read = read_source(RasterSource(row.raster, ""), lambda dataset: drawing.window_values(dataset, *where))
        if read is not None:
            heights_m = np.where(np.isfinite(read[0]), read[0], heights_m)
    step_m = 2.0 ** math.floor(math.log2(EQUATOR_M / 2**z / drawing.TILE_PIXELS / STEPS_OF_PIXEL))
    return drawing.png(encoded(np.round(heights_m / step_m) * step_m))


def encoded(heights_m: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return heights (rows, cols), m, encoded as red, green, blue and full opacity, (rows, cols, 4)."""
    shifted = np.clip(heights_m + OFFSET_M, 0.0, 65_535.0)
    whole = np.floor(shifted)
    bands = (whole // 256, whole % 256, np.floor((shifted - whole) * 256), np.full_like(whole, 255))
    return np.stack(bands, axis=-1).astype(np.uint8)
