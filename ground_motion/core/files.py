"""Files that commands write: whole under their name, or not at all."""

import os
import secrets
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ground_motion.core.errors import FULL_DISK_ERRNOS, DiskFull, printable

OWNER_ONLY = 0o600


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
