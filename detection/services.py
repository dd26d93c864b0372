"""Searching predictions for areas, and keeping one alert per moving place."""

import math
from collections.abc import Sequence
from typing import Any

from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db import connection, transaction
from django.utils import timezone
from pyproj import Geod
from rasterio.io import MemoryFile
from shapely import MultiPolygon as ShapelyMultiPolygon
from shapely import from_wkb, to_wkb, unary_union
from shapely.geometry.base import BaseGeometry

from detection.classify import Evidence, classify
from detection.lifecycle import State, after_sighting, may_become
from detection.models import Alert, AlertTransition, Detection, Scan
from detection.selectors import alerts_touching, detections_current
from detection.severity import severity
from ingest import selectors as ingest_selectors
from ingest.models import Product
from ml.areas import CLASSES, DEFAULT_THRESHOLDS, Area, AreaThresholds, find_areas, to_geographic
from ml.models import Prediction
from ml.series import fit_series

SAME_PLACE_SHARE = 0.1  # of the smaller area
_LOCK = 0x6A1E  # one scan at a time, so that two do not open two alerts for one place
_GEOD = Geod(ellps="WGS84")


def prediction_scan(*, prediction: Prediction, thresholds: AreaThresholds = DEFAULT_THRESHOLDS) -> Scan | None:
    """Search a prediction and carry what is found into alerts; None where that has been done. All of it or nothing."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        scan, created = Scan.objects.get_or_create(prediction=prediction, defaults={"thresholds": thresholds._asdict()})
        if not created:
            return None
        areas, epsg = _read_areas(prediction, thresholds)
        for area in areas:
            outline = _to_django(to_geographic(area.polygon, epsg))
            n_points = ingest_selectors.points_count_within(product=prediction.run.product, area=outline)
            if n_points >= thresholds.fewest_points:
                _carry_into_alert(scan, area, outline, n_points)
                scan.n_detections += 1
        scan.save(update_fields=["n_detections"])
        return scan


def alert_transition(*, alert: Alert, to: State, reason: str, actor: str = "automatic") -> AlertTransition:
    """Change an alert's state and write down why. ValueError for a change that life does not allow."""
    current = State(alert.state)
    if not may_become(current, to):
        raise ValueError(f"an alert that is {current} cannot become {to}")
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state=current).update(state=to, updated=timezone.now()):
            raise ValueError(f"alert {alert.code} was changed by somebody else; look at it again")
        alert.state = to.value
        return AlertTransition.objects.create(alert=alert, from_state=current, to_state=to, reason=reason, actor=actor)


def _read_areas(prediction: Prediction, thresholds: AreaThresholds) -> tuple[list[Area], int]:
    with (
        prediction.raster.open("rb") as stored,
        MemoryFile(stored.read()) as memory,
        memory.open(driver="GTiff") as raster,
    ):
        bands = {name: index for index, name in enumerate(raster.descriptions, start=1)}
        classes = {name: raster.read(bands[name]) for name in CLASSES}
        return find_areas(classes, raster.read(bands["rate_mm_yr"]), raster.transform, thresholds), raster.crs.to_epsg()


def _carry_into_alert(scan: Scan, area: Area, outline: MultiPolygon, n_points: int) -> Detection:
    product = scan.prediction.run.product
    detection = Detection(
        scan=scan,
        kind=classify([Evidence(product.component, product.direction, area.rate_mm_yr, area.area_m2)]),
        score=area.score,
        rate_mm_yr=area.rate_mm_yr,
        peak_rate_mm_yr=area.peak_rate_mm_yr,
        rate_sigma_mm_yr=_rate_sigma(scan, outline),
        area=outline,
        area_m2=area.area_m2,
        n_points=n_points,
    )
    alert = _same_place(outline)
    if alert is None:
        alert = Alert.objects.create(state=State.FIRST, **_description([detection]))
        AlertTransition.objects.create(alert=alert, to_state=State.FIRST, reason=f"seen in {product.name}")
    detection.alert = alert
    detection.save()
    _alert_refresh(alert, product)
    return detection


def _same_place(polygon: MultiPolygon) -> Alert | None:
    """The alert that shares most with this area, at least a tenth of the smaller one."""
    new = from_wkb(bytes(polygon.wkb))
    shared = []
    for alert in alerts_touching(area=polygon):
        old = from_wkb(bytes(alert.area.wkb))
        overlap = new.intersection(old).area
        if overlap >= SAME_PLACE_SHARE * min(new.area, old.area):
            shared.append((overlap, alert))
    return max(shared, key=lambda pair: pair[0])[1] if shared else None


def _alert_refresh(alert: Alert, product: Product) -> None:
    """Bring an alert up to everything that is known of its place now."""
    current = list(detections_current(alert=alert))
    if not current:
        return
    description = _description(current)
    for name, value in description.items():
        setattr(alert, name, value)
    alert.save(update_fields=[*description, "updated"])
    products = [detection.scan.prediction.run.product for detection in current]
    independent = {(p.component, p.track, p.direction) for p in products}
    state = after_sighting(State(alert.state), len(independent))
    if state != alert.state:
        alert_transition(alert=alert, to=state, reason=f"seen again in {product.name}")


def _description(detections: Sequence[Detection]) -> dict[str, Any]:
    """What an alert says of its place: the union of its detections, with the figures of the one that tells most."""
    products = [detection.scan.prediction.run.product for detection in detections]
    main, main_product = max(
        zip(detections, products, strict=True), key=lambda pair: (_weight(pair[1]), abs(pair[0].peak_rate_mm_yr))
    )
    area = unary_union([from_wkb(bytes(detection.area.wkb)) for detection in detections])
    area_m2 = abs(float(_GEOD.geometry_area_perimeter(area)[0]))
    evidence = [
        Evidence(p.component, p.direction, d.rate_mm_yr, d.area_m2) for d, p in zip(detections, products, strict=True)
    ]
    return {
        "area": _to_django(area),
        "area_m2": area_m2,
        "kind": classify(evidence),
        "rate_mm_yr": main.rate_mm_yr,
        "peak_rate_mm_yr": main.peak_rate_mm_yr,
        "rate_sigma_mm_yr": main.rate_sigma_mm_yr,
        "component": main_product.component,
        "severity": severity(main.peak_rate_mm_yr, area_m2),
        "first_motion": min(p.dates[0] for p in products),
        "last_motion": max(p.dates[-1] for p in products),
        "simulated": any(p.simulated for p in products),
    }


def _rate_sigma(scan: Scan, outline: MultiPolygon) -> float:
    """One standard deviation of an area's rate, mm/yr: between neighbours, and of its mean series in time."""
    between = scan.prediction.statistics["rate_sigma_mm_yr"]
    series = ingest_selectors.area_series(product=scan.prediction.run.product, area=outline)
    fit = fit_series(series.dates, series.mean_mm) if series else None
    return math.hypot(between, fit.rate_sigma_mm_yr if fit else 0.0)


def _weight(product: Product) -> int:
    """Vertical motion tells people most, then the line of sight, then east-west."""
    return {"up": 2, "los": 1}.get(product.component, 0)


def _to_django(geometry: BaseGeometry) -> MultiPolygon:
    parts = geometry if isinstance(geometry, ShapelyMultiPolygon) else ShapelyMultiPolygon([geometry])
    return GEOSGeometry(memoryview(to_wkb(parts)), srid=4326)
