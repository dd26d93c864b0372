"""Fields on a torus of cells: Gaussian means by Fourier transforms, and the solution of least squares' equations.

A field is (rows, cols); the spectrum of a real one is (rows, cols // 2 + 1), as torch.fft.rfft2 gives it.
"""

import math
from functools import lru_cache

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

from ground_motion.statistics.robust import MAD_TO_SIGMA

STEPS, TOLERANCE = 20, 2e-2  # Conjugate gradients end at this share of the first residual.
KEPT = 64  # This many transforms of Gaussians are kept, because products differ in size and a worker lives long.


def fast(size: int) -> int:
    """Return the next even size with only the factors 2, 3 and 5."""
    return 2 * int(next_fast_len(-(-size // 2), real=True))


def pad_with_zeros(plane: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return a field with zeros added in the east and south."""
    return pad(plane, (0, size[1] - plane.shape[1], 0, size[0] - plane.shape[0]))


def variance(spectrum: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return the variance of fields with some half spectra, (..., rows, cols // 2 + 1)."""
    times = torch.full((size[1] // 2 + 1,), 2.0)  # how often each column occurs in the whole spectrum
    times[0] = 1
    if size[1] % 2 == 0:
        times[-1] = 1
    return (spectrum * times.to(spectrum.device)).sum(dim=(-2, -1)) / (size[0] * size[1])


@lru_cache(maxsize=KEPT)
def gaussian(size: tuple[int, ...], sigma_cells: float, device: torch.device) -> Tensor:
    """Return the transform of a Gaussian with sum 1."""
    square = torch.fft.fftfreq(size[0])[:, None] ** 2 + torch.fft.rfftfreq(size[1])[None] ** 2
    return torch.exp(-2 * (math.pi * sigma_cells) ** 2 * square).to(device)


def apply_spectrum(plane: Tensor, spectrum: Tensor) -> Tensor:
    """Multiply a field by a spectrum, which is a convolution."""
    product: Tensor = torch.fft.irfft2(torch.fft.rfft2(plane) * spectrum, s=plane.shape)
    return product


def subtract_wide(rate: Tensor, weight: Tensor, seen: Tensor, wide: Tensor) -> Tensor:
    """Return the rates minus their weighted Gaussian mean, in which rates far from it are clipped."""
    weight = torch.where(seen, weight, 0.0)
    total = apply_spectrum(weight, wide).clamp_min(1e-6)
    mean = apply_spectrum(weight * rate, wide) / total
    left = torch.where(seen, rate - mean, 0.0)
    most = 3 * (MAD_TO_SIGMA * left[seen].abs().median() + 0.1)
    mean = apply_spectrum(weight * (mean + left.clamp(-most, most)), wide) / total
    return torch.where(seen, rate - mean, 0.0)


def solve(rate: Tensor, noise: Tensor, seen: Tensor, spectrum: Tensor, start: Tensor | None = None) -> Tensor:
    """Return C^-1 rate on the seen cells, 0 elsewhere, by conjugate gradients. start: a near solution."""
    known = seen.to(rate.dtype)
    nearly = 1 / (spectrum + 1 / ((1 / noise)[seen].mean()))
    x, residual = torch.zeros_like(rate), rate * known
    enough = TOLERANCE**2 * float((residual**2).sum())
    if start is not None:
        x, residual = start.clone(), (rate - apply_spectrum(start, spectrum) - noise * start) * known
    direction, before = torch.zeros_like(rate), 1.0
    for _ in range(STEPS):
        if float((residual**2).sum()) <= enough:
            break
        z = apply_spectrum(residual, nearly).mul_(known)
        along = float((residual * z).sum())
        direction.mul_(along / before).add_(z)
        towards = apply_spectrum(direction, spectrum).addcmul_(noise, direction).mul_(known)
        step = along / max(float((direction * towards).sum()), 1e-20)
        x.add_(direction, alpha=step)
        residual.sub_(towards, alpha=step)
        before = max(along, 1e-20)
    return x
