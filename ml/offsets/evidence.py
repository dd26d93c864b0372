"""Evidence on offsets: correlation at whole lags on small squares, as sums that add up to those of any window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ml.networks.cc_res_siamnet import NODE_PX
from ml.offsets.law import LAGS_PX

APART_PX = 1  # starts of ground that is added together differ by at most this number of pixels on each axis
KEPT_LAGS = LAGS_PX + APART_PX
SIDE = 2 * KEPT_LAGS + 1
AT_ONCE = 1024  # squares
LEVELS, REACH_NODES = 3, 13  # of the addition by weights
PLANES = (2 * LAGS_PX + 1) ** 2 + 4


class Evidence(NamedTuple):
    """Evidence of squares of NODE_PX pixels, or of windows of such squares.

    products: (lags, lags, rows, cols), means over pixels of texture times texture; rows of lags first, lag 0 in the
    middle; energy: (3, rows, cols), mean squares of both, and of their product at lag 0; known: (rows, cols), share of
    pixels known in both images.
    """

    products: Tensor
    energy: Tensor
    known: Tensor


def evidence(reference: Tensor, secondary: Tensor, start: Tensor, margin: int) -> Evidence:
    """Correlate each square of the reference with the secondary around its start.

    reference: (rows, cols), texture, 0 unknown; secondary: the same area with `margin` px more on each side; start:
    (2, nodes, nodes), whole px right and down, at most margin - KEPT_LAGS.
    """
    nodes = start.shape[1:]
    squares = reference.unfold(0, NODE_PX, NODE_PX).unfold(1, NODE_PX, NODE_PX).reshape(-1, NODE_PX, NODE_PX)
    first = [torch.arange(n, device=start.device) * NODE_PX + margin - KEPT_LAGS for n in nodes]
    top, left = (first[0][:, None] + start[1].long()).flatten(), (first[1] + start[0].long()).flatten()
    wide = torch.arange(NODE_PX + 2 * KEPT_LAGS, device=start.device)
    parts = []
    for at in range(0, len(squares), AT_ONCE):
        some = slice(at, at + AT_ONCE)
        down, right = top[some, None] + wide, left[some, None] + wide
        around = secondary[down.T[:, None], right.T[None]]  # (rows, cols, squares): products run along squares
        parts.append(_products(squares[some].permute(1, 2, 0).contiguous(), around))
    products, energy, known = (torch.cat(part, dim=-1) for part in zip(*parts, strict=True))
    return Evidence(products.reshape(SIDE, SIDE, *nodes), energy.reshape(3, *nodes), known.reshape(nodes))


def _products(square: Tensor, around: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return products (lags, lags, n), energy (3, n), known (n,) of squares (px, px, n) within their surroundings."""
    products = square.new_empty(SIDE, SIDE, square.shape[2])
    for row in range(SIDE):
        for col in range(SIDE):
            there = around[row : row + NODE_PX, col : col + NODE_PX]
            products[row, col] = (square * there).mean(dim=(0, 1))
    inner = around[KEPT_LAGS:-KEPT_LAGS, KEPT_LAGS:-KEPT_LAGS]
    both = (square != 0) & (inner != 0)
    energy = torch.stack([(part**2 * both).mean(dim=(0, 1)) for part in (square, inner, square * inner)])
    return products, energy, both.to(square.dtype).mean(dim=(0, 1))


Adding = Callable[[Tensor, slice, slice], Tensor]


def added(held: Evidence, start: Tensor, add: Adding, reach: int) -> Evidence:
    """Add evidence over a window around each square, at the start of its middle square; lags reach LAGS_PX.

    Squares whose start differs by more than APART_PX move differently and are left out. start: (2, rows, cols). add:
    (planes (n, rows, cols), the rows and the columns that they are cut from) -> weighted sums over windows, same shape;
    reach: how far windows reach, in squares.
    """
    result = held.products.new_zeros(PLANES, *held.known.shape)
    for dx, dy in _distinct(start):
        mine = (start[0] == dx) & (start[1] == dy)
        cut = [_around(mine.any(dim=1 - axis), reach) for axis in (0, 1)]
        apart = start[:, cut[0], cut[1]] - torch.tensor([dx, dy], device=start.device)[:, None, None]
        sums = add(_planes(held, apart, cut), *cut)
        result[:, cut[0], cut[1]] = torch.where(mine[cut[0], cut[1]], sums, result[:, cut[0], cut[1]])
    lags = 2 * LAGS_PX + 1
    return Evidence(result[: lags**2].reshape(lags, lags, *held.known.shape), result[-4:-1], result[-1])


