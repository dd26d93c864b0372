"""Makes a base map: one PMTiles file with one tile of the world, in a schema of layers."""

import gzip
from pathlib import Path

import mapbox_vector_tile
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

SCHEMAS = {"protomaps": ("earth", "water", "roads", "places"), "openmaptiles": ("water", "transportation", "place")}


def archive(path: Path, schema: str = "protomaps") -> Path:
    """Write a PMTiles file: each layer has one square around the middle of the world."""
    square = {"geometry": "POLYGON((1000 1000, 3000 1000, 3000 3000, 1000 3000, 1000 1000))", "properties": {}}
    tile = mapbox_vector_tile.encode([{"name": name, "features": [square]} for name in SCHEMAS[schema]])
    with path.open("wb") as file:
        writer = Writer(file)
        writer.write_tile(zxy_to_tileid(0, 0, 0), gzip.compress(tile))
        header = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP}
        header |= {"min_lon_e7": -1800000000, "min_lat_e7": -850000000, "max_lon_e7": 1800000000}
        header |= {"max_lat_e7": 850000000, "center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
        layers = [{"id": name, "fields": {}} for name in SCHEMAS[schema]]
        writer.finalize(header, {"vector_layers": layers, "attribution": "made"})
    return path
