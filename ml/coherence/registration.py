"""How two images lie on each other, and what their speckle is like: found once for a pair, before the network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

import torch
import torch.nn.functional as functional
from torch import Tensor

from ml.coherence.baseline import looks_of
from ml.coherence.features import Facts
from ml.imagery import high_pass

FARTHEST_PX = 4
LEAST_SHIFT_PX = 0.05
SPECKLE_PX = 15  # what is wider is texture
LEAST_SCORE = 3.5  # standard deviations of chance, of which the 81 shifts reach 3


def facts_of(pieces: Sequence[Tensor], looks: float | None = None, register: bool = True) -> Facts:
    """From pieces (2, rows, cols) of linear power; the median of what they say. looks: what the product tells.

    ValueError without pieces.
    """
    if not pieces:
        raise ValueError("nowhere do both images show most of the ground")
    passed = [torch.nan_to_num(high_pass(piece, SPECKLE_PX)) for piece in pieces]
    lags = torch.stack([_lags(piece) for piece in passed]).median(dim=0).values.clamp(0, 1).tolist()
    shared = (1 + 2 * (lags[0] + lags[1])) * (1 + 2 * (lags[2] + lags[3]))
    found = [shift_of(piece, shared) for piece in passed]
    sure = [(shift, peak) for shift, peak, score in found if score >= LEAST_SCORE]
    shift = (_told(at[0][0] for at in sure), _told(at[0][1] for at in sure)) if sure and register else (0.0, 0.0)
    logs = [torch.log(piece.clamp_min(1e-9)) for piece in pieces]
    level = [median(float(torch.nanmedian(log[image])) for log in logs) for image in (0, 1)]
    peak = median(peak for _, peak, _ in found)
    own = median(looks_of(piece, shared) for piece in pieces)
    return Facts(own if looks is None else looks, looks is not None, own, (*lags,), shift, peak, (level[0], level[1]))


def _told(shifts: Iterable[float]) -> float:
    """Their median; what is less than can be told is none, so that no image is interpolated for nothing."""
    middle = median(shifts)
    return middle if abs(middle) >= LEAST_SHIFT_PX else 0.0


def _lags(passed: Tensor) -> Tensor:
    """Correlation over 1 and 2 rows, 1 and 2 columns."""
    power = (passed**2).mean().clamp_min(1e-9)
    rows, cols = passed.shape[-2:]
    along = [(passed[:, lag:] * passed[:, : rows - lag]).mean() for lag in (1, 2)]
    along += [(passed[..., lag:] * passed[..., : cols - lag]).mean() for lag in (1, 2)]
    return torch.stack(along) / power


def shift_of(passed: Tensor, pixels_per_cell: float) -> tuple[tuple[float, float], float, float]:
    """((rows, cols) in px, correlation there, its score) from high-passed images (2, rows, cols).

    What stands at (r, c) of the first image stands at (r + rows, c + cols) in the second. score: standard deviations
    of what chance reaches at one shift.
    """
    spectra = torch.fft.rfft2(passed)
    surface = torch.fft.irfft2(spectra[0].conj() * spectra[1], s=passed.shape[-2:])
    n = FARTHEST_PX + 1
    near = torch.roll(surface, (n, n), (0, 1))[: 2 * n + 1, : 2 * n + 1]
    near = near / (passed[0].norm() * passed[1].norm()).clamp_min(1e-9)
    row, col = divmod(int(near[1:-1, 1:-1].argmax()), 2 * n - 1)
    row, col = row + 1, col + 1
    peak = float(near[row, col])
    score = peak * math.sqrt(passed[0].numel() / max(1.0, pixels_per_cell))
    by_row = row - n + _vertex(near[row - 1 : row + 2, col])
    by_col = col - n + _vertex(near[row, col - 1 : col + 2])
    return (by_row, by_col), peak, score


def _vertex(three: Tensor) -> float:
    left, middle, right = three.tolist()
    bend = 2 * middle - left - right
    return 0.0 if bend <= 1e-9 else max(-0.5, min(0.5, (right - left) / (2 * bend)))


def moved(power: Tensor, shift_px: tuple[float, float]) -> Tensor:
    """Power (rows, cols) as it stands shift_px (rows, cols) farther on: four-point cubic, NaN unknown."""
    for axis, by in enumerate(shift_px):
        power = _moved_along(power, by, axis)
    return power


def _moved_along(power: Tensor, by: float, axis: int) -> Tensor:
    whole = math.floor(by)
    part = by - whole
    if part < 1e-3 or part > 1 - 1e-3:
        return _taken(power, round(by), axis)
    taps = [_taken(power, whole + tap, axis) for tap in (-1, 0, 1, 2)]
    weights = _cubic(part)
    total = sum((weight * tap for weight, tap in zip(weights, taps, strict=True)), torch.zeros_like(power))
    return torch.maximum(total, 0.2 * torch.minimum(taps[1], taps[2]))


def _cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of Keys' cubic convolution (1981) at t between the second and third of four samples."""
    return (
        0.5 * (-t + 2 * t**2 - t**3),
        0.5 * (2 - 5 * t**2 + 3 * t**3),
        0.5 * (t + 4 * t**2 - 3 * t**3),
        0.5 * (t**3 - t**2),
    )


def _taken(power: Tensor, by: int, axis: int) -> Tensor:
    """What stands `by` pixels on along an axis; NaN beyond the end."""
    size = power.shape[axis]
    if by == 0:
        return power
    if abs(by) >= size:
        return torch.full_like(power, torch.nan)
    inner = power.narrow(axis, max(by, 0), size - abs(by))
    margins = (max(-by, 0), max(by, 0))
    pad = margins if axis == 1 else (0, 0, *margins)
    return functional.pad(inner, pad, value=torch.nan)
