"""Choice of the downloaded files that make way for a new one."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ingest.sources.client.faults import NoRoom


class Processed(NamedTuple):
    """A file that has done its work. loaded: False where the reader refused it."""

    key: int
    size_bytes: int
    since: datetime
    loaded: bool


def folder_bytes(folder: Path) -> int:
    """Return the size of a folder; links are not followed. A file that vanishes meanwhile counts as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if not path.is_dir() else 0
        except FileNotFoundError:
            continue
    return total


def make_way(*, must_free_bytes: int, processed: Sequence[Processed]) -> list[Processed]:
    """Choose the files to delete: loaded ones, the oldest first, then refused ones. Raises NoRoom, choosing none.

    What waits, is being read or is being fetched is not among `processed`, and therefore never deleted.
    """
    chosen: list[Processed] = []
    freed = 0
    for file in sorted(processed, key=lambda file: (not file.loaded, file.since)):
        if freed >= must_free_bytes:
            break
        chosen.append(file)
        freed += file.size_bytes
    if freed < must_free_bytes:
        raise NoRoom(
            f"There is no room for the file: {(must_free_bytes - freed) / 1e9:.2f} GB are missing, and nothing more"
            " that was processed can be deleted. Raise ACQUIRE_QUOTA_BYTES, or free the disk."
        )
    return chosen
