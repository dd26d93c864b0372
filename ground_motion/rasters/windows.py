"""Windows of an image: cutting, widening and overlaps."""

from typing import NamedTuple


class Window(NamedTuple):
    """A part of an image: its first row and column, and numbers of rows and columns."""

    row: int
    col: int
    rows: int
    cols: int


def cut(shape: tuple[int, int], side: int) -> dict[str, Window]:
    """Return place -> window of side x side (smaller at the lower and right edge); all together cover (rows, cols)."""
    return {
        f"{row}-{col}": Window(row, col, min(side, shape[0] - row), min(side, shape[1] - col))
        for row in range(0, shape[0], side)
        for col in range(0, shape[1], side)
    }


def grown(at: Window, margin: int, shape: tuple[int, int]) -> Window:
    """Widen a window by a margin, px, on each side, as far as the image reaches."""
    row, col = max(0, at.row - margin), max(0, at.col - margin)
    rows, cols = min(at.row + at.rows + margin, shape[0]), min(at.col + at.cols + margin, shape[1])
    return Window(row, col, rows - row, cols - col)


def scale_window(at: Window, by: int) -> Window:
    """Return the same window of an image reduced by a factor that divides it."""
    return Window(*(value // by for value in at))


def slices(at: Window) -> tuple[slice, slice]:
    """Return the rows and columns of a window as slices of the image."""
    return slice(at.row, at.row + at.rows), slice(at.col, at.col + at.cols)


def inner(at: Window, outer: Window) -> tuple[slice, slice]:
    """Return the rows and columns of a window as slices relative to a wider window that contains it."""
    row, col = at.row - outer.row, at.col - outer.col
    return slice(row, row + at.rows), slice(col, col + at.cols)


def intersect(window: Window, other: Window) -> Window:
    """Return the common part of two windows that overlap."""
    row, col = max(window.row, other.row), max(window.col, other.col)
    rows, cols = (
        min(window.row + window.rows, other.row + other.rows),
        min(window.col + window.cols, other.col + other.cols),
    )
    return Window(row, col, rows - row, cols - col)
