"""Queries for the points of charts, limited in rows and duration."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from shapely import Point as Spot

from core.areas import split_at_date_line
from core.geos import geos
from core.projections import transformer
from ingest.models import MeasurementPoint, Product
from ingest.products import sampling
from ingest.products.encoding import unpack_series
from ingest.products.partitions import POINTS, SERIES
from ingest.products.selectors import points_count_within
from ingest.readers.records import Float32, Float64
from monitor.maps.imaging.drawing import EARTH, HALF_WORLD_M
from monitor.maps.map.layers import Layer
from monitor.wording.figures import whole
from monitor.wording.images import data_set_name
from monitor.wording.refusals import Refusal

SECONDS = 4  # limit of one statement
MAX_COUNTED = 50_000  # points of one data set in an area; more are refused
_COLUMNS = """pid, ST_X(position), ST_Y(position), velocity_mm_yr::float8, coalesce(velocity_std_mm_yr::float8, 'NaN'),
    coalesce(temporal_coherence::float8, 'NaN')"""


class PointsIn(NamedTuple):
    """Points of a product in an area, all or an even sample: one value per point and column; positions in degrees."""

    product: Product
    n_points: int  # in the area
    pids: list[str]
    longitude: Float64
    latitude: Float64
    velocity_mm_yr: Float64
    velocity_std_mm_yr: Float64
    temporal_coherence: Float64
    series_mm: Float32  # (n, dates), empty without series


class NearPoint(NamedTuple):
    """Measurement point near a place, and its product; position in degrees."""

    product: Product
    pid: str
    longitude: float
    latitude: float


@contextmanager
def bounded() -> Iterator[None]:
    """Limit each statement in the block to SECONDS; `monitor.web.middleware.AnswerBusy` answers if one is cancelled."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
        yield


def products_over(*, area: GEOSGeometry, layer: Layer | None = None) -> QuerySet[Product]:
    """Return a layer's current products (default: all InSAR) whose footprint touches an area."""
    products = layer.products() if layer else Product.objects.current().filter(technique="insar")
    return products.filter(footprint__intersects=area, points_deleted_at=None).order_by("pk")


def points_exist(*, area: GEOSGeometry) -> bool:
    """Return whether a current InSAR product has a measurement point in an area."""
    keys = list(products_over(area=area).values_list("pk", flat=True))
    return MeasurementPoint.objects.filter(product__in=keys, tile_point__intersects=area).exists()


def points_in(*, product: Product, area: GEOSGeometry, most: int) -> PointsIn:
    """Return at most `most` points of a product in an area; of more, always the same even sample. Raises Refusal."""
    n_points = points_count_within(product=product, area=area)
    if n_points > MAX_COUNTED:
        raise Refusal(
            _("%(number)s points of %(data_set)s stand in this area")
            % {"number": whole(n_points), "data_set": data_set_name(product.name)},
            _("Choose a smaller one: at most %(most)s are read.") % {"most": whole(MAX_COUNTED)},
        )
    return _sample(product, area, n_points, most)


def points_in_view(*, product: Product, area: GEOSGeometry, most: int) -> PointsIn:
    """Return at most `most` points of a product in a view, evenly sampled; n_points is an estimate."""
    shared = product.footprint.intersection(area).area / (product.footprint.area or 1.0)
    return _sample(product, area, int(product.n_points * shared), most)


