"""A residual U-Net that begins at half resolution: statistics in, a few maps at full resolution out.

No layer normalises over a batch or an image, so that a pixel's result depends on its surroundings alone: neither on
what it was trained beside (batches of one number of looks misled a trial) nor on where a tile ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

FULL_WIDTH = 16  # channels at full resolution: each costs as much as four at half resolution
STRIP_ROWS, STRIP_MARGIN = 128, 2  # of half resolution: without gradients, on a CPU, full resolution comes in strips


class Block(nn.Module):
    """Two convolutions; residual: they add to what came in, little at first."""

    def __init__(self, width: int, residual: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.residual = residual
        if residual:
            with torch.no_grad():
                self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        inside = torch.as_tensor(self.second(functional.relu_(self.first(functional.relu(x)))))
        return inside.add_(x) if self.residual else inside


class ResidualUNet(nn.Module):
    """inputs: channels at half resolution; details: at full resolution; outputs: maps at full resolution.

    optionals: channels at half resolution that may be missing; what they add begins at nothing.

    widths: channels at 1/2, 1/4, 1/8 … of the resolution; blocks: at each of them on the way down.
    """

    def __init__(
        self,
        inputs: int,
        details: int,
        outputs: int,
        widths: Sequence[int] = (48, 64, 96, 128),
        blocks: Sequence[int] = (1, 2, 2, 2),
        residual: bool = True,
        optionals: int = 0,
    ) -> None:
        super().__init__()
        self.stride: int = 2 ** len(widths)
        self.reach_px = _reach_px(blocks)
        self.stem = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.optional = nn.Conv2d(optionals, widths[0], 3, padding=1) if optionals else None
        if self.optional is not None:
            nn.init.zeros_(self.optional.weight)
            nn.init.zeros_(self.optional.bias)  # type: ignore[arg-type]
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in steps)
        self.inward = nn.ModuleList(
            nn.Sequential(*(Block(width, residual) for _ in range(n))) for width, n in zip(widths, blocks, strict=True)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in steps)
        self.outward = nn.ModuleList(Block(width, residual) for width in widths[:-1])
        self.unfold = nn.Conv2d(widths[0], 4 * FULL_WIDTH, 1)
        self.detail = nn.Conv2d(details, FULL_WIDTH, 3, padding=1)
        self.mix = nn.Conv2d(FULL_WIDTH, FULL_WIDTH, 3, padding=1)
        self.head = nn.Conv2d(FULL_WIDTH, outputs, 3, padding=1)

    def forward(self, half: Tensor, detail: Tensor, optional: Tensor | None = None) -> Tensor:
        """half: (n, inputs, rows / 2, cols / 2); detail: (n, details, rows, cols), sizes multiples of stride.

        optional: (n, optionals, rows / 2, cols / 2) where it is at hand. ValueError for a network without optionals.
        """
        x, kept = self.stem(half), []
        if optional is not None:
            if self.optional is None:
                raise ValueError("this network takes no optional channels")
            x = x + self.optional(optional)
        for level, inward in enumerate(self.inward):
            x = inward(x)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](functional.avg_pool2d(x, 2))
        for level in reversed(range(len(self.up))):
            wide = functional.interpolate(self.up[level](functional.relu_(x)), scale_factor=2.0, mode="nearest")
            x = self.outward[level](wide.add_(kept[level]))
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return self._at_full_resolution(x, detail)
        rows, strips = x.shape[2], []
        for row in range(0, rows, STRIP_ROWS):
            first, last = max(0, row - STRIP_MARGIN), min(rows, row + STRIP_ROWS + STRIP_MARGIN)
            strip = self._at_full_resolution(x[:, :, first:last], detail[:, :, 2 * first : 2 * last])
            strips.append(strip[:, :, 2 * (row - first) :][:, :, : 2 * STRIP_ROWS])
        return torch.cat(strips, dim=2)

    def _at_full_resolution(self, x: Tensor, detail: Tensor) -> Tensor:
        """x: (n, widths[0], rows / 2, cols / 2); sees no farther than STRIP_MARGIN of these."""
        full = self.detail(detail).add_(functional.pixel_shuffle(self.unfold(functional.relu(x)), 2))
        full = functional.relu_(self.mix(functional.relu(full)).add_(full))
        with torch.autocast(full.device.type, enabled=False):  # rounded to bfloat16, a logit has steps that can be seen
            return torch.as_tensor(self.head(full.float()))


def _reach_px(blocks: Sequence[int]) -> int:
    """How far a pixel of the output looks, at most, in whole strides."""
    far = 2 + 2
    for level, n in enumerate(blocks):
        convolutions = 2 * n + (2 if level + 1 < len(blocks) else 0) + (level == 0)
        far += (convolutions + 1) * 2 ** (level + 1)  # and one for what falls between two of its pixels
    stride = 2 ** len(blocks)
    return int(-(-far // stride) * stride)
