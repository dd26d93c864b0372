"""Search results as stated in a scenario."""

from collections.abc import Sequence

from django.contrib.gis.geos import MultiPolygon, Polygon

from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection
from detection.search.classify import Evidence, classify
from ground_motion.methods.deformation.motion.series import WITHIN_90
from ingest.models import Product
from lab.replay.scenario import Event, Found, Measure, square

PEAK = 1.2  # A peak is this number of medians high.
COHERENCE_BEFORE, COHERENCE_PER_SIGMA = 0.8, 0.1


def series_stated(event: Event, alert: Alert) -> AlertMotion | None:
    """Set the motion of an alert to what the event states of its series, and return it; None if it states nothing."""
    if not event.series:
        AlertMotion.objects.filter(alert=alert).delete()
        return None
    stated = {"accelerating_since": None, "at_rest_since": None} | dict(event.series)
    product = alert.detections.latest("pk").scan.prediction.run.product
    columns = {"product": product, "n_dates": 100, "trend": "", "rate_mm_yr": 0.0, "rate_sigma_mm_yr": 1.0}
    row, _ = AlertMotion.objects.update_or_create(
        alert=alert, defaults={**columns, "season_mm": 0.0, "fit": {}, "basis": "", **stated}
    )
    return row


def in_velocity(area: Found, event: Event, products: Sequence[Product]) -> Detection:
    """Return an area detected in velocity fields. products: the searched one first, then those searched with it."""
    own, area_m2 = products[0], area.size_m**2
    peak, width = area.peak or PEAK * area.value, WITHIN_90 * (area.peak_sigma or 0.0)
    evidence = [Evidence(own.component, own.direction, area.value, area_m2, area.shares)]
    rates = {"rate_mm_yr": area.value, "around_mm_yr": 0.0}
    shows = [True, *(event.beside_shows for _ in products[1:])]
    reasons = [
        {"component": product.component, "orbit": product.track, "track": product.direction, "seen": seen, **rates}
        for product, seen in zip(products, shows, strict=True)
    ]
    return Detection(
        kind=classify(evidence),
        class_shares=dict(area.shares),
        reasons=reasons if len(products) > 1 else [],
        score=0.9,
        n_points=event.points,
        rate_mm_yr=area.value,
        peak_rate_mm_yr=peak,
        peak_low_mm_yr=peak - width if width else None,
        peak_high_mm_yr=peak + width if width else None,
        rate_sigma_mm_yr=area.sigma,
        area=_ground(area),
        area_m2=area_m2,
        extent=Extent(area.extent),
    )


def in_pair(area: Found, event: Event) -> Detection:
    """Return an area detected in a pair of images."""
    own = Detection(score=0.9, n_points=event.points, area=_ground(area), area_m2=area.size_m**2)
    if event.measure is Measure.CHANGE:
        own.kind, own.change_sigma, own.coherence_before = Kind.SURFACE_CHANGE, area.value, COHERENCE_BEFORE
        own.coherence_after = max(0.0, COHERENCE_BEFORE + COHERENCE_PER_SIGMA * area.value)
    else:
        own.kind = Kind.FAST_LANDSLIDE if "landslide" in area.shares else Kind.MOVING_GROUND
        own.speed_m_day, own.peak_speed_m_day, own.bearing_deg = area.value, PEAK * area.value, 90.0
        own.speed_sigma_m_day = area.sigma
    return own


def _ground(area: Found) -> MultiPolygon:
    return MultiPolygon(Polygon.from_bbox(square(area.x_km, area.y_km, area.size_m)), srid=4326)
