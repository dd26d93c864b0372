"""Selectors of images, pairs and their detections for the operators' pages, in few queries."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet

from detection.models import Alert, Detection
from ingest.models import Scene, ScenePair
from ml.models import Run
from ml.runs.selectors import SAME_GROUND

RUN_OF = "scan__prediction__run"


class PairChoice(NamedTuple):
    """Filters of pairs, each optional. image: row of a scene that the pairs contain."""

    track: int | None = None
    burst: str = ""
    polarisation: str = ""
    days: int | None = None
    detected: bool = False
    image: int | None = None


class ImageChoice(NamedTuple):
    """Filters of images. state: refused, alone (in no pair), paired, or empty for all."""

    state: str = ""
    track: int | None = None


def totals() -> dict[str, int]:
    """Count images (usable, refused, in no pair), pairs, and runs on pairs (waiting, failed), with three queries."""
    ready, refused = Q(state=Scene.State.READY), Q(state=Scene.State.REFUSED)
    images = Scene.objects.aggregate(
        n_images=Count("id", filter=ready),
        n_refused=Count("id", filter=refused),
        n_alone=Count("id", filter=ready & ~Q(reason="")),
    )
    runs = Run.objects.filter(pair__isnull=False).aggregate(
        n_waiting=Count("id", filter=Q(state__in=Run.UNSETTLED)),
        n_failed=Count("id", filter=Q(state=Run.State.FAILED)),
    )
    return images | runs | {"n_pairs": ScenePair.objects.count()}


def pair_choices() -> dict[str, list[Any]]:
    """Return the values that pairs can be filtered by: tracks with directions, polarisations, days; with one query."""
    rows = ScenePair.objects.values_list(
        "reference__track", "reference__direction", "reference__polarisation", "temporal_baseline_days"
    )
    values = set(rows.order_by().distinct())
    return {
        "tracks": sorted({(track, direction) for track, direction, _, _ in values}),
        "polarisations": sorted({name for _, _, name, _ in values}),
        "days": sorted({days for *_, days in values}),
    }


def pairs_matching(*, wanted: PairChoice) -> QuerySet[ScenePair]:
    """Return the pairs that pass the filters, the newest first, each with its images and its runs."""
    columns = {
        "reference__track": wanted.track,
        "reference__burst": wanted.burst or None,
        "reference__polarisation": wanted.polarisation or None,
        "temporal_baseline_days": wanted.days,
    }
    pairs = ScenePair.objects.select_related("reference", "secondary")
    pairs = pairs.filter(**{name: value for name, value in columns.items() if value is not None})
    if wanted.image is not None:
        pairs = pairs.filter(Q(reference=wanted.image) | Q(secondary=wanted.image))
    if wanted.detected:
        pairs = pairs.filter(Exists(Detection.objects.filter(**{f"{RUN_OF}__pair": OuterRef("pk")})))
    runs = Run.objects.select_related("model_version").order_by("model_version__task", "id")
    return pairs.prefetch_related(Prefetch("runs", runs)).order_by(
        "-secondary__acquired_at", "temporal_baseline_days", "id"
    )


def images_matching(*, wanted: ImageChoice) -> QuerySet[Scene]:
    """Return the images that pass the filters, the newest first, those without a date before all others."""
    scenes = Scene.objects.order_by(F("acquired_at").desc(nulls_first=True), "-id")
    if wanted.track is not None:
        scenes = scenes.filter(track=wanted.track)
    if wanted.state == "refused":
        return scenes.filter(state=Scene.State.REFUSED)
    if wanted.state == "alone":
        return scenes.filter(state=Scene.State.READY).exclude(reason="")
    if wanted.state == "paired":
        return scenes.filter(
            Exists(ScenePair.objects.filter(Q(reference=OuterRef("pk")) | Q(secondary=OuterRef("pk"))))
        )
    return scenes


def image_tracks() -> list[tuple[int, str]]:
    """Return the tracks of all images with their directions."""
    tracks = Scene.objects.exclude(track=None).order_by().values_list("track", "direction").distinct()
    return sorted((track, direction) for track, direction in tracks if track is not None)


def pairs_counted(*, scenes: Sequence[Scene]) -> Counter[int]:
    """Return image's primary key -> number of its pairs, with one query."""
    numbers = [scene.pk for scene in scenes]
    rows = ScenePair.objects.filter(Q(reference__in=numbers) | Q(secondary__in=numbers)).order_by()
    return Counter(number for row in rows.values_list("reference_id", "secondary_id") for number in row)


def alerts_counted(*, pairs: Sequence[ScenePair]) -> Counter[int]:
    """Return pair's primary key -> number of alerts detected in it, with one query."""
    detections = Detection.objects.filter(**{f"{RUN_OF}__pair__in": [pair.pk for pair in pairs]}).order_by()
    return Counter(pair for pair, _ in detections.values_list(f"{RUN_OF}__pair_id", "alert_id").distinct())


def runs_of_pair(*, pair: ScenePair) -> list[Run]:
    """Return the runs on a pair with their results, the newest version of a method first."""
    runs = Run.objects.filter(pair=pair).select_related("model_version", "prediction")
    rows = list(runs.order_by("model_version__task", "-id"))
    for run in rows:
        run.pair = pair
    return rows


def run_of_pair(*, pair: ScenePair, number: int) -> Run | None:
    """Return a run on this pair that has a result."""
    return next((run for run in runs_of_pair(pair=pair) if run.pk == number and hasattr(run, "prediction")), None)


def alerts_of_runs(*, pair: ScenePair) -> dict[int, list[Alert]]:
    """Return run's primary key -> alerts detected by it, for the runs on a pair, with one query."""
    rows = (
        Detection.objects.filter(**{f"{RUN_OF}__pair": pair})
        .select_related("alert")
        .annotate(run=F(f"{RUN_OF}__id"))
        .order_by("-score", "id")
    )
    of_run: dict[int, dict[int, Alert]] = defaultdict(dict)
    for row in rows:
        of_run[row.run][row.alert_id] = row.alert
    return {run: list(alerts.values()) for run, alerts in of_run.items()}


def neighbours(*, pair: ScenePair) -> tuple[ScenePair | None, ScenePair | None]:
    """Return the previous and the next pair of the same ground, polarisation and temporal baseline."""
    alike = (
        ScenePair.objects.select_related("reference", "secondary")
        .filter(
            temporal_baseline_days=pair.temporal_baseline_days,
            footprint__intersects=pair.footprint,
            **{f"reference__{name}": getattr(pair.reference, name) for name in (*SAME_GROUND, "mode")},
        )
        .exclude(pk=pair.pk)
    )
    when = pair.secondary.acquired_at
    before = alike.filter(secondary__acquired_at__lt=when).order_by("-secondary__acquired_at", "-id").first()
    after = alike.filter(secondary__acquired_at__gt=when).order_by("secondary__acquired_at", "id").first()
    return before, after
