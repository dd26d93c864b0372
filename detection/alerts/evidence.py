"""Evidence for an existing alert, so that no search waits for it: its mean time series, and other methods' results."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone
from shapely import box, from_wkb

from detection.alerts.importance import importance_refresh
from detection.kinds import Extent, Family, family
from detection.models import Alert, AlertMethods, AlertMotion, Detection
from detection.search.areas import points_in
from detection.selectors import detections_current
from ground_motion.core.areas import polygons_of, zone_of
from ground_motion.core.geometry import project_geometry
from ground_motion.methods.deformation import DeformationMethod
from ground_motion.methods.deformation.classical import COMPARED, ground_around, results_at
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.motion.series import WITHIN_90
from ingest.foundation.locks import Lock, hold_lock
from ingest.models import Product
from ml.runs.selectors import products_of
from ml.runs.trends import area_motion, motion_as_json

MOTION_COLUMNS = ("n_dates", "accelerating_since", "at_rest_since", "moving_since", "season_mm", "season_month")
VERSION = "1"  # If the method's version is raised, rows are computed anew when their alerts are refreshed.


def alert_motion_refresh(*, alert: Alert, detections: Sequence[Detection]) -> AlertMotion | None:
    """Recompute an alert's AlertMotion from series of its current detections' products; return it, or None.

    Without a series in the area the row is deleted. It stays if data are unchanged or points have since been deleted.
    """
    products = _series_products(alert, detections)
    kept = [product for product in products if not product.points_deleted_at]
    if products and not kept:
        return AlertMotion.objects.filter(alert=alert).first()
    for product in kept:
        basis = _hash_of(alert, [VERSION, str(product.pk), alert.extent])
        row = AlertMotion.objects.filter(alert=alert, basis=basis).first()
        if row:
            return row
        motion = area_motion(product=product, area=alert.area, local=alert.extent == Extent.LOCAL)
        if motion:
            before, changed = motion.before, motion.changed
            values = {
                **{name: getattr(motion, name) for name in MOTION_COLUMNS},
                "product": product,
                "direction": product.direction,
                "basis": basis,
                "trend": motion.trend.value,
                "rate_mm_yr": motion.now.mm_yr,
                "rate_sigma_mm_yr": motion.now.sigma_mm_yr,
                "before_mm_yr": before.mm_yr if before else None,
                "before_sigma_mm_yr": before.sigma_mm_yr if before else None,
                "changed_on": changed.day if changed else None,
                "changed_sigma_days": (changed.last - changed.first).days / 2 / WITHIN_90 if changed else None,
                "fit": motion_as_json(product, motion),
            }
            return AlertMotion.every.update_or_create(alert=alert, defaults=values)[0]
    AlertMotion.every.filter(alert=alert).delete()
    return None


def _series_products(alert: Alert, detections: Sequence[Detection]) -> list[Product]:
    """Return products with series in the component of the alert's rate.

    First come those that move in the alert's direction, then the main products of runs, then the longest series.
    """
    if family(alert.kind) is not Family.VELOCITY:
        return []
    runs = [detection.scan.prediction.run for detection in detections]
    own = {run.product_id for run in runs}
    reasons = [
        reason for detection in detections for reason in detection.reasons if reason.get("rate_mm_yr") is not None
    ]
    agreeing = {reason["product"] for reason in reasons if reason["rate_mm_yr"] * alert.rate_mm_yr > 0}
    seen = {product.pk: product for run in runs for product in products_of(run=run)}
    usable = [product for product in seen.values() if product.has_series and product.component == alert.component]
    return sorted(
        usable,
        key=lambda product: (product.name not in agreeing, product.pk not in own, -len(product.dates), product.pk),
    )


def _hash_of(alert: Alert, made_from: Iterable[str]) -> str:
    """Return a hash of an alert's outline and of what its evidence is made from."""
    return hashlib.sha256(" ".join(made_from).encode() + bytes(alert.area.wkb)).hexdigest()


def evidence_complete(*, alert: Alert) -> AlertMethods:
    """Run the other methods on an alert's ground and store their results; add its AlertMotion if it has none.

    On unchanged data only the time of comparison is updated. Results from points deleted since then are kept.
    """
    begun, current = timezone.now(), list(detections_current(alert=alert))
    if not AlertMotion.objects.filter(alert=alert).exists():
        with hold_lock(Lock.ALERTS):
            alert_motion_refresh(alert=alert, detections=current)
            importance_refresh(alert=alert)
    runs = [detection.scan.prediction.run for detection in current]
    seen = {product.pk: product for run in runs for product in products_of(run=run)}
    products = [seen[number] for number in sorted(seen)] if alert.extent == Extent.LOCAL else []
    methods = [name for name in COMPARED if name not in {run.model_version.method for run in runs}]
    versions = [f"{name} {DeformationMethod.find(name).version}" for name in methods]
    basis = _hash_of(alert, [*versions, *(str(product.pk) for product in products)])
    kept = AlertMethods.objects.filter(alert=alert).first()
    values: dict[str, Any] = {"compared_at": begun}
    if kept is None or (kept.basis != basis and not any(product.points_deleted_at for product in products)):
        looks = _method_results(alert, [product for product in products if not product.points_deleted_at], methods)
        values |= {"basis": basis, "looks": looks}
    return AlertMethods.objects.update_or_create(alert=alert, defaults=values)[0]


def _method_results(alert: Alert, products: Sequence[Product], methods: Sequence[str]) -> list[dict[str, Any]]:
    """Run the named methods on the points and rates of an alert's search; return one dict of results per method."""
    geographic = from_wkb(bytes(alert.area.wkb))
    epsg = zone_of(geographic)
    place = polygons_of(project_geometry(geographic, 4326, epsg))
    ground, tracks = box(*ground_around(place)), []
    for product in products:
        points = points_in(product, ground, epsg)
        if points.x.size:
            cloud = PointCloud(points.x, points.y, points.velocity_mm_yr, epsg, product.posting_m, points.height_m)
            tracks.append(cloud)
    results = results_at(place, tracks, methods) if tracks else []
    return [result._replace(score=round(result.score, 4), share=round(result.share, 4))._asdict() for result in results]
