"""Free space on the disks that the service fills. No new work is claimed while less than the spare space is free."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import OperationalError, connection

from ingest.foundation.locks import rows_of
from ingest.foundation.storage import raster_folder

LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}


class DiskPlace(NamedTuple):
    """A folder that the service fills, and its disk's size and free space, bytes. spare_bytes: must stay free."""

    name: str
    path: Path
    free_bytes: int
    total_bytes: int
    spare_bytes: int

    @property
    def state(self) -> str:
        """'full' if less than spare_bytes is free, 'low' if less than twice that, else 'ok'."""
        if self.free_bytes < self.spare_bytes:
            return "full"
        return "low" if self.free_bytes < 2 * self.spare_bytes else "ok"


def disk_places() -> list[DiskPlace]:
    """Return the folders that fill up with their present free space; folders on other machines are left out."""
    places = {
        "rasters": (raster_folder() or tempfile.gettempdir(), settings.DISK_SPARE_BYTES),  # GDAL creates rasters there.
        "runs": (settings.WORK_DIR, settings.DISK_SPARE_BYTES),
        "uploads": (settings.UPLOAD_DIR, settings.UPLOAD_SPARE_BYTES),
        "downloads": (settings.ACQUIRE_FOLDER, settings.ACQUIRE_SPARE_BYTES),
        "database": (database_disk(), settings.DISK_SPARE_BYTES),
    }
    return [_place(name, Path(path), spare) for name, (path, spare) in places.items() if path]


def disk_full(share: float = 1.0) -> str:
    """Return why no new work may begin, with a remedy; empty if it may. share: required part of the spare space."""
    for place in disk_places():
        if place.free_bytes < share * place.spare_bytes:
            return (
                f"The disk of {place.name} ({place.path}) has {place.free_bytes / 1e9:.2f} GB free and"
                f" {place.spare_bytes / 1e9:.2f} GB are to stay free: no new work begins until there is more room."
                " Free some of it (manage.py prune) or enlarge the disk."
            )
    return ""


def database_room_bytes() -> int | None:
    """Return how many bytes may be added to the database; negative where it is too full, None where unknown."""
    room = []
    if disk := database_disk():
        place = _place("database", Path(disk), settings.DISK_SPARE_BYTES)
        room.append(place.free_bytes - place.spare_bytes)
    if settings.DATABASE_MOST_BYTES:
        size = rows_of("SELECT pg_database_size(current_database())")[0][0]
        room.append(settings.DATABASE_MOST_BYTES - size)
    return min(room, default=None)


def _place(name: str, path: Path, spare_bytes: int) -> DiskPlace:
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    usage = shutil.disk_usage(there)
    spare = max(spare_bytes, int(usage.total * settings.DISK_SPARE_PERCENT / 100))
    return DiskPlace(name, path, usage.free, usage.total, spare)


def database_disk() -> str:
    """Return a folder on the database's disk; empty if it is on another machine or this role may not read it."""
    if settings.DATABASE_DISK_PATH:
        return str(settings.DATABASE_DISK_PATH)
    try:
        with connection.cursor() as cursor:
            host = connection.connection.info.host
            if host not in LOCAL_HOSTS and not host.startswith("/"):
                return ""
            cursor.execute(
                "SELECT current_setting('data_directory')"
                " WHERE pg_has_role(current_user, 'pg_read_all_settings', 'usage')"
            )
            row = cursor.fetchone()
    except OperationalError:  # The other disks are checked without the database, too.
        return ""
    return row[0] if row and os.path.exists(row[0]) else ""
