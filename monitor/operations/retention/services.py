"""Deletion of data past their retention period, kind by kind and item by item. Whatever is still needed is left out.

First the row is deleted, then its file; files left by a crash are deleted as well.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.fields.files import FieldFile
from django.db.models.functions import RowNumber
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from detection.glaciers.selectors import predictions_unmeasured
from detection.models import Detection, GlacierSample, SealedEvidence
from detection.rules.lifecycle import State as AlertState
from ingest.foundation.locks import Lock, try_lock
from ingest.foundation.storage import Entry, delete_files, raster_entries, raster_storage, rasters_named
from ingest.foundation.storage.inputs import input_delete, input_store
from ingest.models import IngestJob, Product, Scene, SceneDownload, ScenePair
from ingest.products.life import SEALED_DAYS, products_sealed
from ingest.products.parts import product_bytes
from ingest.products.releases import releases_newer_than
from ingest.products.services import product_delete, product_points_delete
from ingest.scenes.services import scene_image_delete
from ml.models import ModelVersion, Prediction, Run
from ml.runs.queue import runs_delete
from monitor.subscribers.reports.selectors import reports_over

if TYPE_CHECKING:
    from ingest.foundation.storage.objects import ObjectStorage  # Its libraries are an optional extra.

GROUND = ("source_format", "track", "direction", "burst", "polarisation")
UNSETTLED_DOWNLOADS = (SceneDownload.State.WANTED, SceneDownload.State.FETCHING, SceneDownload.State.FETCHED)
UNDER_REVIEW = (AlertState.FIRST, AlertState.PROVISIONAL, AlertState.CONFIRMED)
ORPHAN_AFTER = timedelta(days=1)  # A file is written before its row, so that only older files are orphans.
NAMES_AT_ONCE = 1000
logger = logging.getLogger(__name__)
BATCH = 500
IMAGE_DELETED = "Its image was deleted because it is older than this service keeps images (KEEP_SCENE_DAYS)."


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
        .exclude(run__product__isnull=False, run__product__superseded_by=None)  # The map shows these.
        .exclude(Exists(busy))
        .exclude(~Q(run__model_version__task=ModelVersion.Task.COHERENCE), scan=None)  # Their search is still due.
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


def jobs_over() -> QuerySet[IngestJob]:
    """Return old rows of loaded, refused or failed files that no longer exist."""
    old = IngestJob.objects.filter(created_at__lt=_before(settings.KEEP_JOB_DAYS), stored_path="")
    return old.exclude(state__in=IngestJob.UNSETTLED).exclude(downloads__stored_path__gt="").order_by("id")


def downloads_over() -> QuerySet[SceneDownload]:
    """Return rows of finished downloads without a file, old enough that no search will find their images again."""
    since = _before(settings.KEEP_JOB_DAYS + 2 * settings.ACQUIRE_DAYS)
    old = SceneDownload.objects.filter(created_at__lt=since, acquired_at__lt=since)
    return old.exclude(state__in=UNSETTLED_DOWNLOADS).filter(stored_path="").order_by("id")


def packages_over() -> QuerySet[SealedEvidence]:
    """Return packages of earlier figures.

    The last package of an alert stays, even if the points that it holds were deleted: nothing else shows its figures.
    """
    packages = SealedEvidence.objects.exclude(file="")
    last = packages.filter(alert=OuterRef("alert")).values("pk")[:1]
    return packages.exclude(pk=Subquery(last))


def inputs_without_row() -> Iterator[Entry]:
    """Yield files in the object store of inputs that no job or download names, if they are older than a day."""
    if (store := input_store()) is None:
        return
    oldest_kept = timezone.now() - ORPHAN_AFTER
    rows = ((IngestJob, "stored_path"), (IngestJob, "mapping_path"), (SceneDownload, "stored_path"))
    named = {place for model, field in rows for place in model.objects.values_list(field, flat=True).distinct()}
    for entry in store.entries():
        of = {entry.name, *map(str, PurePosixPath(entry.name).parents)}  # A key may name a folder.
        if entry.modified < oldest_kept and not of & named:
            yield entry


def _before(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


class Busy(RuntimeError):
    """Conflict with another process that is deleting or making a backup."""


class Over(NamedTuple):
    """Item that may be deleted: its bytes on disk (0 for a mere row), and a function that deletes it."""

    size_bytes: int
    delete: Callable[[], object]


class Kind(NamedTuple):
    """Kind of data that is deleted. name, why: in words; due: yields the items that may be deleted now."""

    name: str
    why: str
    due: Callable[[], Iterator[Over]]


class Pruned(NamedTuple):
    """Outcome for one kind: how many items were deleted, or would be, and their bytes."""

    kind: Kind
    n: int
    size_bytes: int

    def __str__(self) -> str:
        size = f" ({filesizeformat(self.size_bytes)})".replace("\xa0", " ") if self.size_bytes else ""
        return f"{self.n} {self.kind.name}{size}"


def prune(*, dry_run: bool = False, seconds: float | None = None) -> list[Pruned]:
    """Delete old data for at most `seconds`; dry_run: only count them. Raises Busy if another process is deleting."""
    ends_at = None if seconds is None else time.monotonic() + seconds
    with try_lock(Lock.RETENTION) as alone:
        if not alone:
            raise Busy("Nothing was deleted: another process deletes, or a backup is being made. Try again later.")
        pruned = [_prune(kind, dry_run, ends_at) for kind in KINDS]
    if not dry_run:
        done = [str(one) for one in pruned if one.n]
        logger.info("deleted what is over: %s", ", ".join(done) or "nothing")
    return pruned


def _prune(kind: Kind, dry_run: bool, ends_at: float | None) -> Pruned:
    n = size_bytes = 0
    for over in kind.due():
        if ends_at is not None and time.monotonic() > ends_at:
            break
        if dry_run or over.delete() is not False:
            n, size_bytes = n + 1, size_bytes + over.size_bytes
    return Pruned(kind, n, size_bytes)


def _prediction_delete(row: Prediction) -> bool:
    """Delete a result and its raster, but keep its run, so that it is not repeated. Return False if now needed."""
    with transaction.atomic():
        Prediction.objects.select_for_update().filter(pk=row.pk).first()
        still = predictions_over().filter(pk=row.pk).first()
        if still is None:
            return False
        delete_files([still.raster])
        still.delete()
        return True


def _package_delete(package: SealedEvidence) -> bool:
    """Delete the file of a package, but keep its row, which states its seal. Return False if it is now needed."""
    with transaction.atomic():
        row = packages_over().select_for_update().filter(pk=package.pk).first()
        if row is None:
            return False
        delete_files([row.file])
        row.file = ""
        row.save(update_fields=["file"])
        return True


def _releases() -> Iterator[Over]:
    """Yield superseded releases; only the points of one in which alerts were detected."""
    # An alert that no later release of the tile shows keeps the whole release: its page draws the series of it.
    for release in Product.objects.filter(newer_releases__gt=settings.KEEP_RELEASES).order_by("pk"):
        if release.runs.filter(state__in=Run.UNSETTLED).exists() or release.derived.exists():
            continue
        detections = Detection.objects.filter(scan__prediction__run__product=release)
        later = list(releases_newer_than(release))
        again = Detection.objects.filter(scan__prediction__run__product__in=later, alert=OuterRef("alert"))
        if not detections.exists():
            yield Over(product_bytes(product=release), partial(product_delete_with_results, product=release))
        elif release.points_deleted_at is None and not detections.exclude(Exists(again)).exists():
            yield Over(product_bytes(product=release), partial(product_points_delete, product=release))


def sealed_over() -> QuerySet[Product]:
    """Return withdrawn products that can no longer be restored."""
    return Product.every.exclude(withdrawn_at=None).exclude(pk__in=products_sealed().values("pk"))


def product_delete_with_results(product: Product, by: str = "", why: str = "") -> None:
    """Delete a product and the results of its runs; if it is withdrawn, also of other runs that used it."""
    runs = Q(product=product) | (Q(companions=product) if product.withdrawn_at else Q())
    with transaction.atomic():
        runs_delete(runs)
        product_delete(product=product, by=by, why=why)


def _rows(
    due: Callable[[], QuerySet[Any]],
    delete: Callable[[Any], object] | None = None,
    size_bytes: Callable[[Any], int] = lambda row: 0,
) -> Callable[[], Iterator[Over]]:
    """Return a function that yields the due rows, in batches by key, so that rows may be deleted meanwhile.

    delete: deletes a row; None: delete it if it is still due.
    """

    def delete_row(row: Model) -> bool:
        return bool(due().filter(pk=row.pk).delete()[0])

    def chosen() -> Iterator[Over]:
        after = 0
        while batch := list(due().filter(pk__gt=after).order_by("pk")[:BATCH]):
            after = batch[-1].pk  # A deleted row has no key.
            for row in batch:
                yield Over(size_bytes(row), partial(delete or delete_row, row))

    return chosen


def _orphans() -> Iterator[Over]:
    old = sorted(entry for entry in raster_entries() if entry.modified < timezone.now() - ORPHAN_AFTER)
    for start in range(0, len(old), NAMES_AT_ONCE):
        part = old[start : start + NAMES_AT_ONCE]
        known = set(rasters_named(among=[entry.name for entry in part]))
        for entry in part:
            if entry.name not in known:
                yield Over(entry.size_bytes, partial(raster_storage().delete, entry.name))
    for entry in inputs_without_row():
        yield Over(entry.size_bytes, partial(input_delete, entry.name))
    if store := input_store():
        for storage in cast("Sequence[ObjectStorage]", (store, raster_storage(), storages["pieces"])):
            # Uploads that were broken off leave parts.
            for discard in storage.unfinished_uploads(before=timezone.now() - ORPHAN_AFTER):
                yield Over(0, discard)


def _raster_bytes(row: Prediction | Scene) -> int:
    """Return the bytes of a raster; 0 if it is gone."""
    file: FieldFile = row.raster
    return file.storage.size(file.name) if file.name and file.storage.exists(file.name) else 0


KINDS = (
    Kind(
        "reports of residents",
        "unconfirmed for two days, not accepted for thirty, or older than two years",
        _rows(reports_over),
    ),
    Kind(
        "results of image pairs and old releases",
        "older than KEEP_PREDICTION_RASTERS_DAYS; no alert, glacier or event needs them",
        _rows(predictions_over, _prediction_delete, _raster_bytes),
    ),
    Kind(
        "packages of sealed evidence",
        "of earlier figures; their seals are kept",
        _rows(packages_over, _package_delete, lambda row: row.size_bytes),
    ),
    Kind(
        "radar images",
        "older than KEEP_SCENE_DAYS, and not of the newest KEEP_SCENES of their track",
        _rows(images_over, lambda row: scene_image_delete(scene=row, reason=IMAGE_DELETED), _raster_bytes),
    ),
    Kind("image pairs", "an image of theirs is deleted and no result is left", _rows(pairs_over)),
    Kind("rows of images", "deleted and in no pair, or refused and older than 90 days", _rows(scene_rows_over)),
    Kind(
        "superseded releases",
        "older than the newest KEEP_RELEASES of their tile; no alert needs their points",
        _releases,
    ),
    Kind(
        "data taken back",
        f"sealed for {SEALED_DAYS} days",
        _rows(sealed_over, product_delete_with_results, lambda row: product_bytes(product=row)),
    ),
    Kind("rows of finished downloads", "older than 90 days", _rows(downloads_over)),
    Kind("rows of finished files", "older than 90 days", _rows(jobs_over)),
    Kind("files without a row", "left by a process that died, more than a day ago", _orphans),
)
