"""How a secondary is brought near its reference without interpolating it: by whole pixels, node by node.

A field of whole pixels that changes seldom: what is the same over a wide neighbourhood is rounded once, and only what
differs from it is rounded again. So ground that moves by half a pixel is not cut into patches of 0 and 1.
"""

import torch
from torch import Tensor
from torch.nn import functional

NODE_PX = 8
NEAR_NODES, WIDE_NODES = 5, 31  # surroundings of a node


def box(values: Tensor, size: int) -> Tensor:
    """Mean over (size, size) neighbours that exist. values: (..., rows, cols), all known."""
    leading, margin = values.shape[:-2], size // 2
    flat = values.reshape(-1, 1, *values.shape[-2:])
    for window, pad in (((1, size), (0, margin)), ((size, 1), (margin, 0))):
        flat = functional.avg_pool2d(flat, window, 1, pad, count_include_pad=False)
    return flat.reshape(*leading, *values.shape[-2:])


def whole(offset: Tensor, wide: int = WIDE_NODES) -> Tensor:
    """Whole pixels, as floats, near a field of offsets (..., 2, nodes, nodes), px, all known."""
    slow = box(offset, wide)
    return slow.round() + (offset - slow).round()


def surroundings(shift: Tensor) -> Tensor:
    """What a node's answer is relative to: the mean of the whole pixels around it."""
    return box(shift, NEAR_NODES)


def gathered(image: Tensor, shift: Tensor) -> Tensor:
    """Every node's square of an image (rows, cols), taken from where shift (2, nodes, nodes) says; 0 beyond the image.

    The image's size is NODE_PX times the nodes; what stands there lands where the reference has it.
    """
    rows, cols = image.shape
    by = shift.long().repeat_interleave(NODE_PX, 1).repeat_interleave(NODE_PX, 2)
    row = torch.arange(rows, device=image.device)[:, None] + by[1]
    col = torch.arange(cols, device=image.device) + by[0]
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    return image[row.clamp(0, rows - 1), col.clamp(0, cols - 1)] * inside
