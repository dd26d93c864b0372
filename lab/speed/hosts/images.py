"""Simulated images of one place under OPERA's names: speckle that keeps its phase but in a square that changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine

from ml.simulation.files.scenes import write_series
from ml.simulation.nation_scenes import AreaImages

FIRST, REPEAT = datetime(2023, 8, 5, 18, 40, tzinfo=UTC), timedelta(days=12)
POSTING_M, EPSG, WEST_M, NORTH_M = 30, 32633, 450_000, 5_650_000
LOOKS, COHERENCE, SEED = 4, 0.7, 77
BURST = "000001-IW2"


class Size(NamedTuple):
    """Of an image, px, and how many pairs of successive images."""

    rows: int
    cols: int
    pairs: int


def write_images(folder: Path, size: Size) -> None:
    """One file a date. An eighth of the ground's width changes before the last date but one."""
    rng = np.random.default_rng(SEED)
    row, col = np.ogrid[: size.rows, : size.cols]
    ground = 0.1 * (1 + 0.5 * np.sin(row / 37) * np.cos(col / 53)).astype(np.float32)
    changed = np.zeros((size.rows, size.cols), dtype=bool)
    changed[size.rows // 4 : size.rows * 3 // 8, size.cols // 4 : size.cols * 3 // 8] = True
    field = _speckle(rng, size)
    for date in range(size.pairs + 1):
        if date:
            kept = np.where(changed & (date == size.pairs - 1), 0.0, COHERENCE).astype(np.float32)
            field = kept * field + np.sqrt(1 - kept**2) * _speckle(rng, size)
        power = ground * (field.real**2 + field.imag**2).mean(axis=0, keepdims=True) / 2
        transform = Affine(POSTING_M, 0, WEST_M, 0, -POSTING_M, NORTH_M)
        at = FIRST + date * REPEAT
        write_series(AreaImages(BURST, (at,), power, transform, EPSG, (0.0,), (at, at)), folder, BURST)


def _speckle(rng: np.random.Generator, size: Size) -> np.ndarray:
    """(looks, rows, cols), complex, of unit variance in each part."""
    parts = rng.standard_normal((2, LOOKS, size.rows, size.cols), dtype=np.float32)
    return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex64)
