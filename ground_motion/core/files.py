"""Files: those that commands write are whole or not there; names, first bytes, sizes and hashes of those given."""

import hashlib
import os
import secrets
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ground_motion.core.errors import FULL_DISK_ERRNOS, DiskFull, InputError, printable

OWNER_ONLY = 0o600
MAX_RATIO = 10_000  # Declared bytes per byte of the file: a sparse image of a small island stays far below.
MAX_LOOKED_AT = 10_000  # A folder with more names is not searched.


@contextmanager
def new_file(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file that gets its name when it is complete; on any failure nothing is left. Raises DiskFull."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as fault:
        if fault.errno not in FULL_DISK_ERRNOS:
            raise
        raise DiskFull(f"{printable(path)}: its disk is full. Free space there, then run the command again.") from fault
    finally:
        part.unlink(missing_ok=True)


def head_of(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file; empty if it cannot be read. Never raises."""
    try:
        with path.open("rb") as stream:
            return stream.read(n_bytes)
    except OSError:
        return b""


def begins(path: Path, suffixes: Container[str], *starts: bytes) -> bool:
    """Return whether a file has one of the suffixes and begins with one of the given bytes. Never raises."""
    is_called_so = path.suffix.lower() in suffixes and os.path.isfile(path)
    return is_called_so and head_of(path, max(map(len, starts))).startswith(starts)


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; an empty list if it cannot be listed. Never raises."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, MAX_LOOKED_AT))
    except OSError:
        return []


def files_in(path: Path, suffixes: Container[str]) -> list[Path]:
    """Return a folder's files with one of the suffixes, by name; the path itself if it is no folder. Never raises."""
    if not path.is_dir():
        return [path]
    named = [path / name for name in names_in(path)]
    return [file for file in named if file.suffix.lower() in suffixes and file.is_file()]


def refuse_hollow(path: Path, declares: str, declared_bytes: float) -> None:
    """Raise InputError if a file declares far more bytes than it can hold. declares: the declaration, in words."""
    size = path.stat().st_size
    if declared_bytes > MAX_RATIO * size:
        raise InputError(path, f"{declares} in {size:,} bytes and holds next to nothing", "Download or make it again")


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
