"""Folder of the real data: the one that GROUND_MOTION_DATA names, else one beside the repository, never inside it."""

import os
from pathlib import Path

from ingest.errors import InputError

VARIABLE = "GROUND_MOTION_DATA"


def folder(*parts: str) -> Path:
    """Return a folder of real data. InputError where it is missing."""
    at = Path(os.environ.get(VARIABLE, "../shared/data")).joinpath(*parts)
    if not at.is_dir():
        raise InputError(at, "there is no such folder of real data", f"Set {VARIABLE} to where they lie")
    return at
