"""Motion along a line in the database: the points of a product near it become profile, breaks and a strip of dates."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np
import shapely
from django.db.models import QuerySet
from numpy.typing import NDArray
from shapely import LineString, get_coordinates
from shapely.ops import substring

from ground_motion.core.geometry import project_geometry, to_degrees
from ground_motion.core.projections import EARTH, transformer
from ground_motion.methods.structures.lines import (
    PROFILE_M,
    PROFILE_REACH,
    REACH_M,
    Along,
    Break,
    Float64,
    Profile,
    breaks_of,
    points_along,
    profile_of,
    weigh_by_motion,
)
from ground_motion.readers.records import Component, Float32
from ingest.foundation.geos import geos
from ingest.models import Product
from ingest.products.selectors import VALUES, points_batches
from ml.runs.selectors import fields_answering
from ml.runs.structures.buildings import UNSTATED_MM_YR, vertical_share

PIECE_M = 10_000.0  # The points of a line are read at once on this length.
AT_ONCE = 5000  # Number of points whose series are in memory at once.
STATION_M, MAX_STATIONS = 25.0, 2000  # Stations of a profile are this far apart.
MAX_CELLS, MAX_DATES = 400, 60  # largest number of cells and dates of a strip
FIRST_SHARE = 0.05  # The mean over this share of the dates is the zero of a series.
BESIDE_M, MIN_BESIDE = PROFILE_REACH * PROFILE_M, 0.7  # Stations need this many expected points this near on each side.


class LineMotion(NamedTuple):
    """Motion along a line, taken for vertical, up positive. profile, breaks: mm a year; n_points: near the line.

    strip: displacement since the first dates, mm, (cells, dates), NaN where unknown; cells lie evenly on the line;
    dates: those of the strip, none if the product has no series.
    """

    profile: Profile
    breaks: list[Break]
    strip: Float32
    dates: list[date]
    n_points: int


class _Points(NamedTuple):
    """Points near a line: metres (n, 2), values (n, len(VALUES)), and series at some dates (n, dates), mm."""

    place_m: Float64
    values: Float64
    series: Float32


def fields_along() -> QuerySet[Product]:
    """Return the current fields of scattered points that show whether a line sinks or rises."""
    vertical = (Component.LOS, Component.UP)
    return fields_answering().filter(posting_m=None, points_deleted_at=None, component__in=vertical)


def motion_along(
    *, product: Product, line: LineString, length_m: float, half_width_m: float, min_height: float
) -> LineMotion:
    """Return how a line (degrees) moves in a product of `fields_along`.

    length_m: of the line on the ground; half_width_m: of the structure; min_height: of a break, mm a year.
    """
    course: LineString = project_geometry(line, 4326, product.metric_epsg)  # type: ignore[assignment]
    shown = np.unique(np.linspace(0, product.n_dates - 1, min(MAX_DATES, product.n_dates)).round().astype(int))
    parts = list(_pieces(product, course, shown))
    points = _Points(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    x_m, y_m = points.place_m.T
    along = points_along(course, x_m, y_m, half_width_m)
    along = along._replace(station_m=_on_ground_m(along.station_m, line, course))
    los_up, sigma = (points.values[along.point, VALUES.index(name)] for name in ("los_up", "velocity_std_mm_yr"))
    # A wide swath looks at 29° to 46°: with one mean incidence, the difference would look like a slope of the line.
    share = np.full(along.point.size, vertical_share(product, los_up))
    if product.component == Component.LOS:
        share = np.where(los_up > 0, los_up, share)
    rate = points.values[along.point, VALUES.index("velocity_mm_yr")] / share
    sigma = np.where(sigma > 0, sigma, UNSTATED_MM_YR) / share
    step_m = max(STATION_M, length_m / MAX_STATIONS)
    moving = weigh_by_motion(along, rate, sigma)
    return LineMotion(
        _enclosed(moving, profile_of(moving, rate, sigma, np.arange(step_m / 2, length_m, step_m))),
        breaks_of(along, rate, sigma, length_m, min_height),
        _strip(moving, points.series[along.point] / share[:, np.newaxis], length_m),
        [product.dates[place] for place in shown],
        along.point.size,
    )


def _on_ground_m(station_m: Float64, line: LineString, course: LineString) -> Float64:
    """Return stations on the ground of those on a plane, whose scale changes along the line. line: in degrees."""
    on_ground = EARTH.line_lengths(*get_coordinates(line).T)
    on_plane = np.hypot(*np.diff(get_coordinates(course), axis=0).T)
    plane_m, ground_m = (np.concatenate([[0.0], np.cumsum(part)]) for part in (on_plane, on_ground))
    return np.asarray(np.interp(station_m, plane_m, ground_m), dtype=np.float64)


def _pieces(product: Product, course: LineString, shown: NDArray[np.int_]) -> Iterator[_Points]:
    """Yield a product's points within REACH_M of a course that have a rate, each once, and first an empty part."""
    onto, known = transformer(4326, product.metric_epsg).transform, set[str]()
    yield _Points(np.empty((0, 2)), np.empty((0, len(VALUES))), np.empty((0, shown.size), np.float32))
    for start_m in np.arange(0, course.length, PIECE_M):
        piece = substring(course, start_m, start_m + PIECE_M)
        area = geos(to_degrees(shapely.buffer(piece, REACH_M, quad_segs=2), product.metric_epsg))
        for batch in points_batches(product=product, area=area, with_series=bool(shown.size), at_once=AT_ONCE):
            new = np.array([pid not in known for pid in batch.pids], dtype=bool)
            new &= np.isfinite(batch.values[:, VALUES.index("velocity_mm_yr")])
            place_m = np.column_stack(onto(*batch.position.T))
            yield _Points(place_m[new], batch.values[new].astype(np.float64), batch.series[new][:, shown])
            known.update(batch.pids)


