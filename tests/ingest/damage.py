"""Damaged copies of a file, and the one promise: an InputError of one line, or sane numbers."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ingest.errors import InputError
from ingest.readers import open_velocity_fields
from ingest.readers.records import Declared


def truncated(path: Path, places: int = 64) -> Iterator[tuple[Path, bytes]]:
    """Copies that end early, at places spread over the file, the last byte included."""
    content = path.read_bytes()
    copy = path.with_name(f"cut{path.suffix}")
    for end in np.linspace(0, len(content) - 1, places, dtype=int):
        copy.write_bytes(content[:end])
        yield copy, content[:end]


def flipped(path: Path, seeds: int = 50, bits: int = 3) -> Iterator[Path]:
    """Copies with a few bits turned."""
    content = path.read_bytes()
    copy = path.with_name(f"flip{path.suffix}")
    for seed in range(seeds):
        chance, damaged = random.Random(seed), bytearray(content)
        for _ in range(bits):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        copy.write_bytes(damaged)
        yield copy


def outcome(path: Path, declared: Declared | None = None) -> str:
    """'refused' with one clear line, or 'read' with numbers that can be; anything else fails."""
    try:
        fields = open_velocity_fields(path, "auto", declared)
        for field in fields:
            for batch in field.batches():
                assert np.isfinite(batch.velocity_mm_yr).all()
                assert (np.abs(batch.velocity_mm_yr) <= 1e6).all()
                assert (np.abs(batch.latitude) <= 90).all()
                assert (np.abs(batch.longitude) <= 180).all()
                assert not np.isinf(batch.displacement_mm).any()
                assert batch.displacement_mm.shape == (batch.pid.size, len(field.header.dates))
    except InputError as fault:
        return "refused" if "\n" not in str(fault) and len(str(fault)) < 1000 else f"no clear line: {fault}"
    return "read"
