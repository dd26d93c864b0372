"""Resampling of a secondary onto its reference, node by node, by whole pixels, which needs no interpolation.

The mean over a wide neighbourhood and the deviation from it are rounded separately, so that ground that moves by half a
pixel is not cut into patches of 0 and 1.
"""

import torch
from torch import Tensor

from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import NODE_PX

WIDE_NODES = 31  # surroundings of a node


def whole(offset: Tensor, wide: int = WIDE_NODES) -> Tensor:
    """Round offsets (..., 2, nodes, nodes), px, all known, to whole px (floats); wide: nodes of the mean's window."""
    slow = box_mean(offset, wide)
    return slow.round() + (offset - slow).round()


def gathered(image: Tensor, shift: Tensor, row: int = 0, col: int = 0) -> Tensor:
    """Gather the square of each node from an image (rows, cols) at its shift; 0 beyond the image.

    shift: (2, nodes, nodes), from `whole`. row, col: where the first node's square begins in the image if its shift is
    0. The result has NODE_PX rows and columns per node and is aligned with the reference.
    """
    rows, cols = image.shape
    by = shift.long().repeat_interleave(NODE_PX, 1).repeat_interleave(NODE_PX, 2)
    down = torch.arange(row, row + by.shape[1], device=image.device)[:, None] + by[1]
    right = torch.arange(col, col + by.shape[2], device=image.device) + by[0]
    inside = (down >= 0) & (down < rows) & (right >= 0) & (right < cols)
    return image[down.clamp(0, rows - 1), right.clamp(0, cols - 1)] * inside
