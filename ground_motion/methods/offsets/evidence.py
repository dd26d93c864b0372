"""Evidence on offsets: correlation at whole lags on small squares, as sums that add up to those of any window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets.autocorrelation import LAGS_PX
from ground_motion.methods.offsets.correlate import products
from ground_motion.networks.cc_res_siamnet import NODE_PX
from ground_motion.runtime.device import map_in_threads

APART_PX = 1  # Evidence is added only if its starts differ by at most this many pixels on each axis.
KEPT_LAGS = LAGS_PX + APART_PX
SIDE = 2 * KEPT_LAGS + 1
AT_ONCE = 1024  # Number of squares processed at a time.
PART_NODES = 64  # Evidence is added in parts of a field of this side.
LEVELS, REACH_NODES = 3, 13  # The addition by weights has this many levels and reaches this far.
PLANES = (2 * LAGS_PX + 1) ** 2 + 4


Part = tuple[slice, slice]  # rows and columns of a field of squares


class LagProducts(NamedTuple):
    """Evidence of squares of NODE_PX pixels, or of windows of such squares.

    products: (lags, lags, rows, cols), means over pixels of texture times texture; rows of lags first, lag 0 in the
    middle; energy: (3, rows, cols), mean squares of both, and of their product at lag 0; known: (rows, cols), share of
    pixels known in both images.
    """

    products: Tensor
    energy: Tensor
    known: Tensor


def evidence(reference: Tensor, secondary: Tensor, start: Tensor, margin: int) -> LagProducts:
    """Correlate each square of the reference with the secondary around its start.

    reference: (rows, cols), texture, 0 unknown; secondary: the same area with `margin` px more on each side; start:
    (2, nodes, nodes), whole px right and down, at most margin - KEPT_LAGS.
    """
    nodes, wide, width = start.shape[1:], NODE_PX + 2 * KEPT_LAGS, secondary.shape[1]
    squares = reference.unfold(0, NODE_PX, NODE_PX).unfold(1, NODE_PX, NODE_PX).reshape(-1, NODE_PX, NODE_PX)
    first = [torch.arange(n, device=start.device) * NODE_PX + margin - KEPT_LAGS for n in nodes]
    corners = ((first[0][:, None] + start[1].long()) * width + first[1] + start[0].long()).flatten()
    lines, down = secondary.flatten().unfold(0, wide, 1), torch.arange(wide, device=start.device) * width

    def correlate(given: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        some, corner = given
        around = lines.index_select(0, (corner[:, None] + down).flatten()).reshape(-1, wide, wide)
        return tuple(part.movedim(0, -1).contiguous() for part in (products(some, around), *_energy(some, around)))

    parts = map_in_threads(
        correlate, zip(torch.split(squares, AT_ONCE), torch.split(corners, AT_ONCE), strict=True), start.device
    )
    values, energy, known = (torch.cat(part, dim=-1) for part in zip(*parts, strict=True))
    return LagProducts(values.reshape(SIDE, SIDE, *nodes), energy.reshape(3, *nodes), known.reshape(nodes))


def _energy(squares: Tensor, around: Tensor) -> tuple[Tensor, Tensor]:
    """Return energy (n, 3) and known share (n,) of squares (n, px, px) within their surroundings."""
    inner = around[:, KEPT_LAGS:-KEPT_LAGS, KEPT_LAGS:-KEPT_LAGS]
    first, second = squares.flatten(1), inner.flatten(1)
    both = ((first != 0) & (second != 0)).to(first.dtype)
    squared = (first * both) ** 2, (second * both) ** 2
    energy = [part.mean(dim=1) for part in (*squared, squared[0] * squared[1])]
    return torch.stack(energy, dim=1), both.mean(dim=1)


def parts_of(nodes: torch.Size) -> list[Part]:
    """Cut a field of squares, (rows, cols), into parts that fit the processor's cache, in which evidence is added."""
    corners = product(*(range(0, n, PART_NODES) for n in nodes))
    return [(slice(row, row + PART_NODES), slice(col, col + PART_NODES)) for row, col in corners]


def add_evidence(held: LagProducts, start: Tensor, sizes_px: Sequence[float], here: Part) -> list[LagProducts]:
    """Add evidence over windows of several sizes around each square of a part, at the start of this square.

    Squares whose start differs by more than APART_PX move differently and are left out. A window's rim counts in part.
    start: (2, rows, cols), of the whole field. Lags of the sums reach LAGS_PX.
    """
    reach, side, own = reach_of(max(sizes_px)), 2 * LAGS_PX + 1, start[:, here[0], here[1]]
    *of_part, starts = (_cut_with_margin(part, here[0].start, here[1].start, reach) for part in (*held, start))
    sums = [held.known.new_zeros(PLANES, *own.shape[1:]) for _ in sizes_px]
    for shift in _distinct(own):
        common = torch.tensor(shift, device=start.device)[:, None, None]
        planes = _planes(LagProducts(*of_part), starts - common)
        for total, size_px in zip(sums, sizes_px, strict=True):
            total.addcmul_(_box(planes, reach, size_px), (own == common).all(dim=0).to(total.dtype))
    return [LagProducts(total[:-4].reshape(side, side, *own.shape[1:]), total[-4:-1], total[-1]) for total in sums]


