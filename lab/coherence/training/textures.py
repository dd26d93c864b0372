"""Real backscatter for the simulator of training pairs.

Textures are temporal means of five single-look images of a place (`pairs_real/speckle_stacks`), with the remaining
speckle removed where the ground is even (Lee 1980). Speckle of a known coherence is then simulated on them. Places of
TAUGHT are for training, those of KEPT for validation; none of them is used by a benchmark on real data.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ground_motion.core.errors import InputError
from lab.real_data import folder
from lab.simulation.sar.ground import Bools
from lab.simulation.sar.system import Float32

WEST, EAST, ALL = slice(0, 152), slice(152, None), slice(None)
TAUGHT, KEPT = "taught", "kept"
LEE_PX = 7
BRIGHTEST = 1000.0  # Brightest value kept, in medians of a place.
ZOOM = (0.6, 1.6)  # image pixels per texture pixel
GAIN = (0.8, 1.15)  # exponent: flatter or steeper contrast
MIXED_GAIN = (0.9, 1.4)  # Exponents for the geometric mean of two places, which is flatter than either.


class Cut(NamedTuple):
    """Part of a place used as texture: its columns, its number of coregistered images, and how often it is repeated."""

    place: str
    columns: slice
    dates: int = 5
    weight: int = 1


CUTS = {
    TAUGHT: (
        Cut("lely", WEST, weight=2),  # The town lies among them.
        Cut("limagne", ALL),
        Cut("marais1", ALL, 4),  # The fifth image is 1 px off.
        Cut("ramb", ALL),
    ),
    KEPT: (Cut("lely", EAST), Cut("marais2", ALL, 4)),
}


def dates_of(place: str, dates: int) -> Float32:
    """Read a place's images, power (dates, rows, cols), each divided by its median. InputError if one is missing."""
    at = folder("pairs_real", "speckle_stacks")
    paths = [at / f"{place}_{date}.npy" for date in range(1, dates + 1)]
    for path in paths:
        if not path.is_file():
            raise InputError(path, "the image is missing", "Fetch the real data of this place")
    power = np.stack([np.load(path).astype(np.float32) ** 2 for path in paths])
    return np.asarray(power / np.median(power, axis=(1, 2), keepdims=True), dtype=np.float32)


def despeckled(power: Float32, speckle: float) -> Float32:
    """Apply Lee's filter to power (rows, cols). speckle: variance of the speckle, divided by the squared mean power."""
    mean = ndimage.uniform_filter(power, LEE_PX, mode="mirror")
    variance = np.maximum(ndimage.uniform_filter(power**2, LEE_PX, mode="mirror") - mean**2, 1e-12)
    kept = np.clip((variance - speckle * mean**2) / (variance * (1 + speckle)), 0, 1)
    return np.asarray(mean + kept * (power - mean), dtype=np.float32)


@lru_cache(maxsize=2)
def textures_of(use: str) -> tuple[Float32, ...]:
    """Return each cut of TAUGHT or KEPT, repeated `weight` times: its mean power, despeckled, divided by its median.

    InputError if an image is missing.
    """
    textures: list[Float32] = []
    for cut in CUTS[use]:
        mean = despeckled(dates_of(cut.place, cut.dates)[..., cut.columns].mean(axis=0), 1 / cut.dates)
        textures += [np.asarray(np.clip(mean / np.median(mean), 1e-3, BRIGHTEST), dtype=np.float32)] * cut.weight
    return tuple(textures)


def drawn(
    rng: np.random.Generator,
    textures: Sequence[Float32],
    shape: tuple[int, int],
    fine: tuple[int, int],
    mixed_share: float = 0.0,
) -> Float32:
    """Draw power (rows, cols) on a fine grid, median about 1: a texture that is moved, turned, flipped and stretched.

    fine: cells per pixel, each axis; textures are mirrored to fill a wider area. mixed_share: probability that the
    result is the weighted geometric mean of two such textures, so that it resembles no real place.
    """
    power = _moved(rng, textures[int(rng.integers(len(textures)))], shape, fine)
    if mixed_share and rng.random() < mixed_share:
        other, weight = textures[int(rng.integers(len(textures)))], rng.uniform(0.3, 0.7)
        mean = power ** (1 - weight) * _moved(rng, other, shape, fine) ** weight
        return np.asarray(mean ** rng.uniform(*MIXED_GAIN), dtype=np.float32)
    return np.asarray(power ** rng.uniform(*GAIN), dtype=np.float32)


def _moved(rng: np.random.Generator, texture: Float32, shape: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Return a texture moved, turned, flipped and stretched onto a fine grid."""
    flips = rng.integers(0, 2, 3)
    texture = texture[:: 1 - 2 * flips[0], :: 1 - 2 * flips[1]]
    texture = texture.T if flips[2] else texture
    along = [
        rng.uniform(0, size) + np.arange(n) / (cells * np.exp(rng.uniform(*np.log(ZOOM))))
        for size, n, cells in zip(texture.shape, shape, fine, strict=True)
    ]
    power = ndimage.map_coordinates(texture, np.meshgrid(*along, indexing="ij"), order=1, mode="mirror")
    return np.asarray(power, dtype=np.float32)


def brighter(power: Float32, by_db: float, fine: tuple[int, int]) -> Bools:
    """Return where power (rows, cols) exceeds the geometric mean of the 15 x 15 px around it by the given decibels."""
    level = np.log(power)
    around = ndimage.uniform_filter(level, [15 * cells for cells in fine], mode="wrap")
    return np.asarray(level - around > by_db * np.log(10) / 10)
