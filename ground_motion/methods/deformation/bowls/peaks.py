"""Bowls that may be real: found among the best ones, and taken out before the noise covariance is fitted again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ground_motion.methods.deformation.bowls.pyramid import Points

LOWEST = -9.0  # score where nothing is known
LIKELY, LIKELY_MM_YR = -0.5, 1.5  # Bowls of this score and rate are taken out before the noise is fitted again.
REACH = 2.5  # A found bowl is removed out to this number of its radii.
INSIDE = 1.2  # The spread of ratios ignores points within this number of radii of a found bowl.


class Peak(NamedTuple):
    """A bowl that may be real: its middle and radius, m, and its amplitude, mm/yr."""

    x: float
    y: float
    radius_m: float
    amplitude_mm_yr: float


def likely(best: Tensor, transform: Affine) -> list[Peak]:
    """Return the bowls that may be real, the likeliest first, none with its middle in another."""
    score, amplitude, radius, _ = (plane.numpy() for plane in best)
    score = np.where(np.abs(amplitude) >= LIKELY_MM_YR, score, LOWEST)
    rows, cols = np.nonzero((score == ndimage.maximum_filter(score, 9)) & (score > LIKELY))
    peaks: list[Peak] = []
    taken = np.zeros(score.shape, dtype=bool)
    for at in np.argsort(-score[rows, cols], kind="stable"):
        row, col = rows[at], cols[at]
        if not taken[row, col]:
            x, y = transform @ (float(col) + 0.5, float(row) + 0.5)
            peaks.append(Peak(x, y, float(radius[row, col]), float(amplitude[row, col])))
            _mark(taken, peaks[-1], transform, 1.0)
    return peaks


def taken_out(points: Points, peaks: Sequence[Peak]) -> Points:
    """Return the points without the motion of some bowls."""
    rate, order = points.rate_mm_yr.copy(), np.argsort(points.x)
    ordered = points.x[order]
    for peak in peaks:
        west, east = np.searchsorted(ordered, (peak.x - REACH * peak.radius_m, peak.x + REACH * peak.radius_m))
        near = order[west:east]
        near = near[np.abs(points.y[near] - peak.y) < REACH * peak.radius_m]
        away = np.hypot(points.x[near] - peak.x, points.y[near] - peak.y) / peak.radius_m
        rate[near] -= (peak.amplitude_mm_yr * np.exp(-(away**2))).astype(np.float32)
    return points._replace(rate_mm_yr=rate)


def outside(peaks: Sequence[Peak], shape: Sequence[int], transform: Affine) -> Tensor:
    """Return 1 for cells (rows, cols) farther than INSIDE radii from the middle of every bowl, else 0."""
    inside = np.zeros((shape[0], shape[1]), dtype=bool)
    for peak in peaks:
        _mark(inside, peak, transform, INSIDE)
    return torch.from_numpy(np.where(inside, np.float32(0), np.float32(1)))


def _mark(cells: NDArray[np.bool_], peak: Peak, transform: Affine, radii: float) -> None:
    """Set the cells within some radii of a bowl's middle."""
    col, row = ~transform @ (peak.x, peak.y)
    reach = radii * peak.radius_m / transform.a
    rows, cols = (
        slice(max(0, int(at - reach)), min(size, int(at + reach) + 1))
        for at, size in zip((row, col), cells.shape, strict=True)
    )
    down, right = np.ogrid[rows, cols]
    cells[rows, cols] |= (down + 0.5 - row) ** 2 + (right + 0.5 - col) ** 2 <= reach**2
