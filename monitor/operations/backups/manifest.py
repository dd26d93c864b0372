"""Manifest of a backup. It is written last: a folder without one is no finished backup."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO

from ground_motion.core.files import OWNER_ONLY, new_file

FORMAT = 1
NAME = "manifest.json"
RASTERS, SECRET_KEY, SETTINGS = "rasters", "secret_key", "env"
CHUNK = 1 << 20


class Unusable(Exception):
    """Exception for a backup that cannot be made or restored; its text is one sentence with the remedy."""


@dataclass(frozen=True)
class Entry:
    """A file of the backup: its size in bytes and its SHA-256."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Content of a backup. files: by path in the folder; missing: rasters that rows name but the storage lacked."""

    made_at: str
    code_version: str
    migrations: list[str]
    database: str
    files: dict[str, Entry]
    missing: list[str] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the manifest into the folder; an older one is replaced in one step."""
        written(folder / NAME, BytesIO(json.dumps(asdict(self), indent=1).encode()))


def read(folder: Path) -> Manifest:
    """Read the manifest of a finished backup. Raises Unusable for anything else."""
    try:
        content = json.loads((folder / NAME).read_text())
        if content["format"] > FORMAT:
            raise Unusable(f"{folder} was made by a newer version; install that one first")
        files = {name: Entry(**entry) for name, entry in content.pop("files").items()}
        return Manifest(files=files, **content)
    except FileNotFoundError as fault:
        raise Unusable(f"{folder} holds no finished backup: {NAME} is missing; take another one") from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise Unusable(f"{folder / NAME} is damaged; take another backup") from fault


def check(folder: Path, manifest: Manifest) -> None:
    """Verify size and checksum of every file of a backup. Raises Unusable for the first that differs."""
    for name, entry in manifest.files.items():
        try:
            with (folder / name).open("rb") as file:
                actual = entry_of(file)
        except OSError as fault:
            raise Unusable(f"{name} of this backup cannot be read ({fault.strerror}); take another one") from fault
        if actual != entry:
            raise Unusable(f"{name} of this backup is not what was written; take another one")


def entry_of(source: IO[bytes], target: IO[bytes] | None = None) -> Entry:
    """Read `source` to its end and return its size and SHA-256; copy it to `target` if given."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return Entry(size, digest.hexdigest())


def written(path: Path, source: IO[bytes]) -> Entry:
    """Write a file readable by its owner only, which gets its name when complete; return its size and SHA-256."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(path, OWNER_ONLY) as file:
        return entry_of(source, file)
