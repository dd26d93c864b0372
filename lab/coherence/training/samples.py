"""Training samples of the coherence networks: registered pairs, and moments that give the coherence of any window.

Pairs show simulated ground or real texture (`textures`), some averaged to coarser pixels, some with earlier images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ground_motion.methods.coherence.baseline import MAX_LOOKS, Estimate
from ground_motion.methods.coherence.features import Facts, no_history, temporal
from ground_motion.methods.coherence.network import register
from ground_motion.methods.coherence.registration import facts_of
from ground_motion.runtime.box_mean import box_mean
from lab.coherence.training import textures
from lab.coherence.training.scenes import coherence_pair, textured_pair
from lab.simulation.kept import kept
from lab.simulation.sar.pairs import SarPair, Window
from lab.simulation.sar.system import Float32, to_pixels
from lab.simulation.seeds import Purpose, generator

NAME, VERSION = "coherence-samples", "4"
MAX_EARLIER = 8  # images before a pair
POOLS = ((1, 2), (2, 1), (2, 2), (1, 4), (4, 1))
LOOKS_SPREAD = 0.15  # Standard deviation of the logarithm of a stated number of looks.
MEASURED_SHARE, SQUARE_PX = 0.35, 12  # share of stated numbers measured on the image, and the side of the squares
NOMINAL_SHARE = 0.2  # share of stated numbers that count dependent looks or pixels
MAX_NOMINAL = 0.5  # Largest excess of the logarithm of such a number
BLANKED_SHARE = 0.1


@dataclass(frozen=True)
class Drawing:
    """How samples are drawn: their number and size, px; shares with real texture, averaged pixels, earlier images.

    mixed_share: textures mixed from two places; unseen_share: grounds with coherence that power does not show.
    """

    samples: int = 4500
    size: int = 96
    textured_share: float = 0.5
    pooled_share: float = 0.25
    history_share: float = 0.5
    mixed_share: float = 0.35
    unseen_share: float = 0.65


class Sample(NamedTuple):
    """Training sample, as stored in half precision; in a batch, with a leading axis.

    log_power: (2, rows, cols), registered; past: (3, rows, cols), see features.temporal; moments: (4, rows, cols), real
    and imaginary part of the normalised product, logarithms of both powers (SarPair); gamma: (rows, cols); numbers:
    own_looks, lags, shift_px and peak of Facts, looks before pixels were averaged, independent pixels in a mean.
    """

    log_power: NDArray[Any]
    past: NDArray[Any]
    moments: NDArray[Any]
    gamma: NDArray[Any]
    numbers: NDArray[Any]

    def turned(self, flips: Sequence[int]) -> Sample:
        """Apply one of the eight symmetries of a square to the images. flips: 0 or 1 for rows, columns, transpose."""
        return self._replace(**{name: _turned(getattr(self, name), flips) for name in self._fields[:4]})

    def tensors(self) -> dict[str, Tensor]:
        """Return the images by name."""
        return {name: torch.from_numpy(np.array(getattr(self, name))) for name in self._fields[:4]}


class Samples:
    """Samples on disk; those that are missing are drawn first. InputError without the real data for textures."""

    def __init__(self, drawing: Drawing, folder: Path) -> None:
        textures.textures_of(textures.TAUGHT)
        self.drawing = drawing
        arrays = kept(folder, drawing.samples, partial(_drawn, drawing), f"{drawing}, version {VERSION}")
        self.arrays = [arrays[name] for name in Sample._fields]

    def batch(self, rng: np.random.Generator, n: int, stated_share: float) -> dict[str, Tensor]:
        """Return n samples drawn at random, turned and exchanged alike: images by name, facts, mostly stated looks."""
        numbers = rng.integers(self.drawing.samples, size=n)
        flips = rng.integers(0, 2, 3).tolist()
        sample = Sample(*(array[numbers] for array in self.arrays)).turned(flips)
        if rng.random() < 0.5:
            sample = sample._replace(log_power=np.ascontiguousarray(sample.log_power[:, ::-1]))
        for images in sample.log_power:
            if rng.random() < BLANKED_SHARE:  # part of an image, as at a coast or a swath's edge
                rows, cols = images.shape[-2:]
                row, col = (int(rng.integers(0, size)) for size in (rows, cols))
                images[int(rng.integers(2)), row : row + rows // 3, col : col + cols // 3] = np.nan
        facts = [
            facts_in(row, stated_looks(rng, row, log_power) if rng.random() < stated_share else None)
            for row, log_power in zip(sample.numbers, sample.log_power, strict=True)
        ]
        stated = [(fact.transpose() if flips[2] else fact).row() for fact in facts]
        return sample.tensors() | {"facts": torch.tensor(stated)}


def facts_in(numbers: NDArray[Any], looks: float | None) -> Facts:
    """Return the facts of a sample. numbers: see Sample; looks: stated by a product, None if none are."""
    own, *rest, peak, _, _ = numbers.tolist()
    return Facts(looks or own, looks is not None, own, (*rest[:4],), (rest[4], rest[5]), peak, (0.0, 0.0))


def coherence_over(moments: Tensor, window: Window) -> Tensor:
    """Return the sample coherence over a window of rows x columns px, (n, rows, cols). moments: (n, 4, …), see Sample.

    At the edge only pixels inside the image count.
    """
    product, log = moments[:, :2], moments[:, 2:]
    sums = box_mean(torch.cat([product * torch.exp(log.mean(dim=1, keepdim=True)), torch.exp(log)], dim=1), window)
    scale = (sums[:, 2] * sums[:, 3]).clamp_min(1e-20).sqrt()
    return (torch.hypot(sums[:, 0], sums[:, 1]) / scale).clamp(0, 1)


def coherence_loss(estimate: Estimate, truth: Tensor) -> Tensor:
    """Return squared error, and the likelihood of that error under the stated sigma, over known pixels, a scalar.

    truth: (n, rows, cols), NaN unknown.
    """
    known = torch.isfinite(truth)
    error = (estimate.coherence - truth)[known]
    sigma = estimate.sigma[known]
    return 20 * (error**2).mean() + 0.2 * (torch.log(sigma) + error.detach() ** 2 / (2 * sigma**2)).mean()


def _drawn(drawing: Drawing, number: int) -> dict[str, NDArray[Any]]:
    rng = generator(Purpose.TRAINING, NAME, number)
    pool = POOLS[int(rng.integers(len(POOLS)))] if rng.random() < drawing.pooled_share else (1, 1)
    earlier = int(rng.integers(1, MAX_EARLIER + 1)) if rng.random() < drawing.history_share else 0
    size = drawing.size * min(2, max(pool))
    if rng.random() < drawing.textured_share:
        pair = textured_pair(
            rng, size, textures.textures_of(textures.TAUGHT), earlier, drawing.mixed_share, drawing.unseen_share
        )
    else:
        pair = coherence_pair(rng, size, earlier, drawing.unseen_share)
    return sample_of(pair, pool, drawing.size)._asdict()


def sample_of(pair: SarPair, pool: Window = (1, 1), size: int | None = None) -> Sample:
    """Return the sample that a pair gives if its pixels are averaged over `pool`.

    size: of the sample, px: the rest of a larger pair is left out, what a smaller one does not show is unknown.
    """
    if pair.moments is None or pair.mean_power is None:
        raise ValueError("the pair lacks one of its truths")

    def averaged(values: Float32) -> Float32:
        rows, cols = (min(side, (size or side) * by) for side, by in zip(values.shape[-2:], pool, strict=True))
        return to_pixels(values[..., :rows, :cols], pool)

    lags = facts_of([torch.from_numpy(pair.power)]).lags
    power, moments, expected = averaged(pair.power), averaged(pair.moments), np.sqrt(pair.mean_power.prod(axis=0))
    gamma = averaged(pair.gamma * expected) / averaged(expected)
    images = torch.from_numpy(power)
    facts = facts_of([images])
    past = no_history(images)
    if pair.earlier is not None:
        dated = np.concatenate([pair.power[:1], pair.earlier])
        past = temporal(torch.log(torch.from_numpy(averaged(dated)).clamp_min(1e-6)))
    log = np.log(np.maximum(moments[2:], 1e-6))
    product = moments[:2] / np.sqrt(np.maximum(moments[2] * moments[3], 1e-12))
    numbers = [facts.own_looks, *facts.lags, *facts.shift_px, facts.peak, pair.looks, independent(lags, pool)]
    parts = register(images, facts).numpy(), past.numpy(), np.concatenate([product, log]), gamma
    seen, before, complex_pair, true = (
        _filled(part, size, fill).astype(np.float16) for part, fill in zip(parts, (np.nan, np.nan, 0, 0), strict=True)
    )
    return Sample(seen, before, complex_pair, true, np.array(numbers, dtype=np.float32))


def _filled(values: Float32, size: int | None, fill: float) -> Float32:
    rows, cols = (max(0, (size or side) - side) for side in values.shape[-2:])
    return np.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, rows), (0, cols)], constant_values=fill)


def independent(lags: Sequence[float], pool: Window) -> float:
    """Return how many independent pixels a mean over pool (rows, cols) is worth. lags: correlations as in Facts."""
    worth = 1.0
    for n, (one, two) in zip(pool, (lags[:2], lags[2:]), strict=True):
        shared = sum((1 - lag / n) * rho for lag, rho in ((1, one), (2, two)) if lag < n)
        worth *= n / (1 + 2 * shared)
    return worth


def stated_looks(rng: np.random.Generator, numbers: NDArray[Any], log_power: NDArray[Any]) -> float:
    """Draw the looks that a product might state.

    They are about right, or count dependent pixels, or were measured on the image (median of mean squared over variance
    in small squares), which texture lowers. numbers, log_power: see Sample.
    """
    if rng.random() < MEASURED_SHARE:
        rows, cols = (size // SQUARE_PX for size in log_power.shape[1:])
        power = np.exp(log_power[0, : rows * SQUARE_PX, : cols * SQUARE_PX].astype(np.float32))
        squares = power.reshape(rows, SQUARE_PX, cols, SQUARE_PX)
        found = float(np.nanmedian(squares.mean(axis=(1, 3)) ** 2 / squares.var(axis=(1, 3)).clip(1e-6)))
        if np.isfinite(found):
            return min(max(found, 0.5), MAX_LOOKS)
    nominal = MAX_NOMINAL if rng.random() < NOMINAL_SHARE else 0.0
    looks, gain = numbers[-2:].tolist()
    return float(looks * gain * np.exp(rng.normal(0, LOOKS_SPREAD) + rng.uniform(0, 1) * nominal))


def _turned(values: NDArray[Any], flips: Sequence[int]) -> NDArray[Any]:
    values = values[..., :: 1 - 2 * flips[0], :: 1 - 2 * flips[1]]
    return np.ascontiguousarray(values.swapaxes(-1, -2) if flips[2] else values)