def _sample(product: Product, area: GEOSGeometry, n_points: int, most: int) -> PointsIn:
    share = sampling.share_leaving(n_points=n_points, most=most)
    series = f"JOIN {SERIES} USING (product_id, pid)" if product.has_series else ""
    sql = f"""
        SELECT {_COLUMNS} {", packed" if product.has_series else ""} FROM {POINTS} {series}
        WHERE product_id = %s AND {sampling.condition(share)}
          AND ST_Intersects(tile_point, ST_Transform(ST_GeomFromEWKB(%s), 3857))
        ORDER BY {sampling.ORDER} LIMIT %s"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [product.pk, bytes(area.ewkb), most])
        rows = cursor.fetchall()
    return _as_columns(product, rows, n_points, product.has_series)


def _as_columns(product: Product, rows: Sequence[Sequence[Any]], n_points: int, with_series: bool) -> PointsIn:
    """Return rows of _COLUMNS and, with_series, `packed` as columns."""
    longitude, latitude, rate, deviation, coherence = np.array([row[1:6] for row in rows], np.float64).reshape(-1, 5).T
    dates = len(product.dates) if with_series else 0
    packed = unpack_series([bytes(row[6]) for row in rows], dates) if dates else np.empty((len(rows), 0), np.float32)
    pids, n_points = [row[0] for row in rows], max(n_points, len(rows))
    return PointsIn(product, n_points, pids, longitude, latitude, rate, deviation, coherence, packed)


def points_within(
    *, products: Sequence[Product], longitude: float, latitude: float, radius_m: float, with_series: bool = True
) -> list[PointsIn]:
    """Return the points of each product within a radius of at most some hundred metres, in one query."""
    x, y = transformer(4326, 3857).transform(longitude, latitude)
    half = 1.02 * radius_m / math.cos(math.radians(latitude))
    turns = [0.0] if abs(x) + half <= HALF_WORLD_M else [0.0, -math.copysign(2 * HALF_WORLD_M, x)]
    boxes = " OR ".join(
        f"tile_point && ST_MakeEnvelope({x + turn - half!r}, {y - half!r}, {x + turn + half!r}, {y + half!r}, 3857)"
        for turn in turns
    )
    keys = [product.pk for product in products]
    packed, join = "", ""
    if with_series:
        packed = ", packed"
        join = f"LEFT JOIN {SERIES} AS s ON s.product_id = p.product_id AND s.pid = p.pid AND s.product_id = ANY(%s)"
    sql = f"""
        SELECT p.product_id, p.{_COLUMNS} {packed} FROM {POINTS} AS p {join}
        WHERE p.product_id = ANY(%s) AND ({boxes}) LIMIT {MAX_COUNTED}"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [keys, keys] if with_series else [keys])
        rows = cursor.fetchall()
    place = np.full(len(rows), longitude), np.full(len(rows), latitude)
    away_m = EARTH.inv(*place, [row[2] for row in rows], [row[3] for row in rows])[2] if rows else []
    of_product: dict[int, list[Sequence[Any]]] = defaultdict(list)
    for (key, *row), distance_m in zip(rows, away_m, strict=True):
        if distance_m <= radius_m:
            of_product[key].append(row)
    return [_as_columns(product, of_product[product.pk], 0, with_series and product.has_series) for product in products]


def nearest_points(*, longitude: float, latitude: float, reach_degrees: float) -> list[NearPoint]:
    """Return each current InSAR product's nearest point within reach_degrees on the map, in no particular order."""
    at = GEOSGeometry(f"SRID=4326;POINT({longitude!r} {latitude!r})")
    sql = f"""
        SELECT pid, ST_X(position), ST_Y(position) FROM {POINTS},
            (SELECT ST_Translate(ST_Transform(ST_GeomFromEWKB(%s), 3857), %s, 0) AS here) AS place
        WHERE product_id = %s AND tile_point && ST_Expand(here, %s) ORDER BY tile_point <-> here LIMIT 1"""  # noqa: S608
    around = split_at_date_line(Spot(longitude, latitude).buffer(reach_degrees))
    behind_180 = [-math.copysign(2 * HALF_WORLD_M, longitude)] if len(around.geoms) > 1 else []
    found = []
    with connection.cursor() as cursor:
        for product in products_over(area=geos(around)):
            for turn in (0.0, *behind_180):
                cursor.execute(sql, [bytes(at.ewkb), turn, product.pk, reach_degrees * 111_320])
                found += [NearPoint(product, *row) for row in cursor.fetchall()]
    return found
