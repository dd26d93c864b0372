"""Velocity fields as a raster: mean rates on the grid of the map's tiles, of the size that the picture asks for.

The means are those of the pyramid behind the map's far-out tiles. Finer cells are means of points, of an even sample
if there are many, so that the cost of a picture is bounded by its size, whatever the number of points.
"""

from collections.abc import Sequence
from math import cosh, floor, log2, pi
from typing import NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ground_motion.core.projections import web_mercator
from ground_motion.readers.records import Float64
from ingest.models import Product
from ingest.products import sampling
from ingest.products.partitions import POINTS
from ingest.products.pyramid import CELLS, FINEST_ZOOM, TABLE
from monitor.maps.imaging.drawing import HALF_WORLD_M, Bounds, Float32

CELL_PX = 4  # Least width of a cell on the screen, as on the map.
POSTINGS = 1.5  # Narrower cells of a gridded product would often be empty.
PER_CELL, MAX_POINTS = 16, 2**18  # Most points per cell and in all; more take longer and look the same.
DEEPEST_ZOOM = 16  # Cells are 5 m wide at the equator; no point's position is known better.
_STORED = f"""
    SELECT tile_x * {CELLS} + cell %% {CELLS}, tile_y * {CELLS} + cell / {CELLS}, sum(velocity_mm_yr * n), sum(n)
    FROM {TABLE} WHERE z = %(level)s AND product_id = ANY(%(products)s)
    AND tile_x = ANY(%(tiles)s) AND tile_y BETWEEN %(top)s / {CELLS} AND %(bottom)s / {CELLS}
    AND tile_y * {CELLS} + cell / {CELLS} BETWEEN %(top)s AND %(bottom)s
    AND (tile_x * {CELLS} + cell %% {CELLS} - %(left)s + 2 * %(side)s) %% %(side)s <= %(right)s - %(left)s
    GROUP BY 1, 2"""  # noqa: S608
_OF_POINTS = f"""
    SELECT floor((ST_X(tile_point) / %(half)s + 1) / 2 * %(side)s) AS gx,
           floor((1 - ST_Y(tile_point) / %(half)s) / 2 * %(side)s) AS gy, sum(velocity_mm_yr::float8), count(*)
    FROM {POINTS} WHERE product_id = ANY(%(products)s) AND {{sample}} AND ({{place}}) GROUP BY gx, gy"""  # noqa: S608
_BOX = "tile_point && ST_MakeEnvelope({}, {}, {}, {}, 3857)"
Rows = NDArray[np.float64]  # (n, 4): column and row of a cell, sum of rates (mm/yr), number of points


class CellBox(NamedTuple):
    """Cells of a zoom that a picture shows, from the first to the last column and row; columns go on beyond 180°."""

    level: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def n_cells(self) -> int:
        """Return the number of cells."""
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)


def velocity_values(products: Sequence[Product], epsg: int, bounds: Bounds, shape: tuple[int, int]) -> Float32:
    """Return mean rates in a projected box, (rows, cols), mm/yr, signed as the component, NaN where no point is.

    bounds: in units of the system `epsg`, 3857 or 4326; their x may be beyond 180 degrees.
    """
    west, south, east, north = bounds
    x = west + (np.arange(shape[1]) + 0.5) * (east - west) / shape[1]
    y = north - (np.arange(shape[0]) + 0.5) * (north - south) / shape[0]
    across, down = on_map(epsg, x, y)
    edges = on_map(epsg, np.array([west, east]), np.array([north, south]))
    pixel = max(float(np.ptp(edge)) / n for edge, n in zip(edges, shape[::-1], strict=True))
    # The deepest zoom is taken whose cells are at least CELL_PX pixels and POSTINGS postings wide.
    scale = cosh(pi * (1 - 2 * float(edges[1].mean())))  # The web map enlarges lengths by this factor.
    posting = max(product.posting_m or 0.0 for product in products) * scale / (2 * HALF_WORLD_M)
    level = max(0, floor(-log2(CELLS * max(CELL_PX * pixel, POSTINGS * posting, 2.0**-DEEPEST_ZOOM / CELLS))))
    while True:
        side = CELLS * 2**level
        column, row = (np.floor(places * side).astype(int) for places in (across, np.clip(down, 0, 1 - 1e-12)))
        cells = CellBox(level, column[0], row[0], column[-1], row[-1])
        if level <= FINEST_ZOOM or PER_CELL * cells.n_cells <= MAX_POINTS:
            break
        level -= 1
    found = (_stored if level <= FINEST_ZOOM else _of_points)(products, cells)
    width = cells.right - cells.left + 1
    at_column, at_row = (found[:, 0] - cells.left) % side, found[:, 1] - cells.top
    inside = (at_column < width) & (at_row >= 0) & (at_row <= cells.bottom - cells.top)
    at = (at_row * width + at_column)[inside].astype(int)
    sums, counts = (np.bincount(at, found[inside, part], cells.n_cells) for part in (2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (sums / counts).astype(np.float32).reshape(-1, width)
    return means[np.ix_(row - cells.top, column - cells.left)]


def on_map(epsg: int, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Return where coordinates lie on the web map, as shares of the world from its north-west corner."""
    if epsg == 4326:
        x = x / 180 * HALF_WORLD_M
        y = web_mercator(np.zeros_like(y), np.clip(y, -85.06, 85.06))[1]
    return (x / HALF_WORLD_M + 1) / 2, (1 - y / HALF_WORLD_M) / 2


def _stored(products: Sequence[Product], cells: CellBox) -> Rows:
    """Return the stored means of the cells."""
    tiles = [column % 2**cells.level for column in range(cells.left // CELLS, cells.right // CELLS + 1)]
    return _rows(_STORED, products, cells, {"tiles": tiles})


def _of_points(products: Sequence[Product], cells: CellBox) -> Rows:
    """Return the means of the points in the cells, or of an even sample of them."""
    finer = 2 ** (cells.level - FINEST_ZOOM)
    coarse = CellBox(FINEST_ZOOM, *(edge // finer for edge in cells[1:]))
    n_points = int(_stored(products, coarse)[:, 3].sum())
    share = sampling.share_leaving(n_points=n_points, most=PER_CELL * cells.n_cells)
    metres = 2 * HALF_WORLD_M / (CELLS * 2**cells.level)
    west, east = (metres * column - HALF_WORLD_M for column in (cells.left, cells.right + 1))
    south, north = (HALF_WORLD_M - metres * row for row in (cells.bottom + 1, cells.top))
    turned = ((west + turn, east + turn) for turn in (-2 * HALF_WORLD_M, 0.0, 2 * HALF_WORLD_M))
    boxes = [_BOX.format(left, south, right, north) for left, right in turned]  # columns may go on beyond 180 degrees
    sql = _OF_POINTS.format(sample=sampling.condition(share), place=" OR ".join(boxes))
    return _rows(sql, products, cells, {"half": HALF_WORLD_M})


def _rows(sql: str, products: Sequence[Product], cells: CellBox, more: dict[str, object]) -> Rows:
    values = cells._asdict() | {"side": CELLS * 2**cells.level, "products": [product.pk for product in products]}
    with connection.cursor() as cursor:
        cursor.execute(sql, values | more)
        return np.array(cursor.fetchall(), dtype=float).reshape(-1, 4)
