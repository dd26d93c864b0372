"""Event response: finds the pairs that span an event, so that their runs come before all others. Needs no torch."""

from datetime import datetime

from django.contrib.gis.geos import Point
from django.db.models import F, QuerySet
from django.utils import timezone

from ingest.models import Scene, ScenePair
from ml.models import MAX_WAIT, GroundEvent, ModelVersion, Run

TASKS = (ModelVersion.Task.OFFSETS, ModelVersion.Task.COHERENCE)
_PIECE = ("track", "direction", "burst", "polarisation", "source_format", "simulated")


def event_report(
    *, kind: str, name: str, position: Point, radius_km: float, between: tuple[datetime, datetime], reported_by: str
) -> GroundEvent:
    """Store a reported event and find the existing pairs that span it. between: its earliest and latest time."""
    first, last = between
    event = GroundEvent.objects.create(
        kind=kind,
        name=name,
        position=position,
        radius_km=radius_km,
        happened_at=first,
        over_at=last,
        reported_by=reported_by,
    )
    event_pairs_find(event=event)
    return event


def event_pairs_find(*, event: GroundEvent) -> list[ScenePair]:
    """Find the pair that spans an event, for each burst and kind of image that covers its place; return new pairs.

    Of several spanning pairs the closest in time counts: the one with the latest image before, then the earliest after.
    """
    across = ScenePair.objects.filter(
        footprint__intersects=event.ground,
        reference__acquired_at__lt=event.happened_at,
        secondary__acquired_at__gte=event.over_at,
    )
    best = across.order_by(
        *(f"reference__{name}" for name in _PIECE), "-reference__acquired_at", "secondary__acquired_at", "id"
    ).distinct(*(f"reference__{name}" for name in _PIECE))
    chosen, known = set(best.values_list("pk", flat=True)), set(event.pairs.values_list("pk", flat=True))
    if chosen != known:
        event.pairs.set(chosen)  # An image that arrives late may be closer in time.
    return list(ScenePair.objects.filter(pk__in=chosen - known).select_related("reference", "secondary"))


def events_followed() -> QuerySet[GroundEvent]:
    """Return events recent enough that images may still arrive for them, unless they were withdrawn."""
    return GroundEvent.objects.filter(created_at__gte=timezone.now() - MAX_WAIT, withdrawn_at=None)


def runs_urgent() -> QuerySet[Run]:
    """Return waiting runs on pairs that span an event, the newest event first."""
    waiting = Run.objects.filter(state=Run.State.QUEUED, model_version__task__in=TASKS)
    spanning = waiting.filter(pair__events__isnull=False, pair__events__withdrawn_at=None)
    return spanning.order_by("-pair__events__created_at", "id")


def runs_of_pair(*, pair: ScenePair) -> list[Run]:
    """Return the runs on a pair that spans an event, with their results, the newest version of a method first."""
    runs = Run.objects.filter(pair=pair, model_version__task__in=TASKS).select_related("model_version", "prediction")
    rows = list(runs.order_by("model_version__task", "-id"))
    for run in rows:
        run.pair = pair
    return rows


def images_around(*, event: GroundEvent) -> tuple[Scene | None, Scene | None]:
    """Return the last image of an event's place before it and the first one after it, from any tracks."""
    here = Scene.objects.ready().filter(footprint__intersects=event.ground)
    before = here.filter(acquired_at__lt=event.happened_at).order_by(F("acquired_at").desc()).first()
    after = here.filter(acquired_at__gte=event.over_at).order_by("acquired_at").first()
    return before, after
