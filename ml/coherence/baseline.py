"""Classical estimators of coherence from two detected images. No network, no training.

Both assume speckle with L looks and intensities whose correlation is the square of the coherence g. Guarnieri & Prati
1997 use E[I1 I2] / sqrt(E[I1^2] E[I2^2]) = (L + g^2) / (L + 1), which texture common to both images does not change.
Pearson's correlation of the intensities, r = g^2, is raised by texture.
"""

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from ingest.errors import UnusableData
from ml.networks.box_mean import Size, area
from ml.rasters.imagery import box_mean, pixels_per_cell

# Spread of the squared coherence over N independent cells is this times (1 - g^2) / sqrt(N): Monte Carlo, 1-9 looks.
SPREAD_GUARNIERI_PRATI = 1.45
SPREAD_PEARSON = 1.6
LEAST_LOOKS, MOST_LOOKS = 1.0, 30.0
LOOKS_WINDOW = 7
MOST_VARIANCES = 10**6  # that a quantile is read from
BRIGHT_WINDOW, BRIGHT_SPREADS = 21, 8.0  # px; standard deviations of speckle


class Coherence(NamedTuple):
    """Coherence 0-1 and its standard deviation, (rows, cols), NaN unknown. looks: number used (1 if none is used)."""

    coherence: torch.Tensor
    sigma: torch.Tensor
    looks: float


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


def guarnieri_prati(power: torch.Tensor, window: Size, speckle: Speckle) -> Coherence:
    """Estimate coherence from second moments. power: (2, rows, cols), linear."""
    power, looks = power / torch.nanmedian(power), speckle.looks
    held = torch.minimum(power, brightest(power, looks))
    product = box_mean((held[0] * held[1])[None], window)[0]
    squares = box_mean(held**2, window)
    rho = product / (squares[0] * squares[1]).clamp_min(1e-20).sqrt()
    return _coherence((looks + 1) * rho - looks, SPREAD_GUARNIERI_PRATI, power, window, speckle)


def brightest(power: torch.Tensor, looks: float) -> torch.Tensor:
    """Return the cap on each pixel's power: a multiple of the geometric mean around it, out of reach of speckle.

    Second moments depend mostly on the brightest pixels: one metal roof that turns a little would spoil its window.
    """
    around = torch.exp(box_mean(torch.log(power.clamp_min(1e-9)), BRIGHT_WINDOW))
    return around * (1 + BRIGHT_SPREADS / math.sqrt(looks))


def pearson(power: torch.Tensor, window: Size, speckle: Speckle) -> Coherence:
    """Estimate coherence from the correlation of intensities. power: (2, rows, cols), linear."""
    power = power / torch.nanmedian(power)
    mean = box_mean(power, window)
    variance = (box_mean(power**2, window) - mean**2).clamp_min(1e-12)
    covariance = box_mean((power[0] * power[1])[None], window)[0] - mean[0] * mean[1]
    squared = covariance / (variance[0] * variance[1]).sqrt()
    return _coherence(squared, SPREAD_PEARSON, power, window, speckle._replace(looks=1.0))


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
    return min(MOST_LOOKS, max(LEAST_LOOKS, looks))


def _speckle(variance: torch.Tensor, shared: float, tails: Callable[[float], float]) -> float:
    """Return the variance of speckle from local variances. tails: looks -> kurtosis - 1; shared: px per cell."""
    some = variance.flatten()[:: 1 + variance.numel() // MOST_VARIANCES]
    low = max(1e-3, float(np.quantile(some[torch.isfinite(some)].cpu().numpy(), 0.2)))
    n = LOOKS_WINDOW**2
    speckle = low
    for _ in range(5):  # the scatter depends on the looks, a little
        scatter = math.sqrt(tails(1 / speckle) * shared**0.4 / n)  # variances share less than means do
        skew = math.sqrt(math.log(1 + scatter**2))  # such variances are about log-normal
        speckle = min(1 / LEAST_LOOKS, low / math.exp(-0.84 * skew - skew**2 / 2) / (1 - shared / n))
    return speckle


def _coherence(squared: torch.Tensor, spread: float, power: torch.Tensor, window: Size, speckle: Speckle) -> Coherence:
    cells = max(1.0, area(window) / speckle.pixels_per_cell)
    squared = torch.where(torch.isfinite(power).all(dim=0), squared, torch.nan).clamp(0.0, 1.0)
    deviation = spread * (1 - squared) / cells**0.5
    upper, lower = (squared + deviation).clamp_max(1.0).sqrt(), (squared - deviation).clamp_min(0.0).sqrt()
    sigma = ((upper - lower) / 2).clamp_min(0.01)
    return Coherence(squared.sqrt(), torch.where(torch.isnan(squared), torch.nan, sigma), speckle.looks)
