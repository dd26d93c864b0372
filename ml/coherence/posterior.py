"""Posterior mean of the coherence under the bivariate gamma density of two L-look powers, with a uniform prior.

The density (Kibble 1941; Lee et al. 1994 for radar): log p(i1, i2 | g) = - L (i1 + i2) / (1 - g^2) - log(1 - g^2) - (L
- 1) log g + log I_(L-1)(2 L g sqrt(i1 i2) / (1 - g^2)) + terms without g; i1, i2: powers divided by their means. On
homogeneous ground no estimator from detected images has a smaller mean error, so this is the lower limit.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special

from ml.coherence.baseline import Coherence, Speckle, brightest
from ml.networks.box_mean import Size, area
from ml.rasters.imagery import box_mean

GRID = np.linspace(0.0, 0.99, 34)  # of coherence
TABLE_AT = np.linspace(-9.0, 5.0, 561)  # natural logarithm of sqrt(i1 i2)
LEAST_SIGMA = 0.01


@lru_cache(maxsize=64)
def _table(tenths_of_looks: int) -> NDArray[np.float64]:
    """Return log of (z/2)^-(L-1) I_(L-1)(z) - z, (coherences of GRID, values of log sqrt(i1 i2) in TABLE_AT)."""
    looks = tenths_of_looks / 10
    product = np.exp(TABLE_AT)
    rows = []
    for gamma in GRID:
        z = np.maximum(2 * looks * gamma * product / (1 - gamma**2), 1e-12)
        scaled = special.ive(looks - 1, z)
        series = -special.gammaln(looks) - z + np.log1p((z / 2) ** 2 / looks)
        with np.errstate(divide="ignore"):
            direct = np.log(scaled) - (looks - 1) * np.log(z / 2)
        rows.append(np.where(z < 1e-3, series, direct))
    return np.array(rows)


def posterior_mean(power: torch.Tensor, window: Size, speckle: Speckle) -> Coherence:
    """Estimate coherence and its posterior standard deviation from each window. power: (2, rows, cols), linear.

    The mean power of each image is taken from the same window; single bright pixels are capped (see `brightest`).
    """
    power = power / torch.nanmedian(power)
    looks = max(1.0, round(speckle.looks, 1))
    held = torch.minimum(power, brightest(power, looks))
    level = box_mean(held, window)
    # The window's own mean replaces the unknown one, so each pixel is too close to it: n - 1 cells of n are free.
    cells = max(2.0, area(window) / speckle.pixels_per_cell)
    weights = Weights(power[0])
    for gamma, log in likelihoods(held / level, looks):
        weights.add(gamma, box_mean(log[None], window)[0] * (cells - 1))
    mean, deviation = weights.moments()
    blank = torch.where(torch.isfinite(power).all(dim=0), 1.0, torch.nan)
    return Coherence(mean * blank, deviation.clamp_min(LEAST_SIGMA) * blank, looks)


def likelihoods(ratio: torch.Tensor, looks: float) -> Iterator[tuple[float, torch.Tensor]]:
    """Yield each coherence of GRID and log p of every pixel, (rows, cols), without a common constant; NaN unknown.

    ratio: (2, rows, cols), powers divided by their means; looks: at least 1, to a tenth.
    """
    ratio = ratio.clamp(1e-4, 60.0)
    both = ratio.sum(dim=0)
    place = (torch.log(ratio).sum(dim=0) / 2 - TABLE_AT[0]) / (TABLE_AT[1] - TABLE_AT[0])
    place = place.clamp(0, len(TABLE_AT) - 1.001)
    unknown = ~torch.isfinite(place)
    index = torch.where(unknown, 0.0, place).long()
    part = place - index
    table = torch.from_numpy(_table(round(10 * looks))).to(ratio)
    root = torch.exp(torch.log(ratio).sum(dim=0) / 2)
    for gamma, row in zip(GRID.tolist(), table, strict=True):
        decorrelated = 1 - gamma**2
        # - L (i1 + i2) / (1 - g^2) and the growth z of the Bessel function nearly cancel, so they are computed together
        quadratic = -looks * (both - 2 * gamma * root) / decorrelated
        bessel = row[index] * (1 - part) + row[index + 1] * part
        yield gamma, quadratic + bessel - looks * math.log(decorrelated)


class Weights:
    """Running sums of exp(log weight) over coherences, relative to the largest weight, which prevents overflow."""

    def __init__(self, like: torch.Tensor) -> None:
        self.largest = torch.full_like(like, -math.inf)
        self.sums = [torch.zeros_like(like) for _ in range(3)]

    def add(self, gamma: float, log: torch.Tensor) -> None:
        """Add the likelihood of one coherence. log: (rows, cols), natural logarithm."""
        largest = torch.maximum(self.largest, log)
        shrink, weight = torch.exp(self.largest - largest), torch.exp(log - largest)
        self.sums = [part * shrink + weight * gamma**order for order, part in enumerate(self.sums)]
        self.largest = largest

    def moments(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation of the coherence, each (rows, cols)."""
        mean = self.sums[1] / self.sums[0]
        return mean, (self.sums[2] / self.sums[0] - mean**2).clamp_min(0).sqrt()
