"""Residual U-Net of Sica, Pulella and Schmitt 2026 (arXiv:2606.07374): images in, features of each pixel out.

The text that we could read does not state the widths of the layers; ours are small enough for a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ground_motion.runtime.fused import convolve

WIDTHS = (16, 32, 64, 128)
REACH_PX = 56  # No pixel farther away has an effect if the widths are WIDTHS.
STRIP_ROWS = 128  # An even number of rows whose features fit a CPU's cache.
BLOCK_PX = 2  # No pixel farther away has an effect on a block.


class _Residual(nn.Module):
    """Two convolutions plus a projection of the input."""

    def __init__(self, width: int, to: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(width, to, 3, padding=1, bias=False),
            nn.BatchNorm2d(to),
            nn.ReLU(inplace=True),
            nn.Conv2d(to, to, 3, padding=1, bias=False),
            nn.BatchNorm2d(to),
        )
        self.beside = nn.Conv2d(width, to, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        first, normalised, _, second, _ = self.inside
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d) and isinstance(normalised, nn.Identity):
            return convolve(second, convolve(first, x, relu=True), convolve(self.beside, x), relu=True)
        return functional.relu_(self.inside(x).add_(self.beside(x)))


class ResidualUNet(nn.Module):
    """U-Net of residual blocks. inputs: channels; widths: channels at full, half, … resolution."""

    def __init__(self, inputs: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.inputs, self.stride = inputs, 2 ** (len(widths) - 1)
        steps = list(pairwise(widths))
        self.down = nn.ModuleList([_Residual(inputs, widths[0]), *(_Residual(a, b) for a, b in steps)])
        self.up = nn.ModuleList(_Residual(a + b, a) for a, b in steps)

    def fold(self) -> Self:
        """Merge normalisations into the convolutions before them, once, in evaluation mode: a tenth faster."""
        for block in (*self.down, *self.up):
            layers = block.inside
            for at in (0, 3):
                layers[at], layers[at + 1] = fuse_conv_bn_eval(layers[at], layers[at + 1]), nn.Identity()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return features, (n, widths[0], rows, cols), not negative. images: (n, inputs, rows, cols)."""
        x, kept = _apply(self.down[0], images), []
        for block in self.down[1:]:
            kept.append(x)
            x = _apply(block, _halve(x))
        for block in reversed(self.up):
            x = _apply(block, kept.pop(), x)
        return x


def _halve(x: Tensor) -> Tensor:
    """Return the largest of every 2 × 2 pixels, without the positions that torch's pooling would also write."""
    x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
    return torch.maximum(x[..., ::2], x[..., 1::2])


def _apply(block: nn.Module, x: Tensor, coarse: Tensor | None = None) -> Tensor:
    """Apply a block to x and to coarser features, if there are any; on a CPU strip by strip."""
    rows = x.shape[2]
    if x.device.type != "cpu" or torch.is_grad_enabled() or rows <= STRIP_ROWS:
        return _join(block, x, coarse)
    whole = None
    for row in range(0, rows, STRIP_ROWS):
        first, last = max(0, row - BLOCK_PX), min(rows, row + STRIP_ROWS)
        around = slice(first, last + BLOCK_PX)
        below = None if coarse is None else coarse[:, :, first // 2 : (last + BLOCK_PX) // 2]
        part = _join(block, x[:, :, around], below)
        if whole is None:
            shape = (*part.shape[:2], *x.shape[2:])
            whole = torch.empty(shape, dtype=part.dtype, memory_format=torch.channels_last)
        whole[:, :, row:last] = part[:, :, row - first : last - first]
    return torch.as_tensor(whole)


def _join(block: nn.Module, x: Tensor, coarse: Tensor | None) -> Tensor:
    if coarse is not None:
        x = torch.cat([x, functional.interpolate(coarse, scale_factor=2.0, mode="nearest")], dim=1)
    return torch.as_tensor(block(x))
