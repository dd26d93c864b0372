"""What other methods say of an alert's ground; and the series of alerts that are older than the table of series.

Both are made after the alert, so that no search waits for them.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from shapely import box, from_wkb
from shapely import transform as transform_geometry

from detection.alerts.motion import alert_motion_refresh
from detection.alerts.recount import alert_recount
from detection.kinds import Extent
from detection.models import Alert, AlertMethods, AlertMotion, Detection
from detection.search.areas import points_in
from detection.selectors import detections_current
from ingest.geometry import utm_epsg
from ingest.locks import Lock, locked
from ingest.models import Product
from ingest.projections import transformer
from ml.deformation import VERSIONS
from ml.deformation.classical import COMPARED, ground_around, looks_at
from ml.deformation.points import PointCloud
from ml.selectors import products_of


def evidence_complete(*, alert: Alert) -> AlertMethods:
    """Bring what other methods say of an alert up to its current detections; and its motion, where it has none yet.

    Done again on the same data it changes nothing but the time. What was found stays where points have been deleted.
    """
    begun, current = timezone.now(), list(detections_current(alert=alert))
    if not AlertMotion.objects.filter(alert=alert).exists():
        _motion_begin(alert, current)
    products = _products(current) if alert.extent == Extent.LOCAL else []
    own = {one.scan.prediction.run.model_version.method for one in current}
    methods = [name for name in COMPARED if name not in own]
    basis, kept = _basis(alert, products, methods), AlertMethods.objects.filter(alert=alert).first()
    values: dict[str, Any] = {"compared_at": begun}
    if kept is None or (kept.basis != basis and not any(one.points_deleted_at for one in products)):
        looks = _looks(alert, [one for one in products if not one.points_deleted_at], methods)
        values |= {"basis": basis, "looks": looks}
    return AlertMethods.objects.update_or_create(alert=alert, defaults=values)[0]


def _motion_begin(alert: Alert, current: Sequence[Detection]) -> None:
    with locked(Lock.ALERTS):
        motion = alert_motion_refresh(alert=alert, detections=current)
    if motion and motion.accelerating_since:
        alert_recount(alert=alert)  # it counts for the importance


def _products(current: Sequence[Detection]) -> list[Product]:
    """Every product that the runs behind an alert saw, once."""
    seen = {product.pk: product for one in current for product in products_of(run=one.scan.prediction.run)}
    return [seen[number] for number in sorted(seen)]


def _basis(alert: Alert, products: Sequence[Product], methods: Sequence[str]) -> str:
    made_from = [*(f"{name} {VERSIONS[name]}" for name in methods), *(str(one.pk) for one in products)]
    return hashlib.sha256(" ".join(made_from).encode() + bytes(alert.area.wkb)).hexdigest()


def _looks(alert: Alert, products: Sequence[Product], methods: Sequence[str]) -> list[dict[str, Any]]:
    """Of the ground around an alert, on the same points and rates as the search of its place saw."""
    geographic = from_wkb(bytes(alert.area.wkb))
    epsg = utm_epsg(geographic.centroid.x, geographic.centroid.y)
    place = transform_geometry(geographic, transformer(4326, epsg).transform, interleaved=False)
    ground = box(*ground_around(place))
    tracks = [cloud for product in products if (cloud := _cloud(product, ground, epsg)).x.size]
    looks = looks_at(place, tracks, methods) if tracks else []
    return [one._replace(score=round(one.score, 4), share=round(one.share, 4))._asdict() for one in looks]


def _cloud(product: Product, ground: Any, epsg: int) -> PointCloud:
    points = points_in(product, ground, epsg)
    return PointCloud(points.x, points.y, points.velocity_mm_yr, epsg, product.posting_m, points.height_m)
