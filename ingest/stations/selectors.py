"""Selectors of stations on the ground of a product, and of the product's points around a station."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet

from ground_motion.readers.records import UNIT_VECTORS, Component, Float32, Technique
from ingest.foundation.locks import rows_of
from ingest.models import Product, Station
from ingest.products.encoding import unpack_against_datum
from ingest.products.partitions import POINTS, SERIES

RADII_M = (50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
ENOUGH_POINTS, MIN_POINTS, MAX_POINTS = 12, 4, 500


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
    """Return a product's points around each station, in the smallest radius with enough or None, by two queries."""
    stretches = [
        math.cos(math.radians(station.position.y)) for station in stations
    ]  # metres on the ground per EPSG:3857 metre
    reaches = [RADII_M[-1] / stretch for stretch in stretches]
    away: list[list[float]] = [[] for _ in stations]
    for at, distance in _rows_near(product, stations, reaches, "away", "", "away", ENOUGH_POINTS):
        away[at].append(distance * stretches[at])
    radii_m = [radius_by_density(sorted(distances)) for distances in away]
    reaches = [(radius or 0.0) / stretch for radius, stretch in zip(radii_m, stretches, strict=True)]
    columns = f"""
        velocity_mm_yr::float8, velocity_std_mm_yr::float8, los_east::float8, los_north::float8, los_up::float8,
        count(*) OVER (),
        (SELECT packed FROM {SERIES} AS s WHERE s.product_id = points.product_id AND s.pid = points.pid)"""  # noqa: S608
    found: list[list[Sequence[Any]]] = [[] for _ in stations]
    for at, *row in _rows_near(product, stations, reaches, columns, "AND away <= reach", "md5(pid)", MAX_POINTS):
        found[at].append(row)
    return [_summary(product, radius, rows) if radius else None for radius, rows in zip(radii_m, found, strict=True)]


def _rows_near(
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
    positions = [tuple(station.position) for station in stations]
    return [*rows_of(sql, [[x for x, _ in positions], [y for _, y in positions], list(reaches)])]


def _summary(product: Product, radius_m: float, rows: Sequence[Sequence[Any]]) -> PointsAround:
    numbers = np.array([[math.nan if value is None else value for value in row[:5]] for row in rows], dtype=np.float64)
    packed = [bytes(row[6]) for row in rows if row[6] is not None]
    series = np.empty((len(rows), 0), dtype=np.float32)
    if product.has_series and len(packed) == len(rows):
        series = unpack_against_datum(packed, product)
    velocity, std = numbers[:, :2].T.astype(np.float32)
    east, north, up = map(float, numbers[:, 2:].mean(axis=0))
    component = Component(product.component)
    direction = (east, north, up) if component == Component.LOS else UNIT_VECTORS[component]
    return PointsAround(radius_m, rows[0][5], direction, velocity, std, series)


def radius_by_density(distances_m: Sequence[float]) -> float | None:
    """Return the smallest radius with enough of the nearest points, else the largest; None with too few points."""
    counts = [(radius, sum(away <= radius for away in distances_m)) for radius in RADII_M]
    enough = next((radius for radius, count in counts if count >= ENOUGH_POINTS), None)
    return enough or (RADII_M[-1] if counts[-1][1] >= MIN_POINTS else None)
