"""Where rasters are kept: a Django storage, never the database."""

from pathlib import Path

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db.models import Model


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
