"""Real OPERA RTC-S1 chips with imposed shifts, for training and testing under real decorrelation.

A shift is imposed by a band-limited kernel (a phase ramp in the Fourier domain of the mirrored log power). In training
both chips are moved, so that both are resampled, and the shift already between them is added to the target. Places and
dates of the test are never used for training.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
import torch
from scipy import fft, ndimage

from ground_motion.core.errors import InputError
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.methods.offsets.texture import texture
from ground_motion.rasters.imagery import ImagePair
from ground_motion.statistics.intervals import Float64
from lab.offsets.dataset import Scenes, bands_of
from lab.real_data import opera_chips
from lab.simulation.sar.system import Float32

SEA = "292320-IW1"
TEST_PLACE = "292324-IW2"
TRAIN_BEFORE = date(2023, 6, 1)
MAX_DAYS = 12
MIRROR_PX = 16
MAX_TRAINED_PX = 2.0
OWN_SEARCH_PX, MIN_NODES = 3, 30  # These measure the chips' own shift.


class ChipPair(NamedTuple):
    """Pair of chips. log_power: (2, rows, cols), natural logarithms, NaN unknown. place: burst; days: between dates."""

    place: str
    polarisation: str
    reference: date
    days: int
    log_power: Float32

    @property
    def trained_on(self) -> bool:
        """Return whether the pair may be used for training."""
        return self.place not in (SEA, TEST_PLACE) and self.reference < TRAIN_BEFORE


def chip_pairs(folder: Path) -> list[ChipPair]:
    """Read all pairs of neighbouring dates, at most 12 days apart, by place and polarisation. InputError if none."""
    return [
        ChipPair(place, polarisation, first, (second - first).days, np.stack([_log(reference), _log(secondary)]))
        for (place, polarisation), chips in opera_chips(folder).items()
        for (first, reference), (second, secondary) in pairwise(chips)
        if 0 < (second - first).days <= MAX_DAYS
    ]


def _log(path: Path) -> Float32:
    with rasterio.open(path, driver="GTiff") as raster:
        power = raster.read(1, masked=True).astype(np.float32).filled(np.nan)
    return np.log(np.where(power > 0, power, np.nan)).astype(np.float32)


def moved(log: Float32, dx_px: float, dy_px: float) -> Float32:
    """Move the content at (x, y) to (x + dx, y + dy). log: (rows, cols); unknown areas move too and grow by 2 px."""
    known = np.isfinite(log)
    held = np.where(known, log, np.float32(np.mean(log[known]) if known.any() else 0))
    wide = np.pad(held, MIRROR_PX, mode="symmetric")
    rows, cols = (fft.fftfreq(n) for n in wide.shape)
    phase = np.exp(-2j * np.pi * (rows[:, None] * dy_px + cols[None, : wide.shape[1] // 2 + 1] * dx_px))
    result = fft.irfft2(fft.rfft2(wide) * phase, s=wide.shape)[MIRROR_PX:-MIRROR_PX, MIRROR_PX:-MIRROR_PX]
    if not known.all():
        gone = ndimage.maximum_filter((~known).astype(np.uint8), 5) == 1
        result[np.roll(gone, (round(dy_px), round(dx_px)), (0, 1))] = np.nan
    return np.asarray(result, dtype=np.float32)


def own_shift(pair: ChipPair) -> Float64 | None:
    """Measure the median shift (dx, dy), px, between two chips, by whitened correlation; None if few nodes match."""
    bands = track_offsets(ImagePair(*np.exp(pair.log_power)), "whitened", torch.device("cpu"), OWN_SEARCH_PX).bands
    offset = np.stack([bands["dx_px"], bands["dy_px"]]).reshape(2, -1).astype(np.float64)
    known = offset[:, np.isfinite(offset).all(axis=0)]
    return np.median(known, axis=1) if known.shape[1] >= MIN_NODES else None


def training_scenes(folder: Path, size: int, rng: np.random.Generator, turns: int = 24) -> Scenes:
    """Make training scenes of size x size px; 0 beyond smaller chips, gamma NaN."""
    scenes, bands = [], []
    for pair in chip_pairs(folder):
        own = own_shift(pair) if pair.trained_on else None
        if own is None:
            continue
        for _ in range(turns):
            shift, common = rng.uniform(-MAX_TRAINED_PX, MAX_TRAINED_PX, 2), rng.uniform(-0.5, 0.5, 2)
            both = [moved(log, *(common + half * shift)) for log, half in zip(pair.log_power, (-0.5, 0.5), strict=True)]
            scene = np.full((5, size, size), np.nan, dtype=np.float32)
            rows, cols = (min(size, n) for n in both[0].shape)
            scene[:2, :rows, :cols] = np.stack(both)[:, :rows, :cols]
            scene[:2] = texture(torch.from_numpy(scene[:2])).numpy()
            scene[2:4] = (own + shift)[:, None, None]
            scenes.append(scene.astype(np.float16))
            bands.append(bands_of(torch.from_numpy(scene), torch.from_numpy(np.exp(np.stack(both)))))
    if not scenes:
        raise InputError(folder, "none of its pairs may be trained on", "Add other places or dates, or name no folder")
    return Scenes(np.stack(scenes), np.stack(bands))
