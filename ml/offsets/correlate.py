"""Normalised cross-correlation of many small windows at once, with a sub-pixel peak: by batched FFT, or lag by lag.

Lag by lag, the product of the images is averaged over squares of CELL_PX, and every window of every kernel on a regular
grid is a sum of such squares. The cost grows with the number of lags, not of kernels: beyond FARTHEST_PX batched FFTs
are cheaper, with the same result except for rounding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from scipy.fft import next_fast_len

CELL_PX = 4
FARTHEST_PX = 10
BATCH_ELEMENTS = 16_000_000  # per batch of windows: a few hundred megabytes in use
NOISE_SHARE = 0.03  # of the peak
LEAST_KNOWN, LEAST_PART = 0.5, 0.25  # of a window


class Peaks(NamedTuple):
    """Correlation peaks of one kernel at n nodes. dx_px, dy_px: right and down; height: correlation at the peak.

    known: whether both windows have enough known pixels and the peak does not lie at the edge of the search.
    """

    dx_px: torch.Tensor
    dy_px: torch.Tensor
    height: torch.Tensor
    known: torch.Tensor


def correlate(
    reference: torch.Tensor,
    secondary: torch.Tensor,
    rows: torch.Tensor,
    cols: torch.Tensor,
    kernel: int,
    search: int,
    start: torch.Tensor | None = None,
    whole: bool = True,
) -> Peaks:
    """Find where the window around each node of the reference lies in the secondary.

    reference, secondary: (rows, cols), high-passed, NaN unknown; rows, cols: (n,) nodes; kernel: window size in px,
    even; search: largest offset tried, px; start: (2, n), whole px right and down, centre of each node's search; whole:
    True requires that half of each window is known; False requires less of the reference's window, and skips offsets at
    which less than half of the secondary's window is known. Lewis 1995, fast normalised cross-correlation.
    """
    size = kernel + 2 * search
    begin = torch.zeros(2, len(rows), dtype=torch.long, device=rows.device) if start is None else start.long()
    margin = size // 2 + int(begin.abs().max() if begin.numel() else 0)
    known = torch.stack([torch.isfinite(reference), torch.isfinite(secondary)]).to(reference.dtype)
    images = torch.nan_to_num(torch.stack([reference, secondary]))
    images, known = (functional.pad(part, (margin,) * 4) for part in (images, known))
    batch = max(1, BATCH_ELEMENTS // size**2)
    boxes = [box_means(part, kernel) for part in (images[1], images[1] ** 2, known[1])]
    corners = torch.stack([cols, rows]) + margin - size // 2
    parts = [
        _correlate_batch(images, known, boxes, at, at + by, kernel, search, whole)
        for at, by in zip(torch.split(corners, batch, dim=1), torch.split(begin, batch, dim=1), strict=True)
    ]
    dx, dy, height, enough = (torch.cat([part[index] for part in parts]) for index in range(4))
    return Peaks(dx + begin[0], dy + begin[1], height, enough)


def _correlate_batch(
    images: torch.Tensor,
    known: torch.Tensor,
    boxes: list[torch.Tensor],
    first: torch.Tensor,
    second: torch.Tensor,
    kernel: int,
    search: int,
    whole: bool,
) -> Peaks:
    """Correlate one batch of windows.

    images, known: padded; boxes: mean, mean square and known share of the secondary's window at each position.

    first, second: (2, n), column and row of the search area's corner, before and after the shift by `start`.
    """
    size = kernel + 2 * search
    (left, top), (cols, rows) = first + search, second
    chip = _windows(images[0], top, left, kernel)  # (n, k, k)
    chip_known = _windows(known[0], top, left, kernel)
    field = _windows(images[1], rows, cols, size)  # (n, k + 2s, k + 2s)
    weight = chip_known.sum(dim=(1, 2), keepdim=True).clamp_min(1.0)
    chip = (chip - chip.sum(dim=(1, 2), keepdim=True) / weight) * chip_known
    period, reach = next_fast_len(size, real=True), 2 * search + 1
    spectrum = torch.fft.rfft2(field, s=(period, period)) * torch.fft.rfft2(chip, s=(period, period)).conj()
    product = torch.fft.irfft2(spectrum, s=(period, period))[:, :reach, :reach]
    mean, square, share = (_windows(part, rows, cols, reach) for part in boxes)
    energy = (square - mean**2 / share.clamp_min(1e-3)).clamp_min(1e-6) * kernel**2  # (n, 2s + 1, 2s + 1)
    surface = product / (energy * (chip**2).sum(dim=(1, 2), keepdim=True).clamp_min(1e-6)).sqrt()
    tried = share >= LEAST_KNOWN
    part = chip_known.mean(dim=(1, 2))
    if whole:
        return peaks_of(surface, (part >= LEAST_KNOWN) & tried.all(dim=2).all(dim=1), search)
    return peaks_of(torch.where(tried, surface, -1.0), part >= LEAST_PART, search)


def _windows(image: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, size: int) -> torch.Tensor:
    """Cut (n, size, size) windows whose upper left corners stand at rows, cols of a padded image."""
    steps = torch.arange(size, device=image.device)
    return image[(rows[:, None] + steps)[:, :, None], (cols[:, None] + steps)[:, None, :]]


def box_means(image: torch.Tensor, kernel: int) -> torch.Tensor:
    """Average every complete kernel x kernel window by running sums; a mean is at its window's upper left corner."""
    for dim in (0, 1):
        sums = functional.pad(image.double().movedim(dim, -1).cumsum(dim=-1), (1, 0))
        image = ((sums[..., kernel:] - sums[..., :-kernel]) / kernel).movedim(-1, dim)
    return image.float()


