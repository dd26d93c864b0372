"""Reliability of stated probabilities of motion, on places of which half move, and at a national base rate."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.reliability import BASE_RATE, Reliability
from ground_motion.statistics.intervals import Interval
from lab.deformation.measures.scoring import TileScore

EDGES = np.array([0.001, 0.003, 0.01, 0.03, *np.arange(1, 10) / 10])  # Limits of the bins; most places are stable.
ROUNDS = 500
BASE_RATES = {"balanced": 0.5, "natural": BASE_RATE}


def reliability_figures(scores: Sequence[TileScore]) -> dict[str, Interval]:
    """Return calibration error and Brier skill over a constant base rate, for both samples; 95 % over tiles.

    Places of the tiles are weighted so that a share of BASE_RATES moves. Without probabilities, the score is used.
    """
    figures = {}
    for name, base_rate in BASE_RATES.items():
        sums = np.stack([_sums(score.places, score.reliability, base_rate) for score in scores])
        for key, statistic in (("ece", _error), ("brier_skill", _skill)):
            figures[f"{key}_{name}"] = resampled(sums, partial(statistic, base_rate=base_rate), ROUNDS)
    return figures


def resampled(counts: Float64, statistic: Callable[[Float64], Float64], rounds: int) -> Interval:
    """Return a statistic of counts (tiles, ...) with its 95 % interval. statistic: sums (rounds, ...) -> (rounds,)."""
    draws = np.random.default_rng(1).integers(0, len(counts), (rounds, len(counts)))
    times = np.stack([np.bincount(draw, minlength=len(counts)) for draw in draws])  # (rounds, tiles)
    low, high = np.nanpercentile(statistic(np.tensordot(times, counts, 1)), [2.5, 97.5])
    return Interval(float(statistic(counts.sum(axis=0)[None])[0]), float(low), float(high))


def _sums(places: Float64, reliability: Reliability | None, base_rate: float) -> Float64:
    """Return (bins, 2 outcomes, 3) of one tile: places, sums of probabilities and squared errors; still first."""
    score, moves = places.T
    p = score if reliability is None else reliability.probability(score, base_rate)
    sums = np.zeros((len(EDGES) + 1, 2, 3))
    figures = np.stack([np.ones_like(p), p, (p - moves) ** 2], axis=1)
    np.add.at(sums, (np.digitize(p, EDGES), moves.astype(int)), figures)
    return sums


def _weighted(sums: Float64, base_rate: float) -> Float64:
    """Return (rounds, bins, outcomes, 3), with each outcome weighted to its share at the base rate."""
    n = np.maximum(sums[..., 0].sum(axis=1), 1)  # (rounds, outcomes)
    weighted: Float64 = sums * (np.array([1 - base_rate, base_rate]) / n)[:, None, :, None]
    return weighted


def _error(sums: Float64, base_rate: float) -> Float64:
    weighted = _weighted(sums, base_rate)
    stated, moved = weighted[..., 1].sum(axis=2), weighted[:, :, 1, 0]
    return np.asarray(np.abs(stated - moved).sum(axis=1))


def _skill(sums: Float64, base_rate: float) -> Float64:
    return np.asarray(1 - _weighted(sums, base_rate)[..., 2].sum(axis=(1, 2)) / (base_rate * (1 - base_rate)))
