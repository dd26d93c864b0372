"""Registration of two images, and statistics of their speckle: computed once per pair, before the network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor

from ground_motion.core.errors import UnusableData
from ground_motion.methods.coherence.baseline import looks_of
from ground_motion.methods.coherence.features import Facts
from ground_motion.rasters.imagery import high_pass

MAX_SHIFT_PX = 4
RESAMPLED_PX = MAX_SHIFT_PX + 3  # MAX_SHIFT_PX, one pixel beyond it, and two taps of the interpolation.
MIN_SHIFT_PX = 0.05
SPECKLE_PX = 15  # Wider structures are texture.
STEP_PX = 0.5
USUAL_PX = 1.5  # Shifts have this standard deviation; matches farther away must stand out more.
MIN_SCORE = 4.0  # In standard deviations of chance; noise reaches 3.5 in one pair of a hundred.
SPECTRUM_BINS = 9
MIN_POWER = 0.02  # Below this share of its mean, a spectrum is not whitened.


def facts_of(samples: Sequence[Tensor], looks: float | None = None) -> Facts:
    """Measure a pair's facts on all samples together. looks: if a product states them.

    samples: of one size, (2, rows, cols), linear power. ValueError without samples.
    """
    if not samples:
        raise UnusableData("nowhere do both images show most of the ground")
    images = torch.stack(list(samples)).flatten(0, 1)  # (2 n, rows, cols)
    passed = torch.nan_to_num(high_pass(images, SPECKLE_PX)).reshape(-1, 2, *images.shape[1:])
    lags = _lags(passed).clamp(0, 1).tolist()
    shared = (1 + 2 * (lags[0] + lags[1])) * (1 + 2 * (lags[2] + lags[3]))
    shift, peak, score = shift_of(passed)
    # Interpolation by a smaller shift would not be worthwhile.
    used = score >= MIN_SCORE
    rows, cols = (by if used and abs(by) >= MIN_SHIFT_PX else 0.0 for by in shift)
    level = [float(torch.nanmedian(torch.log(images[image::2].clamp_min(1e-9)))) for image in (0, 1)]
    own = looks_of(images, shared)
    return Facts(
        own if looks is None else looks, looks is not None, own, (*lags,), (rows, cols), peak, (level[0], level[1])
    )


def _lags(passed: Tensor) -> Tensor:
    """Return the correlation over 1 and 2 rows, 1 and 2 columns, the median over samples (n, 2, rows, cols)."""
    over = (1, 2, 3)
    power = (passed**2).mean(dim=over).clamp_min(1e-9)
    rows, cols = passed.shape[-2:]
    along = [(passed[..., lag:, :] * passed[..., : rows - lag, :]).mean(dim=over) for lag in (1, 2)]
    along += [(passed[..., lag:] * passed[..., : cols - lag]).mean(dim=over) for lag in (1, 2)]
    return (torch.stack(along) / power).median(dim=1).values


def shift_of(passed: Tensor) -> tuple[tuple[float, float], float, float]:
    """Return the shift (rows, cols) in px, the highest correlation at whole pixels, and a score.

    passed: high-passed samples (n, 2, rows, cols), whose correlations are added. The point (r, c) of the first image
    lies at (r + rows, c + cols) in the second. The shift is sought in steps of half a pixel in the correlation of
    half-whitened images, because its peak stands out better. score: root of (peak height in standard deviations of
    chance)^2 - (shift / USUAL_PX)^2.
    """
    spectra = torch.fft.fft2(passed.float())
    cross = spectra[:, 0].conj() * spectra[:, 1]
    lags = torch.arange(-MAX_SHIFT_PX - STEP_PX, MAX_SHIFT_PX + 2 * STEP_PX, STEP_PX, device=passed.device)
    even = spectra.abs().square().mean(dim=0).sum(dim=0)
    whitened = cross / (_smooth(even) + MIN_POWER * even.mean()).sqrt()
    near = _correlation_at(whitened.sum(dim=0), lags) / whitened.abs().square().sum().sqrt().clamp_min(1e-9)
    # Samples overlap less the farther they are shifted, which would pull the peak to zero.
    by_rows, by_cols = (1 - lags.abs() / size for size in passed.shape[-2:])
    near = near / (by_rows[:, None] * by_cols)
    likely = near.clamp_min(0) ** 2 - (lags[:, None] ** 2 + lags**2) / USUAL_PX**2
    n = near.shape[0] - 2
    row, col = (at + 1 for at in divmod(int(likely[1:-1, 1:-1].argmax()), n))
    by_row = float(lags[row]) + STEP_PX * _vertex(near[row - 1 : row + 2, col])
    by_col = float(lags[col]) + STEP_PX * _vertex(near[row, col - 1 : col + 2])
    scale = passed[:, 0].norm() * passed[:, 1].norm() * passed[0, 0].numel()
    whole = torch.arange(-MAX_SHIFT_PX, MAX_SHIFT_PX + 1.0, device=passed.device)
    peak = float(_correlation_at(cross.sum(dim=0), whole).max())
    return (by_row, by_col), peak / max(float(scale), 1e-9), math.sqrt(max(0.0, float(likely[row, col])))


def _smooth(power: Tensor) -> Tensor:
    """Average a power spectrum over SPECTRUM_BINS on each axis, wrapping around its edges."""
    margin = SPECTRUM_BINS // 2
    around = functional.pad(power[None, None], (margin,) * 4, mode="circular")
    along = functional.avg_pool2d(around, (1, SPECTRUM_BINS), 1)
    return functional.avg_pool2d(along, (SPECTRUM_BINS, 1), 1)[0, 0]


def _correlation_at(cross: Tensor, lags: Tensor) -> Tensor:
    """Return the unscaled correlation, (lags, lags), at all pairs of lags in px. cross: cross-spectrum (rows, cols)."""
    rows, cols = (torch.fft.fftfreq(size, device=cross.device) for size in cross.shape)
    by_row = torch.exp(2j * math.pi * lags[:, None] * rows)
    by_col = torch.exp(2j * math.pi * cols[:, None] * lags)
    return (by_row @ cross @ by_col).real


def _vertex(three: Tensor) -> float:
    left, middle, right = three.tolist()
    bend = 2 * middle - left - right
    return 0.0 if bend <= 1e-9 else max(-0.5, min(0.5, (right - left) / (2 * bend)))


def shift_image(power: Tensor, shift_px: tuple[float, float]) -> Tensor:
    """Shift power (rows, cols) by shift_px (rows, cols) with the four-point cubic; NaN unknown."""
    for axis, by in enumerate(shift_px):
        power = _moved_along(power, by, axis)
    return power


def resample(power: Tensor, shift_px: tuple[float, float]) -> Tensor:
    """Resample the secondary of power (2, rows, cols) onto the reference, as every estimator takes it."""
    return torch.stack([power[0], shift_image(power[1], shift_px)])


def _moved_along(power: Tensor, by: float, axis: int) -> Tensor:
    whole = math.floor(by)
    part = by - whole
    if part < 1e-3 or part > 1 - 1e-3:
        return _take(power, round(by), axis)
    taps = [_take(power, whole + tap, axis) for tap in (-1, 0, 1, 2)]
    weights = (  # Keys' cubic convolution (1981), between the second and third of four samples
        0.5 * (-part + 2 * part**2 - part**3),
        0.5 * (2 - 5 * part**2 + 3 * part**3),
        0.5 * (part + 4 * part**2 - 3 * part**3),
        0.5 * (part**3 - part**2),
    )
    total = sum((weight * tap for weight, tap in zip(weights, taps, strict=True)), torch.zeros_like(power))
    return torch.maximum(total, 0.2 * torch.minimum(taps[1], taps[2]))


def _take(power: Tensor, by: int, axis: int) -> Tensor:
    """Shift an image by `by` pixels along an axis; NaN beyond the end."""
    size = power.shape[axis]
    if by == 0:
        return power
    if abs(by) >= size:
        return torch.full_like(power, torch.nan)
    inner = power.narrow(axis, max(by, 0), size - abs(by))
    margins = (max(-by, 0), max(by, 0))
    pad = margins if axis == 1 else (0, 0, *margins)
    return functional.pad(inner, pad, value=torch.nan)
