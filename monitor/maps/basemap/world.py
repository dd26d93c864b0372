"""Vector tiles of the atlas: land, coasts, borders and names of countries (Natural Earth, 1 : 10 million)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import cos, radians
from typing import Any, NamedTuple

import numpy as np
import shapely
from shapely import LineString, Point, Polygon, STRtree
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from monitor.maps.map.tile_geometry import MERCATOR_DEGREES, read_tile, tile_box
from monitor.wording.places import WORLD, Line, atlas_arcs, atlas_rings

FINEST_ZOOM = 8  # browsers enlarge these tiles at higher zooms, as the atlas has no more detail
UNITS = 1024  # details finer than this share of a tile's side, half a pixel, are left out
MIN_CORNERS = 4  # of a ring, the first one counted twice
TURNS = (-360.0, 0.0, 360.0)

_SHAPES = """(SELECT ST_AsMVT(rows, '{layer}', 4096, 'geometry') FROM (
    SELECT ST_AsMVTGeom(ST_Transform(ST_GeomFromWKB(shape, 4326), 3857), tile, 4096, 64) AS geometry
    FROM unnest(%({layer})s::bytea[]) AS shape, bounds) AS rows)"""
_NAMES = """(SELECT ST_AsMVT(rows, 'countries', 4096, 'geometry') FROM (
    SELECT name, size, ST_AsMVTGeom(ST_Transform(ST_GeomFromWKB(shape, 4326), 3857), tile, 4096, 64) AS geometry
    FROM unnest(%(countries)s::bytea[], %(names)s::text[], %(sizes)s::float4[]) AS row (shape, name, size), bounds
    ) AS rows)"""
_TILE = (
    "WITH bounds AS (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile) SELECT "
    + " || ".join(_SHAPES.format(layer=layer) for layer in ("land", "borders", "coast"))
    + f" || {_NAMES}"
)


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
    values: dict[str, object] = {"z": z, "x": x, "y": y}
    for layer in ("land", "borders", "coast"):
        values[layer] = _within(getattr(world, layer), box, 360 / 2**z / UNITS)
    named = [int(index) for index in world.countries.query(shapely.box(*box))]
    values["countries"] = list(shapely.to_wkb(world.countries.geometries[named]))
    values |= {"names": [world.names[i] for i in named], "sizes": [world.sizes[i] for i in named]}
    return read_tile(_TILE, values)


def touches_land(shape: BaseGeometry) -> bool:
    """Return whether land touches a shape, degrees. The atlas lacks islands under about 10 km."""
    return len(_world().land.query(shape, predicate="intersects")) > 0


def _within(tree: STRtree, box: tuple[float, float, float, float], fine: float) -> list[bytes]:
    shapes = shapely.clip_by_rect(tree.geometries[tree.query(shapely.box(*box))], *box)
    shapes = shapely.simplify(shapes, fine)
    return list(shapely.to_wkb(shapes[~shapely.is_empty(shapes)]))


@lru_cache(maxsize=1)
def _world() -> World:
    atlas = json.loads(WORLD.read_text())
    arcs, countries = atlas_arcs(atlas), atlas["objects"]["countries"]["geometries"]
    land = [part for atla in atlas["objects"]["land"]["geometries"] for part in _polygons(atla, arcs)]
    users = defaultdict(set)
    for number, country in enumerate(countries):
        for arc in _arcs_of(country["arcs"]) if "arcs" in country else ():
            users[max(arc, ~arc)].add(number)
    lines = {arc: line for arc in users if (line := LineString(_unwrapped(arcs[arc]))).is_valid}
    parts = [(one["properties"]["name"], _polygons(one, arcs)) for one in countries if "id" in one]
    labels = [(name, max(polygons, key=_size)) for name, polygons in parts if polygons]
    return World(
        _tree(land),
        _tree(line for arc, line in lines.items() if len(users[arc]) > 1),
        _tree(line for arc, line in lines.items() if len(users[arc]) == 1),
        STRtree([Point((part.centroid.x + 180.0) % 360.0 - 180.0, part.centroid.y) for _, part in labels]),
        [name for name, _ in labels],
        [_size(part) for _, part in labels],
    )


def _arcs_of(rings: Any) -> Iterator[int]:
    for ring in rings:
        yield from [ring] if isinstance(ring, int) else _arcs_of(ring)


def _polygons(country: dict[str, Any], arcs: list[Line]) -> list[Polygon]:
    # The atlas rounds positions, and its smallest islands and lakes to fewer corners than a polygon has.
    parts = ([_flat(ring) for ring in rings if len(ring) >= MIN_CORNERS] for rings in atlas_rings(country, arcs))
    return [Polygon(shell, holes) for shell, *holes in filter(None, parts)]


def _flat(ring: Line) -> Line:
    """Return a ring with continuous longitudes; a ring around the South Pole is closed along the latitude of -90°."""
    ring = _unwrapped(ring)
    if abs(ring[0, 0] - ring[-1, 0]) < 180:
        return ring
    return np.vstack([ring, [ring[-1, 0], -90.0], [ring[0, 0], -90.0]])


def _unwrapped(line: Line) -> Line:
    """Continue longitudes past 180°, where the atlas, made for a globe, jumps back to -180°."""
    return np.column_stack([np.unwrap(line[:, 0], period=360), line[:, 1]])


def _tree(shapes: Iterable[BaseGeometry]) -> STRtree:
    """Return an index of the shapes, split at 180° and cut to the extent of the web map."""
    valid = [shape if shape.is_valid else shape.buffer(0) for shape in shapes]
    turned = np.array([translate(shape, turn) for shape in valid for turn in TURNS])
    flat = shapely.clip_by_rect(turned, -180.0, -MERCATOR_DEGREES, 180.0, MERCATOR_DEGREES)
    parts = shapely.get_parts(flat[~shapely.is_empty(flat)])
    return STRtree(parts[shapely.get_dimensions(parts) == shapely.get_dimensions(np.array(valid)).max()])


def _size(part: Polygon) -> float:
    return float(part.area * cos(radians(part.centroid.y)))
