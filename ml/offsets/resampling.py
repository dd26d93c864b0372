"""Resampling of a secondary onto its reference, node by node: first by whole pixels, then by fractions of a pixel.

Shifts by whole pixels need no interpolation. To find them, the mean over a wide neighbourhood and the deviation from it
are rounded separately, so that ground that moves by half a pixel is not cut into patches of 0 and 1. Once an offset is
known to a fraction of a pixel, the secondary is interpolated there, so that almost no offset is left to find: with half
a pixel left, the network's error is half as large again.
"""

from functools import cache

import torch
from torch import Tensor

from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import NODE_PX

NEAR_NODES, WIDE_NODES = 5, 31  # surroundings of a node
PARTS = 32  # of a pixel, to which shifts are rounded
TAPS = 8  # of the interpolation, along each axis
KAISER_BETA = 4.5


def whole(offset: Tensor, wide: int = WIDE_NODES) -> Tensor:
    """Round offsets (..., 2, nodes, nodes), px, all known, to whole px (floats); wide: nodes of the mean's window."""
    slow = box_mean(offset, wide)
    return slow.round() + (offset - slow).round()


def in_parts(offset: Tensor) -> Tensor:
    """Round a field of offsets, px, to multiples of 1 / PARTS of a pixel."""
    return (offset * PARTS).round() / PARTS


def surroundings(shift: Tensor) -> Tensor:
    """Return the mean shift around each node; the network's answers are relative to it."""
    return box_mean(shift, NEAR_NODES)


def gathered(image: Tensor, shift: Tensor, row: int = 0, col: int = 0) -> Tensor:
    """Gather the square of each node from an image (rows, cols) at its shift; 0 beyond the image.

    shift: (2, nodes, nodes), from `whole` or `in_parts`. Fractions of a pixel are interpolated; the result is unknown
    (0) where the nearest pixel is unknown.

    row, col: where the first node's square begins in the image if its shift is 0. The result has NODE_PX rows and
    columns per node and is aligned with the reference.
    """
    nearest = _at_whole(image, shift.round(), row, col)
    if bool((shift == shift.round()).all()):
        return nearest
    return torch.where(nearest != 0, _interpolated(image, shift, row, col), 0.0)


def _at_whole(image: Tensor, shift: Tensor, row: int, col: int) -> Tensor:
    rows, cols = image.shape
    by = shift.long().repeat_interleave(NODE_PX, 1).repeat_interleave(NODE_PX, 2)
    down = torch.arange(row, row + by.shape[1], device=image.device)[:, None] + by[1]
    right = torch.arange(col, col + by.shape[2], device=image.device) + by[0]
    inside = (down >= 0) & (down < rows) & (right >= 0) & (right < cols)
    return image[down.clamp(0, rows - 1), right.clamp(0, cols - 1)] * inside


def _interpolated(image: Tensor, shift: Tensor, row: int, col: int) -> Tensor:
    """Interpolate by a Kaiser-windowed sinc, one axis after the other; beyond the edge the last pixel is repeated."""
    rows, cols = image.shape
    begins = shift.floor().long()
    part = ((shift - begins) * PARTS).round().long()
    wide = torch.arange(NODE_PX + TAPS - 1, device=image.device) - (TAPS // 2 - 1)
    n_rows, n_cols = shift.shape[1:]
    top = torch.arange(row, row + n_rows * NODE_PX, NODE_PX, device=image.device)[:, None] + begins[1]
    left = torch.arange(col, col + n_cols * NODE_PX, NODE_PX, device=image.device) + begins[0]
    down = (top[..., None] + wide).clamp(0, rows - 1)  # (nodes, nodes, 15)
    right = (left[..., None] + wide).clamp(0, cols - 1)
    squares = image[down[..., :, None], right[..., None, :]].flatten(0, 1)  # (nodes, 15, 15)
    table = _weights().to(image)
    along_rows = torch.bmm(table[part[1].flatten()], squares)
    both = torch.bmm(along_rows, table[part[0].flatten()].transpose(1, 2))  # (nodes, 8, 8)
    pixels = both.reshape(n_rows, n_cols, NODE_PX, NODE_PX).transpose(1, 2)
    return pixels.reshape(n_rows * NODE_PX, n_cols * NODE_PX)


@cache
def _weights() -> Tensor:
    """Return interpolation weights for each fraction of a pixel, (PARTS + 1, NODE_PX, NODE_PX + TAPS - 1).

    The second axis is a pixel of the square, the third is the pixels that it is interpolated from.
    """
    part = torch.arange(PARTS + 1)[:, None, None] / PARTS
    at = torch.arange(NODE_PX + TAPS - 1) - (TAPS // 2 - 1) - torch.arange(NODE_PX)[:, None] - part
    window = torch.i0(KAISER_BETA * (1 - (at / (TAPS / 2)) ** 2).clamp_min(0).sqrt())
    weights = torch.where(at.abs() < TAPS / 2, torch.sinc(at) * window, 0.0)
    return weights / weights.sum(dim=2, keepdim=True)
