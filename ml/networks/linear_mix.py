"""Linear mix of classical estimates of coherence over several windows, the wanted one among them.

It has a coefficient for each estimate and no layer: a network that does not beat it is not worth its time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ml.networks.box_mean import box_mean
from ml.networks.window_head import ALL_ROWS, CLASSICAL, NEAR, Wanted, classical

BANK = (3, 5, 7, 9, 13, 21)  # sides of windows, px
LEAST, MOST = 0.001, 0.999  # of a coherence


class LinearMix(nn.Module):
    """Mixes for a window's sample coherence and for that of the scatterers."""

    far_px = max(BANK) // 2  # half of the widest window over which it always sums

    def __init__(self) -> None:
        super().__init__()
        self.mixes = nn.ModuleList(_mix() for _ in range(2))
        self.log_sigma = nn.Parameter(torch.full((2,), -2.0))

    def forward(
        self, features: Tensor, planes: Tensor, looks: Tensor, wanted: Sequence[Wanted], own: slice = ALL_ROWS
    ) -> list[Tensor]:
        """Return the logit of the coherence and its log sigma, (n, 2, rows, cols), as WindowHead does."""
        bank = torch.cat([classical(box_mean(planes, side), looks) for side in BANK], dim=1)
        found = []
        for window, _ in wanted:
            kind = int(window is None)
            mixed = self.mixes[kind](torch.cat([bank, classical(box_mean(planes, window or NEAR), looks)], dim=1))
            sigma = self.log_sigma[kind].expand_as(mixed)
            found.append(torch.cat([torch.logit(mixed.clamp(LEAST, MOST)), sigma], dim=1)[:, :, own])
        return found


def _mix() -> nn.Conv2d:
    mix = nn.Conv2d(CLASSICAL * (1 + len(BANK)), 1, 1)
    with torch.no_grad():
        mix.weight.zero_()
        mix.bias.fill_(0.5)  # type: ignore[union-attr]
    return mix
