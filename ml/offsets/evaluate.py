"""Errors of offset trackers on simulated pairs that moved by a known, constant shift.

A first, small benchmark: even speckle, no relief, texture or gain, one shift a pair. The frozen benchmarks with varying
fields take its place; metric names stay.
"""

import hashlib
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from affine import Affine

from ml.benchmark import Benchmark
from ml.imagery import ImagePair
from ml.intervals import Float64, Interval, bootstrap_over
from ml.offsets.infer import VERSIONS, track_offsets
from ml.simulation.speckle import Float32, speckle_pair
from ml.workers import over_seeds

NAME, VERSION = "constant-shifts", "1"
SIZE_PX = 160
GAMMAS = (0.5, 0.7, 0.9)
RESOLUTIONS_PX = (0.6, 1.6)  # of a pixel, drawn between
FARTHEST_PX = 1.5
FIRST_SEED = 9_100_000  # no training may use seeds from here on
OUTLIER_PX = 1.0


def make_pair(gamma: float, seed: int) -> tuple[Float32, tuple[float, float]]:
    """Power of two images (2, rows, cols) and the shift between them, px right and down."""
    rng = np.random.default_rng([FIRST_SEED, round(100 * gamma), seed])
    shift = tuple(float(v) for v in rng.uniform(-FARTHEST_PX, FARTHEST_PX, 2))
    resolution_px = float(rng.uniform(*RESOLUTIONS_PX))
    return speckle_pair(rng, SIZE_PX, gamma, resolution_px, shift[0], shift[1]), (shift[0], shift[1])


def _errors(method: str, gamma: float, seed: int) -> Float64:
    """(nodes, 7): error in x, y; sigma of x, y; the shift's distance from whole pixels in x, y; known or not."""
    power, shift = make_pair(gamma, seed)
    pair = ImagePair(power[0], power[1], Affine.identity(), None)
    bands = track_offsets(pair, method, torch.device("cpu")).bands
    n = bands["dx_px"].size
    columns = [bands["dx_px"].ravel() - shift[0], bands["dy_px"].ravel() - shift[1]]
    columns += [bands["sigma_dx_px"].ravel(), bands["sigma_dy_px"].ravel()]
    columns += [np.full(n, value - round(value)) for value in shift]
    return np.column_stack([*columns, np.isfinite(columns[0])]).astype(np.float64)


def _known(rows: Float64) -> Float64:
    return np.asarray(rows[rows[:, 6] == 1])


def _sigma(rows: Float64) -> float:
    """Of the worse axis, outliers left out: they are counted on their own."""
    errors = _known(rows)[:, :2]
    return max(float(np.std(axis[np.abs(axis) <= OUTLIER_PX])) for axis in errors.T) if len(errors) else np.nan


def _bias(rows: Float64) -> float:
    """The largest mean error in ten bins of the distance from whole pixels, either axis."""
    known = _known(rows)
    bins = np.clip(((known[:, 4:6] + 0.5) * 10).astype(int), 0, 9)
    means = [
        abs(float(known[bins[:, axis] == index, axis].mean()))
        for axis in (0, 1)
        for index in range(10)
        if (bins[:, axis] == index).sum() >= 50
    ]
    return max(means) if means else np.nan


def _within(share: float, rows: Float64) -> float:
    """How many errors lie within the interval that should hold this share of them."""
    known = _known(rows)
    times = {0.68: 1.0, 0.95: 1.96}[share]
    return float((np.abs(known[:, :2]) <= times * known[:, 2:4]).mean())


def _length(rows: Float64) -> Float64:
    return np.asarray(np.hypot(_known(rows)[:, 0], _known(rows)[:, 1]))


STATISTICS: dict[str, Callable[[Float64], float]] = {
    "bias_max": _bias,
    "epe": lambda rows: float(_length(rows).mean()),
    "rmse": lambda rows: float(np.sqrt((_known(rows)[:, :2] ** 2).mean())),
    "outlier_share": lambda rows: float((_length(rows) > OUTLIER_PX).mean()),
    "within_68": partial(_within, 0.68),
    "within_95": partial(_within, 0.95),
    "known_share": lambda rows: float(rows[:, 6].mean()),
}


def evaluate(method: str, pairs: int) -> dict[str, Interval]:
    """Measure a method on so many pairs at each coherence. Returns metric name -> interval over pairs."""
    metrics, everything = {}, []
    for gamma in GAMMAS:
        groups = over_seeds(partial(_errors, method, gamma), pairs)
        metrics[f"sigma_g{round(100 * gamma)}"] = bootstrap_over(groups, _sigma)
        everything += groups
    return metrics | {name: bootstrap_over(everything, statistic) for name, statistic in STATISTICS.items()}


def truth_sha256(pairs: int) -> str:
    """A hash of what the pairs are: name, version, seeds, settings, count, and the very first pair."""
    power, shift = make_pair(GAMMAS[0], 0)
    recipe = (NAME, VERSION, FIRST_SEED, SIZE_PX, GAMMAS, RESOLUTIONS_PX, FARTHEST_PX, pairs, shift)
    return hashlib.sha256(repr(recipe).encode() + power.tobytes()).hexdigest()


BENCHMARKS = (Benchmark(NAME, VERSION, 60, "pairs of each kind", VERSIONS, evaluate, truth_sha256),)
