"""CC-ResSiamNet: residual offsets between two images, with their uncertainty, from one look at both.

After Kim, Jung and Lu 2025 (doi 10.1016/j.rse.2024.114577): Siamese residual encoders that are connected at every
scale, attention, a U-Net decoder. Ours answers on a grid of one node every 8 px; its encoders also meet in a local
correlation of their features at lags of up to 2 px, the images themselves among these, so that it begins where
correlation ends; and it predicts sigma. No layer looks at statistics of the image: a tile answers as the whole does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

NODE_PX = 8  # one node for so many pixels
ALIGN_PX = 16  # sizes and origins of tiles are multiples of it
FARTHEST_LAG_PX = 2  # of the correlation of features
LAGS = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if abs(y) + abs(x) <= FARTHEST_LAG_PX]
WINDOWS = (3, 5)  # nodes over which the evidence is averaged too
POOL_PX = 4  # it is averaged over so many pixels before it is looked at
LOG_SIGMA = (-5.5, 1.5)  # natural logarithms, px


class Residuals(NamedTuple):
    """offset: (n, 2, rows, cols), px, dx then dy; log_sigma: the same, natural logarithm of px."""

    offset: Tensor
    log_sigma: Tensor


class CCResSiamNet(nn.Module):
    """width: channels of the encoders; features: that are correlated, the image among them; nodes: of all that follows.

    cross: connect the encoders before they meet; attention: weigh what is pooled and what is passed over.
    """

    def __init__(
        self, width: int = 16, features: int = 8, nodes: int = 96, cross: bool = True, attention: bool = True
    ) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(2))  # of its own whole pixels, dx and dy, that a node begins with
        self.stem = nn.Conv2d(1, width, 5, padding=2)
        self.fine = Residual(width)
        self.features = nn.Conv2d(width, features - 1, 1)
        self.down = nn.Conv2d(width, 2 * width, POOL_PX, POOL_PX)
        self.coarse_cross = nn.Conv2d(2 * width, 2 * width, 1, bias=False) if cross else None
        self.merge = nn.Conv2d(len(LAGS) * features + 4 * width, nodes, 1)
        self.joint = nn.Sequential(Residual(nodes), Residual(nodes))
        self.weight = nn.Conv2d(nodes, nodes, 1) if attention else None
        self.enter = nn.Conv2d((1 + len(WINDOWS)) * nodes + 3, nodes, 1)
        self.decoder = Decoder(nodes, attention)
        self.head = nn.Conv2d(nodes, nodes, 1)
        self.answer = nn.Conv2d(nodes, 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and bool(layer.weight.any()):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if self.coarse_cross is not None:
            nn.init.zeros_(self.coarse_cross.weight)
        nn.init.normal_(self.answer.weight, std=0.01)

    def forward(self, texture: Tensor, beyond: Tensor, known: Tensor) -> Residuals:
        """texture: (n, 2, rows, cols), reference and gathered secondary, 0 unknown; multiples of ALIGN_PX.

        beyond: (n, 2, nodes, nodes), whole pixels that a node's secondary was gathered from beyond its surroundings'
        mean; known: (n, 1, nodes, nodes), share of pixels known in both. The answer is relative to that mean.
        """
        n = texture.shape[0]
        both = torch.cat([texture[:, :1], texture[:, 1:]])  # (2n, 1, rows, cols)
        fine = self.fine(functional.relu_(self.stem(both)))
        coarse = _crossed(functional.relu_(self.down(fine)), self.coarse_cross)  # (2n, 2 width, rows/4, cols/4)
        featured = self.features(fine)
        featured = torch.cat([both.to(featured.dtype), featured], dim=1)
        met = torch.cat([correlated(featured[:n], featured[n:]), coarse[:n], coarse[n:]], dim=1)
        met = functional.relu_(self.merge(met))  # (n, nodes, rows/4, cols/4)
        met = self.joint(met)
        if self.weight is not None:
            met = met * torch.sigmoid(self.weight(met))
        pooled = functional.avg_pool2d(met, 2)  # (n, nodes, rows/8, cols/8)
        means = [functional.avg_pool2d(pooled, size, 1, size // 2, count_include_pad=False) for size in WINDOWS]
        entered = functional.relu_(self.enter(torch.cat([pooled, *means, beyond.to(pooled), known.to(pooled)], dim=1)))
        answer = self.answer(functional.relu_(self.head(self.decoder(entered)))).float()
        offset = answer[:, :2] + self.own[:, None, None] * beyond
        return Residuals(offset, LOG_SIGMA[0] + functional.softplus(answer[:, 2:] - LOG_SIGMA[0] - 2.0))


def correlated(first: Tensor, second: Tensor) -> Tensor:
    """Products of features at every lag, averaged over squares. first, second: (n, c, rows, cols).

    Returns (n, lags c, rows / POOL_PX, cols / POOL_PX), lags from the upper left to the lower right.
    """
    (rows, cols), margin = first.shape[-2:], FARTHEST_LAG_PX
    wide = functional.pad(second, (margin,) * 4)
    products = []
    for y, x in LAGS:
        there = wide[..., margin + y : margin + y + rows, margin + x : margin + x + cols]
        products.append(functional.avg_pool2d(first * there, POOL_PX))
    return torch.cat(products, dim=1)


def _crossed(features: Tensor, cross: nn.Module | None) -> Tensor:
    """Each image's features (2n, ...) hear of the other's at the same place."""
    if cross is None:
        return features
    heard: Tensor = cross(features.roll(features.shape[0] // 2, 0))
    return features + heard


class Residual(nn.Module):
    """x + conv(relu(conv(x))), rectified."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu_(self.second(functional.relu_(self.first(x))).add_(x))


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
