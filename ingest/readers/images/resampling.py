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
    """Interpolate where a piece's pixels lie, through `place` at every 32nd pixel of that grid.

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
    """Resample power at places between pixels: the mean of those around, weighted by a triangle.

    power: (r, c), linear, NaN unknown. rows, cols: (n, m), in pixels; 0 is the centre of the first one. reach: half the
    triangle's width along rows and columns, in pixels, at least 1. NaN where less than half of the weight is known.
    """
    framed = np.pad(power, 1, constant_values=np.nan)  # whatever lies outside is unknown
    known = np.isfinite(framed)
    filled, known_share = np.where(known, framed, np.float32(0)), known.astype(np.float32)
    total, known_weight, weight = (np.zeros(rows.shape, dtype=np.float32) for _ in range(3))
    row_taps, col_taps = _taps(rows, reach[0], power.shape[0]), _taps(cols, reach[1], power.shape[1])
    for row, row_weight in row_taps:
        begin = row * framed.shape[1]
        for col, col_weight in col_taps:
            at, both = begin + col, row_weight * col_weight
            weight += both
            known_weight += both * known_share.take(at)
            total += both * filled.take(at)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((weight > 0) & (known_weight >= LEAST_KNOWN * weight), total / known_weight, np.float32(np.nan))


def _taps(at: Float64, reach: float, size: int) -> list[tuple[NDArray[np.int64], Float32]]:
    """Return the pixels within reach along one axis: index in an image framed by one pixel, and weight."""
    first = np.floor(at - reach) + 1
    part = (at - first).astype(np.float32)
    start = np.clip(first, -3 * reach - 1, size).astype(np.int64) + 1
    taps = []
    for step in range(int(np.ceil(2 * reach))):
        weight = np.maximum(0, 1 - np.abs(step - part) / np.float32(reach))
        taps.append((np.clip(start + step, 0, size + 1), weight))
    return taps
