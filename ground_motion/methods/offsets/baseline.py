"""Offset tracking without a network: normalised cross-correlation with one window, or with many that must agree."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ground_motion.methods.offsets import CHANCE_MARGIN, CORRELATION_KERNELS_PX, NEAR_PX, POSTING_PX
from ground_motion.methods.offsets.consensus import NEIGHBOURS, agrees_with_neighbours, consensus
from ground_motion.methods.offsets.correlate import Peaks, correlate, correlate_grid, fits
from ground_motion.rasters.imagery import HIGH_PASS_PX, high_pass, pixels_per_cell

MOVED_SEARCH_PX = 24  # Neighbours with different starts are compared over this search range.
CALIBRATION = 1.4  # Simulated pairs scatter this much more than predicted.
LOCKING_PX = 0.03  # Remaining bias toward whole pixels, as a standard deviation.


class Offsets(NamedTuple):
    """Offsets in px: dx_px (right) and dy_px (down), a standard deviation of each, and quality 0-1; NaN unknown.

    All (rows, cols) on a grid with one node in the middle of each square of `posting` pixels.
    """

    dx_px: torch.Tensor
    dy_px: torch.Tensor
    sigma_dx_px: torch.Tensor
    sigma_dy_px: torch.Tensor
    quality: torch.Tensor


def track(
    power: torch.Tensor,
    kernels: tuple[int, ...] = CORRELATION_KERNELS_PX,
    search: int = NEAR_PX,
    posting: int = POSTING_PX,
    shared: float | None = None,
    margin: float = CHANCE_MARGIN,
    start: torch.Tensor | None = None,
) -> Offsets:
    """Track the reference's pattern in the secondary.

    Args:
        power: (2, rows, cols), linear.
        kernels: Sides of windows, px, from small to large.
        search: Largest offset, px.
        posting: Pixels between nodes.
        shared: Pixels in a cell of speckle, by default estimated from these images.
        margin: By how many standard deviations a match must exceed chance.
        start: (2, nodes, nodes), whole px, the centre of each node's search.
    """
    texture = high_pass(power)
    row, col, shape = grid_of_nodes(power.shape[1:], posting, power.device)
    shared = pixels_per_cell(power) if shared is None else shared
    if fits(kernels, search, posting):
        peaks = correlate_grid(texture[0], texture[1], kernels, search, posting)
    else:
        peaks = [correlate(texture[0], texture[1], row, col, kernel, search) for kernel in kernels]
    begin = torch.zeros(2, len(row), device=row.device) if start is None else start.reshape(2, -1)
    moved = (begin != 0).any(dim=0)
    if moved.any():
        at = row[moved], col[moved]
        for peak, kernel in zip(peaks, kernels, strict=True):
            found = correlate(texture[0], texture[1], *at, kernel, search, begin[:, moved])
            for whole, part in zip(peak, found, strict=True):
                whole[moved] = part
    known = torch.stack(
        [
            peak.known & (peak.height > chance_peak(kernel, search, shared, margin))
            for peak, kernel in zip(peaks, kernels, strict=True)
        ]
    )
    if len(kernels) == 1:
        offset = torch.stack([torch.where(known[0], part, torch.nan) for part in peaks[0][:2]])
        spread, quality = torch.zeros_like(offset), peaks[0].height
    else:
        dx, spread_dx, share_dx = consensus(torch.stack([peak.dx_px for peak in peaks]), known)
        dy, spread_dy, share_dy = consensus(torch.stack([peak.dy_px for peak in peaks]), known)
        offset, spread = torch.stack([dx, dy]), torch.stack([spread_dx, spread_dy])
        quality = torch.minimum(share_dx, share_dy)
    bound = expected_sigma(peaks, kernels, known, shared)
    sigma = ((CALIBRATION * bound) ** 2 + (spread / len(kernels) ** 0.5) ** 2 + LOCKING_PX**2).sqrt()
    offset, sigma, quality = offset.reshape(2, *shape), sigma.reshape(2, *shape), quality.reshape(shape)
    kept = agrees_with_neighbours(offset, search if start is None else MOVED_SEARCH_PX)
    return Offsets(*(torch.where(kept, part, torch.nan) for part in (*offset, *sigma, quality)))


def reach(kernels: tuple[int, ...], search: int, posting: int) -> int:
    """Return the distance from a node, px, within which pixels affect it: window, search, high-pass, neighbours."""
    return max(kernels) // 2 + search + HIGH_PASS_PX // 2 + 1 + NEIGHBOURS // 2 * posting


def chance_peak(kernel: int, search: int, pixels_per_cell: float, margin: float = CHANCE_MARGIN) -> float:
    """Return the highest correlation expected by chance over all offsets tried, plus a margin in standard deviations.

    Of N independent cells, the highest of M chance correlations is about sqrt(2 ln M / N) (Gaussian extremes).
    """
    cells = max(4.0, kernel**2 / pixels_per_cell)
    tries = max(2.0, (2 * search + 1) ** 2 / pixels_per_cell)
    return (math.sqrt(2 * math.log(tries)) + margin) / math.sqrt(cells)


def expected_sigma(
    peaks: list[Peaks], kernels: tuple[int, ...], known: torch.Tensor, pixels_per_cell: float
) -> torch.Tensor:
    """Return the standard deviation of offsets, (n,), px, by incoherent correlation with the smallest known kernel.

    sigma^2 = 0.4 (1 - g^4) / (pi^2 g^4 N) in resolution cells (derived in this project). N: independent cells in a
    window; g^2: taken as the height of the peak.
    """
    smallest = known.to(torch.uint8).argmax(dim=0)
    height = torch.stack([peak.height for peak in peaks]).gather(0, smallest[None])[0].clamp(0.05, 0.98)
    window = torch.tensor(kernels, device=height.device, dtype=height.dtype)[smallest]
    cells = (window**2 / pixels_per_cell).clamp_min(4.0)
    cell_px = math.sqrt(pixels_per_cell)
    return cell_px * (0.4 * (1 - height**2) / (math.pi**2 * height**2 * cells)).sqrt()


def grid_of_nodes(
    size: Sequence[int], posting: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int]]:
    """Return the nodes' rows (n,) and columns (n,) in an image of `size` (rows, cols), and the shape of their grid."""
    rows, cols = (torch.arange(max(1, n // posting), device=device) * posting + posting // 2 for n in size)
    row, col = (part.reshape(-1) for part in torch.meshgrid(rows, cols, indexing="ij"))
    return row, col, (len(rows), len(cols))
