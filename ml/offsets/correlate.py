"""Normalised cross-correlation of many small windows at once, by batched FFT, with a sub-pixel peak."""

from typing import NamedTuple

import torch
import torch.nn.functional as functional

BATCH_ELEMENTS = 16_000_000  # per batch of windows: a few hundred megabytes at work
STEPS_PER_PIXEL = 8
REACH = 3  # correlation values on each side of the peak that its shape is taken from


class Peaks(NamedTuple):
    """One kernel's answer at n nodes. dx_px, dy_px: columns right, rows down; height: correlation at the peak.

    known: whether both windows hold enough known pixels and the peak does not touch the edge of the search.
    """

    dx_px: torch.Tensor
    dy_px: torch.Tensor
    height: torch.Tensor
    known: torch.Tensor


def correlate(
    reference: torch.Tensor, secondary: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, kernel: int, search: int
) -> Peaks:
    """Find where the window around each node of the reference lies in the secondary.

    reference, secondary: (rows, cols), high-passed, NaN unknown; rows, cols: (n,) nodes; kernel: window size in px,
    even; search: largest offset tried, px. Lewis 1995, fast normalised cross-correlation.
    """
    size = kernel + 2 * search
    margin = size // 2
    known = torch.stack([torch.isfinite(reference), torch.isfinite(secondary)]).to(reference.dtype)
    images = torch.nan_to_num(torch.stack([reference, secondary]))
    images, known = (functional.pad(part, (margin,) * 4) for part in (images, known))
    batch = max(1, BATCH_ELEMENTS // size**2)
    parts = [
        _correlate_batch(images, known, r, c, kernel, search)
        for r, c in zip(torch.split(rows, batch), torch.split(cols, batch), strict=True)
    ]
    return Peaks(*(torch.cat([part[index] for part in parts]) for index in range(4)))


def _correlate_batch(
    images: torch.Tensor, known: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, kernel: int, search: int
) -> Peaks:
    size = kernel + 2 * search
    chip = _windows(images[0], rows + search, cols + search, kernel)  # (n, k, k)
    chip_known = _windows(known[0], rows + search, cols + search, kernel)
    field = _windows(images[1], rows, cols, size)  # (n, k + 2s, k + 2s)
    field_known = _windows(known[1], rows, cols, size)
    weight = chip_known.sum(dim=(1, 2), keepdim=True).clamp_min(1.0)
    chip = (chip - chip.sum(dim=(1, 2), keepdim=True) / weight) * chip_known
    spectrum = torch.fft.rfft2(field) * torch.fft.rfft2(chip, s=(size, size)).conj()
    reach = 2 * search + 1
    product = torch.fft.irfft2(spectrum, s=(size, size))[:, :reach, :reach]
    mean, square, share = (_box(part, kernel) for part in (field, field**2, field_known))
    energy = (square - mean**2 / share.clamp_min(1e-3)).clamp_min(1e-6) * kernel**2  # (n, 2s + 1, 2s + 1)
    surface = product / (energy * (chip**2).sum(dim=(1, 2), keepdim=True).clamp_min(1e-6)).sqrt()
    enough = (chip_known.mean(dim=(1, 2)) >= 0.5) & (share.amin(dim=(1, 2)) >= 0.5)
    return _peaks(surface, enough, search)


def _windows(image: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, size: int) -> torch.Tensor:
    """(n, size, size) windows whose upper left corners stand at rows, cols of a padded image."""
    steps = torch.arange(size, device=image.device)
    return image[(rows[:, None] + steps)[:, :, None], (cols[:, None] + steps)[:, None, :]]


def _box(values: torch.Tensor, kernel: int) -> torch.Tensor:
    return functional.avg_pool2d(values[:, None], kernel, 1)[:, 0]


def _peaks(surface: torch.Tensor, enough: torch.Tensor, search: int) -> Peaks:
    """The highest point of each correlation surface (n, 2s + 1, 2s + 1), between its samples."""
    n, reach = surface.shape[0], surface.shape[1]
    height, index = surface.reshape(n, -1).max(dim=1)
    row, col = index // reach, index % reach
    inside = (row > 0) & (row < reach - 1) & (col > 0) & (col < reach - 1)
    padded = functional.pad(surface[:, None], (REACH,) * 4, mode="replicate")[:, 0]
    patch = _windows_each(padded, row, col, 2 * REACH + 1)
    weights = _interpolation(surface)
    fine = weights @ patch @ weights.T  # (n, steps, steps)
    steps = fine.shape[1]
    best, at = fine.reshape(n, -1).max(dim=1)
    fine_row, fine_col = (at // steps).clamp(1, steps - 2), (at % steps).clamp(1, steps - 2)
    around = _windows_each(fine, fine_row - 1, fine_col - 1, 3)
    dy = (fine_row - steps // 2 + _vertex(around[:, :, 1])) / STEPS_PER_PIXEL
    dx = (fine_col - steps // 2 + _vertex(around[:, 1, :])) / STEPS_PER_PIXEL
    return Peaks(col - search + dx, row - search + dy, torch.maximum(height, best), enough & inside)


def _windows_each(surfaces: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, size: int) -> torch.Tensor:
    """One (size, size) window out of each of n surfaces."""
    steps = torch.arange(size, device=surfaces.device)
    which = torch.arange(surfaces.shape[0], device=surfaces.device)[:, None, None]
    return surfaces[which, (rows[:, None] + steps)[:, :, None], (cols[:, None] + steps)[:, None, :]]


def _interpolation(like: torch.Tensor) -> torch.Tensor:
    """(2 * STEPS_PER_PIXEL + 1, 2 * REACH + 1) Lanczos weights for positions -1 … 1 around the peak."""
    at = torch.arange(-STEPS_PER_PIXEL, STEPS_PER_PIXEL + 1, device=like.device, dtype=like.dtype) / STEPS_PER_PIXEL
    distance = at[:, None] - torch.arange(-REACH, REACH + 1, device=like.device, dtype=like.dtype)
    weights = torch.sinc(distance) * torch.sinc((distance / (REACH + 1)).clamp(-1, 1))
    return weights / weights.sum(dim=1, keepdim=True)


def _vertex(three: torch.Tensor) -> torch.Tensor:
    """Where the parabola through three neighbouring values (n, 3) has its vertex, in steps from the middle one."""
    bend = three[:, 0] - 2 * three[:, 1] + three[:, 2]
    shift = 0.5 * (three[:, 0] - three[:, 2]) / torch.where(bend.abs() < 1e-12, torch.full_like(bend, -1e-12), bend)
    return shift.clamp(-1.0, 1.0)
