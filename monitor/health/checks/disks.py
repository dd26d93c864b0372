"""Free disk where files are kept."""

import shutil
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import storages

from monitor.health.condition import Wrong
from monitor.uploads.resumable import in_words


class Place(NamedTuple):
    """A folder that grows, the bytes free on its disk, and how many of them are to stay free."""

    name: str
    free_bytes: int
    spare_bytes: int


def places() -> list[Place]:
    folders = {
        "rasters": (storages["rasters"].location, settings.UPLOAD_SPARE_BYTES),
        "uploads": (settings.UPLOAD_DIR, settings.UPLOAD_SPARE_BYTES),
    }
    if settings.ACQUIRE_SOURCE:
        folders["downloads"] = (settings.ACQUIRE_FOLDER, settings.ACQUIRE_SPARE_BYTES)
    return [Place(name, shutil.disk_usage(_existing(folder)).free, spare) for name, (folder, spare) in folders.items()]


def disk() -> str:
    known = places()
    full = [one for one in known if one.free_bytes < one.spare_bytes]
    if full:
        words = (f"{one.name}: {in_words(one.free_bytes)} of {in_words(one.spare_bytes)}" for one in full)
        raise Wrong(f"less disk is free than must stay free ({', '.join(words)})")
    return ", ".join(f"{one.name} {in_words(one.free_bytes)} free" for one in known)


def _existing(folder: str) -> Path:
    """The folder, or the nearest one above it: it is made when it is first needed."""
    path = Path(folder)
    return next(one for one in (path, *path.parents) if one.exists())
