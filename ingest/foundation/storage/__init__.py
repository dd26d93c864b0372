"""Storage of rasters for all code: a Django storage on a disk or in an object store, never the database."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from django.apps import apps
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import transaction
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile
from rasterio.io import DatasetReader

from ground_motion.core.rasters import open_tiff


class Entry(NamedTuple):
    """One file in a storage."""

    name: str
    size_bytes: int
    modified: datetime


class RasterStorage(Storage):
    """Storage of rasters: a Django storage with more methods."""

    def tiff(self, name: str) -> AbstractContextManager[DatasetReader]:
        """Open a raster. Raises OSError, RasterioError."""
        raise NotImplementedError

    def part(self, name: str, first: int, last: int) -> IO[bytes]:
        """Open a stream of a file's bytes from first to last, both included. Raises OSError."""
        raise NotImplementedError

    def entries(self) -> Iterator[Entry]:
        """Yield every file in the storage."""
        raise NotImplementedError

    def _save(self, name: str, content: File[Any]) -> str:
        raise NotImplementedError


def open_part(path: Path, first: int, last: int) -> IO[bytes]:
    """Open a file on this machine at byte `first`; the caller stops reading after byte `last`."""
    file = path.open("rb")
    file.seek(first)
    return file


class WholeFileStorage(FileSystemStorage, RasterStorage):
    """Storage on a disk of this machine in which a file appears whole or not at all, even if the disk is full."""

    def _save(self, name: str, content: File[Any]) -> str:
        name = super()._save(name, ContentFile(b""))  # This reserves the name.
        partial = f"{name}.partial"
        try:
            super()._save(partial, content)
            os.replace(self.path(partial), self.path(name))
        except BaseException:
            for left in (partial, name):
                self.delete(left)
            raise
        return name

    @contextmanager
    def tiff(self, name: str) -> Iterator[DatasetReader]:
        """Open a raster."""
        with open_tiff(Path(self.path(name))) as raster:
            yield raster

    def part(self, name: str, first: int, last: int) -> IO[bytes]:
        """Open a file at byte `first`; the caller stops reading after byte `last`."""
        return open_part(Path(self.path(name)), first, last)

    def entries(self) -> Iterator[Entry]:
        """Yield every file in the storage."""
        for path in Path(self.location).iterdir() if Path(self.location).is_dir() else ():
            try:
                entry = path.stat()
            except FileNotFoundError:
                continue
            yield Entry(path.name, entry.st_size, datetime.fromtimestamp(entry.st_mtime, UTC))


_REHEARSED: ContextVar[RasterStorage | None] = ContextVar("rehearsed", default=None)


def raster_storage() -> RasterStorage:
    """Return the storage of rasters."""
    return _REHEARSED.get() or cast(RasterStorage, storages["rasters"])


@contextmanager
def rasters_in(folder: Path) -> Iterator[None]:
    """Store rasters in a folder instead of the configured storage until the block ends. For trials in one thread."""
    usual, ours = raster_storage(), WholeFileStorage(location=folder)
    fields = [field for model in apps.get_models() for field in file_fields(model) if field.storage is usual]
    token = _REHEARSED.set(ours)
    try:
        for field in fields:
            field.storage = ours
        yield
    finally:
        for field in fields:
            field.storage = usual
        _REHEARSED.reset(token)


def raster_folder() -> Path | None:
    """Return the folder of rasters on this machine; None if they are in an object store."""
    storage = raster_storage()
    return Path(storage.location) if isinstance(storage, FileSystemStorage) else None


def raster_entries() -> Iterator[Entry]:
    """Yield every file in the raster storage."""
    return raster_storage().entries()


@contextmanager
def raster_put(path: Path) -> Iterator[str]:
    """Store a finished file and yield its name; delete the stored file if the block fails."""
    storage = raster_storage()
    with path.open("rb") as stream:
        name = storage.save(path.name, File(stream, name=path.name), max_length=200)
    try:
        yield name
    except BaseException:
        storage.delete(name)
        raise


def raster_put_back(name: str, stream: File[Any]) -> None:
    """Store a raster under exactly this name; the name must be free."""
    raster_storage()._save(name, stream)


def save_with_raster(row: Model, path: Path) -> None:
    """Store the file as `raster` of a row, with `raster_bytes` where it has that, and save the row; both or neither."""
    with raster_put(path) as name:
        row.raster = name  # type: ignore[attr-defined]
        if hasattr(row, "raster_bytes"):
            row.raster_bytes = path.stat().st_size
        row.save()


def file_fields(model: type[Model]) -> list[FileField]:
    """Return the columns of a table that name stored files."""
    return [field for field in model._meta.local_fields if isinstance(field, FileField)]


def rasters_named(*, among: Sequence[str] | None = None) -> Iterator[str]:
    """Yield the names of all stored files to which rows refer. among: only these names."""
    for model in apps.get_models():
        for field in file_fields(model):
            rows = model._base_manager.exclude(**{field.name: ""}).order_by()
            chosen = rows if among is None else rows.filter(**{f"{field.name}__in": among})
            yield from chosen.values_list(field.name, flat=True).iterator()


def delete_files(files: Iterable[FieldFile]) -> None:
    """Delete rasters after the commit: a file may remain without a row, but no row without its file."""
    for file in files:
        if file.name:
            transaction.on_commit(partial(file.storage.delete, file.name))


@contextmanager
def stored_tiff(file: FieldFile) -> Iterator[DatasetReader]:
    """Open a raster in its storage, so that only the needed parts are read. Raises OSError, RasterioError."""
    with cast(RasterStorage, file.storage).tiff(str(file.name)) as raster:
        yield raster


def stored_part(file: FieldFile, first: int, last: int) -> IO[bytes]:
    """Open a stream of a raster's bytes from first to last, both included. Raises OSError."""
    return cast(RasterStorage, file.storage).part(str(file.name), first, last)
