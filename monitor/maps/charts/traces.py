"""Lines of a chart, relative to a reference: series of points and areas with their fits in a period, and profiles.

A profile is the velocity of the ground along a line, and its displacement along that line on a few days.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry, Point
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from shapely import LineString, MultiPoint
from shapely.geometry.base import BaseGeometry

from ground_motion.core.projections import local_system, transformer
from ground_motion.methods.deformation.motion.series import DatedChange
from ground_motion.readers.records import Float64
from ground_motion.statistics.decomposition import interpolate_dates
from ground_motion.statistics.profile import Along, Bins, bin_values, positions_along_line
from ground_motion.statistics.series import fit_series
from ingest.foundation.geos import geos
from ingest.models import MeasurementPoint, Product
from ingest.products.selectors import point_series
from monitor.maps.charts import selectors
from monitor.maps.charts.selectors import Period, PointName, PointsIn, ProfileQuery, SeriesQuery
from monitor.maps.charts.words import profile_sentence
from monitor.maps.map.series import motion_of_series, number, numbers, point_find
from monitor.wording.components import both_directions
from monitor.wording.datum import zero_sentence
from monitor.wording.figures import whole
from monitor.wording.images import data_set_name
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region, around_line

MAX_OF_AREA = 2000  # The series of at most this many points are averaged.
MAX_OF_REFERENCE = 400
MAX_AREA_TRACES = 4
MAX_SHOWN = 2000
MIN_BINS, MAX_BINS = 4, 40
POINTS_OF_BIN = 5
MIN_BIN_M = 25.0
MAX_SHARED = 0.1  # Neighbouring tiles overlap by less than this share of their ground in an area.
HULL_DEGREES = 1e-5
EPOCHS = 6
AVERAGED = 5  # Average this many dates around each epoch, because one date alone is mostly scatter.


class Trace(NamedTuple):
    """Line of a chart: the series of one point, or the mean series of an area."""

    key: str  # 'PRODUCT/POINT', or 'PRODUCT' for an area
    product: Product
    place: GEOSGeometry
    n_points: int
    dates: Sequence[date]
    values_mm: Float64  # (dates,), NaN where missing
    low_mm: Float64 | None  # low to high: the middle two thirds of an area's points; None for a point
    high_mm: Float64 | None
    stated_mm_yr: float  # the data set's rate minus the reference's; for an area, the mean of its points
    stated_sigma_mm_yr: float | None  # for an area, the scatter of its points
    n_reference: int

    @property
    def is_area(self) -> bool:
        """Return whether the line is the mean of an area."""
        return self.low_mm is not None


class PeriodFit(NamedTuple):
    """Rate and curve fitted to one line of a chart, over its dates in a period."""

    first: date
    last: date
    rate_mm_yr: float  # Fitted to the dates in the period, or stated by the data set if these are too few.
    sigma_mm_yr: float | None
    fitted: bool
    fit_mm: Float64  # (dates,), NaN outside the period
    band_mm: float | None  # standard deviation of the series around the fit
    changes: tuple[DatedChange, ...]


class Reference(NamedTuple):
    """Reference of one product: mean series, (dates,), mm, and mean rate, mm/yr, of its points in a reference area."""

    n_points: int
    series_mm: Float64
    rate_mm_yr: float


def traces_of(query: SeriesQuery) -> tuple[list[Trace], list[PointName]]:
    """Return the lines of a chart in the order of its request, and the points that no longer exist. Raises Refusal."""
    traces, missing = [], []

    @cache
    def reference(product: Product) -> Reference:
        return reference_of(product, query.reference)

    for name in query.points:
        try:
            point = point_find(product_id=name.product_id, pid=name.pid)
        except MeasurementPoint.DoesNotExist:
            missing.append(name)
        else:
            traces.append(_of_point(point, reference(point.product)))
    if query.area is not None:
        area = geos(query.area.outline)
        products = selectors.products_over(area=area, layer=query.layer)
        found = [selectors.points_in(product=product, area=area, most=MAX_OF_AREA) for product in products]
        views = sorted(by_direction(found), key=lambda parts: -sum(part.n_points for part in parts))[:MAX_AREA_TRACES]
        traces += [of_area(parts, area, [reference(part.product) for part in parts]) for parts in views]
    return traces, missing


def by_direction(found: Sequence[PointsIn]) -> list[list[PointsIn]]:
    """Group products by component, direction, track and source; omit those without points.

    A group holds one product, and neighbouring tiles of the same dates: two products on the same ground have zeros of
    their own and count the same points, so that their mean would describe neither.
    """
    views: dict[Hashable, list[PointsIn]] = defaultdict(list)
    for one in found:
        product = one.product
        if one.n_points:
            views[product.component, product.direction, product.track, product.source_format].append(one)
    return [_of_one_product(parts) for parts in views.values()]


def _of_one_product(parts: list[PointsIn]) -> list[PointsIn]:
    """Return the newest of the products that hold at least half as many points as any other, and its neighbours."""
    most = max(part.n_points for part in parts)
    kept = [max(parts, key=lambda part: (2 * part.n_points >= most, part.product.dates[-1], part.n_points))]
    grounds = [_ground(kept[0])]
    for part in sorted(parts, key=lambda part: -part.n_points):
        ground = _ground(part)
        shared = (ground.intersection(other).area / min(ground.area, other.area) for other in grounds)
        if part.product.dates == kept[0].product.dates and max(shared) < MAX_SHARED:
            kept, grounds = [*kept, part], [*grounds, ground]
    return kept


def _ground(part: PointsIn) -> BaseGeometry:
    """Return the hull of points, degrees, which has an area even around one point."""
    return MultiPoint(np.column_stack([part.longitude, part.latitude])).convex_hull.buffer(HULL_DEGREES)


def fit_in(trace: Trace, period: Period) -> PeriodFit:
    """Return a line's fit and changes of motion in a period; the data set's own rate if too few dates lie in it."""
    first, last = trace.product.dates[0], trace.product.dates[-1]
    nothing = np.full(len(trace.dates), np.nan)
    stated = PeriodFit(first, last, trace.stated_mm_yr, trace.stated_sigma_mm_yr, False, nothing, None, ())
    inside = np.flatnonzero(period.holds(trace.dates) & np.isfinite(trace.values_mm))
    dates, values = [trace.dates[i] for i in inside.tolist()], trace.values_mm[inside]
    if inside.size < 3 or (fit := fit_series(dates, values)) is None:
        return stated
    motion = motion_of_series(trace.product, dates, values, as_measured=not trace.is_area and not trace.n_reference)
    curve = nothing.copy()
    curve[inside[0] : inside[-1] + 1] = np.interp(
        _days(trace.dates[inside[0] : inside[-1] + 1]), _days(dates), motion.fit_mm if motion else fit.fit_mm
    )
    band = motion.noise_mm if motion else fit.sigma_mm
    changes = motion.changes if motion else ()
    return PeriodFit(dates[0], dates[-1], fit.rate_mm_yr, fit.rate_sigma_mm_yr, True, curve, band, changes)


def _of_point(point: MeasurementPoint, reference: Reference) -> Trace:
    product = point.product
    series = point_series(point=point).astype(np.float64)
    return Trace(
        key=f"{product.pk}/{point.pid}",
        product=product,
        place=point.position,
        n_points=1,
        dates=product.dates if product.has_series else [],
        values_mm=series - reference.series_mm if series.size else series,
        low_mm=None,
        high_mm=None,
        stated_mm_yr=point.velocity_mm_yr - reference.rate_mm_yr,
        stated_sigma_mm_yr=None if reference.n_points else point.velocity_std_mm_yr,
        n_reference=reference.n_points,
    )


def of_area(parts: list[PointsIn], area: GEOSGeometry, references: Sequence[Reference]) -> Trace:
    """Return the line of an area, the mean of the points of neighbouring products relative to their references."""
    pairs = list(zip(parts, references, strict=True))
    series = np.concatenate(
        [part.series_mm - ref.series_mm if part.series_mm.size else part.series_mm for part, ref in pairs]
    )
    rates = np.concatenate([part.velocity_mm_yr - ref.rate_mm_yr for part, ref in pairs])
    low, high = over_points(series, 16, 84)
    product = max(parts, key=lambda part: part.n_points).product
    return Trace(
        key=str(product.pk),
        product=product,
        place=area,
        n_points=sum(part.n_points for part in parts),
        dates=product.dates if product.has_series else [],
        values_mm=mean_known(series),
        low_mm=low,
        high_mm=high,
        stated_mm_yr=float(rates.mean()),
        stated_sigma_mm_yr=float(rates.std()),
        n_reference=sum(ref.n_points for ref in references),
    )


def mean_known(series_mm: NDArray[np.floating], axis: int = 0) -> Float64:
    """Return the means of the known values along an axis; NaN where none is known."""
    return np.asarray(np.ma.masked_invalid(series_mm).mean(axis=axis, dtype=np.float64).filled(np.nan))


def over_points(series_mm: NDArray[np.floating], *shares: float) -> Float64:
    """Return percentiles of points on each date, (shares, dates); NaN without a value."""
    figures = np.full((len(shares), series_mm.shape[1]), np.nan)
    known = np.isfinite(series_mm).any(axis=0)
    if known.any():
        seen = series_mm[:, known].astype(np.float64)
        percentile = np.nanpercentile if np.isnan(seen).any() else np.percentile  # `percentile` is 20 times as fast.
        figures[:, known] = percentile(seen, shares, axis=0)
    return figures


def reference_of(product: Product, place: Region | None) -> Reference:
    """Return the mean series and rate of a product in a reference area; zero if no area is chosen. Raises Refusal."""
    if place is None:
        return Reference(0, np.zeros(1), 0.0)
    points = selectors.points_in(product=product, area=geos(place.outline), most=MAX_OF_REFERENCE)
    if not points.n_points:
        raise Refusal(
            _("%(data_set)s has no measurement point in the reference area")
            % {"data_set": data_set_name(product.name)},
            _("Choose a larger one, or another place."),
        )
    return Reference(points.n_points, mean_known(points.series_mm), float(points.velocity_mm_yr.mean()))


def reference_body(reference: Region | None) -> dict[str, object] | None:
    """Return the name and outline of a reference area for JSON; None if there is no area."""
    return None if reference is None else {"label": reference.label, "outline": reference.outline.__geo_interface__}


def _days(days: Sequence[date]) -> Float64:
    return np.array([day.toordinal() for day in days], dtype=np.float64)


def profile_body(query: ProfileQuery) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a profile for JSON, and a row per point for a file. Raises Refusal if no point is near the line."""
    line = query.line
    area = geos(around_line(line.corners, line.width_m).outline)
    products = selectors.products_over(area=area, layer=query.layer)
    found = [selectors.points_in(product=product, area=area, most=MAX_SHOWN) for product in products]
    parts = max(by_direction(found), key=lambda parts: sum(part.n_points for part in parts), default=[])
    if not parts:
        raise Refusal(
            _("no measurement point of this layer stands within %(distance)s m of the line")
            % {"distance": whole(line.width_m / 2)},
            _("Draw it elsewhere, or give a larger width."),
        )
    references = [reference_of(part.product, query.reference) for part in parts]
    places = [places_along(line.corners, part) for part in parts]
    distance = np.concatenate([place.distance_m for place in places])
    pairs = list(zip(parts, references, strict=True))
    velocity = np.concatenate([part.velocity_mm_yr - reference.rate_mm_yr for part, reference in pairs])
    n_bins = int(np.clip(min(line.length_m / MIN_BIN_M, distance.size / POINTS_OF_BIN), MIN_BINS, MAX_BINS))
    usual = bin_values(distance, velocity, line.length_m, n_bins)
    product = parts[0].product
    n_points = sum(part.n_points for part in parts)
    negative, positive = both_directions(product.component)
    order = np.argsort(distance)
    body = {
        "sentence": profile_sentence(product.component, line.length_m, line.width_m, n_points, highest_of(usual)),
        "length_m": round(line.length_m),
        "width_m": line.width_m,
        "n_points": n_points,
        "n_shown": distance.size,
        "layer": str(query.layer.label),
        "direction": product.direction,
        "products": [data_set_name(part.product.name) for part in parts],
        "attribution": product.attribution,
        "simulated": product.simulated,
        "negative_word": negative,
        "positive_word": positive,
        "reference": reference_body(query.reference),
        "zero": "" if query.reference else zero_sentence(product.datum),
        "distance_m": numbers(distance[order], 0),
        "velocity_mm_yr": numbers(velocity[order]),
        "bins": {
            "distance_m": numbers(usual.distance_m, 0),
            "median_mm_yr": numbers(usual.median),
            "low_mm_yr": numbers(usual.low),
            "high_mm_yr": numbers(usual.high),
            "n_points": usual.n_points.tolist(),
        },
        "epochs": _epochs(pairs, distance, line.length_m, n_bins),
    }
    return body, _rows(parts, places, velocity, body["zero"])


