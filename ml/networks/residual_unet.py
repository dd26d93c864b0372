"""A residual U-Net that begins at half resolution: statistics in, features of each pixel at full resolution out.

No layer normalises over a batch or an image. A pixel's result therefore depends on its surroundings only: not on other
samples of a batch (batches with one number of looks misled a trial), nor on the edges of tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

FULL_WIDTH = 16  # channels at full resolution: each costs as much as four at half resolution
STRIP_VALUES = 1 << 21  # without gradients, on a CPU, large layers are computed in strips of rows that fit its cache
STRIP_MARGIN = 2  # rows that a block, or the layers of full resolution, read beyond a strip


class Block(nn.Module):
    """Two convolutions, whose output, initially small, is added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; without gradients it may overwrite x."""
        if not _in_strips(x):
            return self._inside(functional.relu(x)).add_(x)
        before = x[:, :, :0]  # input rows that this strip shares with the last one, which has overwritten them in x
        for seen, own, rows in _strips(x):
            known = before.shape[2]
            rectified = torch.empty(
                (*x.shape[:2], seen.stop - seen.start, x.shape[3]), dtype=x.dtype, memory_format=torch.channels_last
            )
            rectified[:, :, :known] = before
            torch.clamp_min(x[:, :, seen.start + known : seen.stop], 0, out=rectified[:, :, known:])
            x[:, :, rows] += self._inside(rectified)[:, :, own]
            before = rectified[:, :, max(0, own.stop - STRIP_MARGIN) :]
        return x

    def _inside(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.second(functional.relu_(self.first(x))))


class ResidualUNet(nn.Module):
    """U-Net. inputs: channels at half resolution; details: at full resolution.

    optionals: channels at half resolution that may be missing: where they are 0, nothing changes.

    widths: channels at 1/2, 1/4, 1/8 … of the resolution; blocks: number per level on the way down.
    """

    def __init__(
        self,
        inputs: int,
        details: int,
        optionals: int,
        widths: Sequence[int] = (32, 48, 64, 96),
        blocks: Sequence[int] = (1, 2, 2, 2),
    ) -> None:
        super().__init__()
        self.stride: int = 2 ** len(widths)
        self.reach_px = _reach_px(blocks)
        self.stem = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.optional = nn.Conv2d(optionals, widths[0], 3, padding=1, bias=False)
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in steps)
        self.inward = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(n))) for width, n in zip(widths, blocks, strict=True)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in steps)
        self.outward = nn.ModuleList(Block(width) for width in widths[:-1])
        self.unfold = nn.Conv2d(widths[0], 4 * FULL_WIDTH, 1)
        self.detail = nn.Conv2d(details, FULL_WIDTH, 3, padding=1)
        self.mix = nn.Conv2d(FULL_WIDTH, FULL_WIDTH, 3, padding=1)

    def forward(
        self,
        half: Tensor,
        detail: Tensor,
        optional: Tensor | None = None,
        within: tuple[slice, slice] | None = None,
    ) -> Tensor:
        """Apply the network; return features, (n, FULL_WIDTH, rows, cols), not negative.

        half: (n, inputs, rows / 2, cols / 2); detail: (n, details, rows, cols), sizes multiples of stride.

        optional: (n, optionals, rows / 2, cols / 2), if available. within: rows and columns, at half resolution, to be
        computed; by default all.
        """
        x, kept = self.stem(half), []
        if optional is not None:
            x = x + self.optional(optional)
        for level, inward in enumerate(self.inward):
            x = inward(x)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](functional.avg_pool2d(x, 2))
        answered = within or (slice(0, half.shape[2]), slice(0, half.shape[3]))
        rows, cols = (_around(part, size) for part, size in zip(answered, half.shape[2:], strict=True))
        for level in reversed(range(len(self.up))):
            seen = kept.pop()
            if level == 0 and within:  # later layers need only what lies within `_around`
                x, seen = x[:, :, _half(rows), _half(cols)], seen[:, :, rows, cols]
            x = self.outward[level](_wider(self.up[level], functional.relu_(x), seen))
        out = self._out(x, detail[:, :, _twice(rows), _twice(cols)])
        return out[:, :, _twice(_from(rows, answered[0])), _twice(_from(cols, answered[1]))]

    def _out(self, x: Tensor, detail: Tensor) -> Tensor:
        if not _in_strips(x):
            return self._at_full_resolution(x, detail)
        strips = [
            self._at_full_resolution(x[:, :, seen], detail[:, :, _twice(seen)])[:, :, _twice(own)]
            for seen, own, _ in _strips(x)
        ]
        return torch.cat(strips, dim=2)

    def _at_full_resolution(self, x: Tensor, detail: Tensor) -> Tensor:
        """Apply the last layers. x: (n, widths[0], rows / 2, cols / 2), in which they reach at most STRIP_MARGIN."""
        full = self.detail(detail).add_(functional.pixel_shuffle(self.unfold(functional.relu(x)), 2))
        return functional.relu_(self.mix(functional.relu(full)).add_(full)).float()


def _in_strips(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def _strips(x: Tensor) -> Iterator[tuple[slice, slice, slice]]:
    """Yield per strip of x (n, channels, rows, cols) slices of the rows read, of its own in these, of its own in x."""
    rows = x.shape[2]
    step = max(1, STRIP_VALUES // max(1, 2 * x[:, :, 0].numel())) * 2
    for row in range(0, rows, step):
        first, last = max(0, row - STRIP_MARGIN), min(rows, row + step)
        yield slice(first, min(rows, last + STRIP_MARGIN)), slice(row - first, last - first), slice(row, last)


def _wider(mix: nn.Module, coarse: Tensor, fine: Tensor) -> Tensor:
    """Double the resolution of mix(coarse) and add it to fine (n, channels, 2 rows, 2 cols).

    Without gradients fine is overwritten.
    """
    if not _in_strips(fine):
        return functional.interpolate(mix(coarse), scale_factor=2.0, mode="nearest").add_(fine)
    for _, _, rows in _strips(fine):
        fine[:, :, rows] += functional.interpolate(mix(coarse[:, :, _half(rows)]), scale_factor=2.0, mode="nearest")
    return fine


def _around(part: slice, size: int) -> slice:
    """Widen a part by the reach of the last block and the layers after it, to even numbers."""
    return slice(max(0, part.start - 2 * STRIP_MARGIN) // 2 * 2, min(size, -(-(part.stop + 2 * STRIP_MARGIN) // 2) * 2))


def _from(outer: slice, part: slice) -> slice:
    """Return the part as a slice relative to `outer`, which contains it."""
    return slice(part.start - outer.start, part.stop - outer.start)


def _half(part: slice) -> slice:
    return slice(part.start // 2, part.stop // 2)


def _twice(part: slice) -> slice:
    return slice(2 * part.start, 2 * part.stop)


def _reach_px(blocks: Sequence[int]) -> int:
    """Return the greatest distance, px, at which input affects an output pixel, rounded up to whole strides."""
    far = 2 + 2
    for level, n in enumerate(blocks):
        convolutions = 2 * n + (2 if level + 1 < len(blocks) else 0) + (level == 0)
        far += (convolutions + 1) * 2 ** (level + 1)  # and one for positions between two of its pixels
    stride = 2 ** len(blocks)
    return int(-(-far // stride) * stride)
