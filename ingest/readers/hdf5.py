"""What readers of HDF5 and NetCDF-4 share: a file is opened, and looked at, before any of its values is believed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ingest.errors import InputError

MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = {".h5", ".hdf5", ".he5", ".nc"}
MAX_VALUES = 4 * 10**9  # 16 GB of float32: more than any frame at full resolution
MAX_OBJECTS = 10_000


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does and is called so."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(8) == MAGIC


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file whose every dataset keeps its values inside it and declares a size that can be; else InputError."""
    try:
        with h5py.File(path, "r") as file:
            _refuse_foreign(path, file)
            yield file
    except (OSError, RuntimeError, KeyError, OverflowError) as fault:  # what h5py raises where bytes are wrong
        raise InputError(path, f"the HDF5 file is damaged ({fault})", "Copy or make it again") from fault


def names(path: Path) -> frozenset[str]:
    """The names at the top of what may be an HDF5 file, for telling formats apart; empty where it is none."""
    if not is_hdf5(path):
        return frozenset()
    try:
        with h5py.File(path, "r") as file:
            return frozenset(file)
    except (OSError, RuntimeError):
        return frozenset()


def require(path: Path, file: h5py.Group, required: tuple[str, ...], remedy: str) -> None:
    missing = [name for name in required if name not in file]
    if missing:
        raise InputError(path, f"dataset {missing[0]!r} is missing", remedy)


def text(value: Any) -> str:
    """An attribute or a scalar as text; HDF5 has it as bytes, as str, or as an array of one."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _refuse_foreign(path: Path, file: h5py.File) -> None:
    """HDF5 can take a dataset's values from any other file on the disk; a product never needs that."""
    waiting, seen = [("", file)], 0
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            seen += 1
            full = f"{prefix}{name}"
            if seen > MAX_OBJECTS:
                raise InputError(path, f"it holds more than {MAX_OBJECTS:,} objects", "Give one product per file")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                found = f"dataset {full!r} is a link to somewhere else"
                raise InputError(path, found, "Give the file itself, not one that links to it")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((f"{full}/", item))
            elif isinstance(item, h5py.Dataset):
                _refuse_dataset(path, full, item)


def _refuse_dataset(path: Path, name: str, dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        found = f"dataset {name!r} takes its values from another file"
        raise InputError(path, found, "Copy the values into this file")
    if np.prod(dataset.shape or (), dtype=np.float64) > MAX_VALUES:
        raise InputError(path, f"dataset {name!r} declares {dataset.shape} values", "Cut it into pieces")
