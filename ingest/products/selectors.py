"""Selectors of products, points and series."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.db.models.functions import GeometryDistance
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon, Point, Polygon
from django.db import connection, transaction
from django.db.models import DateField, F, FloatField, Func, Q, QuerySet

from ground_motion.core.areas import box_around
from ground_motion.core.projections import transformer
from ground_motion.readers.records import Float32, Float64
from ground_motion.statistics.datum import Datum, Source
from ground_motion.statistics.decomposition import Cells, DirectionPoints, interpolate_dates
from ingest.foundation.geos import geos
from ingest.foundation.locks import rows_of
from ingest.models import DisplacementSeries, MeasurementPoint, Product
from ingest.products import sampling
from ingest.products.encoding import MISSING_INT16, unpack_against_datum
from ingest.products.partitions import POINTS, SERIES
from ingest.products.parts import part_points

STD_SAMPLED = 50_000
MAX_AVERAGED = 4000  # points in an area
# Parameters: product, area as EWKB, number of points.
SAMPLED_WITHIN = """
        WHERE p.product_id = %s AND ST_Intersects(p.tile_point, ST_Transform(ST_GeomFromEWKB(%s), 3857))
        ORDER BY md5(p.pid) LIMIT %s"""
QUALITY = ("velocity_std_mm_yr", "height_m", "temporal_coherence", "rmse_mm")
ALL = Q()
VALUES = ("velocity_mm_yr", *QUALITY, "los_east", "los_north", "los_up")
POINT_VALUES = ("product_id", "pid", *VALUES)


class PointColumns(NamedTuple):
    """Points of a product as columns: degrees (EPSG:4326), mm/yr, and height in m, NaN if unknown."""

    longitude: Float64
    latitude: Float64
    velocity_mm_yr: Float32
    height_m: Float32


class PointBatch(NamedTuple):
    """Points of a product by id: position (n, 2), degrees; values (n, len(VALUES)); series (n, dates or 0), mm."""

    pids: list[str]
    position: Float64
    values: Float32
    series: Float32


class AreaSeries(NamedTuple):
    """Mean, 16th and 84th percentile, (dates,), mm, of the series of n_sampled of the n_points in an area."""

    n_points: int
    n_sampled: int
    dates: list[date]
    mean_mm: Float32
    low_mm: Float32
    high_mm: Float32


def datums_of(products: QuerySet[Product]) -> list[Datum]:
    """Return each datum that occurs among products."""
    return [datum for _key, datum in datums_by(products)]


def datums_by(rows: QuerySet[Any], *keys: str, product: str = "") -> list[tuple[tuple[Any, ...], Datum]]:
    """Return each datum that occurs among rows with the same keys, with these. product: the path to its columns."""
    columns = (f"{product}datum_{name}" for name in Datum._fields)
    found = rows.order_by().values_list(*keys, *columns).distinct()
    datums = [(row[: len(keys)], Datum(*row[len(keys) :])) for row in found]
    return [(key, datum._replace(source=Source(datum.source))) for key, datum in datums]


def products() -> QuerySet[Product]:
    """Return every product with its predecessor and its inputs."""
    return Product.objects.select_related("superseded_by").prefetch_related("changes_before__older", "derived_from")


def products_public() -> QuerySet[Product]:
    """Return the velocity fields whose points everybody may see: no withdrawn, superseded or deleted one."""
    return Product.objects.current().filter(points_deleted_at=None)


def last_date(dates: str) -> Func:
    """Return a query expression for the last date in a product's column of dates. dates: the path to that column."""
    last = "(%(expressions)s)[array_upper(%(expressions)s, 1)]"
    return Func(F(dates), template=last, output_field=DateField())


