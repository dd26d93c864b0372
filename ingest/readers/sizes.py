"""Declared size against the bytes of a file: some hundred bytes that declare a country hold no measurement."""

from pathlib import Path

from ingest.errors import InputError

MAX_RATIO = 10_000  # declared bytes to bytes of the file; a sparse image of a small island stays far below
REMEDY = "Download or make it again"


def refuse_hollow(path: Path, declares: str, declared_bytes: float) -> None:
    """Raise InputError where a file declares far more than it can hold. declares: "it declares 10 x 10 pixels"."""
    size = path.stat().st_size
    if declared_bytes > MAX_RATIO * size:
        raise InputError(path, f"{declares} in {size:,} bytes and holds next to nothing", REMEDY)
