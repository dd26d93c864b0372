"""Boxes of cells: around what is computed, so that empty ground between is left out, and of grids in a common one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

Box = tuple[slice, slice]


class Proposed(NamedTuple):
    """Cells for which the network is asked, (rows, cols), on cells as wide as those of the lattice."""

    cells: NDArray[np.bool_]
    transform: Affine


def boxes(places: NDArray[np.bool_], margin: int, step: int = 1) -> list[Box]:
    """Return disjoint boxes that hold all places, (rows, cols): several where they cost fewer cells than one.

    Args:
        places: (rows, cols)
        margin: cells around each box that are computed as well
        step: sides with their margins are rounded up to multiples of it, and no side that short is cut
    """
    down, right = (np.flatnonzero(places.any(axis=axis)) for axis in (1, 0))
    if not down.size:
        return []
    box = slice(int(down[0]), int(down[-1]) + 1), slice(int(right[0]), int(right[-1]) + 1)
    lengths = [part.stop - part.start for part in box]
    if max(lengths) <= step:
        return [box]
    axis = lengths.index(max(lengths))
    middle = box[axis].start + lengths[axis] // 2
    halves = []
    for part in (slice(box[axis].start, middle), slice(middle, box[axis].stop)):
        rows, cols = (part, box[1]) if axis == 0 else (box[0], part)
        halves += [shift(half, rows.start, cols.start) for half in boxes(places[rows, cols], margin, step)]
    return halves if sum(_cells(half, margin, step) for half in halves) < _cells(box, margin, step) else [box]


def common_grid(
    transforms: Sequence[Affine], shapes: Sequence[tuple[int, ...]]
) -> tuple[Affine, tuple[int, int], list[Box]]:
    """Return transform and shape of the smallest grid that holds some grids, and the box of each in it.

    transforms, shapes: of the grids, (rows, cols). Cells are equal and whole cells apart, which is not checked.
    """
    west, north = min(transform.c for transform in transforms), max(transform.f for transform in transforms)
    whole = Affine(transforms[0].a, 0, west, 0, transforms[0].e, north)
    at = [tuple(round(side) for side in ~whole @ (transform.c, transform.f)) for transform in transforms]
    held = [np.s_[row : row + n[0], col : col + n[1]] for (col, row), n in zip(at, shapes, strict=True)]
    return whole, (max(rows.stop for rows, _ in held), max(cols.stop for _, cols in held)), held


def overlap(at: Sequence[int], shape: Sequence[int], whole: Sequence[int]) -> tuple[Box, Box]:
    """Return the cells that two grids share, as a box of the whole grid and as one of the other; empty if none are.

    Args:
        at: Row and column of the whole grid where the other begins; they may be negative.
        shape: (rows, cols) of the other grid.
        whole: (rows, cols) of the whole grid.
    """
    rows, cols = zip(at, shape, whole, strict=True)
    of_whole = [slice(max(0, first), max(0, min(first + size, end))) for first, size, end in (rows, cols)]
    own = [slice(max(0, -first), max(0, min(size, end - first))) for first, size, end in (rows, cols)]
    return (of_whole[0], of_whole[1]), (own[0], own[1])


def shift(box: Box, rows: int, cols: int) -> Box:
    """Return a box moved down and right."""
    return slice(box[0].start + rows, box[0].stop + rows), slice(box[1].start + cols, box[1].stop + cols)


def side(part: slice, margin: int, step: int) -> int:
    """Return the cells of some rows or columns with their margins, rounded up to a multiple of a step."""
    cells: int = -(-(part.stop - part.start + 2 * margin) // step) * step
    return cells


def _cells(box: Box, margin: int, step: int) -> int:
    return side(box[0], margin, step) * side(box[1], margin, step)
