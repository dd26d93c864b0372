"""Normalised cross-correlation on a regular grid of nodes, lag by lag, with sums shared between windows.

For each lag, the product of the images is averaged over squares of CELL_PX; every window of every kernel is a sum of
such squares. The cost therefore grows with the number of lags, not of kernels. Beyond FARTHEST_PX batched FFTs are
cheaper (ml.offsets.correlate, with the same result except for rounding).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ml.offsets.correlate import Peaks, box_means, peaks_of

CELL_PX = 4
FARTHEST_PX = 10


def fits(kernels: Sequence[int], search: int, posting: int) -> bool:
    """Return whether all windows around nodes consist of whole cells, and the search is short enough."""
    return search <= FARTHEST_PX and posting % (2 * CELL_PX) == 0 and all(k % (2 * CELL_PX) == 0 for k in kernels)


def correlate_grid(
    reference: Tensor, secondary: Tensor, kernels: Sequence[int], search: int, posting: int
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


def _cells(images: Tensor) -> Tensor:
    return functional.avg_pool2d(images, CELL_PX)


class _Windows:
    """Averaging over the windows of one kernel around all nodes; the image has a margin."""

    def __init__(self, kernel: int, posting: int, nodes: list[int], margin: int) -> None:
        self.kernel, self.posting, self.nodes = kernel, posting, nodes
        self.first = margin + posting // 2 - kernel // 2  # px, of the first window

    def means(self, cells: Tensor) -> Tensor:
        """Average cells (n, c, rows, cols) to nodes (n, c, nodes, nodes)."""
        size, step, first = (n // CELL_PX for n in (self.kernel, self.posting, self.first))
        for dim in (2, 3):
            part = cells.narrow(dim, first, (self.nodes[dim - 2] - 1) * step + size)
            window, stride = ((size, 1), (step, 1)) if dim == 2 else ((1, size), (1, step))
            cells = functional.avg_pool2d(part, window, stride)
        return cells

    def around(self, images: Tensor, search: int) -> Tensor:
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


def _shared(first: Tensor, second: Tensor, windows: list[_Windows], search: int) -> list[Tensor]:
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


def _surface(chip: Tensor, shared: Tensor, around: Tensor) -> tuple[Tensor, Tensor]:
    """Return the correlation (nodes, lags, lags) and the secondary's least known share over the lags, (nodes,)."""
    energy, mean, share = chip.reshape(3, -1)
    middle = mean / share.clamp_min(1e-6)
    covariance = shared[0] - middle * shared[1]
    mean_b, square_b, share_b = around
    energy_b = (square_b - mean_b**2 / share_b.clamp_min(1e-3)).clamp_min(1e-6)
    scale = ((energy - middle * mean).clamp_min(1e-9) * energy_b).sqrt()
    return (covariance / scale).permute(2, 0, 1).contiguous(), share_b.amin(dim=(0, 1))
