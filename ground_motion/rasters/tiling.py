"""Tiling of large pairs for any method, so that only one tile is in memory; arrays in, arrays out.

A tile is read with a halo at least as wide as the method's reach, so that the result does not depend on the tiles.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.rasters.imagery import PairSource
from ground_motion.rasters.pieces import PieceBands, Pieces
from ground_motion.rasters.windows import Window
from ground_motion.runtime.ahead import AT_ONCE, Feed
from ground_motion.runtime.feeding import pin

Float32 = NDArray[np.float32]
CORE_PX, STRIP_ROWS = 2048, 64
SAMPLE_PX, SAMPLES = 512, 16  # Quantities that are estimated once take this many samples of a large pair.
SQUARE_PX, SQUARES = 128, 36  # Many small squares see more places than a few large ones, in an eighth of the time.
MIN_SQUARES = 12  # A pair with fewer squares that show ground is sampled in SAMPLE_PX.


class Tile(NamedTuple):
    """A tile. core: window of its results; outer: window of its input, which is the core with its halo."""

    core: Window
    outer: Window

    def own(self, bands: Mapping[str, Float32], posting: int = 1) -> dict[str, Float32]:
        """Return bands (rows, cols) of the outer window, at the posting, from the core's upper left corner on."""
        row, col = (self.core.row - self.outer.row) // posting, (self.core.col - self.outer.col) // posting
        return {name: values[row:, col:] for name, values in bands.items()}


def tiles(shape: tuple[int, int], halo: int, posting: int = 1, core: int = CORE_PX) -> Iterator[Tile]:
    """Yield tiles that cover an image (rows, cols) and begin at multiples of the posting."""
    step, margin = (-(-size // posting) * posting for size in (core, halo))
    for row in range(0, shape[0], step):
        for col in range(0, shape[1], step):
            first = max(0, row - margin), max(0, col - margin)
            last = (min(at + step, size) for at, size in zip((row, col), shape, strict=True))
            bottom, right = last
            end = min(bottom + margin, shape[0]), min(right + margin, shape[1])
            yield Tile(
                Window(row, col, bottom - row, right - col),
                Window(*first, end[0] - first[0], end[1] - first[1]),
            )


def compute_tiles(
    source: PairSource,
    work: Callable[[Float32, Tile], Mapping[str, Float32]],
    halo: int,
    posting: int = 1,
    core: int = CORE_PX,
    pieces: Pieces | None = None,
    feed: Feed = AT_ONCE,
) -> Mapping[str, Float32]:
    """Compute bands of the whole image from those of its tiles; in memory, or in `pieces` if given.

    work: (images (2 or more, rows, cols) of a tile's outer window, tile) -> bands (rows, cols) of its core, at the
    posting; bands may extend farther to the lower right. Pixels at the lower and right edge that fill no whole posting
    are left out, as without tiles. feed: how images are read ahead.
    """
    rows, cols = (max(1, size // posting) for size in source.shape)
    cut = {f"{tile.core.row}-{tile.core.col}": tile for tile in tiles(source.shape, halo, posting, core)}
    at = {}
    for place, tile in cut.items():
        row, col = tile.core.row // posting, tile.core.col // posting
        height, width = (-(-size // posting) for size in tile.core[2:])
        at[place] = Window(row, col, min(height, rows - row), min(width, cols - col))
    at = {place: here for place, here in at.items() if min(here) >= 0 and here.rows and here.cols}

    def read(place: str) -> tuple[str, Float32 | None]:
        images = source.read(cut[place].outer)
        return place, pin(images, feed) if _shows_ground(images[:2]) else None

    def compute(begun: tuple[str, Float32 | None]) -> dict[str, Float32]:
        place, images = begun
        if images is None:
            return {}
        here = at[place]
        return {name: values[: here.rows, : here.cols] for name, values in work(images, cut[place]).items()}

    kept = Pieces() if pieces is None else pieces
    kept.each("tiles", {place: place for place in at}, compute, read, feed)
    names: list[str] = next((list(part) for place in at if (part := kept.get("tiles", place))), [])
    bands = PieceBands(kept, "tiles", (rows, cols), names, at)
    return dict(bands) if pieces is None else bands


def _shows_ground(images: Float32) -> bool:
    """Return whether every image has a known pixel; checked in strips, because the first is usually enough."""
    strips = range(0, images.shape[1], STRIP_ROWS)
    return any(bool(np.isfinite(images[:, row : row + STRIP_ROWS]).all(axis=0).any()) for row in strips)


def samples(source: PairSource, side: int = round(SAMPLES**0.5)) -> list[Float32]:
    """Read samples (2 or more, rows, cols) spread over a large pair, where most is known; a small pair completely.

    side: number of samples along each axis; a pair is small if they would cover it.
    """
    if max(source.shape) <= side * SAMPLE_PX:
        return [source.read(Window(0, 0, *source.shape))]
    return _spread(source, SAMPLE_PX, side)


def squares(source: PairSource) -> list[Float32]:
    """Read small squares (2 or more, rows, cols) spread over a pair; what `samples` reads where few show ground."""
    if source.shape[0] * source.shape[1] <= SQUARES * SQUARE_PX**2:
        return [source.read(Window(0, 0, *source.shape))]
    gathered = _spread(source, SQUARE_PX, round(SQUARES**0.5))
    return gathered if len(gathered) >= MIN_SQUARES else samples(source)


def _spread(source: PairSource, side_px: int, side: int) -> list[Float32]:
    """Read squares of side_px, `side` of them along each axis of a pair; those less than half known are left out."""
    gathered = []
    for share in np.ndindex(side, side):
        size = [min(side_px, whole) for whole in source.shape]
        free = [whole - piece for whole, piece in zip(source.shape, size, strict=True)]
        at = [round(room * (part + 0.5) / side) for room, part in zip(free, share, strict=True)]
        piece = source.read(Window(at[0], at[1], size[0], size[1]))
        if np.isfinite(piece[:2]).all(axis=0).mean() > 0.5:
            gathered.append(piece)
    return gathered
