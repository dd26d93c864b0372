"""Comparison of products with the stations on their ground. This module does not import torch: pages use it."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from ground_motion.core.areas import join_halves
from ground_motion.core.projections import transformer
from ground_motion.readers.records import Float64, Reference
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
from ingest.models import Product, Station
from ingest.stations.selectors import PointsAround, points_around, stations_in

MIN_YEARS = 2.0  # A yearly wave and a rate cannot be separated in a shorter common period.
MAX_STATIONS = 100
MOVING_FRAMES = ("IGS", "IGB", "ITRF", "WGS")  # Stations move with their continent in these frames.


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
    """Displacements of a station and mean displacements of the points around it, in a product's direction, mm.

    Each curve has a mean of zero over the common period.
    """

    station_dates: Sequence[date]
    station_mm: Float64
    point_dates: Sequence[date]
    points_mm: Float64


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

    Stations in a global or unknown frame are left out, because still ground drifts with its continent there;
    benchmarks, because heights have a zero of their own.
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
        east = north = 0.0  # The ground is taken to move straight up or down.
    inside = [product.dates[0] <= day <= product.dates[-1] for day in series.dates]
    columns = series.columns_mm[:, inside].astype(np.float64)
    values = project_on_view((east, north, up), *columns[:3])
    sigmas = np.sqrt(project_on_view((east**2, north**2, up**2), *columns[3:] ** 2))
    return [day for day, keep in zip(series.dates, inside, strict=True) if keep], values, sigmas


def _years(days: Sequence[date]) -> float:
    return (days[-1] - days[0]).days / DAYS_A_YEAR if days else 0.0
