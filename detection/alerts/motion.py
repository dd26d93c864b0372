"""Since when an alert's ground moves and whether faster than before: from the mean series of its points."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from shapely import from_wkb, transform

from detection.kinds import Extent, Family, family
from detection.models import Alert, AlertMotion, Detection
from detection.search.areas import to_django
from ingest.geometry import utm_epsg
from ingest.models import Product
from ingest.products import selectors as ingest_selectors
from ingest.projections import transformer
from ml.deformation.motion.area import series_of_area
from ml.deformation.motion.series import WITHIN_90, SeriesMotion, series_motion
from ml.deformation.series.product import half_wave_mm, has_cycles
from ml.rasters.areas import to_geographic
from ml.selectors import products_of
from ml.statistics.reasons import reach_of

VERSION = "1"  # of the method: raise it and rows are made anew when their alerts are refreshed
MOST_SERIES = 600  # points inside, and around
DIGITS = 2


def alert_motion_refresh(*, alert: Alert, detections: Sequence[Detection]) -> AlertMotion | None:
    """Bring the motion of an alert up to its current detections; no row where no product has a series of its area.

    Done again on the same data it changes nothing. What was found stays where the points have been deleted since.
    """
    products = _products(alert, detections)
    kept = [product for product in products if not product.points_deleted_at]
    if products and not kept:
        return AlertMotion.objects.filter(alert=alert).first()
    for product in kept:
        basis = _basis(alert, product)
        row = AlertMotion.objects.filter(alert=alert, basis=basis).first()
        motion = None if row else _motion_in(alert, product)
        if motion:
            values = _columns(product, motion) | {"basis": basis}
            row, _ = AlertMotion.objects.update_or_create(alert=alert, defaults=values)
        if row:
            return row
    AlertMotion.objects.filter(alert=alert).delete()
    return None


def _products(alert: Alert, detections: Sequence[Detection]) -> list[Product]:
    """Those with series that measure what the alert's rate does: the detections' own first, the longest of them."""
    if family(alert.kind) is not Family.VELOCITY:
        return []
    runs = [detection.scan.prediction.run for detection in detections]
    own = {run.product_id for run in runs}
    seen = {product.pk: product for run in runs for product in products_of(run=run)}
    usable = [one for one in seen.values() if one.has_series and one.component == alert.component]
    return sorted(usable, key=lambda one: (one.pk not in own, -len(one.dates), one.pk))


def _basis(alert: Alert, product: Product) -> str:
    return hashlib.sha256(f"{VERSION} {product.pk} {alert.extent}".encode() + bytes(alert.area.wkb)).hexdigest()


def _motion_in(alert: Alert, product: Product) -> SeriesMotion | None:
    _, inside = ingest_selectors.series_within(product=product, area=alert.area, most=MOST_SERIES)
    around = None
    if alert.extent == Extent.LOCAL:
        ring = _ring(alert.area)
        _, around = ingest_selectors.series_within(product=product, area=ring, most=MOST_SERIES)
    days = np.array([(day - product.dates[0]).days for day in product.dates])
    cycle_mm = half_wave_mm(product.header) if _has_cycles(product) else None
    return series_motion(product.dates, series_of_area(inside, around, days, cycle_mm), cycle_mm)


def _has_cycles(product: Product) -> bool:
    return has_cycles(product.has_series, product.component, product.technique)


def _ring(area: MultiPolygon) -> GEOSGeometry:
    """The ground around an area, as its reasons have it (`ml.statistics.reasons`)."""
    geographic = from_wkb(bytes(area.wkb))
    epsg = utm_epsg(geographic.centroid.x, geographic.centroid.y)
    metric = transform(geographic, transformer(4326, epsg).transform, interleaved=False)
    near_m, far_m = reach_of(metric)
    ring = metric.buffer(far_m).simplify(near_m / 4) - metric.buffer(near_m).simplify(near_m / 4)
    return to_django(to_geographic(ring, epsg))


def _columns(product: Product, motion: SeriesMotion) -> dict[str, Any]:
    before, changed = motion.before, motion.changed
    return {
        "product": product,
        "direction": product.direction,
        "n_dates": motion.n_dates,
        "trend": motion.trend.value,
        "rate_mm_yr": motion.now.mm_yr,
        "rate_sigma_mm_yr": motion.now.sigma_mm_yr,
        "before_mm_yr": before.mm_yr if before else None,
        "before_sigma_mm_yr": before.sigma_mm_yr if before else None,
        "changed_on": changed.day if changed else None,
        "changed_sigma_days": (changed.last - changed.first).days / 2 / WITHIN_90 if changed else None,
        "accelerating_since": motion.accelerating_since,
        "at_rest_since": motion.at_rest_since,
        "moving_since": motion.moving_since,
        "season_mm": motion.season_mm,
        "season_month": motion.season_month,
        "fit": _as_json(product, motion),
    }


def _as_json(product: Product, motion: SeriesMotion) -> dict[str, Any]:
    """What a chart draws: the series against the ground around it, its curve, and every change."""
    return {
        "dates": [day.isoformat() for day in product.dates],
        "displacement_mm": [None if np.isnan(one) else round(float(one), DIGITS) for one in motion.values_mm],
        "fit_mm": [round(float(one), DIGITS) for one in motion.fit_mm],
        "changes": [one.as_dict() for one in motion.changes],
        "noise_mm": round(motion.noise_mm, DIGITS),
        "noise_share": motion.noise.share,
        "noise_days": motion.noise.days,
    }
