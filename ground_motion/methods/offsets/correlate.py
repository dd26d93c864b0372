"""Normalised cross-correlation of many small windows at once, with a sub-pixel peak: lag by lag, or by batched FFT.

Lag by lag, small squares of the reference are multiplied with their surroundings, and every window of every kernel on a
regular grid is a sum of such squares. The cost grows with the number of lags, not of kernels: beyond MAX_LAG_BY_LAG_PX,
and where every node has its own start, batched FFTs are cheaper, with the same result except for rounding. The images
are high-passed, so that the mean of a window counts as 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from scipy.fft import next_fast_len

from ground_motion.runtime.box_mean import window_sums
from ground_motion.runtime.device import map_in_threads

CELL_PX = 4
MAX_LAG_BY_LAG_PX = 10
STRIP_NODES = 32  # Rows of nodes that are correlated at once, lag by lag, so that memory does not grow with the image.
BATCH_ELEMENTS = 16_000_000  # A batch of windows takes a few hundred megabytes.
NOISE_SHARE = 0.03  # Smaller values are noise; they are raised to this share of the peak.
MIN_KNOWN, MIN_PART = 0.5, 0.25  # These shares of a window must be known.
MIN_ENERGY = 1e-6  # A window with a smaller mean square has no texture.


class Peaks(NamedTuple):
    """Correlation peaks of one kernel at n nodes. dx_px, dy_px: right and down; height: correlation at the peak.

    known: whether both windows have enough known pixels and the peak does not lie at the edge of the search.
    """

    dx_px: torch.Tensor
    dy_px: torch.Tensor
    height: torch.Tensor
    known: torch.Tensor


def products(squares: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
    """Return the mean product of each square with its surroundings at every whole lag, (n, lags, lags).

    squares: (n, px, px), 0 unknown; around: (n, px + lags - 1, px + lags - 1), centred on the squares.
    """
    return functional.conv2d(around[None], squares[:, None], groups=len(squares))[0] / squares[0].numel()


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

    Lewis 1995, fast normalised cross-correlation.

    Args:
        reference: (rows, cols), high-passed, NaN unknown.
        secondary: (rows, cols), likewise.
        rows: (n,), rows of the nodes.
        cols: (n,), columns of the nodes.
        kernel: Side of a window, px, even.
        search: Largest offset tried, px.
        start: (2, n), whole px right and down, the centre of each node's search.
        whole: True requires that half of each window is known; False requires less of the reference's window, and skips
            offsets at which less than half of the secondary's window is known.
    """
    size = kernel + 2 * search
    begin = torch.zeros(2, len(rows), dtype=torch.long, device=rows.device) if start is None else start.long()
    margin = size // 2 + int(begin.abs().max() if begin.numel() else 0)
    known = torch.stack([torch.isfinite(reference), torch.isfinite(secondary)]).to(reference.dtype)
    images = torch.nan_to_num(torch.stack([reference, secondary]))
    images, known = (functional.pad(part, (margin,) * 4) for part in (images, known))
    batch = max(1, BATCH_ELEMENTS // size**2)
    boxes = _box_means(torch.stack([images[1] ** 2, known[1]]), kernel)
    corners = torch.stack([cols, rows]) + margin - size // 2
    parts = [
        _correlate_batch(images, known[0], boxes, at, at + by, kernel, search, whole)
        for at, by in zip(torch.split(corners, batch, dim=1), torch.split(begin, batch, dim=1), strict=True)
    ]
    dx, dy, height, enough = (torch.cat([part[index] for part in parts]) for index in range(4))
    return Peaks(dx + begin[0], dy + begin[1], height, enough)


def _correlate_batch(
    images: torch.Tensor,
    known: torch.Tensor,
    boxes: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    kernel: int,
    search: int,
    whole: bool,
) -> Peaks:
    """Correlate one batch of windows.

    images: padded; known: of the reference; boxes: mean square and known share of the secondary's window at each
    position; first, second: (2, n), column and row of the search area's corner, before and after the shift by `start`.
    """
    size = kernel + 2 * search
    (left, top), (cols, rows) = first + search, second
    chip = windows(images[0], top, left, kernel)  # (n, k, k)
    field = windows(images[1], rows, cols, size)  # (n, k + 2s, k + 2s)
    period, reach = next_fast_len(size, real=True), 2 * search + 1
    spectrum = torch.fft.rfft2(field, s=(period, period)) * torch.fft.rfft2(chip, s=(period, period)).conj()
    product = torch.fft.irfft2(spectrum, s=(period, period))[:, :reach, :reach] / kernel**2
    energy, share = (windows(part, rows, cols, reach) for part in boxes)  # (n, 2s + 1, 2s + 1)
    surface = _normalise(product, (chip**2).mean(dim=(1, 2)), energy)
    tried, part = share >= MIN_KNOWN, windows(known, top, left, kernel).mean(dim=(1, 2))
    if whole:
        return peaks_of(surface, (part >= MIN_KNOWN) & tried.all(dim=2).all(dim=1), search)
    return peaks_of(torch.where(tried, surface, -1.0), part >= MIN_PART, search)


def _normalise(product: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the correlation (n, lags, lags). first: (n,), second: (n, lags, lags), mean squares of both windows."""
    return product / (first.clamp_min(MIN_ENERGY)[:, None, None] * second.clamp_min(MIN_ENERGY)).sqrt_()


def windows(image: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, size: int) -> torch.Tensor:
    """Cut (n, size, size) windows whose upper left corners are at rows, cols of a padded image."""
    steps = torch.arange(size, device=image.device)
    return image[(rows[:, None] + steps)[:, :, None], (cols[:, None] + steps)[:, None, :]]


def _box_means(images: torch.Tensor, kernel: int) -> torch.Tensor:
    """Average every complete kernel x kernel window; a mean is at its window's upper left corner."""
    return window_sums(window_sums(images, kernel, -2), kernel, -1) / kernel**2


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
    """Return whether lag-by-lag matching works: windows consist of whole squares, and the search range is short."""
    return search <= MAX_LAG_BY_LAG_PX and posting % (2 * CELL_PX) == 0 and all(k % (2 * CELL_PX) == 0 for k in kernels)


def correlate_grid(
    reference: torch.Tensor, secondary: torch.Tensor, kernels: Sequence[int], search: int, posting: int
) -> list[Peaks]:
    """Correlate at the nodes of ground_motion.methods.offsets.baseline.grid_of_nodes; return the peaks of each kernel.

    reference, secondary: (rows, cols), high-passed, NaN unknown. ValueError where not fits().
    """
    if not fits(kernels, search, posting):
        raise ValueError(f"kernels {tuple(kernels)}, search {search} and posting {posting} do not fit cells of 4 px")
    widest, nodes = max(kernels), [max(1, n // posting) for n in reference.shape]
    before = max(0, widest - posting) // 2
    extent = [(n - 1) * posting + max(widest, posting) for n in nodes]
    after = [max(0, size - before - n) for size, n in zip(extent, reference.shape, strict=True)]
    images = functional.pad(torch.stack([reference, secondary]), (before, after[1], before, after[0]), value=torch.nan)
    images = images[:, : extent[0], : extent[1]]
    known = torch.isfinite(images)
    planes = torch.cat([torch.where(known, images, 0.0), known.to(images.dtype)])  # (4, rows, cols)
    second = functional.pad(planes[1::2], (search,) * 4)

    def peaks_of_strip(row: int) -> list[Peaks]:
        rows = (min(STRIP_NODES, nodes[0] - row) - 1) * posting + max(widest, posting)
        first = planes[::2, row * posting :][:, :rows]
        return _strip_peaks(first, second[:, row * posting :][:, : rows + 2 * search], kernels, search, posting)

    strips = map_in_threads(peaks_of_strip, range(0, nodes[0], STRIP_NODES), reference.device)
    return [
        Peaks(*(torch.cat(parts) for parts in zip(*of_kernel, strict=True))) for of_kernel in zip(*strips, strict=True)
    ]


def _strip_peaks(
    first: torch.Tensor, second: torch.Tensor, kernels: Sequence[int], search: int, posting: int
) -> list[Peaks]:
    """Return the peaks of each kernel on a strip of nodes.

    first, second: (2, rows, cols), values and whether known, of the widest windows; the second has `search` px more on
    each side.
    """
    reach = 2 * search + 1
    squares = _cut(first[0], CELL_PX, CELL_PX)
    cells = products(squares.flatten(0, 1), _cut(second[0], CELL_PX + 2 * search, CELL_PX).flatten(0, 1))
    cells = cells.reshape(*squares.shape[:2], reach**2).permute(2, 0, 1)  # Lags come last in memory.
    own = functional.avg_pool2d(torch.stack([first[0] ** 2, first[1]])[None], CELL_PX)[0]
    squared = torch.stack([second[0] ** 2, second[1]])
    of_kernels = []
    for kernel in kernels:
        edge = max(max(kernels), posting) // 2 - kernel // 2
        product, (energy, part) = (_means(values, kernel, edge, posting) for values in (cells, own))
        boxes = _box_means(squared, kernel)[:, edge : -edge or None, edge : -edge or None]
        there = boxes[0].unfold(0, reach, posting).unfold(1, reach, posting).flatten(0, 1)
        least = -functional.max_pool2d(-boxes[1:], reach, posting).flatten()
        surface = _normalise(product.permute(1, 2, 0).reshape(-1, reach, reach), energy.flatten(), there)
        of_kernels.append(peaks_of(surface, (part.flatten() >= MIN_KNOWN) & (least >= MIN_KNOWN), search))
    return of_kernels


def _cut(image: torch.Tensor, size: int, step: int) -> torch.Tensor:
    """Cut an image into windows, `step` px apart, (rows, cols, size, size)."""
    return image.unfold(0, size, step).unfold(1, size, step)


def _means(cells: torch.Tensor, kernel: int, edge: int, posting: int) -> torch.Tensor:
    """Average cells (n, rows, cols) over the windows of a kernel, which begin `edge` px inside: (n, nodes, nodes)."""
    size, step, skip = kernel // CELL_PX, posting // CELL_PX, edge // CELL_PX
    for dim in (1, 2):
        inner = cells.narrow(dim, skip, cells.shape[dim] - 2 * skip)
        first, *rest = inner.unfold(dim, size, step).unbind(-1)
        cells = first.clone()
        for part in rest:
            cells += part
    return cells / size**2
