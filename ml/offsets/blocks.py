"""An image's texture block by block, wherever it is kept. Blocks lie where the image's own rows and columns are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ml.offsets.resampling import NODE_PX
from ml.offsets.texture import WINDOW_PX, texture
from ml.rasters.imagery import Float32, PairSource
from ml.rasters.pieces import Arrays, Pieces
from ml.rasters.windows import Window

BLOCK_PX = 1024  # at 2,048 the same takes 1.6 times as long on a CPU: tensors no longer stay near it
ALIGN_PX = 64


class Textures(NamedTuple):
    """Texture of a pair of images of shape (rows, cols). read: a window that may reach beyond them, (2, rows, cols)
    on the device, 0 unknown and beyond.
    """

    shape: tuple[int, int]
    read: Callable[[Window], Tensor]


def of_source(source: PairSource, device: torch.device) -> Textures:
    """Of a pair that is read when it is needed, with what the high-pass needs around each window."""
    margin = WINDOW_PX // 2

    def read(at: Window) -> Tensor:
        wide = Window(at.row - margin, at.col - margin, at.rows + 2 * margin, at.cols + 2 * margin)
        log = torch.from_numpy(np.log(_read(source, wide))).to(device)
        return texture(log)[:, margin:-margin, margin:-margin]

    return Textures(source.shape, read)


def in_memory(images: Tensor) -> Textures:
    """Of texture (2, rows, cols) that is there already."""
    rows, cols = images.shape[1:]

    def read(at: Window) -> Tensor:
        row, col = max(0, at.row), max(0, at.col)
        last_row, last_col = min(at.row + at.rows, rows), min(at.col + at.cols, cols)
        around = (col - at.col, at.col + at.cols - last_col, row - at.row, at.row + at.rows - last_row)
        return functional.pad(images[:, row:last_row, col:last_col], around)

    return Textures((rows, cols), read)


def blocks(shape: tuple[int, int], block: int, halo: int) -> Iterator[tuple[Window, Window]]:
    """Core and outer windows of an image (rows, cols) cut at multiples of block; its size is rounded up."""
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
    pieces: Pieces,
    stage: str,
    shape: tuple[int, int],
    size: tuple[int, int],
    work: Callable[[Window, Window], Tensor | None],
) -> Iterator[tuple[Window, Tensor]]:
    """What the work makes of the core and outer window of each block, made once; blocks without any are left out.

    size: of a block and of its halo.
    """
    at = {f"{both[0].row}-{both[0].col}": both for both in blocks(shape, *size)}

    def made(both: tuple[Window, Window]) -> Arrays:
        values = work(*both)
        return {} if values is None else {"values": values.numpy()}

    pieces.each(stage, at, made)
    for place, (core, _) in at.items():
        if piece := pieces.get(stage, place):
            yield core, torch.from_numpy(piece["values"])


def aligned(size: int) -> int:
    """The next multiple of ALIGN_PX."""
    return -(-size // ALIGN_PX) * ALIGN_PX


def nodes_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the network's nodes of an image, its size rounded up."""
    return aligned(shape[0]) // NODE_PX, aligned(shape[1]) // NODE_PX


def _read(source: PairSource, at: Window) -> Float32:
    """(2, rows, cols) of a window that may reach beyond the image, NaN there."""
    row, col = max(0, at.row), max(0, at.col)
    rows, cols = min(at.row + at.rows, source.shape[0]) - row, min(at.col + at.cols, source.shape[1]) - col
    held = np.full((2, at.rows, at.cols), np.nan, dtype=np.float32)
    if rows > 0 and cols > 0:
        held[:, row - at.row : row - at.row + rows, col - at.col : col - at.col + cols] = source.read(
            Window(row, col, rows, cols)
        )
    return held
