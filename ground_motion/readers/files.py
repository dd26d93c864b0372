"""Names, sizes and hashes of submitted files, checked before their content is read."""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.vectors import packages

MAX_RATIO = 10_000  # Declared bytes per byte of the file: a sparse image of a small island stays far below.
MAX_UNPACKED_BYTES = 60 * 2**30  # The limit is for a table in a zip; a whole burst of 300 dates is about 3 GB.
MAX_PACKED_RATIO = 200  # Digits pack about 1:5; far more is a bomb.
MAX_MEMBERS = 1000  # A zip may have so many members.
MAX_LOOKED_AT = 10_000  # names in a folder

CONTAINER_FAULTS = (*packages.FAULTS, RuntimeError, UnicodeDecodeError)


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


def head_of(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file; empty if it cannot be read. Never raises."""
    try:
        with path.open("rb") as stream:
            return stream.read(n_bytes)
    except OSError:
        return b""


def names_in_zip(path: Path) -> list[str]:
    """Return the names in a zip; an empty list if it cannot be read. Never raises."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()[:MAX_MEMBERS]
    except CONTAINER_FAULTS:
        return []


def zip_member(path: Path, archive: zipfile.ZipFile, suffix: str) -> zipfile.ZipInfo:
    """Return the only member with a suffix. InputError if there is not one, or it is too large or encrypted."""
    if len(archive.infolist()) > MAX_MEMBERS:
        raise InputError(path, f"the zip holds {len(archive.infolist())} files", "Give one product per zip")
    members = [info for info in archive.infolist() if info.filename.lower().endswith(suffix)]
    if len(members) != 1:
        problem = f"the zip holds {len(members)} {suffix} files where one is expected"
        raise InputError(path, problem, "Give one product per zip")
    info = members[0]
    if info.file_size > MAX_UNPACKED_BYTES or info.file_size > MAX_PACKED_RATIO * max(info.compress_size, 1):
        problem = f"{info.filename} would unpack to {info.file_size:,} bytes"
        raise InputError(path, problem, "Check where this file comes from")
    if info.flag_bits & 0x1:
        raise InputError(path, f"{info.filename} is encrypted", "Give the zip as it was downloaded")
    return info


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
