"""Provisional alerts from living series: ground that leaves its forecast is reported before a release shows it."""

from datetime import date
from typing import Any

from django.contrib.gis.geos import MultiPolygon
from django.db.models import BigIntegerField, Exists, OuterRef, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone
from shapely.geometry import shape

from detection.alerts import life, plan
from detection.alerts.describe import exposure_refresh
from detection.alerts.importance import importance_refresh
from detection.alerts.life import alert_transition
from detection.alerts.services import same_place
from detection.by_hand import area_m2_of, keep_by_hand
from detection.kinds import Extent
from detection.models import Alert, Detection
from detection.rules import passes
from detection.rules.lifecycle import LIVING, State, as_json
from detection.rules.passes import Passes
from detection.rules.updates import Cause, Change
from detection.search.areas import to_django
from detection.search.classify import Evidence, classify_by_sign
from detection.selectors import detections_current, newer_searched
from ingest.foundation.locks import Lock, hold_lock
from ingest.models import Product
from ingest.products.releases import releases_newer_than
from ml.models import LivingDate, LivingSeries


def dates_unfollowed() -> QuerySet[LivingDate]:
    """Return passes whose places have not been turned into alerts yet, the earliest first."""
    return LivingDate.objects.filter(followed_at=None).select_related("series__product").order_by("day", "pk")


def date_follow(*, row: LivingDate) -> None:
    """Make or update an alert for each place that a pass shows leaving its forecast, in one transaction."""
    with hold_lock(Lock.ALERTS):
        for place in row.places:
            outline = to_django(shape(place["outline"]))
            if not _newer(row.series.product, outline).exists():  # Otherwise the newer release decides.
                _place_follow(row, place, outline)
        LivingDate.objects.filter(pk=row.pk).update(followed_at=timezone.now())


def alerts_superseded() -> QuerySet[Alert]:
    """Return alerts from new passes on ground where a release newer than theirs has been searched."""
    newer = newer_searched(release="", area=OuterRef(OuterRef("area")))
    replaced = Product.objects.filter(Exists(newer), living__pk=OuterRef("series"))
    series = Cast(KeyTextTransform("series", "passes"), BigIntegerField())
    return Alert.objects.exclude(passes=None).annotate(series=series).filter(Exists(replaced))


def alert_release(*, alert: Alert) -> None:
    """Drop what new passes showed of an alert; finish the alert if only they showed it and the release does not."""
    with hold_lock(Lock.ALERTS):
        alert.refresh_from_db()
        seen = passes.passes_of(alert)
        if seen is None:
            return
        Alert.objects.filter(pk=alert.pk).update(passes=None)
        alert.passes = None
        if seen.alone and alert.state in LIVING and not detections_current(alert=alert).exists():
            newer = _newer(LivingSeries.objects.get(pk=seen.series).product, alert.area)
            reason = f"new passes showed it until {seen.until:%-d %B %Y}; {newer.last()} does not"
            alert_transition(alert=alert, to=State.FINISHED, reason=reason)
        else:
            importance_refresh(alert=alert)


def _newer(release: Product, area: MultiPolygon) -> QuerySet[Product]:
    """Return the releases that answer for an area in place of an older one, the newest last."""
    there = releases_newer_than(release).filter(footprint__covers=area.point_on_surface)
    return there.order_by("-newer_releases")


def _place_follow(row: LivingDate, place: dict[str, Any], outline: MultiPolygon) -> None:
    product = row.series.product
    before_mm_yr = place["before_mm_yr"] - product.datum_mm_yr  # New passes continue from the file's zero.
    area_m2, rate = area_m2_of(outline), before_mm_yr + place["change_mm_yr"]
    kind = classify_by_sign([Evidence(product.component, product.direction, rate, area_m2)])
    since = date.fromisoformat(place["since"])
    seen = Passes(row.series_id, since, row.day, before_mm_yr, rate, place["sigma_mm_yr"], True, rate)
    ground = {"area": outline, "area_m2": area_m2}
    alert = same_place(Detection(kind=kind, area=outline, extent=Extent.LOCAL))
    if alert is None:
        alert = Alert.objects.create(
            kind=kind,
            state=State.FIRST,
            **ground,
            **_columns(seen),
            component=product.component,
            first_motion=since,
            simulated=product.simulated,
        )
        exposure_refresh(alert=alert)
        importance_refresh(alert=alert)
        life.begin(alert, f"seen by new passes of {product}, provisionally", [])
        return
    before = passes.passes_of(alert)
    alone = before is not None and before.alone and not detections_current(alert=alert).exists()
    news = passes.differs(before, seen)
    seen = seen._replace(alone=alone, told_mm_yr=rate if news or before is None else before.told_mm_yr)
    columns = {**ground, **_columns(seen)} if alone else {"passes": as_json(seen)}
    kept = keep_by_hand(alert=alert, columns=columns)
    Alert.objects.filter(pk=alert.pk).update(**kept, updated_at=timezone.now())
    alert.refresh_from_db()
    exposure_refresh(alert=alert)
    importance_refresh(alert=alert)
    if alert.state in LIVING and news:
        change = Change(Cause.PASSES, seen.before_mm_yr, seen.now_mm_yr, "mm/yr", product.component)
        step = plan.Step(State(alert.state), f"changed in new passes of {product}, provisionally", (change,))
        life.step_apply(alert, life.life_of(alert), step)


def _columns(seen: Passes) -> dict[str, Any]:
    return {
        "passes": as_json(seen),
        "rate_mm_yr": seen.now_mm_yr,
        "peak_rate_mm_yr": seen.now_mm_yr,
        "rate_sigma_mm_yr": seen.sigma_mm_yr,
        "last_motion": seen.until,
    }
