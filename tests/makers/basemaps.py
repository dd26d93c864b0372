"""Makes base maps as PMTiles files, in a schema of layers: one tile of the world, or thousands over several zooms."""

import gzip
import math
import random
from collections.abc import Iterator
from pathlib import Path

import mapbox_vector_tile
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

SCHEMAS = {"protomaps": ("earth", "water", "roads", "places"), "openmaptiles": ("water", "transportation", "place")}
BOX = (10.0, 47.0, 11.0, 48.0)  # west, south, east, north of the country
FROM_ZOOM, FINEST_ZOOM = 6, 15
NAME = "tile of the country"  # its place in every tile; a number of the same length follows it
_SIDE = 4096
_BOXES = {  # x, y of two corners; y grows to the north
    "lake": (300, 2500, 1100, 3300),
    "pond": (1300, 3500, 1600, 3800),
    "wood": (2600, 300, 3800, 1500),
    "house": (2250, 2250, 2350, 2350),
}
_LINES = {
    "motorway": ((0, 2048), (4096, 2048)),
    "lane": ((2048, 0), (2048, 4096)),
    "rail": ((0, 1024), (4096, 1024)),
    "river": ((3200, 0), (3200, 4096)),
    "border": ((0, 3900), (4096, 3900)),
}
# layer: its features, as (shape, properties)
_LAYERS = {
    "protomaps": {
        "earth": [("all", {"kind": "earth"})],
        "landuse": [("wood", {"kind": "forest"})],
        "water": [("lakes", {"kind": "lake"}), ("river", {"kind": "river"})],
        "roads": [("motorway", {"kind": "highway"}), ("lane", {"kind": "minor_road"}), ("rail", {"kind": "rail"})],
        "buildings": [("house", {"kind": "building"})],
        "boundaries": [("border", {"kind": "country"})],
        "places": [("place", {"kind": "locality", "population": 5000})],
    },
    "openmaptiles": {
        "landcover": [("wood", {"class": "wood"})],
        "water": [("lakes", {"class": "lake"})],
        "waterway": [("river", {"class": "river"})],
        "transportation": [
            ("motorway", {"class": "motorway"}),
            ("lane", {"class": "minor"}),
            ("rail", {"class": "rail"}),
        ],
        "building": [("house", {})],
        "boundary": [("border", {"admin_level": 2, "maritime": 0})],
        "place": [("place", {"class": "town", "rank": 9})],
    },
}


def archive(path: Path, schema: str = "protomaps") -> Path:
    """Write a PMTiles file: each layer has one square around the middle of the world."""
    square = {"geometry": "POLYGON((1000 1000, 3000 1000, 3000 3000, 1000 3000, 1000 1000))", "properties": {}}
    tile = mapbox_vector_tile.encode([{"name": name, "features": [square]} for name in SCHEMAS[schema]])
    return _write(path, [(zxy_to_tileid(0, 0, 0), tile)], SCHEMAS[schema], (-180, -85, 180, 85))


def country(path: Path, schema: str = "protomaps", finest: int = FINEST_ZOOM) -> Path:
    """Write a PMTiles file of the tiles of BOX from FROM_ZOOM on, each with a name of its own, in leaf directories.

    Further out all tiles of the world are the same empty sea: one content, long runs.
    """
    land = mapbox_vector_tile.encode(
        [
            {"name": layer, "features": [_feature(*one) for one in features]}
            for layer, features in _LAYERS[schema].items()
        ]
    )
    assert land.count(_named(0).encode()) == 1
    sea = mapbox_vector_tile.encode([{"name": "water", "features": [_feature("all", {"kind": "ocean"})]}])
    tiles = [(zxy_to_tileid(z, x, y), sea) for z in range(FROM_ZOOM) for x in range(2**z) for y in range(2**z)]
    for number, (z, x, y) in enumerate(country_tiles(finest)):
        named = land.replace(_named(0).encode(), _named(number).encode())
        tiles.append((zxy_to_tileid(z, x, y), named + _padding(number)))
    return _write(path, sorted(tiles), _LAYERS[schema], BOX)


def country_tiles(finest: int = FINEST_ZOOM) -> Iterator[tuple[int, int, int]]:
    """Zoom, column and row of the country's tiles; the place of the n-th is called `NAME n`."""
    west, south, east, north = BOX
    for z in range(FROM_ZOOM, finest + 1):
        (left, top), (right, bottom) = tile_at(west, north, z), tile_at(east, south, z)
        yield from ((z, x, y) for x in range(left, right + 1) for y in range(top, bottom + 1))


def tile_at(longitude: float, latitude: float, z: int) -> tuple[int, int]:
    """Return column and row of the tile around a place."""
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2
    return int((longitude + 180) / 360 * 2**z), int(y * 2**z)


def _padding(number: int) -> bytes:
    """A field that no reader knows, up to 60 bytes: tiles of one length would need no leaf directories."""
    noise = random.Random(number)
    length = noise.randrange(60)
    return bytes([15 << 3 | 2, length]) + noise.randbytes(length)


def _named(number: int) -> str:
    return f"{NAME} {number:05d}"


def _feature(shape: str, properties: dict) -> dict:
    if shape == "place":
        return {"geometry": "POINT(1500 1400)", "properties": {**properties, "name": _named(0)}}
    if shape in _LINES:
        points = ", ".join(f"{x} {y}" for x, y in _LINES[shape])
        return {"geometry": f"LINESTRING({points})", "properties": properties}
    rings = {"lakes": ("lake", "pond")}.get(shape, (shape,))
    parts = ", ".join(f"(({_ring(*_BOXES.get(name, (0, 0, _SIDE, _SIDE)))}))" for name in rings)
    return {"geometry": f"MULTIPOLYGON({parts})", "properties": properties}


def _ring(left: int, bottom: int, right: int, top: int) -> str:
    return f"{left} {bottom}, {right} {bottom}, {right} {top}, {left} {top}, {left} {bottom}"


def _write(path: Path, tiles: list[tuple[int, bytes]], layers, box: tuple[float, float, float, float]) -> Path:
    packed: dict[bytes, bytes] = {}
    with path.open("wb") as file:
        writer = Writer(file)
        for tile_id, content in tiles:
            if content not in packed:
                packed[content] = gzip.compress(content, compresslevel=1, mtime=0)
            writer.write_tile(tile_id, packed[content])
        header = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP, "center_zoom": 0}
        names = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        header |= {name: int(value * 1e7) for name, value in zip(names, box, strict=True)}
        header |= {"center_lon_e7": 0, "center_lat_e7": 0}
        writer.finalize(
            header, {"vector_layers": [{"id": name, "fields": {}} for name in layers], "attribution": "made"}
        )
    return path
