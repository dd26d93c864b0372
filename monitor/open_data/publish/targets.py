"""Where a nation is published: a folder or a bucket, in which a file appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, cast
from urllib.parse import urlsplit

from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

from ingest.foundation.storage import Entry, RasterStorage
from monitor.start import variables
from monitor.storages import object_storage


class Folder(FileSystemStorage, RasterStorage):
    """Folder whose files are replaced by renaming."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name, also where there is such a file: it is replaced."""
        return name

    def _save(self, name: str, content: File[Any]) -> str:
        partial = super()._save(f"{name}.{token_hex(8)}.partial", content)
        os.replace(self.path(partial), self.path(name))
        return name

    def entries(self) -> Iterator[Entry]:
        """Yield every file below the folder."""
        for path in Path(self.location).rglob("*"):
            if path.is_file():
                about = path.stat()
                name = path.relative_to(self.location).as_posix()
                yield Entry(name, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))


def target_of(address: str) -> RasterStorage:
    """Return the target at a folder's path or at s3://bucket/prefix, with the keys of RASTER_STORAGE_URL."""
    place = urlsplit(address)
    if place.scheme != "s3":
        return Folder(location=Path(address).absolute())
    options = object_storage(place.netloc, place.path, variables.text("S3_ENDPOINT_URL"), "")
    options["BACKEND"] = "monitor.open_data.publish.bucket.Bucket"
    return cast(RasterStorage, storages.create_storage(options))
