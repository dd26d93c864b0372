"""A measured figure with its 95 % interval."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Float64 = NDArray[np.float64]


class Interval(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(values: Float64, scale: float = 1.0, rounds: int = 2000) -> Interval:
    """Return the mean of values (n,) times scale, with its 95 % interval by resampling the values."""
    rng = np.random.default_rng(1)
    means = values[rng.integers(0, values.size, (rounds, values.size))].mean(axis=1) * scale
    return Interval(float(values.mean() * scale), *(float(v) for v in np.percentile(means, [2.5, 97.5])))


def bootstrap_over(groups: Sequence[Float64], statistic: Callable[[Float64], float], rounds: int = 500) -> Interval:
    """Return a statistic of all rows, with its 95 % interval by resampling groups (pairs, scenes) of dependent rows.

    groups: arrays (rows, columns) that may differ in the number of rows only.
    """
    rng = np.random.default_rng(1)
    draws = [
        statistic(np.concatenate([groups[index] for index in rng.integers(0, len(groups), len(groups))]))
        for _ in range(rounds)
    ]
    known = np.array(draws)[np.isfinite(draws)]
    low, high = np.percentile(known, [2.5, 97.5]) if known.size else (np.nan, np.nan)
    return Interval(statistic(np.concatenate(groups)), float(low), float(high))


def proportion(count: int, of: int) -> Interval:
    """Return a share with its 95 % interval by Clopper and Pearson, which is valid for rare events, too."""
    low = float(betaincinv(count, of - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 0.975)) if count < of else 1.0
    return Interval(count / of, low, high)


def jeffreys(count: int, of: int) -> Interval:
    """Return a share with its 95 % interval by Jeffreys, which is not too wide for few cases. of: above 0.

    Brown, Cai and DasGupta 2001, doi 10.1214/ss/1009213286.
    """
    low = float(betaincinv(count + 0.5, of - count + 0.5, 0.025)) if count else 0.0
    high = float(betaincinv(count + 0.5, of - count + 0.5, 0.975)) if count < of else 1.0
    return Interval(count / of, low, high)
