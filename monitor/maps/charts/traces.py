"""Lines of a chart: displacement of points and areas relative to a reference, with their fits in a period."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from core.geos import geos
from ingest.models import MeasurementPoint, Product
from ingest.products.selectors import point_series
from ingest.readers.records import Float64
from ml.deformation.motion.series import DatedChange
from ml.statistics.series import fit_series
from monitor.maps.charts import selectors
from monitor.maps.charts.query import Period, PointName, SeriesQuery
from monitor.maps.charts.selectors import PointsIn
from monitor.maps.map.series import motion_of_series, point_find
from monitor.wording.images import data_set_name
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region

MAX_OF_AREA = 2000  # points whose series are averaged
MAX_OF_REFERENCE = 400
MAX_AREA_TRACES = 4


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
    rate_mm_yr: float  # fitted to the dates in the period; as stated by the data set if they are too few
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
    references: dict[int, Reference] = {}
    traces, missing = [], []

    def reference(product: Product) -> Reference:
        if product.pk not in references:
            references[product.pk] = reference_of(product, query.reference)
        return references[product.pk]

    for name in query.points:
        try:
            point = point_find(product_id=name.product_id, pid=name.pid)
        except MeasurementPoint.DoesNotExist:
            missing.append(name)
        else:
            traces.append(_of_point(point, reference(point.product)))
    if query.area is not None:
        area = geos(query.area.outline)
        found = [
            selectors.points_in(product=product, area=area, most=MAX_OF_AREA)
            for product in selectors.products_over(area=area, layer=query.layer)
        ]
        views = sorted(by_direction(found), key=lambda parts: -sum(part.n_points for part in parts))
        views = views[:MAX_AREA_TRACES]
        traces += [of_area(parts, area, [reference(part.product) for part in parts]) for parts in views]
    return traces, missing


def by_direction(found: Sequence[PointsIn]) -> list[list[PointsIn]]:
    """Group products such as neighbouring tiles by component, direction, track and dates; omit those without points."""
    views: dict[Hashable, list[PointsIn]] = defaultdict(list)
    for one in found:
        product = one.product
        view = product.component, product.direction, product.track, product.has_series and tuple(product.dates)
        if one.n_points:
            views[view].append(one)
    return list(views.values())


def fit_in(trace: Trace, period: Period) -> PeriodFit:
    """Return a line's fit and changes of motion in a period; the data set's own rate if too few dates lie in it."""
    first, last = trace.product.dates[0], trace.product.dates[-1]
    nothing = np.full(len(trace.dates), np.nan)
    stated = PeriodFit(first, last, trace.stated_mm_yr, trace.stated_sigma_mm_yr, False, nothing, None, ())
    inside = np.flatnonzero(period.holds(trace.dates) & np.isfinite(trace.values_mm))
    if inside.size < 3:
        return stated
    dates, values = [trace.dates[i] for i in inside.tolist()], trace.values_mm[inside]
    fit = fit_series(dates, values)
    if fit is None:
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
        percentile = np.nanpercentile if np.isnan(seen).any() else np.percentile  # the latter is 20 times as fast
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


def _days(days: Sequence[date]) -> Float64:
    return np.array([day.toordinal() for day in days], dtype=np.float64)
