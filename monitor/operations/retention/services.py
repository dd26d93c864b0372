"""Deletion of old data, item by item: first the row, then its file; files left by a crash are deleted as well."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.template.defaultfilters import filesizeformat

from ingest.locks import Lock, try_locked
from ingest.models import Product
from ingest.products.parts import product_bytes
from ingest.products.services import product_delete, product_points_delete
from ingest.scenes.services import scene_image_delete
from ingest.storage import delete_files, raster_storage
from ingest.storage.inputs import input_delete
from ml.models import Prediction
from monitor.operations.retention import selectors
from monitor.subscribers.reports.selectors import reports_over

logger = logging.getLogger(__name__)

BATCH = 500
IMAGE_DELETED = "Its image was deleted because it is older than this service keeps images (KEEP_SCENE_DAYS)."


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
    with try_locked(Lock.RETENTION) as alone:
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


def _predictions() -> Iterator[Over]:
    for row in _one_by_one(selectors.predictions_over()):
        yield Over(_size(row.raster), lambda row=row: _prediction_delete(row))


def _prediction_delete(row: Prediction) -> bool:
    """Delete a result and its raster, but keep its run, so that it is not repeated. Return False if now needed."""
    with transaction.atomic():
        Prediction.objects.select_for_update().filter(pk=row.pk).first()
        still = selectors.predictions_over().filter(pk=row.pk).first()
        if still is None:
            return False
        delete_files([still.raster])
        still.delete()
        return True


def _images() -> Iterator[Over]:
    for row in _one_by_one(selectors.images_over()):
        yield Over(_size(row.raster), lambda row=row: scene_image_delete(scene=row, reason=IMAGE_DELETED))


def _releases() -> Iterator[Over]:
    for release, points_only in selectors.releases_over():
        delete = product_points_delete if points_only else _release_delete
        yield Over(product_bytes(product=release), lambda release=release, delete=delete: delete(product=release))


def _release_delete(*, product: Product) -> None:
    """Delete a release and the results of its runs, in which nothing was detected."""
    with transaction.atomic():
        delete_files([one.raster for one in Prediction.objects.filter(run__product=product)])
        product_delete(product=product)


def _rows(due: Callable[[], QuerySet[Any]]) -> Callable[[], Iterator[Over]]:
    """Return a function that yields rows without a file; each is deleted only if it is then still due."""

    def chosen() -> Iterator[Over]:
        for row in _one_by_one(due()):
            yield Over(0, lambda pk=row.pk: bool(due().filter(pk=pk).delete()[0]))

    return chosen


def _orphans() -> Iterator[Over]:
    for name, size_bytes in selectors.orphans():
        yield Over(size_bytes, lambda name=name: raster_storage().delete(name))
    for entry in selectors.inputs_without_row():
        yield Over(entry.size_bytes, lambda key=entry.name: input_delete(key))
    for discard in selectors.uploads_unfinished():
        yield Over(0, discard)


def _one_by_one(due: QuerySet[Any]) -> Iterator[Model]:
    """Yield rows in the order of their keys, in batches, so that rows may be deleted meanwhile."""
    after = None
    while batch := list(
        due.order_by("pk")[:BATCH] if after is None else due.filter(pk__gt=after).order_by("pk")[:BATCH]
    ):
        yield from batch
        after = batch[-1].pk


def _size(file: FieldFile) -> int:
    """Return the bytes of a file; 0 if it is gone."""
    return file.storage.size(file.name) if file and file.storage.exists(file.name) else 0


KINDS = (
    Kind(
        "reports of residents",
        "unconfirmed for two days, not accepted for thirty, or older than two years",
        _rows(reports_over),
    ),
    Kind(
        "results of image pairs and old releases",
        "older than KEEP_PREDICTION_RASTERS_DAYS; no alert, glacier or event needs them",
        _predictions,
    ),
    Kind("radar images", "older than KEEP_SCENE_DAYS, and not of the newest KEEP_SCENES of their track", _images),
    Kind("image pairs", "an image of theirs is deleted and no result is left", _rows(selectors.pairs_over)),
    Kind(
        "rows of images",
        "deleted and in no pair, or refused and older than 90 days",
        _rows(selectors.scene_rows_over),
    ),
    Kind(
        "superseded releases",
        "older than the newest KEEP_RELEASES of their tile; no alert needs their points",
        _releases,
    ),
    Kind("rows of finished downloads", "older than 90 days", _rows(selectors.downloads_over)),
    Kind("rows of finished files", "older than 90 days", _rows(selectors.jobs_over)),
    Kind("files without a row", "left by a process that died, more than a day ago", _orphans),
)
