"""Vector tiles of ten million points in 200 products through the web application, against the same SQL through psycopg.

Ten products share the same ground; groups of ten lie side by side. The same tiles of the first group are requested
before and after the other 190 products are loaded: the time of a tile must not grow with the number of products.
"""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from django.test import Client

from ingest.models import Product
from ingest.products import pyramid, services
from lab.speed.measure import report, result, seconds
from lab.speed.simulated import load_towns, made_batch
from monitor.maps.map import selectors
from monitor.maps.map.layers import BY_NAME

PRODUCTS, TOGETHER, POINTS = 200, 10, 50_000  # Numbers: products, those in a group, points of each.
ACROSS, STEP_DEGREES = 5, (3.0, 2.0)  # Number of groups side by side, and their distance.
TRACK_DEGREES = 0.0002  # Distance between products of a group, so that points of two tracks do not coincide.
ZOOMS, TILES = (14, 12, 10, 9, 8, 5), 100
LAYER = "los"


class Times(NamedTuple):
    """Times of each tile, ms. ours: through the web application; control: the SQL alone."""

    ours: list[float]
    control: list[float]


def run() -> dict[str, Any]:
    """Measure tiles with few products, then with all."""
    loaded: list[Product] = []
    try:
        loaded += _loaded(range(TOGETHER))
        few = {zoom: _at_zoom(zoom) for zoom in ZOOMS}
        loaded += _loaded(range(TOGETHER, PRODUCTS))
        many = {zoom: _at_zoom(zoom) for zoom in ZOOMS}
    finally:
        for product in loaded:
            services.product_delete(product=product)
    rows = [row for zoom in ZOOMS for row in _rows(zoom, few[zoom], many[zoom])]
    note = (
        f"{PRODUCTS} products of {POINTS:,} points, {TOGETHER} over each other; control: the same SQL through psycopg"
    )
    return report("tiles", rows) | {"note": f"{note}, or the same tiles with {TOGETHER} products"}


def _loaded(numbers: range) -> Iterator[Product]:
    for number in numbers:
        down, across = divmod(number // TOGETHER, ACROSS)
        track = number % TOGETHER
        shift = (across * STEP_DEGREES[0] + track * TRACK_DEGREES, down * STEP_DEGREES[1] + track * TRACK_DEGREES)
        yield load_towns(points=POINTS, track=number + 1, shift=shift)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {pyramid.TABLE}")  # A server does this by itself later.


def _at_zoom(zoom: int) -> Times:
    """Time the tiles around random points of the first product, because people, too, look mostly at towns."""
    batch, rng = made_batch(POINTS, seed=0), np.random.default_rng(zoom)
    client, times = Client(SERVER_NAME="localhost"), Times([], [])
    for turn, index in enumerate(rng.integers(0, POINTS, TILES)):
        x = int((batch.longitude[index] + 180) / 360 * 2**zoom)
        y = int((1 - math.asinh(math.tan(math.radians(batch.latitude[index]))) / math.pi) / 2 * 2**zoom)
        products, n_points = selectors.layer_products(layer=BY_NAME[LAYER], tile=(zoom, x, y)), 0
        if zoom >= selectors.ZOOM_OF_SINGLE_POINTS:  # Keep only the products that have points in the tile.
            counts = selectors.points_in_tile(products=products, z=zoom, x=x, y=y)
            products, n_points = list(counts), sum(counts.values())
        query = selectors.tile_query(products=products, z=zoom, x=x, y=y, n_points=n_points)
        both = [
            (times.ours, partial(_fetch, client, f"/tiles/points/{LAYER}/{zoom}/{x}/{y}.mvt")),
            (times.control, partial(_raw, *query)),
        ]
        for _, work in both:  # Warm the server's cache for both.
            work()
        for spent, work in both if turn % 2 else reversed(both):
            spent.append(1000 * seconds(work))
    return times


def _fetch(client: Client, address: str) -> None:
    status = client.get(address).status_code
    if status != 200:
        raise RuntimeError(f"{address} answers {status}")


def _raw(sql: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.fetchone()


def _rows(zoom: int, few: Times, many: Times) -> list[dict[str, Any]]:
    kind = "points" if zoom >= selectors.ZOOM_OF_SINGLE_POINTS else "averages"
    slowest = result(f"tile of {kind} at zoom {zoom}, 95 %", "ms", *many)
    slowest |= dict(zip(("value", "control"), np.percentile(many, 95, axis=1).round(2).tolist(), strict=True))
    return [slowest, result(f"zoom {zoom}: median beside that with {TOGETHER} products", "ms", many.ours, few.ours)]
