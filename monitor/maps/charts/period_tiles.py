"""Vector tiles of points whose rates are fitted to their series in a chosen period, for high zooms only."""

from collections import defaultdict
from math import sqrt
from typing import Any

import numpy as np

from ingest.models import Product
from ingest.products import sampling
from ingest.products.encoding import unpack_series
from ingest.products.partitions import POINTS, SERIES
from ml.statistics.series import fit_rates
from monitor.maps.charts.query import Period
from monitor.maps.map import selectors
from monitor.maps.map.tile_geometry import read_tile, tile_cursor

MAX_FITTED = 2500  # points per tile, about; of more, an even sample is fitted

_SERIES_OF_TILE = f"""
    WITH bounds AS (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile),
    chosen AS MATERIALIZED (
        SELECT product_id, pid, ST_AsMVTGeom(tile_point, bounds.tile, 4096, 64) AS at FROM {POINTS}, bounds
        WHERE product_id = ANY(%(products)s) AND tile_point && ST_Expand(bounds.tile, %(margin)s)
        AND {{sample}} ORDER BY {sampling.ORDER} LIMIT %(most)s)
    SELECT product_id, pid, ST_X(at), ST_Y(at), packed FROM chosen JOIN {SERIES} USING (product_id, pid)
    WHERE product_id = ANY(%(products)s) AND at IS NOT NULL"""  # noqa: S608
_TILE = """
    SELECT ST_AsMVT(rows, 'points', 4096, 'geometry') FROM (
        SELECT product, pid, v::float4 AS v, (posting_m * %s)::float4 AS side, ST_MakePoint(x, y) AS geometry
        FROM unnest(%s::int[], %s::text[], %s::float8[], %s::float8[], %s::float8[]) AS row(product, pid, v, x, y)
        JOIN ingest_product AS source ON source.id = product) AS rows"""
_UNFITTED_NOTE = """
    SELECT ST_AsMVT(rows, 'unfitted', 4096, 'geometry') FROM (
        SELECT %s::int AS n, ST_MakePoint(2048, 2048) AS geometry) AS rows"""


def period_tile(*, products: list[int], period: Period, z: int, x: int, y: int) -> bytes:
    """Return a vector tile of points with their rates in a period, for zoom PERIOD_FROM_ZOOM and above."""
    # If the tile shows a sample, layer `sample` holds the number of all points; `unfitted`, the number left out
    # because they have too few dates.
    counts = selectors.points_in_tile(products=products, z=z, x=x, y=y)
    n_points = sum(counts.values())
    if not n_points:
        return b""
    dates = dict(Product.objects.filter(pk__in=counts, has_series=True).values_list("pk", "dates"))
    share = sampling.share_leaving(n_points=n_points, most=MAX_FITTED)
    values: dict[str, Any] = {"z": z, "x": x, "y": y, "products": list(dates), "most": 2 * MAX_FITTED}
    values["margin"] = selectors.WORLD_M / 2**z / 64
    by_product: dict[int, list[tuple[str, float, float, bytes]]] = defaultdict(list)
    with tile_cursor() as cursor:
        cursor.execute(_SERIES_OF_TILE.format(sample=sampling.condition(share)), values)
        for product, *row in cursor.fetchall():
            by_product[product].append(tuple(row))
    columns: list[list[Any]] = [[], [], [], [], []]
    n_unfitted = sum(n for product, n in counts.items() if product not in dates)
    for product, rows in by_product.items():
        inside = period.holds(dates[product])
        days = [day for day, holds in zip(dates[product], inside, strict=True) if holds]
        series = unpack_series([bytes(row[3]) for row in rows], len(dates[product]))
        rates = fit_rates(days, series[:, inside])
        fitted = [(row, rate) for row, rate in zip(rows, rates, strict=True) if np.isfinite(rate)]
        n_unfitted += len(rows) - len(fitted)
        for (pid, px, py, _), rate in fitted:
            for column, value in zip(columns, (product, pid, round(float(rate), 1), px, py), strict=True):
                column.append(value)
    scale = selectors.map_scale(z, y) * sqrt(share)  # The cells of a sample cover the ground of those left out.
    tile = read_tile(_TILE, [scale, *columns]) if columns[0] else b""
    tile += read_tile(selectors.SAMPLE_NOTE, {"n": n_points}) if share > 1 else b""
    return tile + (read_tile(_UNFITTED_NOTE, [n_unfitted]) if n_unfitted else b"")
