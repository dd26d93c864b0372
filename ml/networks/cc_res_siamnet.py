"""CC-ResSiamNet: residual offsets between two images, with their uncertainty, from one look at both.

After Kim, Jung and Lu 2025 (doi 10.1016/j.rse.2024.114577): Siamese residual encoders that are connected at every
scale, attention, a U-Net decoder. Ours answers on a grid of one node every 8 px, works on speckle at half and quarter
resolution, connects the encoders also by products of their features, as a correlation does, and predicts sigma.
No layer looks at statistics of the image, so a tile answers as the whole does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

NODE_PX = 8  # one node for so many pixels
ALIGN_PX = 16  # sizes and origins of tiles are multiples of it
REACH_PX = 160  # farther pixels do not enter a node's answer
LOG_SIGMA = (-5.5, 1.5)  # natural logarithms, px


class Residuals(NamedTuple):
    """offset: (n, 2, rows, cols), px, dx then dy; log_sigma: the same, natural logarithm of px."""

    offset: Tensor
    log_sigma: Tensor


class CCResSiamNet(nn.Module):
    """width: channels at half resolution; joint: at quarter resolution; nodes: on the grid.

    cross: connect the encoders before they meet; attention: weigh what is pooled and what is passed over.
    """

    def __init__(
        self, width: int = 32, joint: int = 64, nodes: int = 96, cross: bool = True, attention: bool = True
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, width, 3, padding=1)
        self.fine = Residual(width)
        self.fine_cross = nn.Conv2d(width, width, 1, bias=False) if cross else None
        self.fine_meet = Meeting(width, joint // 2)
        self.fine_down = nn.Conv2d(joint, joint, 4, 2, 1)
        self.down = nn.Conv2d(width, joint, 4, 2, 1)
        self.coarse = Residual(joint)
        self.coarse_cross = nn.Conv2d(joint, joint, 1, bias=False) if cross else None
        self.coarse_meet = Meeting(joint, joint // 2)
        self.merge = nn.Conv2d(2 * joint, nodes, 3, padding=1)
        self.joint = Residual(nodes)
        self.weight = nn.Conv2d(nodes, nodes, 1) if attention else None
        self.enter = nn.Conv2d(nodes + 3, nodes, 1)
        self.decoder = Decoder(nodes, attention)
        self.head = nn.Sequential(nn.Conv2d(nodes, nodes, 1), nn.ReLU(), nn.Conv2d(nodes, 4, 1))
        if cross:
            nn.init.zeros_(self.fine_cross.weight)  # type: ignore[union-attr]
            nn.init.zeros_(self.coarse_cross.weight)  # type: ignore[union-attr]

    def forward(self, texture: Tensor, beyond: Tensor, known: Tensor) -> Residuals:
        """texture: (n, 2, rows, cols), reference and gathered secondary, 0 unknown; multiples of ALIGN_PX.

        beyond: (n, 2, nodes, nodes), whole pixels that a node's secondary was gathered from beyond its surroundings'
        mean; known: (n, 1, nodes, nodes), share of pixels known in both. The answer is relative to that mean.
        """
        n = texture.shape[0]
        both = functional.pixel_unshuffle(torch.cat([texture[:, :1], texture[:, 1:]]), 2)  # (2n, 4, rows/2, cols/2)
        fine = self.fine(functional.relu_(self.stem(both)))
        fine = _crossed(fine, self.fine_cross)
        coarse = self.coarse(functional.relu_(self.down(fine)))  # (2n, joint, rows/4, cols/4)
        coarse = _crossed(coarse, self.coarse_cross)
        met = functional.relu_(self.fine_down(self.fine_meet(fine, n)))
        met = functional.relu_(self.merge(torch.cat([met, self.coarse_meet(coarse, n)], dim=1)))
        met = self.joint(met)
        if self.weight is not None:
            met = met * torch.sigmoid(self.weight(met))
        pooled = functional.avg_pool2d(met, 2)  # (n, nodes, rows/8, cols/8)
        entered = functional.relu_(self.enter(torch.cat([pooled, beyond.to(pooled), known.to(pooled)], dim=1)))
        answer = self.head(self.decoder(entered)).float()
        return Residuals(answer[:, :2], LOG_SIGMA[0] + functional.softplus(answer[:, 2:] - LOG_SIGMA[0] - 2.0))


def _crossed(features: Tensor, cross: nn.Module | None) -> Tensor:
    """Each image's features (2n, ...) hear of the other's at the same place."""
    if cross is None:
        return features
    return features + cross(features.roll(features.shape[0] // 2, 0))


class Residual(nn.Module):
    """x + conv(relu(conv(x))), rectified."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu_(self.second(functional.relu_(self.first(x))).add_(x))


class Meeting(nn.Module):
    """Products of two projections of both images' features: local correlation, its direction included."""

    def __init__(self, width: int, products: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(width, 2 * products, 1)

    def forward(self, features: Tensor, n: int) -> Tensor:
        first, second = self.project(features).chunk(2, dim=1)  # (2n, products, ...)
        return torch.cat([first[:n] * second[n:], second[:n] * first[n:]], dim=1)


class Decoder(nn.Module):
    """A U-Net on the grid of nodes: two scales, and a gate on what is passed over."""

    def __init__(self, width: int, attention: bool) -> None:
        super().__init__()
        self.own = Residual(width)
        self.down = nn.Conv2d(width, width, 4, 2, 1)
        self.wide = Residual(width)
        self.gate = nn.Conv2d(2 * width, width, 1) if attention else None
        self.join = nn.Conv2d(2 * width, width, 3, padding=1)
        self.last = Residual(width)

    def forward(self, x: Tensor) -> Tensor:
        own = self.own(x)
        wide = self.wide(functional.relu_(self.down(own)))
        risen = functional.interpolate(wide, scale_factor=2.0, mode="bilinear", align_corners=False)
        if self.gate is not None:
            own = own * torch.sigmoid(self.gate(torch.cat([own, risen], dim=1)))
        return self.last(functional.relu_(self.join(torch.cat([own, risen], dim=1))))  # type: ignore[no-any-return]
