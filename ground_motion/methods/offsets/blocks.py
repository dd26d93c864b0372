"""Textures of a pair of images, block by block, from memory or a file. Blocks are aligned with the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets.texture import MARGIN_PX, halve, texture
from ground_motion.networks.cc_res_siamnet import NODE_PX
from ground_motion.rasters.imagery import PairSource
from ground_motion.rasters.pieces import Arrays, Pieces
from ground_motion.rasters.windows import Window, cut, grown, inner, intersect, scale_window, slices
from ground_motion.runtime.ahead import AT_ONCE, Feed, read_ahead
from ground_motion.runtime.device import map_in_threads
from ground_motion.runtime.feeding import feed_of, may_hold, move_to_device, pin

BLOCK_PX = 1024  # Larger ones take as long on a CPU, and two or three times the memory.
ALIGN_PX = 64
SQUARE_PX = 2 * NODE_PX
TILE_PX = 1024  # Textures are kept for parts of this side.
KEPT_TILES = 40  # 5 MiB each. All of a pair of 6,000 px squared; of larger pairs the last ones.
LOADED_PX = 2048  # A pair is loaded onto a GPU in parts of this side.
Read = TypeVar("Read")


class Tile(NamedTuple):
    """What is kept of an aligned part of a pair, in half precision, so that every image is normalised only once.

    texture: (2, rows, cols), 0 where unknown and beyond the images; halved: (2, rows / 2, cols / 2), NaN unknown;
    squares: (3, rows / SQUARE_PX, cols / SQUARE_PX), see Textures.
    """

    texture: Tensor
    halved: Tensor
    squares: Tensor


class Textures(NamedTuple):
    """Textures of a pair of images of shape (rows, cols), computed once per part of the image while it is kept.

    read: window -> (2, rows, cols) on the device, 0 where unknown and beyond the images; halved: window -> the same at
    half the size, NaN unknown; squares: window -> (3, rows, cols) of squares of SQUARE_PX, the share of pixels known in
    both images and the mean squares of both there; feed: how windows are read ahead.
    """

    shape: tuple[int, int]
    read: Callable[[Window], Tensor]
    halved: Callable[[Window], Tensor]
    squares: Callable[[Window], Tensor]
    feed: Feed = AT_ONCE


def textures_of(source: PairSource, device: torch.device) -> Textures:
    """Return the textures of a pair that is read on demand. The last KEPT_TILES parts are kept.

    A GPU with enough room keeps the whole pair, so that the search and all passes read it only once.
    """
    feed = feed_of(device)
    held = load(source, device, feed) if may_hold(device, 8 * source.shape[0] * source.shape[1]) else None

    @lru_cache(maxsize=KEPT_TILES)
    def tile(row: int, col: int) -> Tile:
        core = Window(row, col, *(min(TILE_PX, n - at) for n, at in zip(source.shape, (row, col), strict=True)))
        wide = grown(core, MARGIN_PX, source.shape)
        power = move_to_device(pin(source.read(wide)[:2], feed), device) if held is None else held[:, *slices(wide)]
        rows, cols = inner(core, wide)
        seen = torch.cat(map_in_threads(lambda image: texture(image.log()), torch.split(power, 1), device))
        edge = (0, align(core.cols) - core.cols, 0, align(core.rows) - core.rows)
        return _tile(functional.pad(seen[:, rows, cols], edge))

    def assemble(part: int, scale: int, planes: int, beyond: float) -> Callable[[Window], Tensor]:
        def read(at: Window) -> Tensor:
            whole = torch.full((planes, at.rows // scale, at.cols // scale), beyond, device=device)
            for here in _tiles_within(at, source.shape):
                there = intersect(at, here)
                own, other = (inner(scale_window(there, scale), scale_window(of, scale)) for of in (here, at))
                whole[:, *other] = tile(here.row, here.col)[part][:, *own]
            return whole

        return read

    reads = assemble(0, 1, 2, 0.0), assemble(1, 2, 2, torch.nan), assemble(2, SQUARE_PX, 3, 0.0)
    return Textures(source.shape, *reads, feed if held is None else AT_ONCE)


def _tiles_within(at: Window, shape: tuple[int, int]) -> Iterator[Window]:
    """Yield the tiles of an image (rows, cols), its size rounded up, that a window overlaps."""
    for row in range(max(0, at.row) // TILE_PX * TILE_PX, min(at.row + at.rows, align(shape[0])), TILE_PX):
        for col in range(max(0, at.col) // TILE_PX * TILE_PX, min(at.col + at.cols, align(shape[1])), TILE_PX):
            yield Window(row, col, *(min(TILE_PX, align(n) - n0) for n, n0 in zip(shape, (row, col), strict=True)))


def _tile(seen: Tensor) -> Tile:
    """Return what is kept of a texture (2, rows, cols), 0 unknown."""
    known = (seen != 0).all(dim=0)
    planes = torch.cat([known[None].to(seen.dtype), seen**2 * known])
    rows, cols = (n // SQUARE_PX for n in known.shape)
    squares = planes.reshape(3, rows, SQUARE_PX, -1).mean(dim=2).reshape(3, rows, cols, SQUARE_PX).mean(dim=3)
    return Tile(seen.half(), halve(seen).half(), squares.half())


def load(source: PairSource, device: torch.device, feed: Feed) -> Tensor:
    """Load a whole pair on a device, (2, rows, cols), linear power, NaN unknown."""
    whole = torch.empty((2, *source.shape), device=device)
    parts = cut(source.shape, LOADED_PX).values()
    for at, images in read_ahead(parts, lambda at: pin(source.read(at), feed), feed):
        whole[:, *slices(at)] = move_to_device(images, device)
    return whole


def blocks(shape: tuple[int, int], block: int, halo: int) -> Iterator[tuple[Window, Window]]:
    """Yield each block of an image (rows, cols): its core window, and that with the halo; sizes are rounded up."""
    for row in range(0, shape[0], block):
        for col in range(0, shape[1], block):
            core = Window(row, col, *(align(min(block, n - at)) for n, at in zip(shape, (row, col), strict=True)))
            first = max(0, row - halo), max(0, col - halo)
            last = (
                min(at + size + halo, align(n))
                for at, size, n in zip((row, col), (core.rows, core.cols), shape, strict=True)
            )
            yield core, Window(*first, *(end - begin for end, begin in zip(last, first, strict=True)))


def compute_blocks(
    stage: tuple[Pieces, str],
    textures: Textures,
    size: tuple[int, int],
    read: Callable[[Window, Window], Read | None],
    work: Callable[[Window, Window, Read], Tensor],
) -> Iterator[tuple[Window, Tensor]]:
    """Yield the core window of each block with the result of `work`; blocks without a result are left out.

    Args:
        stage: Store of pieces, and the stage's name in it.
        textures: Textures of the pair.
        size: Sides of a block and of its halo.
        read: (core window, outer window) -> input of `work`, None if there is nothing to do; called ahead of the
            computation as textures.feed says.
        work: (core window, outer window, that input) -> result.
    """
    pieces, name = stage
    at = {f"{both[0].row}-{both[0].col}": both for both in blocks(textures.shape, *size)}

    def begin(both: tuple[Window, Window]) -> tuple[tuple[Window, Window], Read | None]:
        return both, read(*both)

    def compute(of: tuple[tuple[Window, Window], Read | None]) -> Arrays:
        both, held = of
        return {} if held is None else {"values": work(*both, held).numpy()}

    pieces.each(name, at, compute, begin, textures.feed)
    for place, (core, _) in at.items():
        if piece := pieces.get(name, place):
            yield core, torch.from_numpy(piece["values"])


def align(size: int) -> int:
    """Return the next multiple of ALIGN_PX."""
    return -(-size // ALIGN_PX) * ALIGN_PX


def nodes_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the number of rows and columns of the network's nodes for an image, its size rounded up."""
    return align(shape[0]) // NODE_PX, align(shape[1]) // NODE_PX
