"""Filters that feeds, GeoJSON and the API share, and queries for the alerts of a region."""

import hashlib
from collections.abc import Mapping

from django.core.cache import cache
from django.db.models import Count, Max, QuerySet
from django.http import Http404

from detection.kinds import Kind
from detection.lists import Order, Period, alerts_matching, alerts_within
from detection.models import Alert
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.selectors import alert_by_code
from ground_motion.core.errors import promised
from ingest.context.regions import region_by_slug
from ingest.models import AdministrativeRegion
from monitor.wording.refusals import Refusal, area_of, choice, day, moment

KEPT_S = 24 * 3600


def alerts_requested(query: Mapping[str, str], order: Order = Order.IMPORTANT) -> QuerySet[Alert]:
    """Return the public alerts that match the parameters of an address. Raises Refusal."""
    # kind, state, severity, bbox, region, found_from, found_to, moving_from, moving_to, updated_since.
    bbox, region = query.get("bbox", ""), query.get("region", "")
    return alerts_matching(
        kind=choice("kind", query.get("kind", ""), list(Kind)),
        state=choice("state", query.get("state", ""), list(State)),
        severity=choice("severity", query.get("severity", ""), list(Severity)),
        area=area_of(bbox) if bbox else None,
        among=touching_region(region) if region else None,
        updated_since=moment("updated_since", query.get("updated_since", "")),
        found=_period(query, "found"),
        moving=_period(query, "moving"),
        order=order,
    )


def _period(query: Mapping[str, str], name: str) -> Period:
    return Period(*(day(end, query.get(end, "")) for end in (f"{name}_from", f"{name}_to")))


def touching_region(slug: str) -> list[int]:
    """Return the keys of the alerts that touch a region's outline. Raises Refusal if the region is not loaded."""
    region = region_by_slug(slug=slug)
    if region is None:
        raise Refusal(f"there is no region {slug[:40]!r}", "Give one that /regions/ lists, by its part of the address.")
    return alerts_touching(region)


def region_or_404(slug: str) -> AdministrativeRegion:
    """Return a region by its slug. Raises Http404."""
    region = region_by_slug(slug=slug)
    if region is None:
        raise Http404("There is no region of this name.")
    return region


def alert_or_404(code: str) -> Alert:
    """Return an alert by its code. Raises Http404."""
    try:
        return alert_by_code(code=code)
    except Alert.DoesNotExist as fault:
        raise Http404("There is no alert with this code.") from fault


def alerts_touching(region: AdministrativeRegion) -> list[int]:
    """Return the keys of the alerts of every state that touch a region, cached until an alert changes."""
    # Borders have many corners: the database reads its own, and none is sent to it.
    known = Alert.objects.aggregate(n=Count("pk"), newest=Max("pk"), last=Max("updated_at"))
    parts = f"{region.pk} {region.layer.file_sha256} {sorted(known.items())}"
    key = f"alerts-touching-{hashlib.sha256(parts.encode()).hexdigest()}"
    touching = alerts_within(area=AdministrativeRegion.objects.filter(pk=region.pk).values("outline"))
    return promised(cache.get_or_set(key, lambda: list(touching.values_list("pk", flat=True)), KEPT_S))
