"""Folder of the real data: GROUND_MOTION_DATA, else a folder beside the repository, never inside it."""

import os
from pathlib import Path

from ingest.errors import InputError

VARIABLE = "GROUND_MOTION_DATA"


def folder(*parts: str) -> Path:
    """Return a folder of real data. Raises InputError if it is missing."""
    at = Path(os.environ.get(VARIABLE, "../shared/data")).joinpath(*parts)
    if not at.is_dir():
        raise InputError(at, "there is no such folder of real data", f"Set {VARIABLE} to where they lie")
    return at
