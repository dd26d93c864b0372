"""Classical estimators of coherence from two detected images. No network, no training.

All assume speckle with L looks and intensities whose correlation is the square of the coherence g. Guarnieri & Prati
1997 use E[I1 I2] / sqrt(E[I1^2] E[I2^2]) = (L + g^2) / (L + 1), which texture common to both images does not change.
Pearson's correlation of the intensities, r = g^2, is raised by texture. The posterior mean has a uniform prior and the
density of two L-look powers (Kibble 1941; Lee et al. 1994 for radar): log p(i1, i2 | g) = - L (i1 + i2) / (1 - g^2)
- log(1 - g^2) - (L - 1) log g + log I_(L-1)(2 L g sqrt(i1 i2) / (1 - g^2)) + terms without g; i1, i2: powers divided by
their means. On homogeneous ground no estimator from detected images has a smaller mean error: it is the lower limit.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special

from ground_motion.core.errors import UnusableData
from ground_motion.rasters.imagery import box_mean, pixels_per_cell
from ground_motion.runtime.box_mean import Size, area

# Spread of the squared coherence over N independent cells is this times (1 - g^2) / sqrt(N): Monte Carlo, 1-9 looks.
SPREAD_GUARNIERI_PRATI = 1.45
SPREAD_PEARSON = 1.6
MIN_LOOKS, MAX_LOOKS = 1.0, 30.0
LOOKS_WINDOW = 7
MIN_SIGMA = 0.01
GRID = np.linspace(0.0, 0.99, 34)  # The posterior is computed at these coherences.
TABLE_AT = np.linspace(-9.0, 5.0, 561)  # natural logarithm of sqrt(i1 i2)
MAX_VARIANCES = 10**6  # A quantile is read from at most this many variances.
# A bright pixel exceeds the median of this window (px) by this many spreads of speckle.
BRIGHT_WINDOW, BRIGHT_SPREADS = 21, 8.0


class Estimate(NamedTuple):
    """Coherence 0-1 and its standard deviation, (rows, cols) or (n, rows, cols), NaN unknown."""

    coherence: torch.Tensor
    sigma: torch.Tensor


class Speckle(NamedTuple):
    """Speckle of a pair, estimated once: equivalent number of looks; pixels per independent cell of speckle."""

    looks: float
    pixels_per_cell: float


def speckle_of(samples: Sequence[torch.Tensor], looks: float | None = None) -> Speckle:
    """Return a pair's Speckle, the median over samples (2, rows, cols). looks: if known. UnusableData if no samples."""
    if not samples:
        raise UnusableData("nowhere do both images show most of the ground")
    estimates = []
    for sample in samples:
        power = sample / torch.nanmedian(sample)
        shared = pixels_per_cell(power)
        estimates.append((looks_of(power, shared) if looks is None else looks, shared))
    return Speckle(*(median(values) for values in zip(*estimates, strict=True)))


def guarnieri_prati(power: torch.Tensor, window: Size, speckle: Speckle) -> Estimate:
    """Estimate coherence from second moments. power: (2, rows, cols), linear."""
    power, looks = power / torch.nanmedian(power), speckle.looks
    held = torch.minimum(power, brightest(power, looks))
    product = box_mean((held[0] * held[1])[None], window)[0]
    squares = box_mean(held**2, window)
    rho = product / (squares[0] * squares[1]).clamp_min(1e-20).sqrt()
    return _coherence((looks + 1) * rho - looks, SPREAD_GUARNIERI_PRATI, power, window, speckle.pixels_per_cell)


def brightest(power: torch.Tensor, looks: float) -> torch.Tensor:
    """Return the cap on each pixel's power: a multiple of the geometric mean around it, out of reach of speckle.

    Second moments depend mostly on the brightest pixels: one metal roof that turns a little would spoil its window.
    """
    around = torch.exp(box_mean(torch.log(power.clamp_min(1e-9)), BRIGHT_WINDOW))
    return around * (1 + BRIGHT_SPREADS / math.sqrt(looks))


