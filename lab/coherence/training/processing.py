"""Simulation of a processor's steps on detected images: averaging pixels, resampling to a map grid, smoothing.

The number of looks that results is measured on the pair itself, from its power divided by its known mean power.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional

from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.system import Float32

STEP = (0.7, 1.5)  # image pixels per map pixel
TURN_RAD = 0.25
AMPLITUDE_SHARE = 0.4  # share of pairs interpolated as amplitude
CUBIC_SHARE = 0.6
LOOKS_PX = 16  # side of the squares in which looks are measured
BRIGHTEST = 6.0  # times the mean; brighter pixels (single scatterers) are clipped


def resampled_on_map(rng: np.random.Generator, pair: SarPair, size: int) -> SarPair:
    """Resample a pair onto a turned, stretched map of size x size px, as a processor does; measure its looks again."""
    steps, turn = rng.uniform(*STEP, 2), float(rng.uniform(-TURN_RAD, TURN_RAD))
    grid = _grid(steps, turn, pair.gamma.shape[-1], size)
    mode = "bicubic" if rng.random() < CUBIC_SHARE else "bilinear"
    if rng.random() < AMPLITUDE_SHARE:
        power = _sampled(np.sqrt(pair.power), grid, mode) ** 2
    else:
        power = np.maximum(_sampled(pair.power, grid, mode), 0.2 * _sampled(pair.power, grid, "nearest"))
    parts = (pair.gamma, pair.moments, pair.mean_power, pair.dx_px, pair.dy_px)
    gamma, moments, mean, dx, dy = (_sampled(part, grid, "bilinear") for part in parts)
    along, across = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return pair._replace(
        power=power,
        dx_px=((along * dx + across * dy) / steps[1]).astype(np.float32),
        dy_px=((along * dy - across * dx) / steps[0]).astype(np.float32),
        gamma=gamma,
        moments=moments,
        looks=measured_looks(power, mean),
        mean_power=mean,
        earlier=None if pair.earlier is None else _sampled(pair.earlier, grid, mode).clip(1e-6),
    )


def measured_looks(power: Float32, mean: Float32) -> float:
    """Measure equivalent looks of power (n, rows, cols) with a known mean: the median over squares, at least 1/2."""
    ratio = np.minimum(power / np.maximum(mean, 1e-12), BRIGHTEST)
    ratio = ratio / np.median(ratio.mean(axis=(1, 2)))
    rows, cols = (size // LOOKS_PX for size in power.shape[1:])
    cut = ratio[:, : rows * LOOKS_PX, : cols * LOOKS_PX].reshape(-1, rows, LOOKS_PX, cols, LOOKS_PX)
    return float(1 / np.clip(np.median(((cut - 1) ** 2).mean(axis=(2, 4))), 0.02, 2.0))


def _grid(steps: np.ndarray[tuple[int], np.dtype[np.float64]], turn: float, wide: int, size: int) -> torch.Tensor:
    """Return the map pixels' positions, for grid_sample, in an image `wide` px square, mirrored beyond its edges."""
    along = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(along * steps[0], along * steps[1], indexing="ij")
    turned = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return torch.from_numpy(np.stack(turned, axis=-1) * 2 / wide).float()[None]


def _sampled(values: Float32 | None, grid: torch.Tensor, mode: str) -> Float32:
    """Sample values (n, rows, cols) or (rows, cols) at the places of a grid."""
    if values is None:
        raise ValueError("the pair lacks one of its truths")
    planes = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).reshape(1, -1, *values.shape[-2:])
    taken = functional.grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)
    return np.asarray(taken.numpy().reshape(*values.shape[:-2], *taken.shape[-2:]), dtype=np.float32)
