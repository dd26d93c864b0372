"""Correlation with many windows from the coarse start of the network: at each node the widest window that agrees.

From small to large, as long as the confidence intervals of all windows so far intersect (Katkovnik 1999,
doi:10.1109/78.782208): wide where nothing changes, narrow at an edge.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ml.offsets import coarse
from ml.offsets.baseline import LOCKING_PX, Offsets, chance_peak, grid_of_nodes
from ml.offsets.consensus import agrees_with_neighbours
from ml.offsets.correlate import correlate
from ml.offsets.resampling import NODE_PX, whole
from ml.offsets.texture import texture
from ml.rasters.imagery import high_pass

KERNELS = (24, 32, 48, 64, 96)
AROUND_PX = 3  # what is searched around the start
ALIGN_PX = 64  # of the sizes that the coarse search takes
MARGIN = 0.0  # of a match above chance, as of a single window
TOLERANCE = 3.0  # standard deviations (python -m lab.offsets.rivals.tune), as CALIBRATION
CALIBRATION = 1.34


class Windows(NamedTuple):
    """What each window of KERNELS makes of n nodes: offset (windows, 2, n), px, NaN unknown; height of the correlation
    and standard deviation (windows, n), px; shape of the grid of nodes.
    """

    offset: Tensor
    height: Tensor
    sigma: Tensor
    shape: tuple[int, int]


def track(power: Tensor, search: int, posting: int, shared: float) -> Offsets:
    """Track the reference's pattern in the secondary. power: (2, rows, cols), linear; shared: pixels a cell."""
    return chosen(correlated(power, search, posting, shared), search, TOLERANCE, CALIBRATION)


def correlated(power: Tensor, search: int, posting: int, shared: float) -> Windows:
    """Correlate windows of all sizes around the coarse start."""
    pattern = high_pass(power)
    row, col, shape = grid_of_nodes(power.shape[1:], posting, power.device)
    begun = _start(power, search)[:, row // NODE_PX, col // NODE_PX]
    offset = torch.full((len(KERNELS), 2, len(row)), torch.nan, device=power.device)
    height = torch.zeros(len(KERNELS), len(row), device=power.device)
    for shift in torch.unique(begun, dim=1).T:
        at = (begun == shift[:, None]).all(dim=0)
        secondary = _moved(pattern[1], shift)
        for index, kernel in enumerate(KERNELS):
            peaks = correlate(pattern[0], secondary, row[at], col[at], kernel, AROUND_PX)
            stands_out = peaks.known & (peaks.height > chance_peak(kernel, AROUND_PX, shared, MARGIN))
            found = torch.stack([peaks.dx_px, peaks.dy_px]) + shift[:, None]
            offset[index][:, at] = torch.where(stands_out, found, torch.nan)
            height[index, at] = peaks.height
    return Windows(offset, height, _sigma(height, shared), shape)


def chosen(windows: Windows, search: int, tolerance: float, calibration: float) -> Offsets:
    """One window at each node. tolerance: half of a confidence interval; calibration: of sigma in the result."""
    index = widest_that_agrees(windows.offset, windows.sigma, tolerance)
    at_node = torch.arange(len(index), device=index.device)
    best = torch.where(index >= 0, windows.offset[index, :, at_node].T, torch.nan).reshape(2, *windows.shape)
    spread = ((calibration * windows.sigma[index, at_node]) ** 2 + LOCKING_PX**2).sqrt().reshape(windows.shape)
    quality = windows.height[index, at_node].clamp(0, 1).reshape(windows.shape)
    kept = agrees_with_neighbours(best, search) & (best.abs() <= search).all(dim=0)
    return Offsets(*(torch.where(kept, band, torch.nan) for band in (*best, spread, spread, quality)))


def widest_that_agrees(offset: Tensor, sigma: Tensor, tolerance: float) -> Tensor:
    """Index (n,) of the widest window up to which all intervals intersect on both axes, -1 where none is known.

    offset: (windows, 2, n), px, from narrow to wide, NaN unknown, which is passed over; sigma: (windows, n).
    """
    low, high = (torch.full_like(offset[0], side) for side in (-math.inf, math.inf))
    agree = torch.ones_like(sigma[0], dtype=torch.bool)
    widest = torch.full_like(sigma[0], -1, dtype=torch.long)
    for index, (value, spread) in enumerate(zip(offset, sigma, strict=True)):
        known = torch.isfinite(value).all(dim=0)
        low = torch.where(known, torch.maximum(low, value - tolerance * spread), low)
        high = torch.where(known, torch.minimum(high, value + tolerance * spread), high)
        agree &= (low <= high).all(dim=0)
        widest = torch.where(agree & known, index, widest)
    return widest


def _start(power: Tensor, search: int) -> Tensor:
    """Whole pixels (2, nodes, nodes) of the network's coarse search, on its grid."""
    seen = texture(torch.log(power))
    beyond = [-size % ALIGN_PX for size in power.shape[1:]]
    seen = functional.pad(seen, (0, beyond[1], 0, beyond[0]))
    return whole(coarse.on_nodes(coarse.coarse(seen, search)))


def _moved(image: Tensor, shift: Tensor) -> Tensor:
    """What stands at (x + dx, y + dy) of an image (rows, cols) then stands at (x, y); NaN where nothing does."""
    rows, cols = image.shape
    right, down = (int(part) for part in shift)
    wide = functional.pad(image, (abs(right),) * 2 + (abs(down),) * 2, value=torch.nan)
    return wide[abs(down) + down :, abs(right) + right :][:rows, :cols]


def _sigma(height: Tensor, shared: float) -> Tensor:
    """Standard deviation (windows, n), px, of incoherent correlation; see ml.offsets.baseline.expected_sigma."""
    held = height.clamp(0.05, 0.98)
    cells = torch.tensor([max(4.0, kernel**2 / shared) for kernel in KERNELS], device=height.device)[:, None]
    return math.sqrt(shared) * (0.4 * (1 - held**2) / (math.pi**2 * held**2 * cells)).sqrt()
