"""Geometry of vector tiles in SQL: the bounds of a tile, and shapes simplified to its resolution."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import atan, degrees, pi, sinh
from typing import Any

from django.contrib.gis.geos import Polygon
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

WORLD_DEGREES, MERCATOR_DEGREES = 360.0, 85.06
VECTOR_TILE = "application/vnd.mapbox-vector-tile"
MARGIN = 0.02  # share of a tile's side; more than the buffer of a vector tile, one sixty-fourth

# SQL table: `tile`, the bounds in EPSG:3857; `clip`, the bounds with a margin in EPSG:4326.
BOUNDS = """bounds AS (
    SELECT tile, ST_SetSRID(ST_MakeBox2D(
        ST_Point(ST_XMin(box) - %(margin)s, greatest(-%(most)s, ST_YMin(box) - %(margin)s)),
        ST_Point(ST_XMax(box) + %(margin)s, least(%(most)s, ST_YMax(box) + %(margin)s))), 4326) AS clip
    FROM (SELECT tile, ST_Transform(tile, 4326) AS box FROM (
        SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile) AS one) AS two)"""


def drawn(shape: str) -> str:
    """Return SQL that clips, simplifies and converts an EPSG:4326 geometry to tile units, for a query with BOUNDS."""
    return f"""ST_AsMVTGeom(ST_Transform(ST_ClipByBox2D(
        CASE WHEN ST_Dimension({shape}) = 0 THEN {shape} ELSE ST_Simplify({shape}, %(fine)s, true) END, clip), 3857),
        tile, 4096, 64)"""


def parameters(z: int, x: int, y: int) -> dict[str, float]:
    """Return the query parameters of a tile for the SQL of BOUNDS and `drawn`."""
    width = WORLD_DEGREES / 2**z
    return {"z": z, "x": x, "y": y, "margin": width * MARGIN, "fine": width / 2048, "most": MERCATOR_DEGREES}


@contextmanager
def tile_cursor() -> Iterator[CursorWrapper]:
    """Yield a cursor in a transaction whose queries run in one process: a tile takes less time than starting others."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        yield cursor


def read_tile(sql: str, values: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """Run a query that returns one vector tile, and return its bytes."""
    with tile_cursor() as cursor:
        cursor.execute(sql, values)
        (tile,) = cursor.fetchone()
    return bytes(tile)


def tile_box(z: int, x: int, y: int) -> Polygon:
    """Return the box of a tile with its margin, EPSG:4326."""
    west, east = ((column / 2**z - 0.5) * WORLD_DEGREES for column in (x - MARGIN, x + 1 + MARGIN))
    south, north = (degrees(atan(sinh((1 - 2 * row / 2**z) * pi))) for row in (y + 1 + MARGIN, y - MARGIN))
    box = Polygon.from_bbox((west, south, east, north))
    box.srid = 4326
    return box
