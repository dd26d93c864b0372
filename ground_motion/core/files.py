"""Files that commands write: whole under their name, or not at all."""

import os
import secrets
from collections.abc import Iterator
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
