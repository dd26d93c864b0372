"""Samples of points and means in cells for the workbench, limited in number however large a product is."""

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
from ingest.products.partitions import POINTS, SERIES
from ingest.products.pyramid import CELLS, FINEST_ZOOM
from ingest.products.pyramid import TABLE as PYRAMID
from ingest.products.selectors import rows_sampled, usual_velocity_std
from monitor.maps.charts.selectors import bounded, products_over
from monitor.maps.imaging.drawing import HALF_WORLD_M
from monitor.maps.map.layers import BY_NAME as LAYERS
from monitor.pages.desk.differences import Cells, cells_of_points
from monitor.pages.desk.drawings import in_theme
from monitor.pages.desk.query import BY_NAME, PLACE, Attribute, View
from monitor.web.request_limits import WORKBENCH, place_held

MAX_MARKS = 10_000  # Linked charts hold this many points in the browser, so that a choice needs no request.
MAX_BINNED = 100_000
MAX_SERIES = 2000
MAX_CELLS = 40_000
FEW_CELLS = 400  # If fewer cells of the pyramid's finest level exist, smaller ones are computed from points.
SMALL_CELLS_ZOOM = 12  # about 50 m in the middle of Europe
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


def partners_of(product: Product) -> list[Product]:
    """Return the data sets to compare a product with: other releases first, then others over the same ground."""
    found = Product.objects.filter(points_deleted_at=None, technique=product.technique).exclude(pk=product.pk)
    over = list(found.filter(footprint__intersects=product.footprint)[:MAX_LISTED])

    def distance(other: Product) -> tuple[bool, bool, bool, float]:
        released = other.superseded_by_id == product.pk or product.superseded_by_id == other.pk
        same_tile = bool(product.tile) and other.tile == product.tile and other.component == product.component
        shared = float(other.footprint.intersection(product.footprint).area)
        return not released, not same_tile, other.component != product.component, -shared

    return sorted(over, key=distance)


def others_of(view: View, product: Product) -> tuple[list[Product], Product | None]:
    """Return the data sets to compare a product with on a sheet, best match first, and the named one, else the best."""
    found = partners_of(product)
    return found, next((one for one in found if one.pk == view.other), found[0] if found else None)


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
    west, north, east, south = _cells_around(ground, 1.0)
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


def _cells_around(ground: GEOSGeometry, side: float) -> tuple[float, float, float, float]:
    """Return west, north, east, south of an area's bounding box, in cells of a web map that is `side` cells wide."""
    west, south, east, north = ground.extent
    x, y = transformer(4326, 3857).transform([west, east], [min(north, 85.0), max(south, -85.0)])
    (left, right), (top, bottom) = ([edge / HALF_WORLD_M for edge in edges] for edges in (x, y))
    return (1 + left) / 2 * side, (1 - top) / 2 * side, (1 + right) / 2 * side, (1 - bottom) / 2 * side


def columns_of(
    *, product: Product, ground: GEOSGeometry | None, attributes: Sequence[Attribute], most: int = MAX_BINNED
) -> tuple[int, Float64]:
    """Return about how many points an area has, or all, and the attributes of them or of an even sample of `most`.

    The attributes are (n, attributes), NaN where not stated.
    """
    # Whole pages of the table are sampled for a large share of a product: faster, but neighbours come together.
    n_points = points_about(product=product, ground=ground)
    chosen = ", ".join(_stated(attribute, product, ground) for attribute in attributes)
    if n_points > product.n_points / 8:
        source, condition = rows_sampled(product=product, n_points=n_points, most=most)
    else:
        source, condition = POINTS, sampling.condition(sampling.share_leaving(n_points=n_points, most=most))
    sql = f"SELECT {chosen} FROM {source} WHERE product_id = {product.pk:d} AND {condition} {_on(ground)}"  # noqa: S608
    values, _pids = _read(f"{sql} LIMIT {2 * most}", len(attributes))
    return (n_points if len(values) * 2 < n_points or n_points > most else len(values)), values


def _stated(attribute: Attribute, product: Product, ground: GEOSGeometry | None) -> str:
    """Return the SQL of an attribute as float8, NaN where the file does not state it."""
    west, south, east, north = join_halves(ground or product.footprint).bounds
    value = attribute.sql.format(longitude=repr((west + east) / 2), latitude=repr((south + north) / 2))
    return f"coalesce(({value})::float8, 'NaN')"


def _on(ground: GEOSGeometry | None) -> str:
    if ground is None:
        return ""
    return f"AND ST_Intersects(tile_point, ST_Transform('{ground.hexewkb.decode()}'::geometry, 3857))"


def _read(sql: str, columns: int, pids: str = "") -> tuple[Float64, list[str]]:
    """Return the numbers of a query, (n, columns), and its first column `pids`, if one is named.

    The query returns float8 without NULL: a NULL would drop its row from the numbers, but not from the point ids.
    """
    # The server packs the rows, because fetching or copying them one by one takes longer than the query.
    names = [f"c{i}" for i in range(columns)]
    packed = " || ".join(f"float8send({name})" for name in names)
    named = ", ".join(([pids] if pids else []) + names)
    chosen = f"json_agg({pids})" if pids else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg({packed}, ''), {chosen} FROM ({sql}) AS rows ({named})")  # noqa: S608
        raw, listed = cursor.fetchone()
    return np.frombuffer(raw or b"", dtype=">f8").astype(np.float64).reshape(-1, columns), listed or []


