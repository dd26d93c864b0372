"""Reception of uploaded files, each written to a private folder and hashed while it arrives.

Each file has a folder with a random name and is stored there under a cleaned form of its name (readers need the name
and the ending); the original name is only kept as data. Nothing under UPLOAD_DIR is ever served.
"""

import hashlib
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload, TemporaryFileUploadHandler
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ground_motion.core.errors import promised
from ground_motion.readers.formats.registry import SUFFIXES_OF_ONE_FILE
from ingest.jobs.services import folder_delete
from monitor.subscribers.subscriptions import given_files
from monitor.wording.figures import short, whole

MAPPING_FIELD, STILL_FIELD = "mapping", "still_file"
BESIDE = {  # Endings and largest size of files that state something about the others.
    MAPPING_FIELD: (frozenset({".toml"}), 256 * 2**10),
    STILL_FIELD: (frozenset({".geojson", ".json", ".kml", ".kmz", ".gpkg", ".zip"}), given_files.MAX_BYTES),
}
MAX_NAME_LENGTH = 150
NO_ROOM = gettext_lazy(
    "There is not enough room on the disk of this service just now. Nothing was kept. Please inform whoever runs it."
)


class Incoming(TemporaryUploadedFile):
    """Uploaded file that is written to a folder of its own and hashed while it arrives."""

    def __init__(self, name: str) -> None:
        self.folder = Path(settings.UPLOAD_DIR) / secrets.token_hex(12)
        self.folder.mkdir(mode=0o700, parents=True)
        self.path = self.folder / clean_name(name)
        self.digest = hashlib.sha256()
        UploadedFile.__init__(self, file=self.path.open("xb"), name=name, size=0)

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes received so far."""
        return self.digest.hexdigest()


class PrivateFolderHandler(TemporaryFileUploadHandler):
    """Upload handler that writes each file to a folder of its own and skips files with an unknown ending."""

    file: Incoming

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Incoming] = []
        self.faults: list[str] = []
        self.full = self.lacks_declaration = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open a file in a folder of its own, or skip it if its ending is unknown."""
        FileUploadHandler.new_file(self, *args, **kwargs)
        known, _most = BESIDE.get(promised(self.field_name), (SUFFIXES_OF_ONE_FILE, 0))
        name = promised(self.file_name)
        if Path(name).suffix.lower() not in known:
            fault = _("%(file)s was not taken: its ending is not one of %(endings)s.")
            self._refuse(fault, endings=", ".join(sorted(known)))
        with self._onto_disk():
            self.file = Incoming(name)
        self.taken.append(self.file)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write and hash the next bytes of the file."""
        _known, most = BESIDE.get(promised(self.field_name), (None, start + len(raw_data)))
        if start + len(raw_data) > most:
            self._refuse(_("%(file)s was not taken: it may have at most %(size)s."), size=in_words(most))
        with self._onto_disk():
            self.file.write(raw_data)
        self.file.digest.update(raw_data)

    def file_complete(self, file_size: int) -> Incoming:
        """Close the file and return it."""
        with self._onto_disk():
            self.file.close()  # This writes the buffered rest.
        self.file.size = file_size
        return self.file

    @contextmanager
    def _onto_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            self.full = True
            raise StopUpload(connection_reset=True) from fault

    def _refuse(self, fault: str, **figures: str) -> None:
        self.faults.append(fault % {"file": promised(self.file_name)[:MAX_NAME_LENGTH], **figures})
        self.lacks_declaration |= self.field_name in BESIDE
        raise SkipFile

    def upload_interrupted(self) -> None:
        """Keep the files of an interrupted upload; `discard` deletes them later."""

    def discard(self, kept: set[Path]) -> None:
        """Close all files and delete their folders, except the kept folders, which belong to jobs."""
        for file in self.taken:
            file.close()
            if file.folder not in kept:
                folder_delete(file.folder)


def clean_name(name: str) -> str:
    """Return a file name of letters, digits, dots, dashes and underscores, safe in any path, with the same ending."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).name).lstrip(".-") or "file"
    suffix = Path(plain).suffix
    return f"{plain.removesuffix(suffix)[: MAX_NAME_LENGTH - len(suffix)]}{suffix}"


def too_much(content_length: int) -> str:
    """Return the reason why an upload of this many bytes is refused before it is read; empty if it is accepted."""
    if content_length > settings.UPLOAD_MAX_BYTES:
        return _("This is too large: at most %(size)s can be sent at a time.") % {
            "size": in_words(settings.UPLOAD_MAX_BYTES)
        }
    root = Path(settings.UPLOAD_DIR)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return "" if shutil.disk_usage(root).free - content_length >= settings.UPLOAD_SPARE_BYTES else str(NO_ROOM)


def in_words(size_bytes: float) -> str:
    """Return a number of bytes in words, such as 1.5 GB, 20 MB or 300 kB."""
    for factor, words in ((10**9, _("%(size)s GB")), (10**6, _("%(size)s MB"))):
        if size_bytes >= factor:
            return words % {"size": short(float(f"{size_bytes / factor:.3g}"))}
    return _("%(size)s kB") % {"size": whole(max(1, size_bytes / 1000) if size_bytes else 0)}
