"""Network of Sica, Pulella and Schmitt 2026 (arXiv:2606.07374): coherence from two images in decibels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ml.networks.residual_unet import WIDTHS, ResidualUNet


class SicaResidualUNet(ResidualUNet):
    """The U-Net with one output. widths: of ResidualUNet."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__(2, widths)
        self.last = nn.Conv2d(widths[0], 1, 1)

    def forward(self, decibels: Tensor) -> Tensor:
        """Return coherence 0-1, (n, rows, cols). decibels: (n, 2, rows, cols), sizes multiples of stride."""
        return torch.sigmoid(self.last(super().forward(decibels / 10))[:, 0])