def _distinct(shift: Tensor) -> list[tuple[int, int]]:
    """Return the distinct shifts (dx, dy) in a field of whole px (2, rows, cols).

    One number stands for both, which is faster.
    """
    side = 4096
    codes = torch.unique((shift[0].long() + side // 2) * side + shift[1].long() + side // 2).tolist()
    return [(code // side - side // 2, code % side - side // 2) for code in codes]


def _around(held: Tensor, reach: int) -> slice:
    at = torch.nonzero(held)[:, 0]
    return slice(max(0, int(at[0]) - reach), int(at[-1]) + reach + 1)


def _planes(held: Evidence, apart: Tensor, cut: list[slice]) -> Tensor:
    """Return products at lags from a common start, energy and known share, (PLANES, rows, cols).

    Squares whose starts are too far apart have 0. apart: (2, rows, cols), by how much each square's start exceeds the
    common one, px right and down.
    """
    products, energy, known = (part[..., cut[0], cut[1]] for part in held)
    planes = products.new_zeros(PLANES, *known.shape)
    for right, down in _distinct(apart):
        if max(abs(right), abs(down)) > APART_PX:
            continue
        first = APART_PX - down, APART_PX - right
        lags = [slice(at, at + 2 * LAGS_PX + 1) for at in first]
        part = torch.cat([products[lags[0], lags[1]].flatten(0, 1), energy, known[None]])
        planes += part * ((apart[0] == right) & (apart[1] == down))
    return planes


def box(size_px: float) -> Adding:
    """Return a function that adds planes over size_px around each square; the window's rim counts in part."""
    reach = reach_of(size_px)
    rim = min(1.0, (size_px / NODE_PX + 1) / 2 - reach) if reach else 1.0

    def add(planes: Tensor, rows: slice, cols: slice) -> Tensor:
        for dim in (1, 2):
            wide = functional.pad(planes, (0, 0, reach + 1, reach) if dim == 1 else (reach + 1, reach))
            sums, size = wide.cumsum(dim), planes.shape[dim]
            whole = sums.narrow(dim, 2 * reach + 1, size) - sums.narrow(dim, 0, size)
            if rim < 1:
                inner = sums.narrow(dim, 2 * reach, size) - sums.narrow(dim, 1, size)
                whole = torch.lerp(inner, whole, rim)
            planes = whole
        return planes

    return add


def reach_of(size_px: float) -> int:
    """Return how far, in squares, a window of size_px around the middle of a square reaches."""
    return max(0, math.ceil((size_px / NODE_PX - 1) / 2))


def surfaces(window: Evidence) -> tuple[Tensor, Tensor]:
    """Return normalised surfaces (nodes, lags, lags) and numbers of pixels (nodes,), as `law.fit` takes them.

    Where a few bright points hold most of the energy, only they count: the number is divided by the mean square of the
    products, 1 for independent Gaussian texture.
    """
    both = window.energy[0] * window.energy[1]
    pixels = NODE_PX**2 * both / window.energy[2].clamp_min(1e-9)
    products = window.products / both.sqrt().clamp_min(1e-9)
    return products.flatten(2).permute(2, 0, 1).contiguous(), pixels.flatten()


def nine(planes: Tensor, step: int, beyond: str = "constant") -> Iterator[Tensor]:
    """Yield, for each of nine places `step` squares apart, the planes (n, rows, cols) as seen from the middle one.

    beyond: how planes continue beyond their edge, a mode of torch's padding.
    """
    rows, cols = planes.shape[1:]
    wide = functional.pad(planes[None], (step,) * 4, mode=beyond)[0]
    for row in (0, step, 2 * step):
        for col in (0, step, 2 * step):
            yield wide[:, row : row + rows, col : col + cols]


def weighted(planes: Tensor, weights: Tensor) -> Tensor:
    """Add planes (n, rows, cols) by weights over nine squares 1, then 3, then 9 squares apart, up to REACH_NODES.

    weights: (LEVELS, 9, rows, cols); equal weights are a box of 3, 9 and 27 squares.
    """
    for level, here in enumerate(weights):
        total = torch.zeros_like(planes)
        for at, there in enumerate(nine(planes, 3**level)):
            total = torch.addcmul(total, there, here[at])
        planes = total
    return planes
