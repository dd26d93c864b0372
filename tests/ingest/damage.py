"""Files with wrong bytes, for the tests of readers: cut off at many places, and with one bit turned over."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ingest.errors import InputError
from ingest.readers import open_velocity_fields
from ingest.readers.records import PointBatch

FASTEST_MM_YR = 1e6


def truncated(path: Path, places: int = 64) -> Iterator[int]:
    """Cut a file off at so many places, the first of them at its beginning."""
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, places).astype(int):
        path.write_bytes(whole[:length])
        yield int(length)
    path.write_bytes(whole)


def flipped(path: Path, seeds: int) -> Iterator[int]:
    """Turn one bit over, another one for each seed."""
    whole = path.read_bytes()
    for seed in range(seeds):
        bit = int(np.random.default_rng(seed).integers(8 * len(whole)))
        content = bytearray(whole)
        content[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(content)
        os.utime(path, ns=(seed, seed))  # a file system's clock ticks more slowly than this loop
        yield seed
    path.write_bytes(whole)


def all_points(path: Path) -> list[PointBatch]:
    return [batch for field in open_velocity_fields(path) for batch in field.batches()]


def refused_or_sane(path: Path) -> bool:
    """Whether a product is refused, with one clear line; else its numbers must be such as can be."""
    try:
        batches = all_points(path)
    except InputError as fault:
        said = str(fault)
        assert "\n" not in said
        assert len(said) < 600
        return True
    for batch in batches:
        sane(batch)
    return False


def sane(batch: PointBatch) -> None:
    assert np.isfinite(batch.velocity_mm_yr).all()
    assert (np.abs(batch.velocity_mm_yr) <= FASTEST_MM_YR).all()
    assert not np.isinf(batch.displacement_mm).any()
    assert (np.abs(batch.latitude) <= 90).all()
    assert (np.abs(batch.longitude) <= 180).all()
    assert np.unique(batch.pid).size == batch.pid.size
    length = np.sqrt(batch.los_east**2 + batch.los_north**2 + batch.los_up**2)
    assert (np.abs(length[np.isfinite(length)] - 1) < 0.1).all()
