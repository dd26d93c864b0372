"""The map through time: displacement of the points in view on each date, and tiles of rates in a chosen period."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Any

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _

from ground_motion.statistics.decomposition import interpolate_dates
from ground_motion.statistics.series import fit_rates
from ingest.models import Product
from ingest.products import sampling
from ingest.products.encoding import unpack_against_datum
from ingest.products.partitions import POINTS, SERIES
from monitor.maps.charts import selectors
from monitor.maps.charts.selectors import Period
from monitor.maps.map.layers import Layer
from monitor.maps.map.selectors import SAMPLE_NOTE, WORLD_M, map_scale, points_in_tile
from monitor.maps.map.tile_geometry import read_tile, tile_cursor
from monitor.wording.refusals import Refusal

MAX_POINTS = 1200
MAX_FRAMES = 48
MAX_PRODUCTS = 8
AT_START = 3  # The mean of a point's first known frames is its zero.
MAX_FITTED = 2500  # About this many points per tile are fitted, evenly sampled.

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


def frames_body(layer: Layer, view: GEOSGeometry) -> dict[str, object]:
    """Return as JSON each point's displacement on each day since its first frames, whole mm or None. Raises Refusal."""
    products = [one for one in selectors.products_over(area=view, layer=layer) if one.has_series][:MAX_PRODUCTS]
    most = MAX_POINTS // max(1, len(products))
    found = [selectors.points_in_view(product=product, area=view, most=most) for product in products]
    parts = [one for one in found if one.pids]
    if not parts:
        raise Refusal(
            _("no measurement point of this layer with a series over time is in view"),
            _("Move the map to where points are, or choose another layer."),
        )
    days = _frame_days([part.product.dates for part in parts])
    rows: list[list[object]] = []
    for part in parts:
        series_mm = interpolate_dates(part.series_mm, part.product.dates, days)
        known = np.isfinite(series_mm)
        early = known & (np.cumsum(known, axis=1) <= AT_START)
        count = early.sum(axis=1, keepdims=True)
        start = np.where(early, series_mm, 0.0).sum(axis=1, keepdims=True) / np.where(count, count, np.nan)
        moved = np.asarray(series_mm - start, dtype=np.float32)
        whole = [[None if np.isnan(value) else round(float(value)) for value in row] for row in moved]
        places = zip(part.longitude.tolist(), part.latitude.tolist(), whole, strict=True)
        rows += [[round(longitude, 5), round(latitude, 5), row] for longitude, latitude, row in places]
    dates = [day.isoformat() for day in days]
    return {"layer": layer.name, "dates": dates, "n_points": len(rows), "points": rows}


def _frame_days(dates: Sequence[Sequence[date]]) -> list[date]:
    """Return at most 48 days: a single product's own dates if these are few enough, else evenly spaced days."""
    if len(dates) == 1 and len(dates[0]) <= MAX_FRAMES:
        return list(dates[0])
    first, last = min(one[0] for one in dates), max(one[-1] for one in dates)
    span, n_frames = (last - first).days, min(MAX_FRAMES, max(len(one) for one in dates))
    return [first + timedelta(days=round(span * i / (n_frames - 1))) for i in range(n_frames)]


def period_tile(*, products: list[int], period: Period, z: int, x: int, y: int) -> bytes:
    """Return a vector tile of points with their rates in a period, for zoom PERIOD_FROM_ZOOM and above."""
    # If the tile shows a sample, layer `sample` holds the number of all points; `unfitted`, the number left out
    # because they have too few dates.
    counts = points_in_tile(products=products, z=z, x=x, y=y)
    n_points = sum(counts.values())
    if not n_points:
        return b""
    fields = Product.objects.filter(has_series=True).in_bulk(list(counts))
    share = sampling.share_leaving(n_points=n_points, most=MAX_FITTED)
    values: dict[str, Any] = {"z": z, "x": x, "y": y, "products": list(fields), "most": 2 * MAX_FITTED}
    values["margin"] = WORLD_M / 2**z / 64
    by_product: dict[int, list[tuple[str, float, float, bytes]]] = defaultdict(list)
    with tile_cursor() as cursor:
        cursor.execute(_SERIES_OF_TILE.format(sample=sampling.condition(share)), values)
        for product, *row in cursor.fetchall():
            by_product[product].append(tuple(row))
    columns: list[list[Any]] = [[], [], [], [], []]
    n_unfitted = sum(n for product, n in counts.items() if product not in fields)
    for product, rows in by_product.items():
        inside = period.holds(fields[product].dates)
        days = [day for day, holds in zip(fields[product].dates, inside, strict=True) if holds]
        series = unpack_against_datum([bytes(row[3]) for row in rows], fields[product])
        rates = fit_rates(days, series[:, inside])
        fitted = [(row, rate) for row, rate in zip(rows, rates, strict=True) if np.isfinite(rate)]
        n_unfitted += len(rows) - len(fitted)
        for (pid, px, py, _packed), rate in fitted:
            for column, value in zip(columns, (product, pid, round(float(rate), 1), px, py), strict=True):
                column.append(value)
    scale = map_scale(z, y) * sqrt(share)  # The cells of a sample cover the ground of those left out.
    tile = read_tile(_TILE, [scale, *columns]) if columns[0] else b""
    tile += read_tile(SAMPLE_NOTE, {"n": n_points}) if share > 1 else b""
    return tile + (read_tile(_UNFITTED_NOTE, [n_unfitted]) if n_unfitted else b"")
