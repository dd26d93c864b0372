"""Two-stage whitened correlation: plain correlation finds whole pixels, whitened correlation the fractions.

Speckle is wider than a pixel, so its highest frequencies, which carry most information on a shift, are weak. Whitening
by the images' own mean spectrum restores them (the generalised correlation of Knapp and Carter 1976). The second stage
maximises the correlation of the whitened windows by Newton's method.

Amplitude is whitened, not its logarithm. A logarithm adds harmonics beyond the images' band, which alias, and whitening
makes them as strong as the rest: offsets were pulled to whole pixels by 0.014 to 0.017 px, and scattered a fifth more.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from scipy.fft import next_fast_len

from ground_motion.core.errors import UnusableData
from ground_motion.methods.offsets import COARSE_KERNELS, FINE_KERNEL, NEAR_PX, POSTING_PX
from ground_motion.methods.offsets.baseline import MOVED_SEARCH_PX, Offsets, chance_peak, grid_of_nodes
from ground_motion.methods.offsets.consensus import NEIGHBOURS, agrees_with_neighbours
from ground_motion.methods.offsets.correlate import correlate, windows
from ground_motion.rasters.imagery import HIGH_PASS_PX, box_mean, high_pass

MARGIN_PX = 8  # A window that is shifted by a part of a pixel needs this margin.
SPECTRUM_LAGS = 8  # The spectrum is made from this many lags of the autocorrelation.
MAX_BRIGHTNESS = 4.0  # Amplitude is clipped at this many local standard deviations.
MIN_SHARE = 0.06  # Frequencies weaker than this share of the strongest are noise.
STEPS = 6
MAX_STEP_PX = 1.5  # The second stage moves this far from the first at most.
CALIBRATION = 2.3  # Simulated pairs scatter this much more than predicted.
FLOOR_PX = 0.01
BATCH = 1024


class Refined(NamedTuple):
    """Refined offsets dx_px, dy_px of n nodes, and the correlation of the whitened windows at these offsets."""

    dx_px: torch.Tensor
    dy_px: torch.Tensor
    height: torch.Tensor


def amplitude_texture(power: torch.Tensor) -> torch.Tensor:
    """Return amplitude minus its surroundings' mean in local spreads. power: (n, rows, cols), linear; NaN stays."""
    amplitude = power.clamp_min(0).sqrt()
    mean = box_mean(amplitude, HIGH_PASS_PX)
    spread = (box_mean(amplitude**2, HIGH_PASS_PX) - mean**2).clamp_min(1e-12).sqrt()
    return ((amplitude - mean) / spread).clamp(-MAX_BRIGHTNESS, MAX_BRIGHTNESS)


