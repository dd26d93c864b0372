"""Where rasters are kept: a Django storage, never the database."""

from django.core.files.storage import Storage, storages


def raster_storage() -> Storage:
    return storages["rasters"]