def peaks_of(surface: torch.Tensor, enough: torch.Tensor, search: int) -> Peaks:
    """Locate the highest point of each correlation surface (n, 2s + 1, 2s + 1), between its samples."""
    n, reach = surface.shape[0], surface.shape[1]
    height, index = surface.reshape(n, -1).max(dim=1)
    row, col = index // reach, index % reach
    inside = (row > 0) & (row < reach - 1) & (col > 0) & (col < reach - 1)
    steps = torch.arange(-1, 2, device=surface.device)
    which, near = torch.arange(n, device=surface.device)[:, None], (row.clamp(1, reach - 2), col.clamp(1, reach - 2))
    dx = _vertex(surface[which, near[0][:, None], near[1][:, None] + steps])
    dy = _vertex(surface[which, near[0][:, None] + steps, near[1][:, None]])
    return Peaks(col - search + dx, row - search + dy, height, enough & inside)


def _vertex(three: torch.Tensor) -> torch.Tensor:
    """Return the peak of the Gaussian through three neighbouring values (n, 3), in pixels from the middle one.

    A parabola would pull offsets to whole pixels by up to 0.15 px where an image's pixels are coarser than its
    resolution, a Gaussian by 0.04 (docs/models/multi-kernel.md). Values in the noise are raised to NOISE_SHARE.
    """
    logs = torch.log(torch.maximum(three, NOISE_SHARE * three[:, 1:2].clamp_min(1e-3)))
    bend = (logs[:, 0] - 2 * logs[:, 1] + logs[:, 2]).clamp_max(-1e-6)
    return (0.5 * (logs[:, 0] - logs[:, 2]) / bend).clamp(-0.5, 0.5)


def fits(kernels: Sequence[int], search: int, posting: int) -> bool:
    """Return whether all windows around nodes consist of whole cells, and the search is short enough."""
    return search <= FARTHEST_PX and posting % (2 * CELL_PX) == 0 and all(k % (2 * CELL_PX) == 0 for k in kernels)


