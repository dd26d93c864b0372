"""The pyramid behind far-out map tiles: points averaged on a grid that halves with every zoom level.

A tile has CELLS x CELLS cells, numbered row by row from its north-west corner; a cell stores the number of its points
and their mean velocity. The pyramid is made in the transaction that loads the product.
"""

from ingest.products.partitions import POINTS

TABLE = "ingest_pyramidcell"
CELLS = 128  # A cell along a tile of 512 screen pixels has 4.
FINEST_ZOOM = 9  # Tiles of finer levels hold the points themselves.
HALF_WORLD_M = 20037508.342789244  # Web Mercator (EPSG:3857) reaches this far from its origin.

_COLUMNS = "product_id, z, tile_x, tile_y, cell, n, velocity_mm_yr"
_CELL = f"""gx / {CELLS}, gy / {CELLS}, (gy % {CELLS}) * {CELLS} + gx % {CELLS}"""


def build(product_id: int | str) -> str:
    """Return SQL that fills all zoom levels: the finest from points, each coarser one from the next finer one."""
    across = CELLS * 2**FINEST_ZOOM
    metres = f"{2 * HALF_WORLD_M / across!r}"
    finest = f"""
        SELECT floor((ST_X(tile_point) + {HALF_WORLD_M!r}) / {metres})::int AS gx,
               floor(({HALF_WORLD_M!r} - ST_Y(tile_point)) / {metres})::int AS gy,
               1 AS n, velocity_mm_yr
        FROM {POINTS}_p{product_id}"""  # noqa: S608
    coarser = f"""
        SELECT (tile_x * {CELLS} + cell % {CELLS}) / 2 AS gx, (tile_y * {CELLS} + cell / {CELLS}) / 2 AS gy,
               n, velocity_mm_yr
        FROM {TABLE} WHERE product_id = {product_id} AND z = {{z}} + 1"""  # noqa: S608
    levels = [(FINEST_ZOOM, finest)] + [(z, coarser.format(z=z)) for z in reversed(range(FINEST_ZOOM))]
    return "".join(
        f"""INSERT INTO {TABLE} ({_COLUMNS})
        SELECT {product_id}, {z}, {_CELL}, sum(n), sum(velocity_mm_yr::float8 * n) / sum(n)
        FROM ({source}) AS cells GROUP BY gx, gy ORDER BY 3, 4, 5;"""  # noqa: S608
        for z, source in levels
    )


def drop(product_id: int | str) -> str:
    """Return SQL that removes a product's pyramid."""
    return f"DELETE FROM {TABLE} WHERE product_id = {product_id};"  # noqa: S608