def marks_of(
    *, product: Product, ground: GEOSGeometry | None, attributes: Sequence[Attribute] = (), most: int = MAX_MARKS
) -> Marks:
    """Return at most `most` of a product's points on the ground: an even sample, which is always the same."""
    wanted = [_stated(one, product, ground) for one in (*(BY_NAME[name] for name in PLACE), *attributes)]
    n_points, share, sql = _sample_sql(product, ground, most, ", ".join(["pid", *wanted]), spare=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SCATTERED)
        values, pids = _read(sql, len(wanted), pids="pid")
    n_points = n_points if len(pids) >= most or share > 1 else len(pids)
    longitude, latitude, velocity = values[:, :3].T
    return Marks(n_points, pids, longitude, latitude, velocity, values[:, 3:])


def series_of(
    *, product: Product, ground: GEOSGeometry | None, attributes: Sequence[Attribute], most: int = MAX_SERIES
) -> tuple[int, Float64, Float32]:
    """Return about how many points an area has, and attributes and series of them or of an even sample of `most`.

    The attributes are (n, attributes), the series (n, dates), mm; both NaN where not stated.
    """
    chosen = "".join(f", {_stated(attribute, product, ground)}" for attribute in attributes)
    series = f"JOIN {SERIES} USING (product_id, pid) WHERE product_id = {product.pk:d}"
    n_points, share, sql = _sample_sql(product, ground, most, f"packed{chosen}", series)
    rows: list[Any] = []
    if product.has_series:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SCATTERED)
            cursor.execute(sql)
            rows = cursor.fetchall()
    n_points = n_points if len(rows) >= most or share > 1 else len(rows)
    columns = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), len(attributes))
    return n_points, columns, unpack_against_datum([bytes(row[0]) for row in rows], product)


def _sample_sql(
    product: Product, ground: GEOSGeometry | None, most: int, columns: str, tables: str = "", spare: int = 4
) -> tuple[int, int, str]:
    """Return the approximate number of points on the ground, the share read, and the SQL of at most `most` of them."""
    # spare: `most` times this number of points are read and the first kept. With 1, a quarter of `most` may be left.
    n_points = points_about(product=product, ground=ground)
    share = sampling.share_leaving(n_points=n_points, most=spare * most)
    sql = f"""
        SELECT {columns} FROM (
            SELECT * FROM {POINTS} WHERE product_id = {product.pk:d} AND {sampling.condition(share)} {_on(ground)}
            ORDER BY {sampling.ORDER} LIMIT {most:d}
        ) AS points {tables}"""  # noqa: S608
    return n_points, share, sql


def chosen_series(*, product: Product, pids: list[str]) -> list[tuple[str, Float32]]:
    """Return (pid, series) of the points that exist, in the given order; mm, NaN where missing."""
    rows = dict(DisplacementSeries.objects.filter(product=product, pid__in=pids).values_list("pid", "packed"))
    known = [pid for pid in pids if pid in rows]
    return list(zip(known, unpack_against_datum([bytes(rows[pid]) for pid in known], product), strict=True))


def cells_zoom(ground: GEOSGeometry) -> int:
    """Return the zoom of the cells in which products are compared: the finest with at most about MAX_CELLS cells."""
    edges = [_cells_around(box, CELLS * 2.0**FINEST_ZOOM) for box in geos(box_around(ground))]
    n_cells = sum(max(east - west, 1.0) * max(south - north, 1.0) for west, north, east, south in edges)
    if n_cells <= FEW_CELLS:
        return SMALL_CELLS_ZOOM
    return max(0, FINEST_ZOOM - max(0, math.ceil(math.log(n_cells / MAX_CELLS, 4))))


def cells_of(*, product: Product, ground: GEOSGeometry, zoom: int, attributes: Sequence[Attribute]) -> Cells:
    """Return a product's mean velocities in cells: from the pyramid or, beyond its finest zoom, from points."""
    # The sigma of a cell is that stated for its points, not a smaller one: errors of neighbours are correlated.
    # attributes: longitude, latitude, velocity and uncertainty, in this order.
    if zoom > FINEST_ZOOM:
        _n_points, points = columns_of(product=product, ground=ground, attributes=attributes)
        longitude, latitude, velocity, sigma = points.T
        return cells_of_points(longitude, latitude, velocity, sigma, zoom)
    left, top, right, bottom = (math.floor(edge) for edge in _cells_around(ground, CELLS * 2.0**zoom))
    sql = f"""
        SELECT (tile_x * {CELLS} + cell % {CELLS})::float8, (tile_y * {CELLS} + cell / {CELLS})::float8,
               velocity_mm_yr::float8
        FROM {PYRAMID}
        WHERE z = {zoom:d} AND product_id = {product.pk:d}
          AND tile_x BETWEEN {left // CELLS:d} AND {right // CELLS:d}
          AND tile_y BETWEEN {top // CELLS:d} AND {bottom // CELLS:d}"""  # noqa: S608
    column, row, velocity = _read(sql, 3)[0].T
    inside = (column >= left) & (column <= right) & (row >= top) & (row <= bottom)
    usual = usual_velocity_std(product=product)
    sigma = np.full(int(inside.sum()), np.nan if usual is None else usual)
    return Cells(column[inside].astype(np.int64), row[inside].astype(np.int64), velocity[inside], sigma)
