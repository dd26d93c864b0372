"""Where to begin: offsets to about a pixel, from correlation of smaller images, of yet smaller ones for large motion.

Answers on the grid of nodes of the network (one for 8 px) and is known everywhere: where nothing matches, neighbours
speak, then the median of all.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ml.networks.box_mean import box_mean
from ml.offsets.baseline import chance_peak
from ml.offsets.consensus import agrees_with_neighbours
from ml.offsets.correlate import correlate
from ml.offsets.resampling import NODE_PX, gathered, whole

KERNELS_PX = (32, 64)  # of the image as it is; the smallest that stands out is taken
NEAR_PX = 12  # a search up to so far needs no smaller image first
AROUND_PX = 8  # what is searched around a first answer
SPECKLE_PX = 2.0  # pixels of the halved image that share a cell of speckle, to distinguish a match from chance
# Above chance, in its standard deviations: at 0 none of 60 pairs of sea or noise had a node, at -0.5 seven.
MARGIN = 0.0
STEP = 2  # nodes of the network for one node here


def reach(search: int) -> int:
    """How far around a node the images matter, px."""
    return max(KERNELS_PX) // 2 + search + AROUND_PX + 4 * NODE_PX


def coarse(images: Tensor, search: int, kernels: tuple[int, ...] = KERNELS_PX) -> Tensor:
    """Offsets (2, rows, cols), px, of one node for STEP * NODE_PX pixels; NaN unknown.

    images: (2, rows, cols), texture, 0 unknown; sizes are multiples of 64 px.
    """
    if search <= NEAR_PX:
        return _matched(smaller(images, 2), 2, search, kernels)
    first = _matched(smaller(images, 4), 4, search, tuple(max(kernel, 48) for kernel in kernels))
    first = functional.interpolate(filled(first)[None], scale_factor=2.0, mode="bilinear", align_corners=False)[0]
    halves = smaller(images, 2)
    shift = whole(first / 2, 5)
    moved = torch.stack([halves[0], gathered(halves[1], shift)])
    rest = _matched(moved, 2, AROUND_PX, kernels)
    return rest + 2 * shift


def smaller(images: Tensor, by: int) -> Tensor:
    """Means over by x by pixels; unknown (NaN) where most of them are."""
    known = functional.avg_pool2d((images != 0).to(images.dtype)[:, None], by)[:, 0]
    mean = functional.avg_pool2d(images[:, None], by)[:, 0]
    return torch.where(known > 0.5, mean, torch.nan)


def _matched(images: Tensor, by: int, search: int, kernels: tuple[int, ...]) -> Tensor:
    """Offsets in px of the image as it is, one node for NODE_PX of these pixels. search and kernels likewise."""
    rows, cols = (
        torch.arange(size // NODE_PX, device=images.device) * NODE_PX + NODE_PX // 2 for size in images.shape[1:]
    )
    row, col = (part.reshape(-1) for part in torch.meshgrid(rows, cols, indexing="ij"))
    shape = len(rows), len(cols)
    reach_px = -(-search // by) + 1
    matched = torch.full((2, row.numel()), torch.nan, device=images.device)
    for kernel in sorted(kernels):  # a wider window only where no narrower one stands out
        missing = torch.isnan(matched[0])
        if not missing.any():
            break
        peaks = correlate(images[0], images[1], row[missing], col[missing], max(8, kernel // by), reach_px)
        stands_out = peaks.height > chance_peak(max(8, kernel // by), reach_px, SPECKLE_PX, MARGIN)
        offset = torch.stack([peaks.dx_px, peaks.dy_px])
        matched[:, missing] = torch.where(peaks.known & stands_out, offset, torch.nan)
    matched = matched.reshape(2, *shape)
    kept = agrees_with_neighbours(matched, reach_px)
    return by * torch.where(kept, matched, torch.nan)


def filled(offset: Tensor) -> Tensor:
    """Known everywhere (2, rows, cols): means of ever wider surroundings, then the median of all, then zero."""
    known = torch.isfinite(offset).all(dim=0)
    if not known.any():
        return torch.zeros_like(offset)
    held, weight = torch.where(known, offset, 0.0), known.to(offset.dtype)
    result = torch.where(known, offset, torch.nan)
    for size in (3, 7, 15):
        share = box_mean(weight, size)
        mean = box_mean(held, size) / share.clamp_min(1e-6)
        result = torch.where(torch.isfinite(result), result, torch.where(share > 1e-4, mean, torch.nan))
    middle = torch.stack([part[known].median() for part in offset])
    return torch.where(torch.isfinite(result), result, middle[:, None, None])


def on_nodes(matched: Tensor) -> Tensor:
    """The offsets of `coarse`, known everywhere, on the network's nodes."""
    held = filled(matched)[None]
    return functional.interpolate(held, scale_factor=float(STEP), mode="bilinear", align_corners=False)[0]
