"""Last layer of the network of Sica, Pulella and Schmitt 2026 (arXiv:2606.07374); its U-Net is ResidualUNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ml.networks.window_head import ALL_ROWS, LOG_SIGMA, Wanted
from ml.runtime.fused import mixed


class SicaHead(nn.Module):
    """Head with the same coherence for every window and one sigma for all pixels. width: channels of the U-Net."""

    far_px = 0  # it sums over no window

    def __init__(self, width: int) -> None:
        super().__init__()
        self.last = nn.Conv2d(width, 1, 1)

    def forward(
        self, features: Tensor, planes: Tensor, looks: Tensor, wanted: Sequence[Wanted], own: slice = ALL_ROWS
    ) -> list[Tensor]:
        """Return the logit of the coherence and its log sigma, (n, 2, rows, cols), as WindowHead does."""
        logit = mixed(self.last.weight, features[:, :, own], self.last.bias).float()
        return [torch.cat([logit, torch.full_like(logit, LOG_SIGMA)], dim=1) for _ in wanted]
