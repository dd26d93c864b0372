"""Connected regions of a raster, each of which contains a high score and extends to a low one: at once or by strips."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.rasters.windows import Window

EIGHT = np.ones((3, 3), dtype=bool)
STRIP_ROWS = 512
Float32 = NDArray[np.float32]
Ints = NDArray[np.int64]


class Region(NamedTuple):
    """Connected cells: a window around them, and their mask in it."""

    window: tuple[slice, slice]
    mask: NDArray[np.bool_]


def regions(score: Float32, enter: float, leave: float, widened: int = 0) -> Iterator[Region]:
    """Yield connected regions (eight neighbours) above `leave` that reach `enter`, each in its own window.

    score: (rows, cols).

    widened: number of cells by which regions are widened; those that then touch count as one; windows are widened, too.
    """
    labels, n = ndimage.label(score >= leave, structure=EIGHT)  # NaN is not above anything
    if not n:
        return
    highest = np.zeros(n + 1, dtype=np.float32)
    inside = labels > 0
    np.maximum.at(highest, labels[inside], score[inside])
    highest[0] = -np.inf
    kept = (highest >= enter)[labels]
    if widened:
        labels, _ = ndimage.label(ndimage.maximum_filter(kept.view(np.uint8), 2 * widened + 1), structure=EIGHT)
    for label, window in enumerate(ndimage.find_objects(labels), 1):
        mask = (labels[window] == label) & kept[window]
        if mask.any():
            yield Region(window, mask)


def regions_by_strips(
    score: Callable[[Window], Float32], shape: tuple[int, int], enter: float, leave: float, rows: int = STRIP_ROWS
) -> Iterator[Region]:
    """Yield `regions` with one strip and one region in memory. score: returns a window's scores, read twice."""
    found, above = _Patches(), np.zeros(shape[1], dtype=np.int64)
    for row in range(0, shape[0], rows):
        above = found.add(score(Window(row, 0, min(rows, shape[0] - row), shape[1])), row, above, (enter, leave))
    for number in found.strong():
        first_row, first_col, end_row, end_col = found.boxes[number]
        at = Window(first_row, first_col, end_row - first_row, end_col - first_col)
        labels, _ = ndimage.label(score(at) >= leave, structure=EIGHT)
        row, col = found.cells[number]
        mask = labels == labels[row - first_row, col - first_col]
        yield Region((slice(first_row, end_row), slice(first_col, end_col)), mask)


class _Patches:
    """Connected patches, found strip by strip and joined across strips.

    boxes: of each patch, first row and column, and those after the last; cells: one cell of each patch.
    """

    def __init__(self) -> None:
        self.boxes: list[tuple[int, int, int, int]] = []
        self.cells: list[tuple[int, int]] = []
        self._enters: list[bool] = []
        self._one_with: list[int] = []

    def add(self, score: Float32, row: int, above: Ints, limits: tuple[float, float]) -> Ints:
        """Add a strip; return 1 + patch number for each column of its last row, 0 for none. above: the last result."""
        enter, leave = limits
        labels, n = ndimage.label(score >= leave, structure=EIGHT)
        enters = np.unique(labels[score >= enter])
        kept = np.setdiff1d(np.concatenate([enters, labels[0], labels[-1]]), [0])
        numbers = np.zeros(n + 1, dtype=np.int64)
        numbers[kept] = 1 + len(self.boxes) + np.arange(len(kept))
        windows, entering = ndimage.find_objects(labels), set(enters.tolist())
        for label in kept.tolist():
            rows, cols = windows[label - 1]
            self.boxes.append((row + rows.start, cols.start, row + rows.stop, cols.stop))
            self.cells.append((row + rows.start, cols.start + int(np.argmax(labels[rows.start, cols] == label))))
            self._enters.append(label in entering)
            self._one_with.append(len(self._one_with))
        first = numbers[labels[0]]
        for shift in (-1, 0, 1):
            moved = np.zeros_like(above)
            moved[max(0, shift) : len(above) + min(0, shift)] = above[max(0, -shift) : len(above) - max(0, shift)]
            both = (moved > 0) & (first > 0)
            for number, other in np.unique(np.stack([moved[both], first[both]]), axis=1).T.tolist():
                self._join(self._root(number - 1), self._root(other - 1))
        below: Ints = numbers[labels[-1]]
        return below

    def strong(self) -> list[int]:
        """Return the patches that reach `enter`, each once, in the order of their first cells."""
        return sorted({self._root(number) for number, enters in enumerate(self._enters) if enters})

    def _root(self, number: int) -> int:
        while self._one_with[number] != number:
            self._one_with[number] = self._one_with[self._one_with[number]]
            number = self._one_with[number]
        return number

    def _join(self, number: int, other: int) -> None:
        first, second = sorted((number, other))
        self._one_with[second] = first
        top, left, bottom, right = zip(self.boxes[first], self.boxes[second], strict=True)
        self.boxes[first] = (min(top), min(left), max(bottom), max(right))
