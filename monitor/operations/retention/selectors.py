"""Data past their retention period, kind by kind. Whatever is still needed is left out."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files.storage import storages
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from detection.glaciers.selectors import predictions_unmeasured
from detection.models import Detection, GlacierSample
from detection.rules.lifecycle import State as AlertState
from ingest.models import IngestJob, Product, Scene, SceneDownload, ScenePair
from ingest.products.releases import releases_older_than
from ingest.storage import Entry, raster_entries, raster_storage, rasters_named
from ingest.storage.inputs import input_store
from ml.models import ModelVersion, Prediction, Run

GROUND = ("source_format", "track", "direction", "burst", "polarisation")
UNSETTLED_DOWNLOADS = (SceneDownload.State.WANTED, SceneDownload.State.FETCHING, SceneDownload.State.FETCHED)
UNDER_REVIEW = (AlertState.FIRST, AlertState.PROVISIONAL, AlertState.CONFIRMED)
ORPHAN_AFTER = timedelta(days=1)  # a file is written before its row
BATCH = 1000


def predictions_over() -> QuerySet[Prediction]:
    """Return old results in which no alert or glacier was detected, and which no event, map or unfinished run needs."""
    if not settings.KEEP_PREDICTION_RASTERS_DAYS:
        return Prediction.objects.none()
    busy = Run.objects.filter(
        state__in=Run.UNSETTLED,
        pair__isnull=False,
        **{f"pair__reference__{name}": OuterRef(f"run__pair__reference__{name}") for name in GROUND},
    )
    old = Prediction.objects.filter(created_at__lt=_before(settings.KEEP_PREDICTION_RASTERS_DAYS))
    return (
        old.exclude(Exists(Detection.objects.filter(scan__prediction=OuterRef("pk"))))
        .exclude(Exists(GlacierSample.objects.filter(prediction=OuterRef("pk"))))
        .exclude(run__pair__events__isnull=False)
        .exclude(run__product__isnull=False, run__product__superseded_by=None)  # the map shows it
        .exclude(Exists(busy))
        .exclude(~Q(run__model_version__task=ModelVersion.Task.COHERENCE), scan=None)  # to be searched
        .exclude(pk__in=predictions_unmeasured().values("pk"))
        .order_by("id")
    )


def images_over() -> QuerySet[Scene]:
    """Return old images that no unfinished run, event or review needs, except the newest of each track."""
    if not settings.KEEP_SCENE_DAYS:
        return Scene.objects.none()
    newest = Window(RowNumber(), partition_by=[F(name) for name in GROUND], order_by=[F("acquired_at").desc(), "-id"])
    ranked = Scene.objects.ready().annotate(place=newest).filter(place__lte=settings.KEEP_SCENES)
    own = ScenePair.objects.filter(Q(reference=OuterRef("pk")) | Q(secondary=OuterRef("pk")))
    reviewed = Detection.objects.filter(
        scan__prediction__run__pair=OuterRef("pk"), alert__state__in=[state.value for state in UNDER_REVIEW]
    )
    needed = own.filter(Q(runs__state__in=Run.UNSETTLED) | Q(events__isnull=False) | Exists(reviewed))
    old = Scene.objects.ready().filter(loaded_at__lt=_before(settings.KEEP_SCENE_DAYS))
    kept = list(ranked.values_list("pk", flat=True))
    return old.exclude(raster="").exclude(pk__in=kept).exclude(Exists(needed)).order_by("id")


def pairs_over() -> QuerySet[ScenePair]:
    """Return pairs without results, one of whose images has been deleted."""
    gone = Q(reference__state=Scene.State.DELETED) | Q(secondary__state=Scene.State.DELETED)
    results = Run.objects.filter(Q(prediction__isnull=False) | Q(state__in=Run.UNSETTLED), pair=OuterRef("pk"))
    return ScenePair.objects.filter(gone, events=None).exclude(Exists(results)).order_by("id")


def scene_rows_over() -> QuerySet[Scene]:
    """Return rows of refused images, and of deleted images that are in no pair."""
    own = ScenePair.objects.filter(Q(reference=OuterRef("pk")) | Q(secondary=OuterRef("pk")))
    alone = Q(state=Scene.State.DELETED) & ~Exists(own)
    refused = Q(state=Scene.State.REFUSED, loaded_at__lt=_before(settings.KEEP_JOB_DAYS))
    return Scene.objects.filter(alone | refused).order_by("id")


def releases_over() -> Iterator[tuple[Product, bool]]:
    """Yield superseded releases to delete, each with True if only its points may go, as alerts were detected in it."""
    # An alert that no later release of the tile shows keeps the whole release: its page draws the series of it.
    for release, later in releases_older_than(keep=settings.KEEP_RELEASES):
        if release.runs.filter(state__in=Run.UNSETTLED).exists() or release.derived.exists():
            continue
        detections = Detection.objects.filter(scan__prediction__run__product=release)
        again = Detection.objects.filter(scan__prediction__run__product__in=later, alert=OuterRef("alert"))
        if not detections.exists():
            yield release, False
        elif release.points_deleted_at is None and not detections.exclude(Exists(again)).exists():
            yield release, True


def jobs_over() -> QuerySet[IngestJob]:
    """Return old rows of loaded, refused or failed files that no longer exist."""
    old = IngestJob.objects.filter(created_at__lt=_before(settings.KEEP_JOB_DAYS))
    return (
        old.exclude(state__in=IngestJob.UNSETTLED)
        .filter(stored_path="")
        .exclude(downloads__stored_path__gt="")
        .order_by("id")
    )


def downloads_over() -> QuerySet[SceneDownload]:
    """Return rows of finished downloads without a file, old enough that no search will find their images again."""
    since = _before(settings.KEEP_JOB_DAYS + 2 * settings.ACQUIRE_DAYS)
    old = SceneDownload.objects.filter(created_at__lt=since, acquired_at__lt=since)
    return old.exclude(state__in=UNSETTLED_DOWNLOADS).filter(stored_path="").order_by("id")


def orphans() -> Iterator[tuple[str, int]]:
    """Yield name and bytes of raster files that no row names, without recent ones, which may still get a row."""
    oldest_kept = timezone.now() - ORPHAN_AFTER
    old = sorted(entry for entry in raster_entries() if entry.modified < oldest_kept)
    for start in range(0, len(old), BATCH):
        part = old[start : start + BATCH]
        known = set(rasters_named(among=[entry.name for entry in part]))
        yield from ((entry.name, entry.size_bytes) for entry in part if entry.name not in known)


def inputs_without_row() -> Iterator[Entry]:
    """Yield files in the object store of inputs that no job or download names, if they are older than a day."""
    if (store := input_store()) is None:
        return
    oldest_kept = timezone.now() - ORPHAN_AFTER
    rows = ((IngestJob, "stored_path"), (IngestJob, "mapping_path"), (SceneDownload, "stored_path"))
    named = {place for model, field in rows for place in model.objects.values_list(field, flat=True).distinct()}
    for entry in store.entries():
        of = {entry.name, *map(str, PurePosixPath(entry.name).parents)}  # a key may name a folder
        if entry.modified < oldest_kept and not of & named:
            yield entry


def uploads_unfinished() -> Iterator[Callable[[], object]]:
    """Yield functions, each of which discards the parts of an upload to the object store broken off over a day ago."""
    if store := input_store():
        for storage in (store, raster_storage(), storages["pieces"]):
            yield from storage.unfinished(before=timezone.now() - ORPHAN_AFTER)


def _before(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)
