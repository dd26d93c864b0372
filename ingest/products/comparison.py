"""Comparison of products with the stations on their ground. This module does not import torch: pages use it."""

import math
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet

from ground_motion.core.areas import join_halves
from ground_motion.core.projections import transformer
from ground_motion.readers.records import UNIT_VECTORS, Component, Float32, Float64, Reference, Technique
from ground_motion.readers.stations.records import StationTechnique
from ground_motion.statistics.stations import (
    DAYS_A_YEAR,
    Difference,
    Plane,
    points_rate,
    project_on_view,
    reference_plane,
    series_rate,
)
from ingest.foundation.locks import rows_of
from ingest.models import Product, Station
from ingest.products.encoding import unpack_against_datum
from ingest.products.partitions import POINTS, SERIES

MIN_YEARS = 2.0  # A yearly wave and a rate cannot be separated in a shorter common period.
MAX_STATIONS = 100
MOVING_FRAMES = ("IGS", "IGB", "ITRF", "WGS")  # Stations move with their continent in these frames.
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


class Left(StrEnum):
    """Reason why a station is not compared with a product."""

    POINTS = "points"
    PERIOD = "period"
    DATES = "dates"
    DIRECTION = "direction"


class Comparison(NamedTuple):
    """Station with its difference from the points around it, or with the reason why there is none."""

    station: Station
    difference: Difference | None = None
    left: Left | None = None


class Curves(NamedTuple):
    """Displacements of a station and mean ones around it, in a product's direction, mm; each has a mean of 0."""

    station_dates: Sequence[date]
    station_mm: Float64
    point_dates: Sequence[date]
    points_mm: Float64


def stations_in(*, product: Product) -> QuerySet[Station]:
    """Return the stations within the box of a product's points, with their files."""
    return Station.objects.filter(position__intersects=product.footprint).select_related("file")


def has_stations() -> Q:
    """Return the condition that a velocity field has points, and stations within their box."""
    within = Exists(Station.objects.filter(position__intersects=OuterRef("footprint")))
    return Q(within, technique=Technique.INSAR, points_deleted_at=None)


def comparisons_of(*, product: Product) -> list[Comparison]:
    """Compare a product with the stations on its ground, at most MAX_STATIONS."""
    stations = list(stations_in(product=product)[:MAX_STATIONS])
    around = points_around(product=product, stations=stations)
    return [_compare(product, *both)[0] for both in zip(stations, around, strict=True)]


def compared_with_curves(*, product: Product, station: Station) -> tuple[Comparison, Curves | None]:
    """Return the comparison with a station, and both series; None instead of the series where there are none."""
    (around,) = points_around(product=product, stations=[station])
    return _compare(product, station, around)


def _compare(product: Product, station: Station, around: PointsAround | None) -> tuple[Comparison, Curves | None]:
    """Compare the rates of a station and of the product's points around it over their common period."""
    if around is None:
        return Comparison(station, left=Left.POINTS), None
    has_component = station.technique == StationTechnique.GNSS or product.component in {"los", "up"}
    if not np.isfinite(around.direction).all() or not has_component:  # The line of sight is compared with heights, too.
        return Comparison(station, left=Left.DIRECTION), None
    dates, values, sigmas = _station_series(product, station, around)
    series, days = around.series_mm.astype(np.float64), list(product.dates)
    if series.shape[1]:
        shared = [station.dates[0] <= day <= station.dates[-1] for day in days]
        days, series = [day for day, keep in zip(days, shared, strict=True) if keep], series[:, shared]
    curves = _curves(dates, values, days, series)
    if min(_years(dates), _years(days)) < MIN_YEARS:
        return Comparison(station, left=Left.PERIOD), curves
    own = series_rate(dates, values, sigmas)
    theirs = points_rate(days, series, around.velocity_mm_yr, around.velocity_std_mm_yr)
    if own is None or theirs is None:
        return Comparison(station, left=Left.DATES), curves
    return Comparison(station, Difference(own, theirs, around.n_points, around.radius_m)), curves


def _curves(dates: Sequence[date], values: Float64, days: Sequence[date], series: Float64) -> Curves | None:
    """Return the series of a station (dates,) and the mean of the points' (n, days), mm; None where one is empty."""
    known = np.asarray(np.isfinite(series).any(axis=0))
    if not dates or not known.any() or not np.isfinite(values).any():
        return None
    mean = np.nanmean(series[:, known], axis=0, dtype=np.float64)
    shown = [day for day, keep in zip(days, known, strict=True) if keep]
    return Curves(dates, values - np.nanmean(values), shown, mean - mean.mean())


def fixed_differences(*, product: Product) -> list[tuple[tuple[float, ...], Difference]]:
    """Return the places (degrees) of GNSS stations on a product's ground, and by how much its points exceed each.

    Left out: stations in a global or unknown frame, where continents drift; benchmarks, which have a zero of their own.
    """
    return [
        (comparison.station.position.coords, comparison.difference)
        for comparison in comparisons_of(product=product)
        if comparison.difference
        and comparison.station.technique == StationTechnique.GNSS
        and (frame := comparison.station.frame.strip().upper())
        and not frame.startswith(MOVING_FRAMES)
    ]


def plane_of(*, product: Product, epsg: int) -> Plane | None:
    """Return the plane (coordinates in epsg, metres) by which a product with a local zero exceeds GNSS stations.

    None with too few stations, or if the product is already tied to stations.
    """
    if product.reference != Reference.LOCAL:
        return None
    fixed = fixed_differences(product=product)
    if not fixed:
        return None
    project = transformer(4326, epsg).transform
    places, differences = zip(*fixed, strict=True)
    x, y = project(*np.array(places).T)
    west, south, east, north = join_halves(product.footprint).bounds
    corners = list(zip(*project([west, east, east, west], [south, south, north, north]), strict=True))
    return reference_plane(x, y, differences, corners)


def _station_series(product: Product, station: Station, around: PointsAround) -> tuple[list[date], Float64, Float64]:
    """Return dates of a station within a product's period, and displacements with sigmas in its direction, mm."""
    series, (east, north, up) = station.series, around.direction
    if station.technique == StationTechnique.LEVELLING:
        east = north = 0.0  # Assume that the ground moves straight up or down.
    inside = [product.dates[0] <= day <= product.dates[-1] for day in series.dates]
    columns = series.columns_mm[:, inside].astype(np.float64)
    values = project_on_view((east, north, up), *columns[:3])
    sigmas = np.sqrt(project_on_view((east**2, north**2, up**2), *columns[3:] ** 2))
    return [day for day, keep in zip(series.dates, inside, strict=True) if keep], values, sigmas


def _years(days: Sequence[date]) -> float:
    return (days[-1] - days[0]).days / DAYS_A_YEAR if days else 0.0


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
