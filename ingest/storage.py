"""Where rasters are kept: a Django storage, never the database."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.apps import apps
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import transaction
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile
from rasterio.io import DatasetReader

from ingest.rasters import open_tiff


class WholeFileStorage(FileSystemStorage):
    """Files of this machine that appear whole or not at all, also where the disk is full."""

    def _save(self, name: str, content: File) -> str:
        name = super()._save(name, ContentFile(b""))  # nobody else can have this name any more
        partial = f"{name}.partial"
        try:
            super()._save(partial, content)
            os.replace(self.path(partial), self.path(name))
        except BaseException:
            for left in (partial, name):
                self.delete(left)
            raise
        return name


def raster_storage() -> Storage:
    return storages["rasters"]


def save_with_raster(row: Model, path: Path) -> None:
    """Save a row whose field `raster` is this file: both, or neither."""
    with path.open("rb") as stream:
        row.raster = File(stream, name=path.name)
        try:
            row.save()
        except BaseException:  # the row is rolled back; its file must go with it
            row.raster.storage.delete(row.raster.name)
            raise


def rasters_named(*, among: Sequence[str] | None = None) -> Iterator[str]:
    """The files in the raster storage that rows of any table name; among: only of these."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, FileField):
                rows = model._default_manager.exclude(**{field.name: ""}).order_by()
                chosen = rows if among is None else rows.filter(**{f"{field.name}__in": among})
                yield from chosen.values_list(field.name, flat=True).iterator()


def delete_files(files: Iterable[FieldFile]) -> None:
    """Delete rasters once this transaction is committed: a file may be left without its row, never the reverse."""
    for file in [file for file in files if file]:
        transaction.on_commit(lambda storage=file.storage, name=file.name: storage.delete(name))


@contextmanager
def stored_tiff(file: FieldFile) -> Iterator[DatasetReader]:
    """Open a raster where it lies, so that only the parts in use are read; of a storage elsewhere, a copy in memory."""
    with open_tiff(_local_path(file) or _fetched(file.storage, file.name)) as raster:
        yield raster


def _local_path(file: FieldFile) -> Path | None:
    try:
        return Path(file.path)
    except NotImplementedError:  # a storage on another machine
        return None


@lru_cache(maxsize=8)
def _fetched(storage: Storage, name: str) -> bytes:
    """A file of a storage on another machine; names are never used twice there."""
    with storage.open(name) as file:
        return file.read()
