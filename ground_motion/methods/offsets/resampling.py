"""Resampling: a secondary onto its reference, node by node and by whole pixels; results onto another posting.

The local mean and the deviation are rounded separately, so that half a pixel is not cut into patches of 0 and 1.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets.baseline import Offsets
from ground_motion.networks.cc_res_siamnet import NODE_PX
from ground_motion.runtime.box_mean import box_mean

WIDE_NODES = 31  # Number of nodes around a node that are averaged.


def whole(offset: Tensor, wide: int = WIDE_NODES) -> Tensor:
    """Round offsets (..., 2, nodes, nodes), px, all known, to whole px (floats). wide: averaging window, nodes."""
    slow = box_mean(offset, wide)
    return slow.round() + (offset - slow).round()


def gather(image: Tensor, shift: Tensor, row: int = 0, col: int = 0) -> Tensor:
    """Gather the square of each node from an image at its shift; 0 beyond the image.

    The result has NODE_PX rows and columns per node and is aligned with the reference.

    Args:
        image: (rows, cols).
        shift: (2, nodes, nodes), from `whole`.
        row: Row where the first node's square begins in the image if its shift is 0.
        col: Column, likewise.
    """
    nodes, far = shift.shape[1:], int(shift.abs().max())
    size = [n * NODE_PX for n in nodes]
    beyond = [(far - first, first + n + far - m) for first, n, m in zip((row, col), size, image.shape, strict=True)]
    wide = functional.pad(image, (*beyond[1], *beyond[0])).contiguous()  # begins `far` px before the first square
    first = [torch.arange(far, far + n, NODE_PX, device=image.device) for n in size]
    corners = (first[0][:, None] + shift[1].long()) * wide.shape[1] + first[1] + shift[0].long()
    lines = corners[:, None] + (torch.arange(NODE_PX, device=image.device) * wide.shape[1])[:, None]
    return wide.flatten().unfold(0, NODE_PX, 1).index_select(0, lines.flatten()).reshape(size)


def node_means(values: Tensor) -> Tensor:
    """Return the mean of the four pixels in the middle of each node's square. values: (..., rows, cols)."""
    first = NODE_PX // 2 - 1
    parts = [values[..., first + row :: NODE_PX, first + col :: NODE_PX] for row in (0, 1) for col in (0, 1)]
    return torch.stack(parts).mean(dim=0)


def interpolate_to_posting(offsets: Offsets, shape: tuple[int, int], posting: int) -> Offsets:
    """Interpolate to a grid with a node per `posting` pixels of an image; unknown if the nearest old node is."""
    if posting == NODE_PX:
        return offsets
    places = [_places(size, posting, n) for size, n in zip(shape, offsets.dx_px.shape, strict=True)]
    return Offsets(*(_linear(band, *places) for band in offsets))


def _places(size: int, posting: int, nodes: int) -> Tensor:
    """Return the positions of the new nodes on one axis, in units of the network's nodes."""
    middle = torch.arange(max(1, size // posting)) * posting + posting / 2
    return ((middle - NODE_PX / 2) / NODE_PX).clamp(0, nodes - 1)


def _linear(band: Tensor, row: Tensor, col: Tensor) -> Tensor:
    known = torch.isfinite(band)
    held, weight = torch.where(known, band, 0.0), known.to(band.dtype)
    for dim, at in ((0, row), (1, col)):
        low = at.floor().long()
        high = (low + 1).clamp_max(band.shape[dim] - 1)
        share = (at - low).reshape(-1, 1) if dim == 0 else (at - low)
        held, weight = (
            (1 - share) * part.index_select(dim, low) + share * part.index_select(dim, high) for part in (held, weight)
        )
    nearest = known[row.round().long()][:, col.round().long()]
    return torch.where(nearest, held / weight.clamp_min(1e-6), torch.nan)
