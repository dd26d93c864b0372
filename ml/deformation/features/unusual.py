"""Unusual motion: mean rates compared with those expected on still ground."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.deformation.gridding.points import Float32

LEAST_MM_YR, SPREADS = 1.8, 4.5  # limits of usual means: in units of the noise scale; in spreads of the means around
WINDOWS_CELLS, OF_SPREAD_CELLS, SPREAD_CELLS = (5, 7, 9), 7, 99
LARGEST_MM_YR = 1.0  # larger means are clipped to this in the spread, which is that of still ground
FEWEST_SHARE, FEWEST_WEIGHT = 0.15, 6.0  # a window has a mean if its weights sum to more than the smaller of both
ABSOLUTE_TO_SIGMA = 1.2533  # mean absolute value of a normal distribution to its standard deviation


def unusual(velocity: Float32, n_points: NDArray[np.integer]) -> Float32:
    """Return the largest ratio of a window's mean rate to its limit over WINDOWS_CELLS, (rows, cols); 0 where unknown.

    The limit is LEAST_MM_YR, or SPREADS times the spread within SPREAD_CELLS if that is more. velocity: (rows, cols),
    mm/yr against the product's background, NaN unknown.
    """
    known = np.isfinite(velocity)
    weight = np.where(known, n_points / (n_points + np.float32(1)), 0).astype(np.float32)
    rate = np.where(known, velocity, 0).astype(np.float32) * weight
    means = {size: _mean(rate, weight, known, size) for size in WINDOWS_CELLS}
    held = _average(np.minimum(means[OF_SPREAD_CELLS], np.float32(LARGEST_MM_YR)), SPREAD_CELLS)
    spread = ABSOLUTE_TO_SIGMA * held / np.maximum(_average(known.astype(np.float32), SPREAD_CELLS), 1e-6)
    limit = np.maximum(LEAST_MM_YR, SPREADS * spread)
    return np.asarray(np.maximum.reduce([*means.values()]) / limit, dtype=np.float32)


def _mean(rate: Float32, weight: Float32, known: NDArray[np.bool_], size: int) -> Float32:
    """Return the absolute value of the mean rate, 0 where unknown. rate: times weight."""
    total, weights = (_average(each, size) * size**2 for each in (rate, weight))
    enough = known & (weights > min(FEWEST_SHARE * size**2, FEWEST_WEIGHT))
    return np.where(enough, np.abs(total) / np.maximum(weights, 1e-6), 0).astype(np.float32)


def _average(values: Float32, size: int) -> Float32:
    return np.asarray(ndimage.uniform_filter(values, size, mode="constant"))
