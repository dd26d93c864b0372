"""First search for offsets, to about a pixel, from near to far, so that ground that hardly moved costs little.

First, every node is searched within NEAR_PX, in images of half the size. For nodes without a match, a sparse grid is
searched up to MAX_SEARCH_PX in still smaller images; then they are searched around the offsets of this grid and
of matched neighbours, so that motion is followed from slow to fast ground (autoRIFT's sparse search before a dense one:
Lei, Gardner, Agram 2021, doi:10.3390/rs13040749). One node stands for STEP * NODE_PX pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets import MAX_SEARCH_PX, NEAR_PX, SEARCH_KERNELS_PX
from ground_motion.methods.offsets.baseline import chance_peak, grid_of_nodes
from ground_motion.methods.offsets.blocks import BLOCK_PX, SQUARE_PX, Textures, align, compute_blocks, nodes_of
from ground_motion.methods.offsets.consensus import agrees_with_neighbours
from ground_motion.methods.offsets.correlate import Peaks, correlate, correlate_grid
from ground_motion.methods.offsets.texture import halve
from ground_motion.networks.cc_res_siamnet import NODE_PX
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.windows import Window, inner, scale_window, slices
from ground_motion.runtime.box_mean import box_mean

AROUND_PX = 12  # A first match is refined by a search within this distance.
SPECKLE_PX = 2.0  # A cell of speckle covers this many halved pixels; it sets what a match by chance reaches.
# In standard deviations above chance: at 0 none of 60 pairs of sea or noise had a match, at -0.5 seven had.
MARGIN = 0.0
STEP = SQUARE_PX // NODE_PX  # nodes of the network for one node here

SPARSE_PX = 64  # Nodes of the far search lie this far apart.
# Factor by which images are reduced; side of the windows in which they are matched, px.
SPARSE_LOOKS = ((4, 64), (4, 128), (2, 64), (4, 256))
SPARSE_MARGIN = 1.0
SPARSE_SHARE = 0.25  # A sparse node is searched if this share of the ground around it has no match yet.
AREA_BLOCKS = 2  # Side, in blocks, of the area processed at once at half the size.
ALIKE_PX, MIN_ALIKE = 8.0, 2  # At least 2 of a sparse node's eight neighbours must move like it within 8 px.
FOLLOWED = 8  # The search around matched neighbours' offsets is repeated this often.
MIN_KNOWN = 0.5  # This share of the pixels around a node must be known.
MIN_TEXTURE = 0.25  # Least mean square of a texture; ground with any contrast has 1.


class Reason(IntEnum):
    """Why a node has no value. MATCHED: the search found a match, which a later step rejected."""

    MATCHED = 0
    TOO_FEW_PIXELS = 1
    NO_TEXTURE = 2
    BEYOND_REACH = 3
    NO_MATCH = 4


class Search(NamedTuple):
    """Result of the search.

    offset: (2, rows, cols), px, NaN unknown; reason: (rows, cols), of Reason; reach_px: the largest offset accepted.
    """

    offset: Tensor
    reason: Tensor
    reach_px: int


def search_pair(
    textures: Textures,
    reach: int,
    block: int = BLOCK_PX,
    pieces: Pieces | None = None,
) -> Search:
    """Search a pair for offsets. reach: px; doubled while there are matches up to twice as far, up to MAX_SEARCH_PX.

    pieces: the store for the pieces of a large pair.
    """
    pieces = pieces or Pieces()
    near, known, contrast = _search_near(textures, min(reach, NEAR_PX), block, pieces)
    missing = torch.isnan(near[0]) & (known >= MIN_KNOWN) & (contrast >= MIN_TEXTURE)
    offset, far = near, torch.full_like(near, torch.nan)
    if missing.any():
        far = _far(textures, missing, block, pieces)
        reach = widen(far, reach)
        within = (far.abs() <= reach).all(dim=0)
        far_within = torch.where(within, far, torch.nan)
        offset = _follow(textures, near, far_within, missing, reach, block, pieces)
    reason = torch.full_like(missing, Reason.NO_MATCH, dtype=torch.uint8)
    reason[(far.abs() > reach).any(dim=0)] = Reason.BEYOND_REACH
    reason[contrast < MIN_TEXTURE] = Reason.NO_TEXTURE
    reason[(known < MIN_KNOWN) | _leaves(offset, textures.shape)] = Reason.TOO_FEW_PIXELS
    reason[torch.isfinite(offset[0])] = Reason.MATCHED
    return Search(offset, reason, reach)


def _leaves(offset: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return (rows, cols): whether a node's ground, moved like its neighbours, would lie outside the secondary."""
    rows, cols = (torch.arange(n) * SQUARE_PX + SQUARE_PX // 2 for n in offset.shape[1:])
    likely = fill(offset)
    there = torch.stack([rows[:, None] + likely[1], cols + likely[0]])
    return ((there < 0) | (there >= torch.tensor(shape)[:, None, None])).any(dim=0)


def widen(far: Tensor, reach: int) -> int:
    """Return the reach, doubled while matches lie beyond it but within twice of it. far: (2, ...), NaN unknown."""
    longest = torch.nan_to_num(far).abs().amax(dim=0)
    while reach < MAX_SEARCH_PX and bool(((longest > reach) & (longest <= 2 * reach)).any()):
        reach = min(2 * reach, MAX_SEARCH_PX)
    return reach


def far_starts(found: Search) -> Tensor | None:
    """Return the offsets, whole px (2, rows, cols), around which correlation searches; None if all are 0.

    They differ from 0 only where the ground moved too far to be found by a search around 0.
    """
    start = fill(found.offset).round()
    start[:, start.abs().amax(dim=0) <= NEAR_PX - 2] = 0
    return start if bool(start.any()) else None


def _search_near(textures: Textures, search: int, block: int, pieces: Pieces) -> tuple[Tensor, Tensor, Tensor]:
    """Search within `search` px. Returns offsets as in Search, known share and mean square of texture around nodes."""
    rows, cols = (n // STEP for n in nodes_of(textures.shape))
    offset, shares = torch.full((2, rows, cols), torch.nan), torch.zeros(2, rows, cols)
    halo = align(max(SEARCH_KERNELS_PX) // 2 + NEAR_PX + 6 * NODE_PX)

    def read(_: Window, outer: Window) -> Tensor | None:
        halves = textures.halved(outer)
        return halves if torch.isfinite(halves).all(dim=0).any() else None

    def work(core: Window, outer: Window, halves: Tensor) -> Tensor:
        known, *contrast = textures.squares(core)
        own = _match_halves(halves, search)[:, *inner(scale_window(core, SQUARE_PX), scale_window(outer, SQUARE_PX))]
        return torch.cat([own, torch.stack([known, torch.minimum(*contrast)])]).cpu()

    for core, values in compute_blocks((pieces, "near"), textures, (AREA_BLOCKS * block, halo), read, work):
        at = slices(scale_window(core, SQUARE_PX))
        offset[:, *at], shares[:, *at] = values[:2], values[2:]
    known, contrast = box_mean(shares, 3)
    return offset, torch.minimum(known, shares[0]), contrast / known.clamp_min(1e-3)


def _match_wanted(
    stage: tuple[Pieces, str],
    textures: Textures,
    size: tuple[int, int],
    wanted: Tensor,
    apart: int,
    match: Callable[[Tensor, Window, list[Tensor], list[Tensor]], Tensor],
) -> Tensor:
    """Match wanted nodes (rows, cols), `apart` px from each other, block by block: offsets (2, rows, cols), else NaN.

    size: of a block, and of its halo; match: (halved images, their window, rows and columns of nodes, where these lie
    in the window, px) -> offsets (2, n), px.
    """
    found = torch.full((2, *wanted.shape), torch.nan)

    def read(core: Window, outer: Window) -> tuple[Tensor, Tensor] | None:
        within = torch.nonzero(wanted[slices(scale_window(core, apart))])
        return (textures.halved(outer), within) if len(within) else None

    def work(core: Window, outer: Window, begun: tuple[Tensor, Tensor]) -> Tensor:
        halves, (row, col) = begun[0], begun[1].T
        nodes = [row + core.row // apart, col + core.col // apart]
        at = [where * apart + apart // 2 - first for where, first in zip(nodes, outer[:2], strict=True)]
        values = torch.full((2, core.rows // apart, core.cols // apart), torch.nan)
        values[:, row, col] = match(halves, outer, nodes, at).cpu()
        return values

    for core, values in compute_blocks(stage, textures, size, read, work):
        found[:, *slices(scale_window(core, apart))] = values
    return found


def _far(textures: Textures, missing: Tensor, block: int, pieces: Pieces) -> Tensor:
    """Match offsets (2, rows, cols), px, up to MAX_SEARCH_PX, at the sparse nodes near missing nodes; NaN unknown.

    Matched ground is removed from the reference: otherwise still ground would outweigh the moving ground beside it.
    """
    each = SPARSE_PX // SQUARE_PX
    wanted = functional.avg_pool2d(missing[None].float(), each)[0] >= SPARSE_SHARE
    size = AREA_BLOCKS * block, align(max(size for _, size in SPARSE_LOOKS) // 2 + MAX_SEARCH_PX)

    def match(halves: Tensor, outer: Window, _: list[Tensor], at: list[Tensor]) -> Tensor:
        matched = ~missing[slices(scale_window(outer, SQUARE_PX))].to(halves.device)
        halves[0, matched.repeat_interleave(SQUARE_PX // 2, 0).repeat_interleave(SQUARE_PX // 2, 1)] = torch.nan
        return _sparse(halves, at)

    found = _match_wanted((pieces, "far"), textures, size, wanted, SPARSE_PX, match)
    found = torch.where(_moves_alike(found), found, torch.nan)
    return found.repeat_interleave(each, 1).repeat_interleave(each, 2)


def _sparse(halves: Tensor, at: list[Tensor]) -> Tensor:
    """Return offsets (2, n), px, of nodes at rows and columns `at`, by the first of SPARSE_LOOKS with a clear match."""
    found = torch.full((2, len(at[0])), torch.nan)
    shrunk = {2: halves, 4: halve(torch.nan_to_num(halves))}
    for by, size in SPARSE_LOOKS:
        left = torch.isnan(found[0])
        if left.any():
            where = [part[left] // by for part in at]
            matched = _smallest_that_stands_out(shrunk[by], where, by, (size,), MAX_SEARCH_PX, SPARSE_MARGIN)
            found[:, left] = by * matched.cpu()
    return found


def _moves_alike(found: Tensor) -> Tensor:
    """Return (rows, cols): whether enough of a sparse node's eight neighbours move like it. found: (2, rows, cols)."""
    around = functional.unfold(functional.pad(found.nan_to_num(nan=1e9), (1,) * 4, value=1e9)[None], 3)
    near = (around.reshape(2, 9, *found.shape[1:]) - found[:, None]).abs() <= ALIKE_PX
    return near.all(dim=0).sum(dim=0) > MIN_ALIKE  # The node itself counts too.


def _follow(
    textures: Textures, near: Tensor, far: Tensor, missing: Tensor, reach: int, block: int, pieces: Pieces
) -> Tensor:
    """Return `near`, whose missing nodes are filled by searches around far offsets and those of matched neighbours."""
    offset = near
    for turn in range(FOLLOWED):
        likely = fill(torch.where(torch.isfinite(offset), offset, far))
        wanted = missing & torch.isnan(offset[0]) & (likely.abs() > NEAR_PX / 2).any(dim=0)
        if not wanted.any():
            break
        around = _search_around(textures, likely, wanted, block, (pieces, f"followed-{turn}"))
        candidates = torch.where(wanted, around, offset)
        kept = agrees_with_neighbours(candidates, 2 * AROUND_PX) & (candidates.abs() <= reach).all(dim=0)
        new = wanted & kept
        if not new.any():
            break
        offset = torch.where(new, candidates, offset)
    return offset


def _search_around(textures: Textures, likely: Tensor, wanted: Tensor, block: int, stage: tuple[Pieces, str]) -> Tensor:
    """Find offsets (2, rows, cols), px, of the wanted nodes within AROUND_PX of the likely ones; else NaN."""
    size = block, align(max(SEARCH_KERNELS_PX) // 2 + AROUND_PX + MAX_SEARCH_PX)

    def match(halves: Tensor, _: Window, nodes: list[Tensor], at: list[Tensor]) -> Tensor:
        halved_at, start = [part // 2 for part in at], (likely[:, nodes[0], nodes[1]] / 2).round()
        return 2 * _smallest_that_stands_out(halves, halved_at, 2, SEARCH_KERNELS_PX, AROUND_PX, MARGIN, start)

    return _match_wanted(stage, textures, size, wanted, SQUARE_PX, match)


def _match_halves(halves: Tensor, search: int) -> Tensor:
    """Match images at half size, with a node every SQUARE_PX. Lengths and the result are in full-size px."""
    row, col, shape = grid_of_nodes(halves.shape[1:], SQUARE_PX // 2, halves.device)
    lags = _lags(search, 2)
    grid = correlate_grid(halves[0], halves[1], [size // 2 for size in SEARCH_KERNELS_PX], lags, SQUARE_PX // 2)
    matched = _smallest_that_stands_out(halves, [row, col], 2, SEARCH_KERNELS_PX, search, MARGIN, grid=grid)
    matched = matched.reshape(2, *shape)
    return 2 * torch.where(agrees_with_neighbours(matched, lags), matched, torch.nan)


def _lags(search: int, by: int) -> int:
    """Return how many lags reach `search` px in images reduced by `by`, plus one, so that peaks have two sides."""
    return -(-search // by) + 1


def _smallest_that_stands_out(
    images: Tensor,
    at: list[Tensor],
    by: int,
    kernels: tuple[int, ...],
    search: int,
    margin: float,
    start: Tensor | None = None,
    grid: Sequence[Peaks] = (),
) -> Tensor:
    """Match offsets (2, n) by the smallest kernel whose match stands out from chance, in px of `images`; NaN unknown.

    A wider window may match the ground beside a moving node, so the smallest one must stand out at that match, too.

    Args:
        images: Images reduced by `by`.
        at: Rows and columns (n,) in the reduced images.
        by: Factor of the reduction.
        kernels: Sides of windows, px of the full-size image.
        search: Largest offset, px of the full-size image.
        margin: By how many standard deviations a match must exceed chance.
        start: Centre of each node's search.
        grid: Peaks of all nodes by each kernel, if they are known.
    """
    lags = _lags(search, by)
    row, col = (part.to(images.device) for part in at)
    matched = torch.full((2, row.numel()), torch.nan, device=images.device)
    sizes = [max(8, size // by) for size in sorted(kernels)]
    for index, kernel in enumerate(sizes):
        left = torch.isnan(matched[0])
        if not left.any():
            break
        if grid:
            peaks = Peaks(*(part[left] for part in grid[index]))
        else:
            begin = None if start is None else start.to(images.device)[:, left]
            peaks = correlate(images[0], images[1], row[left], col[left], kernel, lags, begin, whole=False)
        stands_out = peaks.known & (peaks.height > chance_peak(kernel, lags, SPECKLE_PX, margin))
        found = torch.where(stands_out, torch.stack(peaks[:2]), torch.nan)
        if kernel > sizes[0] and (held := torch.isfinite(found[0])).any():
            at_match = found[:, held].round()
            own = correlate(images[0], images[1], row[left][held], col[left][held], sizes[0], 1, at_match, False)
            stands = own.height > chance_peak(sizes[0], 1, SPECKLE_PX, margin)
            found[:, held] = torch.where(stands, found[:, held], torch.nan)
        matched[:, left] = found
    return matched


def fill(offset: Tensor) -> Tensor:
    """Fill gaps in (2, rows, cols) by means of ever wider surroundings; else by the median of all; else by zero."""
    known = torch.isfinite(offset).all(dim=0)
    if not known.any():
        return torch.zeros_like(offset)
    held, weight = torch.where(known, offset, 0.0), known.to(offset.dtype)
    result = torch.where(known, offset, torch.nan)
    for size in (3, 7, 15):
        share = box_mean(weight, size)
        mean = box_mean(held, size) / share.clamp_min(1e-6)
        result = torch.where(torch.isfinite(result), result, torch.where(share > 1e-4, mean, torch.nan))
    middle = torch.stack([part[known].median() for part in offset])
    return torch.where(torch.isfinite(result), result, middle[:, None, None])


def interpolate_to_nodes(matched: Tensor) -> Tensor:
    """Fill gaps in the offsets of a search and interpolate them to the network's nodes."""
    held = fill(matched)[None]
    return functional.interpolate(held, scale_factor=float(STEP), mode="bilinear", align_corners=False)[0]