def product_points(*, product: Product, area: GEOSGeometry | None = None, most: int | None = None) -> PointColumns:
    """Return all points, or those in an area's box (EPSG:4326), by id; an even sample if more than `most`."""
    columns = "ST_X(position), ST_Y(position), velocity_mm_yr::float8, COALESCE(height_m::float8, 'NaN')"
    chosen = f"product_id = {product.pk:d} {_box_condition(area)} AND {sampling.condition(_share(product, area, most))}"
    sql = f"SELECT {columns} FROM {POINTS} WHERE {chosen} ORDER BY pid"  # noqa: S608
    names = PointColumns._fields
    row = np.dtype([("n", ">i2"), *(part for name in names for part in ((f"{name}_bytes", ">i4"), (name, ">f8")))])
    with connection.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT binary)") as copy:
        raw = b"".join(copy)  # header 19 bytes, trailer 2; no column is NULL, so all rows have one size
    rows = np.frombuffer(raw, dtype=row, offset=19, count=(len(raw) - 21) // row.itemsize)
    longitude, latitude = (rows[name].astype(np.float64) for name in names[:2])
    return PointColumns(longitude, latitude, *(rows[name].astype(np.float32) for name in names[2:]))


def usual_velocity_std(*, product: Product) -> float | None:
    """Return the median of the stated standard deviations of velocity, mm/yr, in a sample; None if none."""
    source, condition = rows_sampled(product=product, n_points=product.n_points, most=STD_SAMPLED)
    sql = f"""
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY velocity_std_mm_yr::float8)
        FROM {source}
        WHERE product_id = {product.pk:d} AND {condition} AND velocity_std_mm_yr <> 'NaN'"""  # noqa: S608
    median: float | None = rows_of(sql)[0][0]
    return median


def rows_sampled(*, product: Product, n_points: int, most: int) -> tuple[str, str]:
    """Return SQL (FROM item, condition) that selects about `most` of a product's n_points, or all if fewer.

    It samples whole pages of the table, so that few pages are read. If the part holds so many other products that this
    would read more rows than the product has, it takes an even sample by an index.
    """
    if n_points > most and part_points(product=product) * most <= product.n_points * n_points:
        return f"{POINTS} TABLESAMPLE SYSTEM ({100 * most / n_points!r}) REPEATABLE (0)", "true"
    return POINTS, sampling.condition(sampling.share_leaving(n_points=n_points, most=most))


def product_series(*, product: Product, area: GEOSGeometry | None = None, at_once: int = 20_000) -> Iterator[Float32]:
    """Yield series, all or in an area's box, in the order of `product_points`; (at_once, dates), mm, NaN missing."""
    joined = f"{SERIES} JOIN {POINTS} USING (product_id, pid)" if area else SERIES
    chosen = f"SELECT pid, packed FROM {joined} WHERE product_id = {product.pk:d} {_box_condition(area)}"  # noqa: S608
    after, parameters = "", [at_once]
    while True:  # block by block: a cursor of the server would not outlive the transaction behind PgBouncer
        rows = rows_of(f"{chosen} {after} ORDER BY pid LIMIT %s", parameters)
        if rows:
            yield unpack_against_datum([bytes(blob) for _, blob in rows], product)
        if len(rows) < at_once:
            return
        after, parameters = "AND pid > %s", [rows[-1][0], at_once]


def points_batches(
    *, product: Product, area: GEOSGeometry | None = None, with_series: bool = True, at_once: int = 20_000
) -> Iterator[PointBatch]:
    """Yield batches of a product's points: in an area (EPSG:4326) by id, or all along a Hilbert curve.

    Only the last batch is not full. with_series: False leaves out the series and their dates. One query is read in
    parts, inside a transaction.
    """
    columns = ", ".join(f"p.{name}::float8" for name in VALUES)
    packed, join = ("s.packed", f"LEFT JOIN {SERIES} s USING (product_id, pid)") if with_series else ("NULL", "")
    n_dates = product.n_dates if with_series else 0
    inside = "ORDER BY p.position, p.pid"  # PostGIS sorts geometries along a Hilbert curve.
    parameters: list[Any] = [product.pk]
    if area is not None:
        inside = "AND ST_Intersects(p.tile_point, ST_Transform(ST_GeomFromEWKB(%s), 3857)) ORDER BY p.pid"
        parameters.append(bytes(area.ewkb))
    sql = f"""
        SELECT p.pid, ST_X(p.position), ST_Y(p.position), {columns}, {packed}
        FROM {POINTS} p {join}
        WHERE p.product_id = %s {inside}"""  # noqa: S608
    absent = np.full(n_dates, MISSING_INT16).tobytes()
    with transaction.atomic(), connection.cursor() as plain, connection.chunked_cursor() as cursor:
        plain.execute("SET LOCAL cursor_tuple_fraction = 1")  # All rows are read, so that the fastest end counts.
        cursor.execute(sql, parameters)
        full = True
        while full:
            rows = cursor.fetchmany(at_once)
            numbers = np.array([row[1:-1] for row in rows], dtype=np.float64).reshape(len(rows), 2 + len(VALUES))
            blobs = [absent if row[-1] is None else bytes(row[-1]) for row in rows]
            series = np.empty((len(rows), 0), dtype=np.float32)
            if n_dates:
                series = unpack_against_datum(blobs, product)
            yield PointBatch([row[0] for row in rows], numbers[:, :2], numbers[:, 2:].astype(np.float32), series)
            full = len(rows) == at_once


def _share(product: Product, area: GEOSGeometry | None, most: int | None) -> int:
    """Return the least `share` of `sampling` with at most `most` points in the area, if these are spread evenly."""
    if most is None:
        return 1
    inside = (
        1.0 if area is None else _boxes(area).intersection(product.footprint).area / max(product.footprint.area, 1e-12)
    )
    return sampling.share_leaving(n_points=round(product.n_points * min(inside, 1.0)), most=most)


def _box_condition(area: GEOSGeometry | None) -> str:
    boxes = _boxes(area) if area else MultiPolygon()
    parts = (f"tile_point && ST_Transform('{part.hexewkb.decode()}'::geometry, 3857)" for part in boxes)
    return f"AND ({' OR '.join(parts)})" if area else ""


def _boxes(area: GEOSGeometry) -> MultiPolygon:
    """Return the box around an area, in two parts where it crosses 180 degrees."""
    return geos(box_around(area))


def views_in(*, product: Product, cells: Cells, epsg: int, dates: Sequence[date]) -> DirectionPoints:
    """Return a product's points within a grid (metres, epsg) as columns, with series interpolated to `dates`."""
    x0, y0, side = cells.x0, cells.y0, cells.posting_m
    edge = Polygon.from_bbox((x0, y0 - cells.rows * side, x0 + cells.cols * side, y0))
    sql = f"""
        SELECT ST_X(position), ST_Y(position), velocity_mm_yr, velocity_std_mm_yr, height_m,
               los_east, los_north, los_up, packed
        FROM {POINTS} p LEFT JOIN {SERIES} s USING (product_id, pid)
        WHERE p.product_id = %s
          AND p.tile_point && ST_Transform(ST_Segmentize(ST_GeomFromText(%s, %s), %s), 3857)"""  # noqa: S608
    rows = rows_of(sql, [product.pk, edge.wkt, epsg, side * 20])
    numbers = np.array([row[:8] for row in rows], dtype=np.float64).reshape(len(rows), 8)
    x, y = transformer(4326, epsg).transform(numbers[:, 0], numbers[:, 1])
    velocity, std, height = numbers[:, 2:5].T.astype(np.float32)
    series = np.full((len(rows), len(dates)), np.nan, dtype=np.float32)
    if product.has_series and rows and len(dates):
        unpacked = unpack_against_datum([bytes(row[8]) for row in rows], product)
        series = interpolate_dates(unpacked, product.dates, dates)
    return DirectionPoints(x, y, velocity, std, height, numbers[:, 5:8].astype(np.float32), series)


def point_get(*, product_id: int, pid: str) -> MeasurementPoint:
    """Return one point with its product; raises MeasurementPoint.DoesNotExist."""
    return MeasurementPoint.objects.select_related("product").get(product_id=product_id, pid=pid)


def points_behind(
    *, product_id: int, pid: str, boxes: Sequence[Polygon], most: int, condition: Q = ALL
) -> list[dict[str, Any]]:
    """Return a product's next `most` points in order of id, after `pid`, within `boxes` (EPSG:4326) if given.

    Each has MeasurementPoint's columns, longitude, latitude. condition: on these. The index skips rows up to `pid`.
    """
    inside = reduce(or_, (Q(tile_point__bboverlaps=box) for box in boxes), Q())
    points = MeasurementPoint.objects.filter(inside, condition, product_id=product_id, pid__gt=pid)
    position = {"longitude": _ordinate("X"), "latitude": _ordinate("Y")}
    return list(points.annotate(**position).order_by("pid").values(*POINT_VALUES, *position)[:most])


def points_near(*, products: Sequence[int], x_m: float, y_m: float, reach_m: float, most: int) -> list[dict[str, Any]]:
    """Return the `most` points of products, by key, nearest to a place in Web Mercator, as `points_behind` does."""
    place = Point(x_m, y_m, srid=3857)
    box = Polygon.from_bbox((x_m - reach_m, y_m - reach_m, x_m + reach_m, y_m + reach_m))
    box.srid = 3857
    found = MeasurementPoint.objects.filter(product_id__in=products, tile_point__bboverlaps=box)
    position = {"longitude": _ordinate("X"), "latitude": _ordinate("Y")}
    nearest = found.annotate(**position).order_by(GeometryDistance("tile_point", place), "product_id", "pid")
    return list(nearest.values(*POINT_VALUES, *position)[:most])


def _ordinate(name: str) -> Func:
    return Func(F("position"), function=f"ST_{name}", output_field=FloatField())


def point_series(*, point: MeasurementPoint) -> Float32:
    """Return a point's displacements on its product's dates, mm, NaN where missing; empty without a series."""
    return np.asarray(series_of(product=point.product, pids=[point.pid])[0])


def series_of(*, product: Product, pids: Sequence[str]) -> Float32:
    """Return the displacements of some points on their product's dates, (points, dates), mm; no columns without any."""
    if not product.has_series:
        return np.empty((len(pids), 0), dtype=np.float32)
    found = DisplacementSeries.objects.filter(product=product, pid__in=pids).values_list("pid", "packed")
    packed = {pid: bytes(blob) for pid, blob in found}
    return np.asarray(unpack_against_datum([packed[pid] for pid in pids], product))


def points_count_within(*, product: Product, area: GEOSGeometry) -> int:
    """Return the number of a product's points in an area (EPSG:4326)."""
    return MeasurementPoint.objects.filter(product=product, tile_point__intersects=area).count()


def pids_within(*, product: Product, area: GEOSGeometry) -> list[str]:
    """Return the ids of the points in an area (EPSG:4326): those whose series `area_series` averages."""
    sql = f"SELECT p.pid FROM {POINTS} p {SAMPLED_WITHIN}"  # noqa: S608
    return [pid for (pid,) in rows_of(sql, [product.pk, bytes(area.ewkb), MAX_AVERAGED])]


def series_within(*, product: Product, area: GEOSGeometry, most: int) -> tuple[int, Float32]:
    """Return (number of points with series in an area, EPSG:4326; series of at most `most`, (n, dates), mm)."""
    sql = f"""
        SELECT s.packed, count(*) OVER () FROM {POINTS} p JOIN {SERIES} s USING (product_id, pid)
        {SAMPLED_WITHIN}"""  # noqa: S608
    rows = rows_of(sql, [product.pk, bytes(area.ewkb), most])
    return rows[0][1] if rows else 0, unpack_against_datum([bytes(blob) for blob, _ in rows], product)


def area_series(*, product: Product, area: GEOSGeometry, most: int = MAX_AVERAGED) -> AreaSeries | None:
    """Return the mean series of a product's points in an area (of a sample of `most`); None without a series."""
    n_points, series = series_within(product=product, area=area, most=most)
    if not n_points:
        return None
    known = np.asarray(np.isfinite(series).any(axis=0))
    low, high = np.nanpercentile(series[:, known], [16, 84], axis=0)
    dates = [day for day, keep in zip(product.dates, known, strict=True) if keep]
    return AreaSeries(n_points, len(series), dates, np.nanmean(series[:, known], axis=0), low, high)
