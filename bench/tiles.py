"""Vector tiles through the web application, against the same SQL through psycopg."""

import math
from typing import Any

import numpy as np
from django.db import connection
from django.test import Client

from bench.measure import report, result, seconds
from bench.simulated import load_towns, made_batch
from ingest.products import services
from monitor.map import selectors

POINTS, CHUNK, TILES = 1_000_000, 50_000, 30


def run() -> dict[str, Any]:
    product = load_towns(points=POINTS)
    try:
        return report("tiles", [_at_zoom(zoom, product.pk) for zoom in (14, 12, 10, 8, 5)])
    finally:
        services.product_delete(product=product)


def _at_zoom(zoom: int, product_id: int) -> dict[str, Any]:
    """The tiles of points drawn at random, so that towns are asked for as people ask."""
    batch, rng = made_batch(CHUNK, seed=0), np.random.default_rng(zoom)
    client, ours, control = Client(SERVER_NAME="localhost"), [], []
    for index in rng.integers(0, CHUNK, TILES):
        x = int((batch.longitude[index] + 180) / 360 * 2**zoom)
        y = int((1 - math.asinh(math.tan(math.radians(batch.latitude[index]))) / math.pi) / 2 * 2**zoom)
        n_points = _count(zoom, x, y, product_id)
        both = [
            (ours, lambda x=x, y=y: _fetch(client, f"/tiles/points/los/{zoom}/{x}/{y}.mvt")),
            (control, lambda x=x, y=y, n=n_points: _raw(zoom, x, y, product_id, n)),
        ]
        both[0][1]()  # warm the cache of the server for both
        for times, work in both if index % 2 else reversed(both):
            times.append(1000 * seconds(work))
    return result(f"vector tile at zoom {zoom}, {POINTS:,} points, warm, median of {TILES}", "ms", ours, control)


def _fetch(client: Client, address: str) -> None:
    status = client.get(address).status_code
    if status != 200:
        raise RuntimeError(f"{address} answers {status}")


def _count(z: int, x: int, y: int, product_id: int) -> int:
    single = z >= selectors.ZOOM_OF_SINGLE_POINTS
    return sum(selectors.points_in_tile(products=[product_id], z=z, x=x, y=y).values()) if single else 0


def _raw(z: int, x: int, y: int, product_id: int, n_points: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(*selectors.tile_query(products=[product_id], z=z, x=x, y=y, n_points=n_points))
        cursor.fetchone()
