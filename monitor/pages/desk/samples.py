"""Samples of points for the workbench, limited in number however large a product is."""

import json
import math
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from dash.development.base_component import Component
from django.contrib.gis.geos import GEOSGeometry
from django.core.cache import cache
from django.db import connection, transaction
from django.utils.translation import get_language
from plotly.io.json import to_json_plotly

from ground_motion.core.areas import box_around, join_halves
from ground_motion.core.projections import transformer
from ground_motion.readers.records import Float32, Float64
from ground_motion.runtime.code_version import code_version
from ingest.foundation.geos import geos
from ingest.models import DisplacementSeries, Product
from ingest.products import sampling
from ingest.products.encoding import unpack_against_datum
from ingest.products.partitions import POINTS
from ingest.products.pyramid import CELLS, FINEST_ZOOM
from ingest.products.pyramid import TABLE as PYRAMID
from monitor.maps.charts.selectors import bounded, products_over
from monitor.maps.imaging.drawing import HALF_WORLD_M
from monitor.maps.map.layers import BY_NAME as LAYERS
from monitor.pages.desk.drawings import in_theme
from monitor.pages.desk.query import BY_NAME, PLACE, Attribute, View
from monitor.web.request_limits import WORKBENCH, place_held

MAX_MARKS = 10_000  # Linked charts hold this many points in the browser, so that a choice needs no request.
MAX_LISTED = 200  # data sets to choose from
KEPT_SECONDS = 24 * 3600
SCATTERED = "SET LOCAL random_page_cost = 1.1"  # rows of a sample lie apart, but most are in memory


class Marks(NamedTuple):
    """Even sample of a product's points, (n,), in degrees and mm/yr. n_points: points sampled from, an estimate."""

    n_points: int
    pid: list[str]
    longitude: Float64
    latitude: Float64
    velocity_mm_yr: Float64
    others: Float64  # (n, attributes), NaN where not stated


def chosen_product(view: View) -> Product | None:
    """Return a view's data set, else the largest on its ground or, without ground, the first by technique and size."""
    if view.product:
        return Product.objects.filter(pk=view.product, points_deleted_at=None).first()
    ground = view.ground
    if ground:
        return products_over(area=ground, layer=LAYERS.get(view.layer)).order_by("-n_points").first()
    return Product.objects.current().filter(points_deleted_at=None).order_by("-technique", "-n_points").first()


def kept(product: Product, about: Sequence[object], theme: str, make: Callable[[], list[Component]]) -> list[Any]:
    """Return make() as JSON, cached for a day by product, language and `about`. Raises Busy if no slot is free."""
    # The components are kept as JSON, so that the cache never holds pickled objects. The theme replaces only colours.
    named = sha256(repr([get_language(), product.datum_moved_at, *about]).encode()).hexdigest()
    key = f"desk-{code_version()}-{product.pk}-{product.loaded_at:%Y%m%dT%H%M%S.%f}-{named}"
    found: str | None = cache.get(key)
    if found is None:
        with place_held(WORKBENCH):
            found = cache.get(key)  # Another request may have drawn the points meanwhile.
            if found is None:
                with bounded():
                    found = to_json_plotly(make())
                cache.set(key, found, timeout=KEPT_SECONDS)
    return [*json.loads(in_theme(found, theme))]