def highest_of(usual: Bins) -> tuple[float, float]:
    """Return where the median rate along a line is fastest, m from its start, and that rate, mm/yr; 0 if unknown."""
    if not np.isfinite(usual.median).any():
        return 0.0, 0.0
    peak = int(np.nanargmax(np.abs(usual.median)))
    return float(usual.distance_m[peak]), float(usual.median[peak])


def places_along(line: list[tuple[float, float]], points: PointsIn) -> Along:
    """Return each point's distance along the line and offset from it, m, in a projection centred on the line."""
    middle = LineString(line).interpolate(0.5, normalized=True)
    onto = transformer(4326, local_system(middle.x, middle.y))
    corners = np.column_stack(onto.transform(*np.array(line, dtype=np.float64).T))
    x, y = onto.transform(points.longitude, points.latitude)
    return positions_along_line(np.asarray(x), np.asarray(y), corners)


def _epochs(
    pairs: list[tuple[PointsIn, Reference]], distance_m: Float64, length_m: float, n_bins: int
) -> list[dict[str, Any]]:
    """Return date and displacement_mm of a few days: medians in bins along the line since the first common date, mm."""
    dated = [part.product.dates for part, _reference in pairs]
    first, last = max(dates[0] for dates in dated), min(dates[-1] for dates in dated)
    if (last - first).days < EPOCHS or not all(part.product.has_series for part, _reference in pairs):
        return []
    days = [first + timedelta(days=round((last - first).days * i / EPOCHS)) for i in range(EPOCHS + 1)]
    series = np.concatenate([_on_days(part, reference, days) for part, reference in pairs])
    since = (series - series[:, :1]).T
    medians = [numbers(bin_values(distance_m, moved, length_m, n_bins).median) for moved in since]
    return [{"date": day.isoformat(), "displacement_mm": row} for day, row in list(zip(days, medians, strict=True))[1:]]