def _cut_with_margin(field: Tensor, row: int, col: int, margin: int) -> Tensor:
    """Cut the part of a field (..., rows, cols) that begins at a square, with a margin; 0 beyond the field."""
    edges, cut = [], []
    for at, size in ((col, field.shape[-1]), (row, field.shape[-2])):
        last = min(at + PART_NODES, size) + margin
        cut.append(slice(max(0, at - margin), last))
        edges += [max(0, margin - at), max(0, last - size)]
    return functional.pad(field[..., cut[1], cut[0]], edges)


def _distinct(shift: Tensor) -> list[tuple[int, int]]:
    """Return the distinct shifts (dx, dy) in a field of whole px (2, rows, cols), coded as one number for speed."""
    side = 4096
    codes = torch.unique((shift[0].long() + side // 2) * side + shift[1].long() + side // 2).tolist()
    return [(code // side - side // 2, code % side - side // 2) for code in codes]


def _planes(held: LagProducts, apart: Tensor) -> Tensor:
    """Return products at lags from a common start, energy and known share, (PLANES, rows, cols).

    Squares whose starts are too far apart have 0. apart: (2, rows, cols), by how much each square's start exceeds the
    common one, px right and down.
    """
    planes = held.known.new_zeros(PLANES, *held.known.shape)
    lags = planes[:-4].reshape(2 * LAGS_PX + 1, 2 * LAGS_PX + 1, *held.known.shape)
    for right, down in _distinct(apart):
        if max(abs(right), abs(down)) > APART_PX:
            continue
        first = APART_PX - down, APART_PX - right
        part = held.products[tuple(slice(at, at + 2 * LAGS_PX + 1) for at in first)]
        here = ((apart[0] == right) & (apart[1] == down)).to(part.dtype)
        for total, values in ((lags, part), (planes[-4:-1], held.energy), (planes[-1], held.known)):
            total.addcmul_(values, here)
    return planes


def _box(planes: Tensor, margin: int, size_px: float) -> Tensor:
    """Add planes (n, rows, cols) over size_px around each square; the window's rim counts in part.

    margin: squares at each side that are not added around. Matrix products take half the time of sums.
    """
    less = margin - reach_of(size_px)
    inner = planes[:, less : planes.shape[1] - less, less : planes.shape[2] - less]
    down, across = (_shares(n - 2 * margin, size_px, planes) for n in planes.shape[1:])
    return down.T @ (inner @ across)


def _shares(count: int, size_px: float, like: Tensor) -> Tensor:
    """Return the share of each square, of a row, in the windows of `count` squares, (count + 2 reach, count)."""
    reach = reach_of(size_px)
    squares = torch.arange(-reach, count + reach, device=like.device, dtype=like.dtype)
    apart = (squares[:, None] - squares[reach : reach + count]).abs()
    return ((size_px / NODE_PX + 1) / 2 - apart).clamp(0, 1)


def reach_of(size_px: float) -> int:
    """Return how far, in squares, a window of size_px around the middle of a square reaches."""
    return max(0, math.ceil((size_px / NODE_PX - 1) / 2))


def surfaces(window: LagProducts) -> tuple[Tensor, Tensor]:
    """Return normalised surfaces (lags, lags, nodes) and numbers of pixels (nodes,), as `fit` takes them.

    Where a few bright points hold most of the energy, only they count: the number is divided by the mean square of the
    products, 1 for independent Gaussian texture.
    """
    both = window.energy[0] * window.energy[1]
    pixels = NODE_PX**2 * both / window.energy[2].clamp_min(1e-9)
    return (window.products / both.sqrt().clamp_min(1e-9)).flatten(2), pixels.flatten()


def surfaces_of(held: LagProducts, start: Tensor, size_px: float) -> tuple[Tensor, Tensor]:
    """Return surfaces and numbers of pixels of adjoining windows, as `surfaces` does.

    held, start: of a field of at most PART_NODES squares a side; size_px: side of a window.
    """
    (window,) = add_evidence(held, start, [size_px], (slice(0, PART_NODES), slice(0, PART_NODES)))
    step = round(size_px / NODE_PX)
    middle = slice(step // 2, None, step)
    return surfaces(LagProducts(*(part[..., middle, middle] for part in window)))


def nine(planes: Tensor, step: int, beyond: str = "constant") -> Iterator[Tensor]:
    """Yield, for each of nine places `step` squares apart, the planes (n, rows, cols) as seen from the middle one.

    beyond: how planes continue beyond their edge, a mode of torch's padding.
    """
    rows, cols = planes.shape[1:]
    wide = functional.pad(planes[None], (step,) * 4, mode=beyond)[0]
    for row in (0, step, 2 * step):
        for col in (0, step, 2 * step):
            yield wide[:, row : row + rows, col : col + cols]


def add_by_weights(planes: Tensor, weights: Tensor) -> Tensor:
    """Add planes (n, rows, cols) by weights over nine squares 1, then 3, then 9 squares apart, up to REACH_NODES.

    weights: (LEVELS, 9, rows, cols); equal weights are a box of 3, 9 and 27 squares.
    """
    for level, here in enumerate(weights):
        total = torch.zeros_like(planes)
        for at, there in enumerate(nine(planes, 3**level)):
            total = torch.addcmul(total, there, here[at])
        planes = total
    return planes
