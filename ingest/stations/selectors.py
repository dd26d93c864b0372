"""Selectors of stations on the ground of a product, of the product's points around a station, and of gauges."""

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import MultiPoint, Point
from django.db.models import Exists, OuterRef, Q, QuerySet
from numpy.typing import NDArray

from ingest.geometry import METRES_PER_DEGREE
from ingest.locks import rows_of
from ingest.models import Gauge, Product, Station
from ingest.products.encoding import unpack_series
from ingest.products.partitions import POINTS, SERIES
from ingest.readers.records import UNIT_VECTORS, Component, Float32, Technique
from ingest.readers.stations.records import GaugeKind

Days = NDArray[np.datetime64]
RADII_M = (50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
GAUGE_KM = 25.0
EARLIER_YEARS = 20
MEAN_DAYS = 30  # step of a gauge's chart
RAIN_SHARE = 0.8  # days of a period with a value, at least; with fewer, the sum of rain is not known
ENOUGH_POINTS, FEWEST_POINTS, MOST_POINTS = 12, 4, 500


class PointsAround(NamedTuple):
    """Points of a product around a station: velocities and their stated standard deviations (n,), NaN if unknown.

    series_mm: (n, dates), or (n, 0) without series. n_points: within radius_m; of many, n are a sample.
    direction: unit vector (east, north, up) of positive motion; NaN if unknown.
    """

    radius_m: float
    n_points: int
    direction: tuple[float, float, float]
    velocity_mm_yr: Float32
    velocity_std_mm_yr: Float32
    series_mm: Float32


def stations_in(*, product: Product) -> QuerySet[Station]:
    """Return the stations within the box of a product's points, with their files."""
    return Station.objects.filter(position__intersects=product.footprint).select_related("file")


def has_stations() -> Q:
    """Return the condition that a velocity field has points, and stations within their box."""
    within = Exists(Station.objects.filter(position__intersects=OuterRef("footprint")))
    return Q(within, technique=Technique.INSAR, points_deleted_at=None)


def points_around(*, product: Product, stations: Sequence[Station]) -> list[PointsAround | None]:
    """Return the points of a product around each station, within the smallest radius with enough; None with too few.

    Any number of stations takes two queries.
    """
    stretches = [math.cos(math.radians(one.position.y)) for one in stations]  # metres on the ground per EPSG:3857 metre
    reaches = [RADII_M[-1] / stretch for stretch in stretches]
    away: list[list[float]] = [[] for _ in stations]
    for at, distance in _near(product, stations, reaches, "away", "", "away", ENOUGH_POINTS):
        away[at].append(distance * stretches[at])
    radii_m = [radius_by_density(sorted(one)) for one in away]
    reaches = [(radius or 0.0) / stretch for radius, stretch in zip(radii_m, stretches, strict=True)]
    columns = f"""
        velocity_mm_yr::float8, velocity_std_mm_yr::float8, los_east::float8, los_north::float8, los_up::float8,
        count(*) OVER (),
        (SELECT packed FROM {SERIES} AS s WHERE s.product_id = points.product_id AND s.pid = points.pid)"""  # noqa: S608
    found: list[list[Sequence[Any]]] = [[] for _ in stations]
    for at, *row in _near(product, stations, reaches, columns, "AND away <= reach", "md5(pid)", MOST_POINTS):
        found[at].append(row)
    return [_summary(product, radius, rows) if radius else None for radius, rows in zip(radii_m, found, strict=True)]


def _near(
    product: Product,
    stations: Sequence[Station],
    reaches: Sequence[float],
    columns: str,
    condition: str,
    order: str,
    most: int,
) -> list[Sequence[Any]]:
    """Return rows (index of a station, columns) of at most `most` points near each; reaches: in EPSG:3857."""
    sql = f"""
        SELECT (asked.i - 1)::int, near.* FROM (
            SELECT i, reach, ST_Transform(ST_SetSRID(ST_MakePoint(x, y), 4326), 3857) AS here
            FROM unnest(%s::float8[], %s::float8[], %s::float8[]) WITH ORDINALITY AS one (x, y, reach, i)
        ) AS asked CROSS JOIN LATERAL (
            SELECT {columns} FROM (
                SELECT *, tile_point <-> here AS away FROM {POINTS}
                WHERE product_id = {product.pk:d} AND tile_point && ST_Expand(here, reach)
            ) AS points WHERE reach > 0 {condition} ORDER BY {order} LIMIT {most:d}
        ) AS near"""  # noqa: S608
    positions = [one.position.coords for one in stations]
    return rows_of(sql, [[x for x, _ in positions], [y for _, y in positions], list(reaches)])


def _summary(product: Product, radius_m: float, rows: Sequence[Sequence[Any]]) -> PointsAround:
    numbers = np.array([[math.nan if one is None else one for one in row[:5]] for row in rows], dtype=np.float64)
    packed = [bytes(row[6]) for row in rows if row[6] is not None]
    series = np.empty((len(rows), 0), dtype=np.float32)
    if product.has_series and len(packed) == len(rows):
        series = unpack_series(packed, len(product.dates))
    velocity, std = numbers[:, :2].T.astype(np.float32)
    los = tuple(map(float, numbers[:, 2:].mean(axis=0)))
    direction = los if product.component == Component.LOS else UNIT_VECTORS[Component(product.component)]
    return PointsAround(radius_m, rows[0][5], direction, velocity, std, series)


def radius_by_density(distances_m: Sequence[float]) -> float | None:
    """Return the smallest radius with enough points, else the largest; None with too few points.

    distances_m: of the nearest ENOUGH_POINTS points.
    """
    counts = [(radius, sum(away <= radius for away in distances_m)) for radius in RADII_M]
    enough = next((radius for radius, count in counts if count >= ENOUGH_POINTS), None)
    return enough or (RADII_M[-1] if counts[-1][1] >= FEWEST_POINTS else None)


class PlaceAndPeriod(NamedTuple):
    """A place and a period, both days included. since: first day of the series that a chart shows."""

    longitude: float
    latitude: float
    since: date
    first: date
    last: date


class GaugePeriod(NamedTuple):
    """Mean of a gauge in a period, and in the same days of earlier years, None without any; mm/day or m.

    days, means: middle and mean (None if unknown) of each step of MEAN_DAYS since the first day that a chart shows.
    """

    code: str
    kind: str
    away_km: float
    mean: float
    usual: float | None
    days: list[str]
    means: list[float | None]


def gauges_around(*, places: Sequence[PlaceAndPeriod]) -> list[list[GaugePeriod]]:
    """Return, for each place, the nearest gauge of each kind within GAUGE_KM with a mean in the period. One query."""
    if not places:
        return []
    positions = MultiPoint(*(Point(one.longitude, one.latitude) for one in places), srid=4326)
    northernmost = max(abs(one.latitude) for one in places)
    reach = GAUGE_KM / METRES_PER_DEGREE * 1000 / max(0.02, math.cos(math.radians(northernmost)))
    first, last = min(one.first for one in places), max(one.last for one in places)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    near = list(Gauge.objects.filter(position__dwithin=(positions, reach), dates__overlap=days))
    means = cache(_gauge_period)  # many places share a gauge and a period
    return [_nearest_gauges(one, near, means) for one in places]


def _nearest_gauges(
    place: PlaceAndPeriod, gauges: Sequence[Gauge], means: Callable[[Gauge, date, date, date], GaugePeriod | None]
) -> list[GaugePeriod]:
    found: dict[str, GaugePeriod] = {}
    for away, gauge in sorted(((_away_km(one, place), one) for one in gauges), key=lambda pair: pair[0]):
        if away <= GAUGE_KM and gauge.kind not in found:
            period = means(gauge, place.since, place.first, place.last)
            if period is not None:
                found[gauge.kind] = period._replace(away_km=away)
    return [found[kind] for kind in sorted(found)]


def _gauge_period(gauge: Gauge, since: date, first: date, last: date) -> GaugePeriod | None:
    """Return a gauge's figures without its distance; None without a mean in the period."""
    days, values = np.array(gauge.dates, dtype="datetime64[D]"), gauge.series.values
    now = _mean(gauge.kind, days, values, first, last)
    if now is None:
        return None
    backs = [timedelta(days=round(365.25 * years)) for years in range(1, EARLIER_YEARS + 1)]
    earlier = [_mean(gauge.kind, days, values, first - back, last - back) for back in backs]
    known = [mean for mean in earlier if mean is not None]
    begins = [since + timedelta(days=at) for at in range(0, (last - since).days - MEAN_DAYS + 2, MEAN_DAYS)]
    means = [_mean(gauge.kind, days, values, begin, begin + timedelta(days=MEAN_DAYS - 1)) for begin in begins]
    middles = [(one + timedelta(days=MEAN_DAYS // 2)).isoformat() for one in begins]
    return GaugePeriod(gauge.code, gauge.kind, 0.0, now, float(np.mean(known)) if known else None, middles, means)


def _away_km(gauge: Gauge, place: PlaceAndPeriod) -> float:
    east = (gauge.position.x - place.longitude) * math.cos(math.radians(place.latitude))
    return math.hypot(east, gauge.position.y - place.latitude) * METRES_PER_DEGREE / 1000


def _mean(kind: str, days: Days, values: Float32, first: date, last: date) -> float | None:
    """Return the mean of the values of a period, both days included; None with too few values."""
    fewest = RAIN_SHARE * ((last - first).days + 1) if kind == GaugeKind.RAIN else 1
    within = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
    return float(values[within].mean()) if within.sum() >= fewest else None
