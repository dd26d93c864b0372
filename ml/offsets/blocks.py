"""Textures of a pair of images, block by block, from memory or a file. Blocks are aligned with the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ml.networks.cc_res_siamnet import NODE_PX
from ml.offsets.texture import WINDOW_PX, texture
from ml.rasters.imagery import Float32, PairSource
from ml.rasters.pieces import Arrays, Pieces
from ml.rasters.windows import Window, cut
from ml.runtime.ahead import AT_ONCE, Feed, fed
from ml.runtime.feeding import feed_of, may_hold, on_device, pinned

BLOCK_PX = 1024  # larger ones take as long on a CPU, and two or three times the memory
ALIGN_PX = 64
LOADED_PX = 2048  # side of the parts in which a pair is loaded onto a GPU
Read = TypeVar("Read")


class Textures(NamedTuple):
    """Textures of a pair of images of shape (rows, cols).

    read: window -> (2, rows, cols) on the device, 0 where unknown and beyond the images; feed: how windows are read
    ahead.
    """

    shape: tuple[int, int]
    read: Callable[[Window], Tensor]
    feed: Feed = AT_ONCE


def of_source(source: PairSource, device: torch.device) -> Textures:
    """Return the textures of a pair that is read on demand, each window with the margin that the high-pass needs.

    A GPU with enough room keeps the whole pair, so that the search and all passes read it only once.
    """
    margin, feed = WINDOW_PX // 2, feed_of(device)
    held = loaded(source, device, feed) if may_hold(device, 8 * source.shape[0] * source.shape[1]) else None

    def log_power(at: Window) -> Tensor:
        if held is not None:
            return _part_beyond(held, at, torch.nan).log()
        power = read_beyond(source, at)
        return (
            torch.from_numpy(np.log(power)) if device.type == "cpu" else on_device(pinned(power, feed), device).log_()
        )

    def read(at: Window) -> Tensor:
        wide = Window(at.row - margin, at.col - margin, at.rows + 2 * margin, at.cols + 2 * margin)
        return texture(log_power(wide))[:, margin:-margin, margin:-margin]

    return Textures(source.shape, read, feed if held is None else AT_ONCE)


def loaded(source: PairSource, device: torch.device, feed: Feed) -> Tensor:
    """Load a whole pair on a device, (2, rows, cols), linear power, NaN unknown."""
    whole = torch.empty((2, *source.shape), device=device)
    parts = cut(source.shape, LOADED_PX).values()
    for at, images in fed(parts, lambda at: pinned(source.read(at), feed), feed):
        whole[:, at.row : at.row + at.rows, at.col : at.col + at.cols] = on_device(images, device)
    return whole


def _part_beyond(images: Tensor, at: Window, outside: float) -> Tensor:
    """Cut a window, (n, rows, cols), out of images; `outside` fills what lies beyond them."""
    rows, cols = images.shape[1:]
    row, col = max(0, at.row), max(0, at.col)
    last_row, last_col = min(at.row + at.rows, rows), min(at.col + at.cols, cols)
    around = (col - at.col, at.col + at.cols - last_col, row - at.row, at.row + at.rows - last_row)
    return functional.pad(images[:, row:last_row, col:last_col], around, value=outside)


def blocks(shape: tuple[int, int], block: int, halo: int) -> Iterator[tuple[Window, Window]]:
    """Yield each block of an image (rows, cols): its core window, and that with the halo; sizes are rounded up."""
    for row in range(0, shape[0], block):
        for col in range(0, shape[1], block):
            core = Window(row, col, *(aligned(min(block, n - at)) for n, at in zip(shape, (row, col), strict=True)))
            first = max(0, row - halo), max(0, col - halo)
            last = (
                min(at + size + halo, aligned(n))
                for at, size, n in zip((row, col), (core.rows, core.cols), shape, strict=True)
            )
            yield core, Window(*first, *(end - begin for end, begin in zip(last, first, strict=True)))


def over_blocks(
    stage: tuple[Pieces, str],
    textures: Textures,
    size: tuple[int, int],
    read: Callable[[Window, Window], Read | None],
    work: Callable[[Window, Window, Read], Tensor],
) -> Iterator[tuple[Window, Tensor]]:
    """Yield the core window of each block with the result of `work`; blocks without a result are left out.

    size: of a block, and of its halo; read: (core window, outer window) -> input of `work`, None if there is nothing to
    do; called ahead of the computation as textures.feed says; work: (core window, outer window, that input) -> result.
    """
    pieces, name = stage
    at = {f"{both[0].row}-{both[0].col}": both for both in blocks(textures.shape, *size)}

    def begun(both: tuple[Window, Window]) -> tuple[tuple[Window, Window], Read | None]:
        return both, read(*both)

    def made(of: tuple[tuple[Window, Window], Read | None]) -> Arrays:
        both, held = of
        return {} if held is None else {"values": work(*both, held).numpy()}

    pieces.each(name, at, made, begun, textures.feed)
    for place, (core, _) in at.items():
        if piece := pieces.get(name, place):
            yield core, torch.from_numpy(piece["values"])


def aligned(size: int) -> int:
    """Return the next multiple of ALIGN_PX."""
    return -(-size // ALIGN_PX) * ALIGN_PX


def nodes_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the number of rows and columns of the network's nodes for an image, its size rounded up."""
    return aligned(shape[0]) // NODE_PX, aligned(shape[1]) // NODE_PX


def read_beyond(source: PairSource, at: Window) -> Float32:
    """Read a window, (2, rows, cols), that may reach beyond the image; it is NaN there."""
    row, col = max(0, at.row), max(0, at.col)
    rows, cols = min(at.row + at.rows, source.shape[0]) - row, min(at.col + at.cols, source.shape[1]) - col
    if at == (row, col, rows, cols):
        return source.read(at)
    held = np.full((2, at.rows, at.cols), np.nan, dtype=np.float32)
    if rows > 0 and cols > 0:
        held[:, row - at.row : row - at.row + rows, col - at.col : col - at.col + cols] = source.read(
            Window(row, col, rows, cols)
        )
    return held
