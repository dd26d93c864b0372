"""Places of submitted files until they are loaded: a path on this machine, or a key in the object store.

A path begins with a slash, a key (uploads/…, downloads/…, watched/…) does not. A key may name a folder.
"""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.core.files import File
from django.core.files.storage import storages

from ground_motion.core.errors import DiskFull
from ingest.foundation.storage import Entry

if TYPE_CHECKING:
    from ingest.foundation.storage.objects import ObjectStorage  # The libraries of object stores are an optional extra.

SPARE = 1.1  # This multiple of a file's size must be free before the file is fetched.


def input_store() -> "ObjectStorage | None":
    """Return the object store of submitted files; None if they stay on the disk."""
    return cast("ObjectStorage", storages["inputs"]) if "inputs" in storages.backends else None


def is_path(place: str) -> bool:
    """Return whether a place is a path on a disk; else it is a key."""
    return os.path.isabs(place)


def input_put(path: Path, key: str) -> str:
    """Copy a file or folder to the object store; return its key, or the path without a store. Raises OSError."""
    if (store := input_store()) is None:
        return str(path)
    try:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as stream:
                    store._save(key if file == path else f"{key}/{file.relative_to(path)}", File(stream))
    except BaseException:
        input_delete(key)
        raise
    return key


def input_path(place: str, folder: Path) -> Path:
    """Return the local path of a place: a path as it is; for a key, where its copy lies in `folder`."""
    return Path(place) if is_path(place) else folder / Path(place).name


def input_fetch(place: str, folder: Path) -> None:
    """Copy a file or folder from the object store into `folder`. Raises OSError (DiskFull, StorageFailed)."""
    store, there = cast("ObjectStorage", input_store()), _entries(place)
    if not there:
        raise FileNotFoundError(f"{Path(place).name} is no longer in {store.place}")
    needed, free = sum(entry.size_bytes for entry in there), shutil.disk_usage(folder).free
    if needed * SPARE > free:
        raise DiskFull(
            f"The disk of temporary files has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed."
        )
    here = input_path(place, folder)
    for entry in there:
        path = here / entry.name[len(place) + 1 :] if entry.name != place else here
        path.parent.mkdir(parents=True, exist_ok=True)
        store.fetch(entry.name, path)


def input_exists(place: str) -> bool:
    """Return whether there still is a file or folder at a place."""
    return Path(place).exists() if is_path(place) else bool(place and input_store() and _entries(place))


def input_delete(key: str) -> None:
    """Delete the object or folder with this key; do nothing for a path."""
    if (store := input_store()) is not None and key and not is_path(key):
        for entry in _entries(key):
            store.delete(entry.name)


def _entries(key: str) -> list[Entry]:
    store = cast("ObjectStorage", input_store())
    return [entry for entry in store.entries(key) if entry.name == key or entry.name.startswith(f"{key}/")]
