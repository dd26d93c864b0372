"""Tiles of the base map: vector tiles of loaded ground and of the atlas (Natural Earth, 1 : 10 million), heights."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import mapbox_vector_tile
import numpy as np
import shapely
from django.contrib.gis.geos import Polygon
from django.db.models import Max, Min
from numpy.typing import NDArray
from shapely import LineString, Point, STRtree
from shapely.geometry.base import BaseGeometry

from ground_motion.readers.context.records import ContextKind
from ingest.foundation.atlas import atlas_polygons, read_atlas, split_at_edges, unwrapped
from ingest.models import ContextLayer, ElevationTile
from monitor.maps.imaging import drawing
from monitor.maps.map.tile_geometry import BOUNDS, MERCATOR_DEGREES, drawn, parameters, read_tile, tile_box
from monitor.maps.rasters.catalogue import RasterSource
from monitor.maps.rasters.tiles import read_source

KINDS = tuple(map(ContextKind, ("regions", "rivers", "lakes", "roads", "railways", "buildings", "places")))
# Tiles of heights hold red · 256 + green + blue / 256 − 32768 m ("Terrarium" encoding of MapLibre's raster-dem).
FROM_ZOOM, FINEST_ZOOM = 6, 14
MAX_RASTERS = 64
EQUATOR_M = 40_075_017.0
OFFSET_M = 32_768.0
STEPS_OF_PIXEL = 128  # heights are rounded to 1/128 of a pixel's side, because noise does not compress
MAX_FEATURES = 20_000  # Most features per layer and tile; the sample is even and the same at every request.
FINEST_WORLD_ZOOM = 8  # browsers enlarge these tiles at higher zooms, as the atlas has no more detail
UNITS = 1024  # details finer than this share of a tile's side, half a pixel, are left out
EXTENT, BUFFER = 4096, 64  # units of a tile's side, and how far shapes go on beyond it


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
        """CASE WHEN population >= 1000000 THEN 3 WHEN population >= 100000 THEN 4 WHEN population >= 10000 THEN 6
            WHEN population >= 1000 THEN 8 ELSE 10 END""",
        "row.kind = 'town'",
    ),
)


def ground_version() -> str:
    """Return a version that changes when a layer is loaded or removed; empty if no layer is loaded."""
    loaded = ContextLayer.objects.filter(kind__in=KINDS)
    newest = loaded.aggregate(at=Max("loaded_at"))["at"]
    return f"{newest.timestamp():.0f}-{loaded.count()}" if newest else ""


def ground_tile(*, z: int, x: int, y: int) -> bytes:
    """Return a vector tile with the layers of GROUND_LAYERS, simplified to the resolution of the tile."""
    parts = " || ".join(map(_part, GROUND_LAYERS))  # A tile is the concatenation of its layers.
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
    for row in rows:  # The finest row comes last and covers the others.
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


class World(NamedTuple):
    """Atlas, degrees. countries: points of labels; sizes: areas of the largest parts, degrees² at the equator."""

    land: STRtree
    borders: STRtree
    coast: STRtree
    countries: STRtree
    names: list[str]
    sizes: list[float]


@lru_cache(maxsize=512)
def world_tile(*, z: int, x: int, y: int) -> bytes:
    """Return a vector tile with the layers land, borders, coast and countries (points: name, size)."""
    world, box = _world(), tile_box(z, x, y).extent
    layers = []
    for name in ("land", "borders", "coast"):
        tree = getattr(world, name)
        shapes = shapely.clip_by_rect(tree.geometries[tree.query(shapely.box(*box))], *box)
        shapes = shapely.simplify(shapes, 360 / 2**z / UNITS)
        layers.append(_layer(name, z, x, y, shapes[~shapely.is_empty(shapes)]))
    named = world.countries.query(shapely.box(*box))
    words = {"name": [world.names[i] for i in named], "size": [world.sizes[i] for i in named]}
    return b"".join([*layers, _layer("countries", z, x, y, world.countries.geometries[named], **words)])


def _layer(
    name: str, z: int, x: int, y: int, shapes: NDArray[np.object_], /, **columns: Sequence[str] | Sequence[float]
) -> bytes:
    """Return a layer of a tile; empty if no shape is in it. columns: a text or a number for each shape (EPSG:4326)."""

    def projected(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        across = degrees[:, 0] / 360 + 0.5
        down = 0.5 - np.arcsinh(np.tan(np.radians(degrees[:, 1]))) / (2 * np.pi)
        return np.column_stack([across * 2**z - x, down * 2**z - y]) * float(EXTENT)

    cut = shapely.clip_by_rect(shapely.transform(shapes, projected), *[-BUFFER] * 2, *[EXTENT + BUFFER] * 2)
    parts, rows = shapely.get_parts(shapely.set_precision(cut, 1.0), return_index=True)
    whole = shapely.get_dimensions(parts) == shapely.get_dimensions(shapes)[rows]  # Collapsed shapes have less.
    features = [
        {"geometry": part, "properties": {key: column[row] for key, column in columns.items()}}
        for part, row in zip(parts[whole], rows[whole], strict=True)
        if not part.is_empty
    ]
    options = {"y_coord_down": True, "extents": EXTENT}
    return mapbox_vector_tile.encode({"name": name, "features": features}, default_options=options) if features else b""


def touches_land(shape: BaseGeometry) -> bool:
    """Return whether a shape, in degrees, touches land. The outlines of land lack islands under about 10 km."""
    return len(_world().land.query(shape, predicate="intersects")) > 0


@lru_cache(maxsize=1)
def _world() -> World:
    objects, arcs = read_atlas()
    countries = objects["countries"]
    land = [part for one in objects["land"] for part in atlas_polygons(one, arcs)]
    users = defaultdict(set)
    for number, country in enumerate(countries):
        for arc in _arcs_of(country["arcs"]) if "arcs" in country else ():
            users[max(arc, ~arc)].add(number)
    lines = {arc: line for arc in users if (line := LineString(unwrapped(arcs[arc]))).is_valid}
    parts = ((one["properties"]["name"], atlas_polygons(one, arcs)) for one in countries if "id" in one)
    labels = [(name, polygons[_sizes(polygons).argmax()]) for name, polygons in parts if polygons]
    largest = [part for _, part in labels]
    return World(
        _tree(land),
        _tree(line for arc, line in lines.items() if len(users[arc]) > 1),
        _tree(line for arc, line in lines.items() if len(users[arc]) == 1),
        STRtree([Point((part.centroid.x + 180.0) % 360.0 - 180.0, part.centroid.y) for part in largest]),
        [name for name, _ in labels],
        _sizes(largest).tolist(),
    )


def _arcs_of(rings: Any) -> Iterator[int]:
    for ring in rings:
        yield from [ring] if isinstance(ring, int) else _arcs_of(ring)


def _tree(shapes: Iterable[BaseGeometry]) -> STRtree:
    """Return an index of the shapes, cut to the extent of the web map."""
    return STRtree(split_at_edges(shapes, MERCATOR_DEGREES))


def _sizes(parts: list[shapely.Polygon]) -> NDArray[np.float64]:
    return np.asarray(shapely.area(parts) * np.cos(np.radians(shapely.get_y(shapely.centroid(parts)))))
