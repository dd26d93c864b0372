"""Events that catalogues report: which are taken, and what later reports change. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.gis.geos import MultiPolygon, Point
from django.contrib.gis.measure import D
from django.db.models import QuerySet
from django.utils import timezone

from ground_motion.methods.deformation.quakes import ERUPTION_KM, Mechanism, quake_reach
from ingest.context.exposure import people_within
from ml.models import MAX_WAIT, GroundEvent
from ml.runs.events import event_pairs_find, events_followed, images_around

if TYPE_CHECKING:
    from ingest.sources.client.quakes import CatalogueEvent, Reports  # This import brings an HTTP client.

Watched = Callable[[MultiPolygon], bool]
# Two reports of the same earthquake differ by no more.
MAX_APART, MAX_APART_KM, MAX_MAGNITUDES = timedelta(seconds=60), 100.0, 1.0
MAX_AHEAD, MAX_LATITUDE = timedelta(minutes=10), 85.0  # Clocks differ. No satellite images ground at higher latitudes.


def reports_take(*, reports: Reports, is_watched: Watched) -> list[GroundEvent]:
    """Take new events that probably moved watched ground, revise those that are known; return the new ones.

    An event has the place and the figures of its first catalogue until that one withdraws it. Its time stays that of
    the first report, because later ones differ by seconds. It is withdrawn once every catalogue has withdrawn it.
    """
    source, now = reports.source, timezone.now()
    recent = GroundEvent.objects.filter(created_at__gte=now - MAX_WAIT).exclude(reports={})
    known = {event.reports[source]["id"]: event for event in recent if source in event.reports}
    new = []
    for found in reports.events:
        radius_km = _reach_km(found)
        event = known.get(found.event_id)
        if event is None:
            if radius_km is None or not now - MAX_WAIT < found.happened_at < now + MAX_AHEAD:
                continue
            event = _same(found)
        if event is not None:
            _revise(event, found)
        elif radius_km:
            event = GroundEvent(kind=found.kind, reported_by=found.source, radius_km=radius_km)
            event.happened_at = event.over_at = found.happened_at
            event.position = Point(*found.position, srid=4326)
            if abs(found.position.latitude) > MAX_LATITUDE or not is_watched(event.area):
                continue
            _revise(event, found)
            event_pairs_find(event=event)
            new.append(event)
    for event_id in reports.withdrawn & known.keys():
        _withdraw(known[event_id], source)
    return new


def _reach_km(found: CatalogueEvent | GroundEvent) -> float | None:
    """Return the distance within which motion is expected, km; None if none can be measured."""
    if found.magnitude is None or found.depth_km is None:
        return ERUPTION_KM
    mechanism = Mechanism(found.mechanism) if found.mechanism else None
    return reach.radius_km if (reach := quake_reach(found.magnitude, found.depth_km, mechanism)) else None


def _same(found: CatalogueEvent) -> GroundEvent | None:
    """Return the event that another catalogue, or for a volcano another notice, has reported already."""
    is_quake = found.kind == GroundEvent.Kind.EARTHQUAKE
    apart, apart_km = (MAX_APART, MAX_APART_KM) if is_quake else (MAX_WAIT, ERUPTION_KM)
    rows = GroundEvent.objects.exclude(reports={}).filter(
        kind=found.kind,
        happened_at__range=(found.happened_at - apart, found.happened_at + apart),
        position__distance_lte=(Point(*found.position, srid=4326), D(km=apart_km)),
    )
    if found.magnitude is not None:
        rows = rows.filter(magnitude__range=(found.magnitude - MAX_MAGNITUDES, found.magnitude + MAX_MAGNITUDES))
    return rows.first()


def _revise(event: GroundEvent, found: CatalogueEvent) -> None:
    """Change an event to what a catalogue says now, unless it has said something newer.

    Only some catalogues know mechanisms: that of any of them counts until another one comes.
    """
    before = event.reports.get(found.source, {"updated_at": "", "withdrawn": False})
    updated_at = found.updated_at.isoformat()
    if updated_at < before["updated_at"] or (
        updated_at == before["updated_at"] and not before["withdrawn"] and found.mechanism in ("", event.mechanism)
    ):
        return
    said = {"id": found.event_id, "url": found.url, "updated_at": updated_at, "withdrawn": False}
    event.reports[found.source] = said
    if event.withdrawn_at:
        event.reported_by, event.withdrawn_at = found.source, None
    if found.source == event.reported_by:
        event.name, event.position = found.name, Point(*found.position, srid=4326)
        event.magnitude, event.depth_km = found.magnitude, found.depth_km
    event.mechanism = found.mechanism or event.mechanism
    event.radius_km = _reach_km(event) or event.radius_km
    event.people = people_within(area=event.area)
    event.save()


def _withdraw(event: GroundEvent, source: str) -> None:
    """Note that a catalogue has withdrawn its report; the next report of another one brings new figures."""
    event.reports[source]["withdrawn"] = True
    if others := [name for name, report in event.reports.items() if not report["withdrawn"]]:
        event.reported_by = others[0] if event.reported_by == source else event.reported_by
    else:
        event.withdrawn_at = event.withdrawn_at or timezone.now()
    event.save(update_fields=["reports", "reported_by", "withdrawn_at"])


def events_reported() -> QuerySet[GroundEvent]:
    """Return events of catalogues for which images may still arrive."""
    return events_followed().exclude(reports={})


def events_awaiting() -> list[GroundEvent]:
    """Return events of catalogues of which there is no image from after them yet."""
    return [event for event in events_reported() if images_around(event=event)[1] is None]


def events_counted(*, days: float) -> tuple[int, int]:
    """Return how many events catalogues led to lately, and how many needlessly: withdrawn, or revised to too little."""
    lately = GroundEvent.objects.exclude(reports={}).filter(created_at__gte=timezone.now() - timedelta(days=days))
    return len(lately), sum(event.withdrawn_at is not None or _reach_km(event) is None for event in lately)
