"""Errors of coherence estimators on simulated pairs of even ground whose coherence is known.

A first, small benchmark: one coherence a pair, no texture, edges or point targets; a constant scene rewards mere
averaging. The frozen benchmarks with structured scenes take its place; metric names stay.
"""

import hashlib
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from affine import Affine

from ml.benchmark import Benchmark
from ml.coherence.infer import VERSIONS, estimate_coherence
from ml.imagery import ImagePair
from ml.intervals import Float64, Interval, bootstrap_over
from ml.simulation.speckle import Float32, speckle_pair
from ml.workers import over_seeds

NAME, VERSION = "homogeneous-speckle", "1"
SIZE_PX = 96
RESOLUTIONS_PX = (0.35, 0.8)  # of a pixel, drawn between: some 10 to 2 looks
EVERY_PX = 8  # pixels nearer than a window hardly differ
MISREGISTRATION_PX = 1.0
GOLDEN = 0.6180339887498949  # steps that fill 0-1 evenly, however many
FIRST_SEED = 9_200_000  # no training may use seeds from here on


def make_pair(shift_px: float, seed: int) -> tuple[Float32, float]:
    """Power of two images (2, rows, cols), the second shifted to the right, and their coherence."""
    rng = np.random.default_rng([FIRST_SEED, seed])
    gamma, resolution_px = (0.5 + GOLDEN * seed) % 1, float(rng.uniform(*RESOLUTIONS_PX))
    return speckle_pair(rng, SIZE_PX, gamma, resolution_px, shift_px), gamma


def _errors(method: str, shift_px: float, seed: int) -> Float64:
    """(pixels, 3): error, sigma, true coherence."""
    power, gamma = make_pair(shift_px, seed)
    bands = estimate_coherence(
        ImagePair(power[0], power[1], Affine.identity(), None), method, torch.device("cpu")
    ).bands
    found, sigma = (band[EVERY_PX::EVERY_PX, EVERY_PX::EVERY_PX].ravel() for band in bands.values())
    return np.column_stack([found - gamma, sigma, np.full(found.size, gamma)]).astype(np.float64)


def _rmse(rows: Float64) -> float:
    return float(np.sqrt((rows[:, 0] ** 2).mean()))


def _bias(rows: Float64) -> float:
    """The largest mean error in bins of 0.1 above a coherence of 0.3."""
    bins = (rows[:, 2] * 10).astype(int)
    means = [abs(float(rows[bins == index, 0].mean())) for index in range(3, 10) if (bins == index).any()]
    return max(means) if means else np.nan


STATISTICS: dict[str, Callable[[Float64], float]] = {
    "rmse": _rmse,
    "bias_max": _bias,
    "within_68": lambda rows: float((np.abs(rows[:, 0]) <= rows[:, 1]).mean()),
    "within_95": lambda rows: float((np.abs(rows[:, 0]) <= 1.96 * rows[:, 1]).mean()),
}


def evaluate(method: str, pairs: int) -> dict[str, Interval]:
    """Measure a method on so many pairs. Returns metric name -> interval over pairs."""
    groups = over_seeds(partial(_errors, method, 0.0), pairs)
    metrics = {name: bootstrap_over(groups, statistic) for name, statistic in STATISTICS.items()}
    shifted = over_seeds(partial(_errors, method, MISREGISTRATION_PX), pairs)
    return metrics | {"rmse_misregistered": bootstrap_over(shifted, _rmse)}


def truth_sha256(pairs: int) -> str:
    """A hash of what the pairs are: name, version, seeds, settings, count, and the very first pair."""
    power, gamma = make_pair(0.0, 0)
    recipe = (NAME, VERSION, FIRST_SEED, SIZE_PX, RESOLUTIONS_PX, EVERY_PX, MISREGISTRATION_PX, GOLDEN, pairs, gamma)
    return hashlib.sha256(repr(recipe).encode() + power.tobytes()).hexdigest()


BENCHMARKS = (Benchmark(NAME, VERSION, 60, "pairs of each kind", VERSIONS, evaluate, truth_sha256),)
