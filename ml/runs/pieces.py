"""Where the pieces of a run are stored until it ends (docs/decisions/0013)."""

import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages

from ground_motion.rasters.pieces import DIGEST_BYTES, Arrays, Checked, Folder, Store, pack
from ml.models import Run

if TYPE_CHECKING:
    from ingest.foundation.storage.objects import ObjectStorage  # The libraries of object stores are an optional extra.


class Objects(Checked):
    """Pieces in an object store; an object is a checksum and a piece's arrays. folder: run and key."""

    def __init__(self, storage: "ObjectStorage", folder: str) -> None:
        self._storage, self._folder = storage, folder

    def names(self, stage: str = "") -> set[str]:
        """Return the names of the pieces of a stage, or of all."""
        start = f"{self._folder}/{stage}{'@' if stage else ''}"
        return {entry.name.rpartition("/")[2] for entry in self._storage.entries(start)}

    def put(self, name: str, arrays: Arrays) -> None:
        """Store a piece as an object."""
        content = b"".join(pack(arrays))
        self._storage._save(self._path_of(name), File(io.BytesIO(content), name=name))

    def drop(self, names: Iterable[str]) -> None:
        """Delete these pieces."""
        self._storage.delete_all(map(self._path_of, names))

    def _read(self, name: str) -> tuple[bytes, bytes]:
        with self._storage.open(self._path_of(name)) as file:
            return file.read(DIGEST_BYTES), file.read()

    def _path_of(self, name: str) -> str:
        return f"{self._folder}/{name}"


def store_of(run_id: int, key: str) -> Store:
    """Return the store of pieces of a run: in the object store if one is configured for pieces, else a local folder."""
    if (objects := _objects()) is None:
        return Folder(_folder_of(run_id), key)
    there = [entry.name for entry in objects.entries(f"{run_id}/")]
    objects.delete_all(path for path in there if path.split("/")[1] != key)
    return Objects(objects, f"{run_id}/{key}")


def pieces_delete(run_id: int) -> None:
    """Delete the pieces of a run that has ended."""
    shutil.rmtree(_folder_of(run_id), ignore_errors=True)
    if (objects := _objects()) is not None:
        objects.delete_all(entry.name for entry in objects.entries(f"{run_id}/"))


def pieces_prune() -> None:
    """Delete the remaining pieces of all runs that have ended."""
    objects, names = _objects(), {path.name for path in Path(settings.WORK_DIR).glob("*")}
    names |= set(objects.listdir("")[0]) if objects else set()
    numbers = {int(name) for name in names if name.isdigit()}
    unsettled = Run.objects.filter(pk__in=numbers, state__in=Run.UNSETTLED).values_list("pk", flat=True)
    for number in numbers - set(unsettled):
        pieces_delete(number)


def _folder_of(run_id: int) -> Path:
    return Path(settings.WORK_DIR) / str(run_id)


def _objects() -> "ObjectStorage | None":
    return cast("ObjectStorage", storages["pieces"]) if "pieces" in storages.backends else None