def pearson(power: torch.Tensor, window: Size, speckle: Speckle) -> Estimate:
    """Estimate coherence from the correlation of intensities. power: (2, rows, cols), linear."""
    power = power / torch.nanmedian(power)
    mean = box_mean(power, window)
    variance = (box_mean(power**2, window) - mean**2).clamp_min(1e-12)
    covariance = box_mean((power[0] * power[1])[None], window)[0] - mean[0] * mean[1]
    squared = covariance / (variance[0] * variance[1]).sqrt()
    return _coherence(squared, SPREAD_PEARSON, power, window, speckle.pixels_per_cell)


def looks_of(power: torch.Tensor, shared: float) -> float:
    """Estimate the equivalent number of looks from the local variance where texture disturbs it least.

    The 20th percentile of the local variances stands for pure speckle; its bias, due to the scatter of such variances,
    is corrected. Two estimates, from the variance of the log power and from that of the power over its squared mean,
    are made, and the larger is returned: texture disturbs the second more, noise subtraction the first. The result is
    right on homogeneous speckle and too low where no window is homogeneous. power: (n, rows, cols), linear; shared:
    number of pixels in an independent cell of speckle.
    """
    # A mean over pixels of band-limited speckle has a log variance of 1 / L where L independent looks would have
    # trigamma(L), about 1 / (L - 0.5): measured on simulated images.
    ratio = box_mean(power**2, LOOKS_WINDOW).div_(box_mean(power, LOOKS_WINDOW).square_()).sub_(1)
    log = power.clamp_min(1e-9).log_()
    of_log = box_mean(log**2, LOOKS_WINDOW).sub_(box_mean(log, LOOKS_WINDOW).square_())
    looks = max(
        1 / _speckle(of_log, shared, lambda looks: 2.5), 1 / _speckle(ratio, shared, lambda looks: 2 + 6 / looks)
    )
    return min(MAX_LOOKS, max(MIN_LOOKS, looks))


def _speckle(variance: torch.Tensor, shared: float, tails: Callable[[float], float]) -> float:
    """Return the variance of speckle from local variances. tails: looks -> kurtosis - 1; shared: px per cell."""
    some = variance.flatten()[:: 1 + variance.numel() // MAX_VARIANCES]
    low = max(1e-3, float(np.quantile(some[torch.isfinite(some)].cpu().numpy(), 0.2)))
    n = LOOKS_WINDOW**2
    speckle = low
    for _ in range(5):  # The scatter depends on the looks, a little.
        scatter = math.sqrt(tails(1 / speckle) * shared**0.4 / n)  # Variances of neighbours correlate less than means.
        skew = math.sqrt(math.log(1 + scatter**2))  # The variances are about log-normal.
        speckle = min(1 / MIN_LOOKS, low / math.exp(-0.84 * skew - skew**2 / 2) / (1 - shared / n))
    return speckle


def _coherence(squared: torch.Tensor, spread: float, power: torch.Tensor, window: Size, shared: float) -> Estimate:
    cells = max(1.0, area(window) / shared)
    squared = torch.where(torch.isfinite(power).all(dim=0), squared, torch.nan).clamp(0.0, 1.0)
    deviation = spread * (1 - squared) / cells**0.5
    upper, lower = (squared + deviation).clamp_max(1.0).sqrt(), (squared - deviation).clamp_min(0.0).sqrt()
    sigma = ((upper - lower) / 2).clamp_min(MIN_SIGMA)
    return Estimate(squared.sqrt(), torch.where(torch.isnan(squared), torch.nan, sigma))


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


def posterior_mean(power: torch.Tensor, window: Size, speckle: Speckle) -> Estimate:
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
    return Estimate(mean * blank, deviation.clamp_min(MIN_SIGMA) * blank)


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
