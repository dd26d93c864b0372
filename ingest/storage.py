"""Where rasters are kept: a Django storage, never the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db.models import Model
from django.db.models.fields.files import FieldFile
from rasterio.io import DatasetReader

from ingest.rasters import open_tiff


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
