"""Reads a product whole; damages a file and reports the outcome: refused with one clear line, or sane numbers."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import open_velocity_field, open_velocity_fields
from ground_motion.readers.records import Declaration, FieldHeader, PointBatch, join_batches

# GDAL's own messages quote damaged bytes; rasterio's logging cannot decode them, and warns where it cannot be caught
NOISY = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Points(NamedTuple):
    """All points of a product: its header, where each pid stands, and the columns of all batches together."""

    header: FieldHeader
    at: dict[str, int]
    columns: PointBatch

    def __getitem__(self, pid: str) -> float:
        return float(self.columns.velocity_mm_yr[self.at[pid]])


def the_batch(path: Path, declared: Declaration | None = None) -> PointBatch:
    """The points of a product of one component."""
    return the_field(path, declared)[1]


def the_field(path: Path, declared: Declaration | None = None) -> tuple[FieldHeader, PointBatch]:
    """Header and points of such a product."""
    field = open_velocity_field(path, declared=declared)
    return field.header, join_batches(list(field.batches()))


def points(path: Path, declared: Declaration | None = None) -> Points:
    """All points of a product of one component."""
    (only,) = all_points(path, declared)
    return only


def all_points(path: Path, declared: Declaration | None = None) -> list[Points]:
    """All points of each component of a product."""
    components = []
    for field in open_velocity_fields(path, declared=declared):
        batches = list(field.batches())
        parts = [batch.columns() for batch in batches]
        columns = PointBatch(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        components.append(Points(field.header, {pid.decode(): at for at, pid in enumerate(columns.pid)}, columns))
    return components


def zip_of(path: Path, members: dict[str, str | bytes]) -> Path:
    """A zip of these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def truncated(file: Path, places: int = 24) -> Iterator[int]:
    """Cut the file at this number of places in turn, yield each length, and restore it."""
    whole = file.read_bytes()
    for length in np.linspace(0, len(whole) - 1, places).astype(int):
        file.write_bytes(whole[:length])
        yield int(length)
    file.write_bytes(whole)


def flipped(file: Path, seeds: int = 24, bits: int = 8) -> Iterator[int]:
    """The file with some bits turned, every second time within its first kilobyte; whole again afterwards."""
    whole = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    for seed in range(seeds):
        rng, broken = np.random.default_rng(seed), whole.copy()
        places = rng.integers(0, min(whole.size, 1024) if seed % 2 else whole.size, bits)
        broken[places] ^= (1 << rng.integers(0, 8, bits)).astype(np.uint8)
        file.write_bytes(broken.tobytes())
        yield seed
    file.write_bytes(whole.tobytes())


def outcome(path: Path, declared: Declaration | None = None, fastest_mm_yr: float = 2e7) -> str:
    """'' for a product of sane numbers, otherwise the line that it was refused with; anything else fails the test."""
    try:
        _read(path, declared, fastest_mm_yr)
    except InputError as fault:
        refused = str(fault)
    else:
        return ""
    assert "\n" not in refused
    assert len(refused) < 600
    return refused


def _read(path: Path, declared: Declaration | None, fastest_mm_yr: float) -> None:
    for field in open_velocity_fields(path, declared=declared):
        assert list(field.header.dates) == sorted(set(field.header.dates))
        for batch in field.batches():
            assert np.isfinite(batch.velocity_mm_yr).all()
            assert (np.abs(batch.velocity_mm_yr) <= fastest_mm_yr).all()
            assert (np.abs(batch.latitude) <= 90).all()
            assert (np.abs(batch.longitude) <= 360).all()
            if field.header.posting_m is not None:  # a table's own ids: the database refuses doubled ones
                assert np.unique(batch.pid).size == batch.pid.size
            assert batch.displacement_mm.shape[1] == len(field.header.dates) * field.header.has_series
            assert not np.isinf(batch.displacement_mm).any()
            length = np.sqrt(batch.los_east**2 + batch.los_north**2 + batch.los_up**2)
            assert (np.abs(length[np.isfinite(length)] - 1) < 0.1).all()