def points_about(*, product: Product, ground: GEOSGeometry | None) -> int:
    """Estimate the number of points in the bounding box of an area from the pyramid; all if ground is None."""
    if ground is None:
        return product.n_points
    boxes = geos(box_around(ground))
    if len(boxes) > 1:  # The area lies on both sides of 180 degrees.
        return sum(points_about(product=product, ground=box) for box in boxes)
    west, south, east, north = ground.extent
    x, y = transformer(4326, 3857).transform([west, east], [min(north, 85.0), max(south, -85.0)])
    west, east = ((1 + edge / HALF_WORLD_M) / 2 for edge in x)  # shares of a web map, from its north-western corner
    north, south = ((1 - edge / HALF_WORLD_M) / 2 for edge in y)
    zoom = FINEST_ZOOM
    while zoom and max(east - west, south - north) * CELLS * 2**zoom > 200:  # 200 cells a side are enough
        zoom -= 1
    side = CELLS * 2**zoom
    left, top, right, bottom = (math.floor(edge * side) for edge in (west, north, east, south))
    sql = f"""
        SELECT coalesce(sum(n), 0) FROM {PYRAMID}
        WHERE z = %s AND product_id = %s AND tile_x BETWEEN %s AND %s AND tile_y BETWEEN %s AND %s
          AND tile_x * {CELLS} + cell %% {CELLS} BETWEEN %s AND %s
          AND tile_y * {CELLS} + cell / {CELLS} BETWEEN %s AND %s"""  # noqa: S608
    tiles = [edge // CELLS for edge in (left, right, top, bottom)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [zoom, product.pk, *tiles, left, right, top, bottom])
        return int(cursor.fetchone()[0])


def _stated(attribute: Attribute, product: Product, ground: GEOSGeometry | None) -> str:
    """Return the SQL of an attribute as float8, NaN where the file does not state it."""
    west, south, east, north = join_halves(ground or product.footprint).bounds
    value = attribute.sql.format(longitude=repr((west + east) / 2), latitude=repr((south + north) / 2))
    return f"coalesce(({value})::float8, 'NaN')"


def _read(sql: str, columns: int, pids: str) -> tuple[Float64, list[str]]:
    """Return the numbers of a query, (n, columns), and its first column `pids`.

    The query returns float8 without NULL: a NULL would drop its row from the numbers, but not from the point ids.
    """
    # The server packs the rows, because fetching or copying them one by one takes longer than the query.
    names = [f"c{i}" for i in range(columns)]
    packed = " || ".join(f"float8send({name})" for name in names)
    named = ", ".join([pids, *names])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg({packed}, ''), json_agg({pids}) FROM ({sql}) AS rows ({named})")  # noqa: S608
        raw, listed = cursor.fetchone()
    return np.frombuffer(raw or b"", dtype=">f8").astype(np.float64).reshape(-1, columns), listed or []


def marks_of(
    *, product: Product, ground: GEOSGeometry | None, attributes: Sequence[Attribute] = (), most: int = MAX_MARKS
) -> Marks:
    """Return at most `most` of a product's points on the ground: an even sample, which is always the same."""
    wanted = [_stated(one, product, ground) for one in (*(BY_NAME[name] for name in PLACE), *attributes)]
    n_points, share, sql = _sample_sql(product, ground, most, ", ".join(["pid", *wanted]))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SCATTERED)
        values, pids = _read(sql, len(wanted), pids="pid")
    n_points = n_points if len(pids) >= most or share > 1 else len(pids)
    longitude, latitude, velocity = values[:, :3].T
    return Marks(n_points, pids, longitude, latitude, velocity, values[:, 3:])


def _sample_sql(product: Product, ground: GEOSGeometry | None, most: int, columns: str) -> tuple[int, int, str]:
    """Return the approximate number of points on the ground, the share read, and the SQL of at most `most` of them.

    The sample may have only a quarter of `most` points.
    """
    n_points = points_about(product=product, ground=ground)
    share = sampling.share_leaving(n_points=n_points, most=most)
    within = (
        f"AND ST_Intersects(tile_point, ST_Transform('{ground.hexewkb.decode()}'::geometry, 3857))" if ground else ""
    )
    sql = f"""
        SELECT {columns} FROM (
            SELECT * FROM {POINTS} WHERE product_id = {product.pk:d} AND {sampling.condition(share)} {within}
            ORDER BY {sampling.ORDER} LIMIT {most:d}
        ) AS points"""  # noqa: S608
    return n_points, share, sql


def chosen_series(*, product: Product, pids: list[str]) -> list[tuple[str, Float32]]:
    """Return (pid, series) of the points that exist, in the given order; mm, NaN where missing."""
    rows = dict(DisplacementSeries.objects.filter(product=product, pid__in=pids).values_list("pid", "packed"))
    known = [pid for pid in pids if pid in rows]
    return list(zip(known, unpack_against_datum([bytes(rows[pid]) for pid in known], product), strict=True))
