"""Resampling of power, once, from one grid onto another: pure numerics.

The kernel is a triangle (bilinear), on linear power. Its weights are never negative and sum to one: power stays
positive, and the mean power of speckle is kept. Cubic and sinc kernels ring below zero beside bright targets;
interpolating amplitudes or decibels loses power (of one-look speckle 11 % and 21 % halfway between two pixels).
Where pixels become larger the triangle widens with them, so that no target falls between two samples.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ingest.readers.records import Float32, Float64

NODE_PIXELS = 32  # places are worked out so far apart and interpolated: within millimetres on the ground
LEAST_KNOWN = 0.5  # of the weight, or the result is unknown: an image does not grow at its edges

Places = tuple[Float64, Float64]


def places_between(
    place: Callable[[Float64, Float64], Places], first: tuple[int, int], shape: tuple[int, int]
) -> Places:
    """Where the pixels of a piece of a grid lie, through `place` at every 32nd pixel of that grid.

    place: rows and columns of one grid to those of another. first: row and column of the piece; shape: its size. The
    nodes are counted from the grid's first pixel, so that every piece gets the same places as the whole.
    """
    nodes, parts = [], []
    for start, size in zip(first, shape, strict=True):
        low = start // NODE_PIXELS
        nodes.append(np.arange(low, (start + size - 1) // NODE_PIXELS + 2) * float(NODE_PIXELS))
        at = (np.arange(start, start + size) - low * NODE_PIXELS) / NODE_PIXELS
        parts.append((at.astype(np.int64), at % 1))
    (row, row_part), (col, col_part) = parts
    rows, cols = place(*np.meshgrid(*nodes, indexing="ij"))

    def between(values: Float64) -> Float64:
        along = values[row] * (1 - row_part)[:, None] + values[row + 1] * row_part[:, None]
        result: Float64 = along[:, col] * (1 - col_part) + along[:, col + 1] * col_part
        return result

    return between(rows), between(cols)


def resampled(power: Float32, rows: Float64, cols: Float64, reach: tuple[float, float]) -> Float32:
    """Power at places between the pixels of an image: the mean of those around, weighted by a triangle.

    power: (r, c), linear, NaN unknown. rows, cols: (n, m), in pixels; 0 is the centre of the first one. reach: half the
    triangle's width along rows and columns, in pixels, at least 1. NaN where less than half of the weight is known.
    """
    known = np.isfinite(power)
    filled = np.where(known, power, np.float32(0))
    total, known_weight, weight = (np.zeros(rows.shape, dtype=np.float32) for _ in range(3))
    row_taps, col_taps = (
        _taps(at, width, size) for at, width, size in zip((rows, cols), reach, power.shape, strict=True)
    )
    for row, row_weight, row_inside in row_taps:
        for col, col_weight, col_inside in col_taps:
            both = row_weight * col_weight
            weight += both
            both = np.where(row_inside & col_inside & known[row, col], both, np.float32(0))
            known_weight += both
            total += both * filled[row, col]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((weight > 0) & (known_weight >= LEAST_KNOWN * weight), total / known_weight, np.float32(np.nan))


Tap = tuple[NDArray[np.int64], Float32, NDArray[np.bool_]]


def _taps(at: Float64, reach: float, size: int) -> list[Tap]:
    """The pixels within reach along one axis: index (within the image), weight, whether it is inside the image."""
    first = np.floor(at - reach) + 1
    taps = []
    for step in range(int(np.ceil(2 * reach))):
        index = first + step
        weight = np.maximum(0, 1 - np.abs(index - at) / reach).astype(np.float32)
        inside = (index >= 0) & (index < size)
        taps.append((np.clip(index, 0, size - 1).astype(np.int64), weight, inside))
    return taps
