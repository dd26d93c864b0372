"""Tiles of a layer of points as one PMTiles archive, from the query that serves tiles."""

import gzip
from collections.abc import Iterator
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from ingest.foundation.atlas import WORLD as ATLAS
from ingest.foundation.locks import rows_of
from ingest.models import Product
from ingest.products.pyramid import CELLS, FINEST_ZOOM
from ingest.products.pyramid import TABLE as PYRAMID
from monitor.maps.basemap.ground import world_tile
from monitor.maps.map.layers import Layer
from monitor.maps.map.selectors import ZOOM_OF_CELL, points_tile, tile_fingerprint

WORLD_ZOOM = 6  # Coasts are a kilometre exact, and the archive is built in a minute.
EDGES = ("min_lon", "min_lat", "max_lon", "max_lat")
MAX_ZOOM = 14  # A tile is about 1.5 km wide; maps enlarge it further.


def archive_name(layer: Layer, products: list[int]) -> str:
    """Return the name of a layer's archive, which changes with its tiles."""
    digest = tile_fingerprint(layer=layer, products=products, z=MAX_ZOOM, x=0, y=0).strip('"')
    return f"tiles/{layer.name}-{digest[:16]}.pmtiles"


def archive_write(path: Path, layer: Layer, products: list[int]) -> None:
    """Write the tiles of a layer's products, down to MAX_ZOOM."""
    from pmtiles.tile import Compression, TileType, zxy_to_tileid  # Only who publishes has the extra.
    from pmtiles.writer import Writer

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = Writer(file)
        for z in range(MAX_ZOOM + 1):
            for x, y in sorted(_tiles_with_points(products, z), key=lambda at: zxy_to_tileid(z, *at)):
                if tile := points_tile(products=products, z=z, x=x, y=y):
                    writer.write_tile(zxy_to_tileid(z, x, y), gzip.compress(tile, 6, mtime=0))
        boxes = [one.footprint.extent for one in Product.objects.filter(pk__in=products)]
        edges = [pick(box[number] for box in boxes) for number, pick in enumerate((min, min, max, max))]
        header = {
            "tile_type": TileType.MVT,
            "tile_compression": Compression.GZIP,
            **{f"{name}_e7": round(edge * 1e7) for name, edge in zip(EDGES, edges, strict=True)},
            "center_zoom": FINEST_ZOOM,
            "center_lon_e7": round((edges[0] + edges[2]) / 2 * 1e7),
            "center_lat_e7": round((edges[1] + edges[3]) / 2 * 1e7),
        }
        about = {"id": "points", "fields": {"v": "mm a year", "n": "points in a cell", "pid": "id of a point"}}
        writer.finalize(header, {"name": layer.name, "vector_layers": [about]})


def world_name() -> str:
    """Return the name of the world's archive, which changes with the atlas."""
    return f"ground/world-{sha256(f'{WORLD_ZOOM} {ATLAS.stat().st_size}'.encode()).hexdigest()[:16]}.pmtiles"


def world_write(path: Path) -> None:
    """Write the world atlas, down to WORLD_ZOOM."""
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = Writer(file)
        for z in range(WORLD_ZOOM + 1):
            for x, y in sorted(product(range(2**z), repeat=2), key=lambda at: zxy_to_tileid(z, *at)):
                writer.write_tile(zxy_to_tileid(z, x, y), gzip.compress(world_tile(z=z, x=x, y=y), 6, mtime=0))
        header: dict[str, Any] = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP}
        header |= {f"{name}_e7": edge * 10**7 for name, edge in zip(EDGES, (-180, -85, 180, 85), strict=True)}
        header |= {"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
        writer.finalize(header, {"name": "world", "vector_layers": []})


def _tiles_with_points(products: list[int], z: int) -> Iterator[tuple[int, int]]:
    """Yield x and y of the tiles of a zoom in which points lie, from the grid of their numbers."""
    if z <= FINEST_ZOOM:
        columns, level = "tile_x, tile_y", z
    else:  # A cell of the grid of a coarser zoom is a whole tile.
        columns, level = f"tile_x * {CELLS} + cell %% {CELLS}, tile_y * {CELLS} + cell / {CELLS}", z - ZOOM_OF_CELL
    sql = f"SELECT DISTINCT {columns} FROM {PYRAMID} WHERE z = %(z)s AND product_id = ANY(%(products)s)"  # noqa: S608
    yield from rows_of(sql, {"z": level, "products": products})