def correlate_grid(
    reference: torch.Tensor, secondary: torch.Tensor, kernels: Sequence[int], search: int, posting: int
) -> list[Peaks]:
    """Correlate at the nodes of ml.offsets.baseline.grid_of_nodes; return the peaks of each kernel.

    reference, secondary: (rows, cols), high-passed, NaN unknown. ValueError where not fits().
    """
    if not fits(kernels, search, posting):
        raise ValueError(f"kernels {tuple(kernels)}, search {search} and posting {posting} do not fit cells of 4 px")
    margin = -(-max(kernels) // 2 // (2 * CELL_PX)) * 2 * CELL_PX
    nodes = [max(1, n // posting) for n in reference.shape]
    size = [-(-n // posting) * posting + margin for n in reference.shape]
    pad = (margin, size[1] - reference.shape[1], margin, size[0] - reference.shape[0])
    images = [functional.pad(part, pad, value=torch.nan) for part in (reference, secondary)]
    known = [torch.isfinite(part).to(reference.dtype) for part in images]
    held = [torch.nan_to_num(part) for part in images]
    windows = [_Windows(kernel, posting, nodes, margin) for kernel in kernels]
    first = torch.stack([held[0], known[0]])
    chips = [window.means(_cells(torch.stack([held[0] ** 2, *first])[None]))[0] for window in windows]
    second = functional.pad(torch.stack([held[1], held[1] ** 2, known[1]]), (search,) * 4)
    shared = _shared(first, second[0], windows, search)
    per_kernel = []
    for window, chip, sums in zip(windows, chips, shared, strict=True):
        surface, least = _surface(chip, sums, window.around(second, search))
        enough = (chip[2].reshape(-1) >= 0.5) & (least >= 0.5)
        per_kernel.append(peaks_of(surface, enough, search))
    return per_kernel


def _cells(images: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(images, CELL_PX)


class _Windows:
    """Averaging over the windows of one kernel around all nodes; the image has a margin."""

    def __init__(self, kernel: int, posting: int, nodes: list[int], margin: int) -> None:
        self.kernel, self.posting, self.nodes = kernel, posting, nodes
        self.first = margin + posting // 2 - kernel // 2  # px, of the first window

    def means(self, cells: torch.Tensor) -> torch.Tensor:
        """Average cells (n, c, rows, cols) to nodes (n, c, nodes, nodes)."""
        size, step, first = (n // CELL_PX for n in (self.kernel, self.posting, self.first))
        for dim in (2, 3):
            part = cells.narrow(dim, first, (self.nodes[dim - 2] - 1) * step + size)
            window, stride = ((size, 1), (step, 1)) if dim == 2 else ((1, size), (1, step))
            cells = functional.avg_pool2d(part, window, stride)
        return cells

    def around(self, images: torch.Tensor, search: int) -> torch.Tensor:
        """Average images (n, rows, cols), padded by `search`, over the windows at every lag: (n, lags, lags, nodes)."""
        boxes, reach = torch.stack([box_means(image, self.kernel) for image in images]), 2 * search + 1
        rows, cols = ((n - 1) * self.posting + 1 for n in self.nodes)
        per_kernel = boxes.new_empty(len(images), reach, reach, self.nodes[0] * self.nodes[1])
        for down in range(reach):
            for right in range(reach):
                row, col = self.first + down, self.first + right
                part = boxes[:, row : row + rows : self.posting, col : col + cols : self.posting]
                per_kernel[:, down, right] = part.reshape(len(images), -1)
        return per_kernel


def _shared(first: torch.Tensor, second: torch.Tensor, windows: list[_Windows], search: int) -> list[torch.Tensor]:
    """Return for each kernel the means of first times second over its windows, at every lag: (2, lags, lags, nodes).

    first: (2, rows, cols), values and known; second: padded by `search`.
    """
    reach, (rows, cols) = 2 * search + 1, first.shape[1:]
    per_kernel = [first.new_empty(2, reach, reach, window.nodes[0] * window.nodes[1]) for window in windows]
    for down in range(reach):
        there = (second[down : down + rows, right : right + cols] for right in range(reach))
        cells = torch.cat([_cells((first * part)[None]) for part in there])  # (lags, 2, rows, cols)
        for sums, window in zip(per_kernel, windows, strict=True):
            sums[:, down] = window.means(cells).flatten(2).transpose(0, 1)
    return per_kernel


def _surface(chip: torch.Tensor, shared: torch.Tensor, around: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the correlation (nodes, lags, lags) and the secondary's least known share over the lags, (nodes,)."""
    energy, mean, share = chip.reshape(3, -1)
    middle = mean / share.clamp_min(1e-6)
    covariance = shared[0] - middle * shared[1]
    mean_b, square_b, share_b = around
    energy_b = (square_b - mean_b**2 / share_b.clamp_min(1e-3)).clamp_min(1e-6)
    scale = ((energy - middle * mean).clamp_min(1e-9) * energy_b).sqrt()
    return (covariance / scale).permute(2, 0, 1).contiguous(), share_b.amin(dim=(0, 1))