def autocorrelation(sampled: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean autocorrelation of texture, (2 SPECTRUM_LAGS + 1, 2 SPECTRUM_LAGS + 1), with lag 0 in the middle.

    sampled: (2, rows, cols) each, linear power. ValueError without samples.
    """
    if not sampled:
        raise UnusableData("nowhere do both images show most of the ground")
    total = torch.zeros((2 * SPECTRUM_LAGS + 1, 2 * SPECTRUM_LAGS + 1), device=sampled[0].device)
    for sample in sampled:
        texture = torch.nan_to_num(amplitude_texture(sample))
        size = [next_fast_len(n + 2 * SPECTRUM_LAGS, real=True) for n in texture.shape[1:]]
        power = torch.fft.rfft2(texture, s=size).abs() ** 2
        lags = torch.fft.irfft2(power.sum(dim=0), s=size)
        total += torch.roll(lags, (SPECTRUM_LAGS, SPECTRUM_LAGS), (0, 1))[
            : 2 * SPECTRUM_LAGS + 1, : 2 * SPECTRUM_LAGS + 1
        ]
    return total / total[SPECTRUM_LAGS, SPECTRUM_LAGS].clamp_min(1e-9)


def whiten(texture: torch.Tensor, correlation: torch.Tensor) -> torch.Tensor:
    """Whiten images (2, rows, cols), so that all frequencies have the same strength.

    texture: high-passed, NaN unknown; in the result such pixels count as 0; correlation: from `autocorrelation`.
    """
    size = [next_fast_len(n + 4 * SPECTRUM_LAGS, real=True) for n in texture.shape[1:]]
    window = torch.hann_window(2 * SPECTRUM_LAGS + 3, periodic=False, device=texture.device)[1:-1]
    lags = torch.zeros(size, device=texture.device)
    lags[: 2 * SPECTRUM_LAGS + 1, : 2 * SPECTRUM_LAGS + 1] = correlation * window[:, None] * window
    power = torch.fft.rfft2(torch.roll(lags, (-SPECTRUM_LAGS, -SPECTRUM_LAGS), (0, 1))).real.clamp_min(0)
    gain = 1 / (power + MIN_SHARE * power.max()).sqrt()
    spectrum = torch.fft.rfft2(torch.nan_to_num(texture), s=size) * gain
    flat: torch.Tensor = torch.fft.irfft2(spectrum, s=size)
    return flat[:, : texture.shape[1], : texture.shape[2]]


def track(
    power: torch.Tensor,
    correlation: torch.Tensor,
    search: int = NEAR_PX,
    posting: int = POSTING_PX,
    shared: float = 1.0,
    start: torch.Tensor | None = None,
) -> Offsets:
    """Track the reference's pattern in the secondary.

    Args:
        power: (2, rows, cols), linear.
        correlation: Autocorrelation, from `autocorrelation`.
        search: Largest offset, px.
        posting: Pixels between nodes.
        shared: Pixels in a cell of speckle.
        start: (2, nodes, nodes), whole px, centre of each node's search.
    """
    texture = high_pass(power)
    flat = whiten(amplitude_texture(power), correlation)
    row, col, shape = grid_of_nodes(power.shape[1:], posting, power.device)
    begin = None if start is None else start.reshape(2, -1)
    best = Refined(*(torch.full((row.numel(),), torch.nan, device=power.device) for _ in range(3)))
    for kernel in COARSE_KERNELS:
        peaks = correlate(texture[0], texture[1], row, col, kernel, search, begin)
        stands_out = peaks.known & (peaks.height > chance_peak(kernel, search, shared))
        refined = refine(flat, row, col, peaks.dx_px, peaks.dy_px)
        better = stands_out & torch.isfinite(refined.height) & ~(refined.height <= best.height)
        best = Refined(*(torch.where(better, new, old) for new, old in zip(refined, best, strict=True)))
    known = best.height > chance_peak(FINE_KERNEL, 2, 1.0)
    offset = torch.where(known, torch.stack([best.dx_px, best.dy_px]), torch.nan).reshape(2, *shape)
    sigma = CALIBRATION * bound_px(best.height).reshape(shape)
    kept = agrees_with_neighbours(offset, search if start is None else MOVED_SEARCH_PX)
    bands = (*offset, sigma, sigma, best.height.reshape(shape).clamp(0, 1))
    return Offsets(*(torch.where(kept, band, torch.nan) for band in bands))


def bound_px(height: torch.Tensor) -> torch.Tensor:
    """Return the Cramer-Rao bound of a shift, px, of FINE_KERNEL² white samples, plus a floor. height: correlation."""
    held = height.clamp(0.03, 0.97)
    return (3 * (1 - held**2) / (math.pi**2 * held**2 * FINE_KERNEL**2) + FLOOR_PX**2).sqrt()


def refine(flat: torch.Tensor, row: torch.Tensor, col: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor) -> Refined:
    """Refine first offsets dx, dy (n,), px, by Newton's method to the maximum of the whitened correlation."""
    parts = [
        _refine_batch(flat, *(part[at : at + BATCH] for part in (row, col, dx, dy))) for at in range(0, len(row), BATCH)
    ]
    return Refined(*(torch.cat([part[index] for part in parts]) for index in range(3)))


def _refine_batch(
    flat: torch.Tensor, row: torch.Tensor, col: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor
) -> Refined:
    size = FINE_KERNEL + 2 * MARGIN_PX
    reach = size // 2 + int(max(dx.abs().max(), dy.abs().max())) + 2
    images = functional.pad(flat, (reach,) * 4)
    corner = reach - size // 2
    whole_x, whole_y = dx.round(), dy.round()
    first = windows(images[0], row + corner, col + corner, size)
    second = windows(images[1], row + corner + whole_y.long(), col + corner + whole_x.long(), size)
    rows = 2 * math.pi * torch.fft.fftfreq(size, device=flat.device)[:, None]
    cols = 2 * math.pi * torch.fft.rfftfreq(size, device=flat.device)
    spectrum, moving = torch.fft.rfft2(first), torch.fft.rfft2(second)
    slope_x, slope_y = (_core(torch.fft.irfft2(1j * along * spectrum, s=(size, size))) for along in (cols, rows))
    chip = _core(first)
    energy_x, energy_y = ((slope**2).sum(dim=(1, 2)).clamp_min(1e-9) for slope in (slope_x, slope_y))
    x, y = dx - whole_x, dy - whole_y
    height = torch.zeros_like(x)
    for _ in range(STEPS):
        phase = torch.exp(1j * (cols * x[:, None, None] + rows * y[:, None, None]))
        shifted = _core(torch.fft.irfft2(moving * phase, s=(size, size)))
        scale = ((chip**2).sum(dim=(1, 2)) * (shifted**2).sum(dim=(1, 2))).clamp_min(1e-12).sqrt()
        height = (chip * shifted).sum(dim=(1, 2)) / scale
        steps = [
            ((slope * shifted).sum(dim=(1, 2)) / energy / height.clamp_min(0.15)).clamp(-0.3, 0.3)
            for slope, energy in ((slope_x, energy_x), (slope_y, energy_y))
        ]
        x, y = x - steps[0], y - steps[1]
    wandered = torch.hypot(x - (dx - whole_x), y - (dy - whole_y)) > MAX_STEP_PX
    return Refined(whole_x + x, whole_y + y, torch.where(wandered, torch.nan, height))


def _core(windows: torch.Tensor) -> torch.Tensor:
    return windows[:, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]


def reach(search: int, posting: int) -> int:
    """Return the distance from a node, px, within which pixels affect it."""
    widest = max(max(COARSE_KERNELS) // 2 + search, FINE_KERNEL // 2 + MARGIN_PX + search + 3 * SPECTRUM_LAGS)
    return widest + HIGH_PASS_PX // 2 + 1 + NEIGHBOURS // 2 * posting
