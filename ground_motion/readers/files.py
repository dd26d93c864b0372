"""Names, sizes and hashes of submitted files, checked before their content is read."""

import hashlib
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.vectors import packages

MAX_RATIO = 10_000  # Declared bytes per byte of the file: a sparse image of a small island stays far below.
MAX_LOOKED_AT = 10_000  # names in a folder


def refuse_hollow(path: Path, declares: str, declared_bytes: float) -> None:
    """Raise InputError if a file declares far more bytes than it can hold. declares: the declaration, in words."""
    size = path.stat().st_size
    if declared_bytes > MAX_RATIO * size:
        raise InputError(path, f"{declares} in {size:,} bytes and holds next to nothing", "Download or make it again")


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; an empty list if it cannot be listed. Never raises."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, MAX_LOOKED_AT))
    except OSError:
        return []


def names_in_zip(path: Path) -> list[str]:
    """Return the names of the files in a zip; an empty list if it may not be unpacked. Never raises."""
    try:
        with packages.open_zip(path) as (_, files):
            return [str(name) for name in files]
    except (InputError, OSError):
        return []


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_sha256(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of one file, in hexadecimal; for several, the SHA-256 of the list of names and hashes."""
    if len(paths) == 1:
        return file_sha256(paths[0])
    lines = sorted(f"{path.name} {file_sha256(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
