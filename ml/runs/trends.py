"""Search of velocity products for places whose trend changed in their newest period; the motion of an area's points."""

from datetime import date, timedelta
from itertools import islice
from typing import Any

import numpy as np
import shapely
from django.contrib.gis.geos import GEOSGeometry
from shapely.geometry import mapping

from ground_motion.core.areas import polygons_of, zone_of
from ground_motion.core.geometry import project_geometry, to_degrees
from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.motion.area import series_of_area
from ground_motion.methods.deformation.motion.series import WITHIN_90, SeriesMotion, Trend, series_motion
from ground_motion.methods.deformation.series.product import half_wave_mm, has_cycles
from ground_motion.methods.deformation.series.trend_changes import (
    NEWEST_DAYS,
    ChangedPlace,
    changed_places,
    enough_dates,
    join_changes,
    point_changes,
)
from ground_motion.rasters.areas import to_geographic
from ground_motion.statistics.reasons import reach_of
from ingest.foundation.geos import geos
from ingest.models import Product
from ingest.products.selectors import product_points, product_series, series_within
from ml.models import TrendSearch

MAX_SERIES = 600  # Most points inside an area, and most around it.
MAX_PLACES = 200  # The surest places of a product are kept.
DIGITS = 2
SIMPLIFIED_DEGREES = 1e-5


def trend_search_make(*, product: Product) -> TrendSearch:
    """Search a product for changes of trend; store the places with their curves. Series are read in blocks."""
    days = np.array([(day - product.dates[0]).days for day in product.dates])
    first = product.dates[-1] - timedelta(days=NEWEST_DAYS)
    row = TrendSearch(product=product, first_day=first, last_day=product.dates[-1], n_clusters=0, places=[])
    if enough_dates(days):
        epsg = product.metric_epsg
        changes = join_changes([point_changes(block, days) for block in product_series(product=product)])
        points = product_points(product=product)
        found = changed_places(*transformer(4326, epsg).transform(points.longitude, points.latitude), changes)
        sure = (_place(product, place, epsg, first) for place in found.places)
        row.places = list(islice((place for place in sure if place), MAX_PLACES))
        row.n_clusters = found.n_clusters
        if found.sampled:
            row.sampled = geos(to_degrees(shapely.MultiPoint(found.sampled), epsg))  # type: ignore[assignment]  # Points.
    row.save(force_insert=True)
    return row


def area_motion(*, product: Product, area: GEOSGeometry, local: bool) -> SeriesMotion | None:
    """Return the motion of a product's points in an area (EPSG:4326), if `local` relative to the ground around it."""
    _, inside = series_within(product=product, area=area, most=MAX_SERIES)
    around = series_within(product=product, area=_ring(area), most=MAX_SERIES)[1] if local else None
    days = np.array([(day - product.dates[0]).days for day in product.dates])
    cycles = has_cycles(product.has_series, product.component, product.technique)
    cycle_mm = half_wave_mm(product.header) if cycles else None
    return series_motion(product.dates, series_of_area(inside, around, days, cycle_mm), cycle_mm)


def motion_as_json(product: Product, motion: SeriesMotion) -> dict[str, Any]:
    """Return chart data: the series relative to the ground around it, the fitted curve, and every change."""
    return {
        "dates": [day.isoformat() for day in product.dates],
        "displacement_mm": [None if np.isnan(value) else round(float(value), DIGITS) for value in motion.values_mm],
        "fit_mm": [round(float(value), DIGITS) for value in motion.fit_mm],
        "changes": [change.as_dict() for change in motion.changes],
        "noise_mm": round(motion.noise_mm, DIGITS),
        "noise_share": motion.noise.share,
        "noise_days": motion.noise.days,
    }


def _ring(area: GEOSGeometry) -> GEOSGeometry:
    """Return the ring around an area, degrees, whose points `statistics.reasons` compares with those inside."""
    geographic = shapely.from_wkb(bytes(area.wkb))
    epsg = zone_of(area)
    metric = polygons_of(project_geometry(geographic, 4326, epsg))
    near_m, far_m = reach_of(metric)
    ring = metric.buffer(far_m).simplify(near_m / 4) - metric.buffer(near_m).simplify(near_m / 4)
    return geos(to_geographic(polygons_of(ring), epsg))


def _place(product: Product, place: ChangedPlace, epsg: int, first: date) -> dict[str, Any] | None:
    """Describe a place for JSON; None if the curve of its points shows no such change in the newest period."""
    outline = to_geographic(place.outline, epsg)
    motion = area_motion(product=product, area=geos(outline), local=True)
    changes = [change for change in motion.changes if change.kind == "rate"] if motion else []
    if not motion or not changes or changes[-1].last < first or motion.before is None or motion.trend == Trend.STEADY:
        return None
    change = changes[-1]
    if (motion.now.mm_yr - motion.before.mm_yr) * place.change_mm_yr <= 0:
        return None
    return {
        "outline": mapping(outline.simplify(SIMPLIFIED_DEGREES)),
        "n_points": place.n_points,
        "n_changed": place.n_changed,
        "sigmas": round(place.sigmas, 1),
        "trend": motion.trend.value,
        "rate_mm_yr": round(motion.now.mm_yr, DIGITS),
        "rate_sigma_mm_yr": round(motion.now.sigma_mm_yr, DIGITS),
        "before_mm_yr": round(motion.before.mm_yr, DIGITS),
        "before_sigma_mm_yr": round(motion.before.sigma_mm_yr, DIGITS),
        "changed_on": change.day.isoformat(),
        "changed_sigma_days": round((change.last - change.first).days / 2 / WITHIN_90, 1),
        "fit": motion_as_json(product, motion),
    }
