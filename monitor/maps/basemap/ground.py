"""Tiles of the basemap: vector tiles of land, waters, roads, railways, buildings and places, and tiles of heights."""

import math
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import Polygon
from django.db.models import Max, Min
from numpy.typing import NDArray

from ingest.models import ContextLayer, ElevationTile
from ingest.readers.context.records import ContextKind
from monitor.maps.imaging import drawing
from monitor.maps.map.tile_geometry import BOUNDS, drawn, parameters, read_tile
from monitor.maps.rasters.catalogue import RasterSource
from monitor.maps.rasters.tiles import read_source

KINDS = (
    ContextKind.REGIONS,
    ContextKind.RIVERS,
    ContextKind.LAKES,
    ContextKind.ROADS,
    ContextKind.RAILWAYS,
    ContextKind.BUILDINGS,
    ContextKind.PLACES,
)
# Tiles of heights hold red · 256 + green + blue / 256 − 32768 m ("Terrarium" encoding of MapLibre's raster-dem).
FROM_ZOOM, FINEST_ZOOM = 6, 14
MAX_RASTERS = 64
EQUATOR_M = 40_075_017.0
OFFSET_M = 32_768.0
STEPS_OF_PIXEL = 128  # heights are rounded to 1/128 of a pixel's side, because noise does not compress
MAX_FEATURES = 20_000  # per layer and tile; an even sample, the same at every request


class GroundLayer(NamedTuple):
    """Layer of the tiles. name: unique, or readers drop a layer; from_zoom: SQL of the lowest zoom that shows a row."""

    name: str
    table: str
    columns: str
    geometry: str
    from_zoom: str
    where: str = "true"


GROUND_LAYERS = (
    # the world's own coasts are drawn from the atlas; a simulated country is not in it
    GroundLayer("land", "administrativeregion", "row.name", "outline", "0", "level = 0 AND simulated"),
    GroundLayer("lakes", "water", "row.name", "shape", "7", "water_class = 'lake'"),
    GroundLayer(
        "rivers",
        "water",
        "row.name, water_class",
        "shape",
        "CASE water_class WHEN 'river' THEN 7 ELSE 11 END",
        "water_class <> 'lake'",
    ),
    GroundLayer(
        "roads",
        "transportline",
        "line_class, tunnel",
        "line",
        "CASE line_class WHEN 'main' THEN 8 ELSE 12 END",
        "line_class <> 'rail'",
    ),
    GroundLayer("railways", "transportline", "tunnel", "line", "9", "line_class = 'rail'"),
    GroundLayer("buildings", "building", "row.id", "position", "14"),
    GroundLayer(
        "places",
        "place",
        "row.name, population",
        "position",
        """CASE WHEN population >= 100000 THEN 4 WHEN population >= 10000 THEN 6
            WHEN population >= 1000 THEN 8 ELSE 10 END""",
    ),
)


def ground_version() -> str:
    """Return a version that changes when a layer is loaded or removed; empty if no layer is loaded."""
    loaded = ContextLayer.objects.filter(kind__in=KINDS)
    newest = loaded.aggregate(at=Max("loaded_at"))["at"]
    return f"{newest.timestamp():.0f}-{loaded.count()}" if newest else ""


def ground_tile(*, z: int, x: int, y: int) -> bytes:
    """Return a vector tile with the layers of GROUND_LAYERS, simplified to the resolution of the tile."""
    parts = " || ".join(map(_part, GROUND_LAYERS))  # a tile is the concatenation of its layers
    return read_tile(f"WITH {BOUNDS} SELECT {parts}", parameters(z, x, y))


def _part(layer: GroundLayer) -> str:
    geometry = f"row.{layer.geometry}"
    return f"""(SELECT ST_AsMVT(rows, '{layer.name}', 4096, 'geometry') FROM (
        SELECT {layer.columns}, simulated, {drawn(geometry)} AS geometry
        FROM ingest_{layer.table} AS row JOIN ingest_contextlayer AS layer ON layer.id = row.layer_id, bounds
        WHERE {layer.where} AND {layer.from_zoom} <= %(z)s AND {geometry} && clip
        ORDER BY hashtext(row.id::text) LIMIT {MAX_FEATURES}) AS rows)"""  # noqa: S608


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
    rows = ElevationTile.objects.filter(footprint__intersects=box).order_by("-posting_m", "-pk")[:MAX_RASTERS]
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
