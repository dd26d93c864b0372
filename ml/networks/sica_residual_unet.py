"""Residual U-Net of Sica, Pulella and Schmitt 2026 (arXiv:2606.07374): coherence from two images in decibels.

The text that we could read does not state the widths of the layers; ours are small enough for a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Residual(nn.Module):
    """Two convolutions beside a projection of the input."""

    def __init__(self, width: int, to: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(width, to, 3, padding=1, bias=False),
            nn.BatchNorm2d(to),
            nn.ReLU(),
            nn.Conv2d(to, to, 3, padding=1, bias=False),
            nn.BatchNorm2d(to),
        )
        self.beside = nn.Conv2d(width, to, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return torch.relu(self.inside(x) + self.beside(x))


class SicaResidualUNet(nn.Module):
    """U-Net of residual blocks. widths: channels at full, half, … resolution."""

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        self.stride = 2 ** (len(widths) - 1)
        steps = list(pairwise(widths))
        self.down = nn.ModuleList([_Residual(2, widths[0]), *(_Residual(a, b) for a, b in steps)])
        self.up = nn.ModuleList(_Residual(a + b, a) for a, b in steps)
        self.last = nn.Conv2d(widths[0], 1, 1)

    def forward(self, decibels: Tensor) -> Tensor:
        """Return coherence 0-1, (n, rows, cols). decibels: (n, 2, rows, cols), sizes multiples of stride."""
        x, kept = self.down[0](decibels / 10), []
        for block in self.down[1:]:
            kept.append(x)
            x = block(functional.max_pool2d(x, 2))
        for level in reversed(range(len(self.up))):
            wider = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.up[level](torch.cat([kept[level], wider], dim=1))
        return torch.sigmoid(self.last(x)[:, 0])