def _on_days(points: PointsIn, reference: Reference, days: list[date]) -> Float64:
    """Return displacement on each day, (n, days), mm: mean of the nearest dates; interpolated if dates are few."""
    series = points.series_mm.astype(np.float64) - reference.series_mm
    dates = points.product.dates
    if len(dates) < 3 * EPOCHS:
        return interpolate_dates(series.astype(np.float32), dates, days).astype(np.float64)
    ordinals = np.array([day.toordinal() for day in dates])
    near = [np.argsort(np.abs(ordinals - day.toordinal()))[:AVERAGED] for day in days]
    return np.stack([mean_known(series[:, one], axis=1) for one in near], axis=1)


def _rows(parts: list[PointsIn], places: list[Along], velocity: Float64, zero: object) -> list[dict[str, Any]]:
    rates = iter(velocity)
    rows = [
        {
            "data_set": data_set_name(part.product.name),
            "component": part.product.component,
            "direction": part.product.direction,
            "point": pid,
            "distance_m": number(place.distance_m[i], 1),
            "offset_m": number(place.offset_m[i], 1),
            "velocity_mm_yr": number(next(rates)),
            "zero": zero,
            "attribution": part.product.attribution,
            "simulated": part.product.simulated,
            "geometry": Point(part.longitude[i], part.latitude[i], srid=4326),
        }
        for part, place in zip(parts, places, strict=True)
        for i, pid in enumerate(part.pids)
    ]
    return sorted(rows, key=lambda row: row["distance_m"])
