"""CC-ResSiamNet: residual offsets between two images, with their uncertainty, from one pass over both.

After Kim, Jung and Lu 2025 (doi 10.1016/j.rse.2024.114577): Siamese residual encoders, connected at every scale,
attention, a U-Net decoder. Ours has one output node every 8 px and also predicts sigma. It refines the result of
correlation: the features of its encoders, and the images, are correlated at lags of up to 2 px. This evidence is
averaged over windows of 32 px and of 16 px before it is decoded, node by node, so that results are as sharp as those of
a correlation window. No layer uses statistics of the image: results of a tile equal those of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from types import EllipsisType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from ml.networks.window_choice import LEAST_LOG_SIGMA, WindowChoice

NODE_PX = 8  # pixels per node
ALIGN_PX = 16  # sizes and origins of tiles are multiples of it
FARTHEST_LAG_PX = 2  # of the correlation of features
LAGS = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if abs(y) + abs(x) <= FARTHEST_LAG_PX]
WINDOWS_PX = (32, 16)  # around a node, over which evidence is averaged: nothing beyond the first affects it
REACH_WEIGHTS = (0.5, 1.0, 1.0, 1.0, 0.5)  # shares of the nodes around one in its window of 32 px
KEYS = 8
FACTS = 7  # of a node, besides evidence: beyond (2), known, sine and cosine of the part (4)
STRIP_ROWS, STRIP_MARGIN = 128, 8  # px, multiples of POOL_PX; a square depends on no pixel beyond the margin
POOL_PX = 4  # side of the squares over which correlation is averaged first


class Residuals(NamedTuple):
    """Residual offsets from windows of two sizes, (n, 4, nodes, nodes) each: dx, dy in px, and logs of their sigmas.

    own: from the window of 32 px around each node; near: from that of 16 px.
    """

    own: Tensor
    near: Tensor


class CCResSiamNet(nn.Module):
    """Siamese network of residual offsets.

    width: channels of the encoders; features: channels that are correlated, the image included; nodes: channels after
    that.

    cross: whether the encoders are connected before the correlation; attention: whether averages are weighted.
    """

    def __init__(
        self, width: int = 16, features: int = 8, nodes: int = 64, cross: bool = True, attention: bool = True
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 5, padding=2)
        self.fine = RectifiedResidual(width, 3)
        self.features = nn.Conv2d(width, features - 1, 1)
        self.down = nn.Conv2d(width, 2 * width, POOL_PX, POOL_PX)
        self.coarse_cross = nn.Conv2d(2 * width, 2 * width, 1, bias=False) if cross else None
        self.merge = nn.Conv2d(len(LAGS) * features + 4 * width, nodes, 1)
        self.joint = RectifiedResidual(nodes, 3)
        self.weight = nn.Conv2d(nodes, nodes, 1) if attention else None
        self.placed = nn.Conv2d(nodes, nodes // 4, 1)
        evidence = nodes + 2 * (nodes // 4) + 2
        self.alike = Alike(evidence, nodes // 2) if attention else None
        self.decoder = Decoder(len(WINDOWS_PX) * evidence + FACTS + (nodes // 2 if attention else 0), 2 * nodes)
        self.answer = nn.Conv2d(2 * nodes, 4, 1)
        self.near_decoder = Decoder(2 * evidence + FACTS, nodes)
        self.near_answer = nn.Conv2d(nodes, 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and bool(layer.weight.any()):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if self.coarse_cross is not None:
            nn.init.zeros_(self.coarse_cross.weight)
        for last in (self.answer, self.near_answer):
            nn.init.normal_(last.weight, std=0.01)
        self.choice = WindowChoice()

    def forward(self, texture: Tensor, beyond: Tensor, part: Tensor, known: Tensor) -> Residuals:
        """Estimate the residuals of nodes, relative to the mean shift around each node.

        texture: (n, 2, rows, cols), reference and gathered secondary, 0 unknown; sizes are multiples of ALIGN_PX.

        beyond: (n, 2, nodes, nodes), px, shift at which a node's secondary was gathered, minus the mean shift around
        it; part: same shape, the fraction of a pixel by which the secondary was interpolated, which blurs it and moves
        its finest detail less; known: (n, 1, nodes, nodes), share of pixels known in both images.
        """
        met = self._met(texture)
        with torch.autocast(texture.device.type, enabled=False):  # means over a window need full precision
            apart = functional.interpolate(beyond.float(), scale_factor=NODE_PX / POOL_PX, mode="nearest")
            placed = self.placed(met)
            evidence = _joined([met, placed * apart[:, :1], placed * apart[:, 1:], apart])
            wide, near, narrow = (_window_mean(evidence, size) for size in (*WINDOWS_PX, NODE_PX))
            turn = 2 * math.pi * part.float()
            facts = [beyond.float(), known.float()], [turn.sin(), turn.cos()]
            alike = [] if self.alike is None else [self.alike(near, narrow)]
            own = self.answer(self.decoder(_joined([wide, near, *facts[0], *alike, *facts[1]])))
            close = self.near_answer(self.near_decoder(_joined([near, narrow, *facts[0], *facts[1]])))
        return Residuals(_placed(own, wide[:, -2:]), _placed(close, near[:, -2:]))

    def _met(self, texture: Tensor) -> Tensor:
        """Return the evidence of each square of POOL_PX pixels, (n, nodes, rows / POOL_PX, cols / POOL_PX)."""
        met = self.joint(self._merged(texture))
        if self.weight is not None:
            met = met * torch.sigmoid(self.weight(met))
        return met.float()  # type: ignore[no-any-return]

    def _merged(self, texture: Tensor) -> Tensor:
        """Return the merged features of squares; without gradients, on a CPU, computed in strips that fit its cache."""
        if torch.is_grad_enabled() or texture.device.type != "cpu":
            return self._merged_at_once(texture)
        rows, strips = texture.shape[2], []
        for row in range(0, rows, STRIP_ROWS):
            first = max(0, row - STRIP_MARGIN)
            strip = self._merged_at_once(texture[:, :, first : row + STRIP_ROWS + STRIP_MARGIN])
            strips.append(strip[:, :, (row - first) // POOL_PX :][:, :, : STRIP_ROWS // POOL_PX])
        return torch.cat(strips, dim=2)

    def _merged_at_once(self, texture: Tensor) -> Tensor:
        n = texture.shape[0]
        both = torch.cat([texture[:, :1], texture[:, 1:]])  # (2n, 1, rows, cols)
        fine = self.fine(functional.relu_(self.stem(both)))
        coarse = _crossed(functional.relu_(self.down(fine)), self.coarse_cross)  # (2n, 2 width, rows/4, cols/4)
        featured = _conv_after(both, fine, self.features)
        met = torch.cat([correlated(featured[:n], featured[n:]), coarse[:n], coarse[n:]], dim=1)
        return functional.relu_(self.merge(met))


def _conv_after(image: Tensor, x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Join an image (n, 1, rows, cols), as first channel, with the 1 x 1 convolution of x.

    The image is added into an empty channel, which is faster than to concatenate one channel with seven.
    """
    assert conv.bias is not None  # noqa: S101 (it has one)
    weight, bias = functional.pad(conv.weight, (0, 0, 0, 0, 0, 0, 1, 0)), functional.pad(conv.bias, (1, 0))
    joined = functional.conv2d(x, weight, bias)
    joined[:, :1] += image
    return joined


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Join channels, adjacent in memory for each pixel: 1 x 1 convolutions then take a third of the time on a CPU."""
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=3).permute(0, 3, 1, 2)


def _placed(answer: Tensor, shift: Tensor) -> Tensor:
    """Return the offsets of a window, plus the shift at which it was gathered, and log sigmas with a lower bound."""
    log_sigma = LEAST_LOG_SIGMA + functional.softplus(answer[:, 2:] - LEAST_LOG_SIGMA - 2.0)
    return torch.cat([answer[:, :2] + shift, log_sigma], dim=1)


def _window_mean(evidence: Tensor, size: int) -> Tensor:
    """Average windows of size px around the middle of every node; cells beyond the edge are left out.

    Sums are formed along one axis and then the other, in a third of the time of pooling.
    """
    for dim in (2, 3):
        ones = evidence.new_ones([n if axis == dim else 1 for axis, n in enumerate(evidence.shape)])
        evidence = _window_sum(evidence, dim, size).div_(_window_sum(ones, dim, size))
    return evidence


def _window_sum(cells: Tensor, dim: int, size: int) -> Tensor:
    """Sum along one axis the cells that lie in a window of size px around the middle of each node."""
    even, odd = (cells[:, :, at::2] if dim == 2 else cells[..., at::2] for at in (0, 1))
    total, nodes = even + odd, even.shape[dim]
    for away in range(1, (size - NODE_PX) // (2 * POOL_PX) + 1):
        before, after = (odd, even) if away % 2 else (even, odd)
        by = (away + 1) // 2
        total.narrow(dim, by, nodes - by).add_(before.narrow(dim, 0, nodes - by))
        total.narrow(dim, 0, nodes - by).add_(after.narrow(dim, by, nodes - by))
    return total


def correlated(first: Tensor, second: Tensor) -> Tensor:
    """Return the products of features at every lag, averaged over squares. first, second: (n, c, rows, cols).

    The result is (n, lags c, rows / POOL_PX, cols / POOL_PX), lags from the upper left to the lower right.
    """
    return _Correlated.apply(first, second)  # type: ignore[no-any-return, no-untyped-call]


class _Correlated(torch.autograd.Function):
    """`correlated`, with a backward pass that copies no array for each lag and so takes half the time."""

    @staticmethod
    def forward(ctx: FunctionCtx, first: Tensor, second: Tensor) -> Tensor:
        wide = functional.pad(second, (FARTHEST_LAG_PX,) * 4)
        ctx.save_for_backward(first, wide)
        if first.device.type == "cpu":
            return _pooled_products(first, wide)
        return torch.cat([functional.avg_pool2d(first * wide[at], POOL_PX) for at in _lagged(first)], dim=1)

    @staticmethod
    def backward(ctx: Any, *by_lags: Tensor) -> tuple[Tensor, Tensor]:
        first, wide = ctx.saved_tensors
        by_first, by_wide = torch.zeros_like(first), torch.zeros_like(wide)
        for at, pooled in zip(_lagged(first), (by_lags[0] / POOL_PX**2).chunk(len(LAGS), dim=1), strict=True):
            spread = functional.interpolate(pooled, scale_factor=POOL_PX, mode="nearest")
            by_first.addcmul_(spread, wide[at])
            by_wide[at].addcmul_(spread, first)
        inner = slice(FARTHEST_LAG_PX, -FARTHEST_LAG_PX)
        return by_first, by_wide[..., inner, inner]


def _pooled_products(first: Tensor, wide: Tensor) -> Tensor:
    """Compute `correlated` in float32. wide: second, padded. Rows of a square are added while they are multiplied."""
    inner, outer = (features.float().permute(0, 2, 3, 1).contiguous() for features in (first, wide))
    lags = []
    for _, by_row, by_col in _lagged(first):
        around = outer[:, by_row, by_col]
        total = inner[:, ::POOL_PX] * around[:, ::POOL_PX]
        for row in range(1, POOL_PX):
            total.addcmul_(inner[:, row::POOL_PX], around[:, row::POOL_PX])
        squares = total.view(*total.shape[:2], -1, POOL_PX, total.shape[3])
        lags.append(reduce(torch.add, squares.unbind(dim=3)))
    return torch.cat(lags, dim=3).div_(POOL_PX**2).to(first.dtype).permute(0, 3, 1, 2)


def _lagged(features: Tensor) -> Iterator[tuple[EllipsisType, slice, slice]]:
    """Yield, for each lag, the index of the part of padded features that meets features (..., rows, cols)."""
    rows, cols = features.shape[-2:]
    for row, col in ((FARTHEST_LAG_PX + y, FARTHEST_LAG_PX + x) for y, x in LAGS):
        yield (..., slice(row, row + rows), slice(col, col + cols))


def _crossed(features: Tensor, cross: nn.Module | None) -> Tensor:
    """Mix into each image's features those of the other image at the same place, (2n, ...)."""
    if cross is None:
        return features
    heard: Tensor = cross(features.roll(features.shape[0] // 2, 0))
    return features + heard


class RectifiedResidual(nn.Module):
    """Residual block with a final ReLU: relu(x + conv(relu(conv(x))))."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, kernel, padding=kernel // 2) for _ in range(2))
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return functional.relu_(self.second(functional.relu_(self.first(x))).add_(x))


class Alike(nn.Module):
    """Attention: for each node a mean over the nodes of a window of 32 px, mostly over those that resemble it.

    Their weight is exp(-d^2), d the distance between keys, which are computed from a narrow window around each node; if
    all keys are equal, the weights are REACH_WEIGHTS.
    """

    def __init__(self, evidence: int, width: int) -> None:
        super().__init__()
        self.key = nn.Sequential(nn.Conv2d(evidence, width, 1), nn.ReLU(), nn.Conv2d(width, KEYS, 1))
        self.value = nn.Conv2d(evidence, width, 1)

    def forward(self, near: Tensor, own: Tensor) -> Tensor:
        """Average alike nodes, (n, width, nodes, nodes). near: evidence of windows, for keys; own: of squares."""
        key, value = self.key(near), functional.relu_(self.value(own))
        inside = torch.ones_like(key[:, :1])
        reach = len(REACH_WEIGHTS) // 2
        (rows, cols), wide = key.shape[-2:], functional.pad(torch.cat([key, value, inside], dim=1), (reach,) * 4)
        total, weights = torch.zeros_like(value), torch.full_like(inside, 1e-6)
        for y, by_row in enumerate(REACH_WEIGHTS):
            for x, by_col in enumerate(REACH_WEIGHTS):
                there = wide[..., y : y + rows, x : x + cols]
                apart = (there[:, :KEYS] - key).square().sum(dim=1, keepdim=True)
                weight = by_row * by_col * there[:, -1:] * torch.exp(-apart)
                total, weights = torch.addcmul(total, weight, there[:, KEYS:-1]), weights + weight
        return total / weights


class Decoder(nn.Module):
    """Decoder of the windows' evidence, node by node.

    No layer uses neighbouring nodes, so that the windows alone determine the sharpness of a result.
    """

    def __init__(self, channels_in: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels_in, width, 1)
        self.blocks = nn.Sequential(RectifiedResidual(width, 1), RectifiedResidual(width, 1))

    def forward(self, windows: Tensor) -> Tensor:
        """Return the hidden features of each node, from which its offsets and log sigmas are computed."""
        return self.blocks(functional.relu_(self.enter(windows)))  # type: ignore[no-any-return]