def _enclosed(along: Along, profile: Profile) -> Profile:
    """Return a profile without stations that have points of the line on one side only: there it is extrapolated."""
    expected = np.concatenate([[0.0], np.cumsum(along.on_line)])
    before, here, after = (
        expected[np.searchsorted(along.station_m, profile.station_m + away)] for away in (-BESIDE_M, 0.0, BESIDE_M)
    )
    is_known = np.minimum(here - before, after - here) >= MIN_BESIDE
    return Profile(profile.station_m, *(np.where(is_known, values, np.nan) for values in profile[1:]))


def _strip(along: Along, series_mm: NDArray[np.floating], length_m: float) -> Float32:
    """Return the mean displacement of the line in cells along it, mm, (cells, dates), NaN where unknown.

    Each point counts from its mean at the first dates, so that gaps move no cell; points without these are left out.
    """
    n_first = max(1, round(FIRST_SHARE * series_mm.shape[1]))
    first = np.isfinite(series_mm[:, :n_first])
    n_known = first.sum(axis=1, keepdims=True)
    zero = np.where(first, series_mm[:, :n_first], 0).sum(axis=1, keepdims=True) / np.maximum(n_known, 1)
    series_mm = np.where(n_known > 0, series_mm - zero, np.nan)
    n_cells = min(MAX_CELLS, int(np.ceil(length_m / STATION_M)))
    cell = np.minimum((along.station_m / length_m * n_cells).astype(int), n_cells - 1)
    known = np.isfinite(series_mm)
    weight = known * along.on_line[:, np.newaxis]
    total, weights = np.zeros((n_cells, series_mm.shape[1])), np.zeros((n_cells, series_mm.shape[1]))
    np.add.at(total, cell, weight * np.where(known, series_mm, 0))
    np.add.at(weights, cell, weight)
    return np.where(weights > 0, total / np.maximum(weights, 1e-9), np.nan).astype(np.float32)
