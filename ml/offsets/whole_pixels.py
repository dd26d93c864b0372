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


def gathered(image: Tensor, shift: Tensor, row: int = 0, col: int = 0) -> Tensor:
    """Every node's square of an image (rows, cols), taken from where shift (2, nodes, nodes) says; 0 beyond the image.

    row, col: where in the image the first node's square begins when nothing is shifted. The result has NODE_PX rows and
    columns a node; what stands there lands where the reference has it.
    """
    rows, cols = image.shape
    by = shift.long().repeat_interleave(NODE_PX, 1).repeat_interleave(NODE_PX, 2)
    down = torch.arange(row, row + by.shape[1], device=image.device)[:, None] + by[1]
    right = torch.arange(col, col + by.shape[2], device=image.device) + by[0]
    inside = (down >= 0) & (down < rows) & (right >= 0) & (right < cols)
    return image[down.clamp(0, rows - 1), right.clamp(0, cols - 1)] * inside
