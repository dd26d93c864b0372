"""Smallest detectable rate at each place, from the points there, the delay around it and the tracks.

It holds for a bowl of RADIUS_M. The rate is higher where points cover a smaller share of the bowl, and where means over
its size differ more on the ground around, mainly by atmospheric delay. The law and its constants are fitted to bowls
that the network found or missed (`lab.deformation.detection_limit`); the scatter of points did not improve the fit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.deformation.gridding.points import Float32, Float64
from ml.statistics.robust import MAD_TO_SIGMA

RADIUS_M = 800.0  # rate · exp(−(r / RADIUS_M)²)
SQUARE_M = 400.0  # distance of neighbouring places
AROUND_SQUARES = 25  # side of the blocks in which delay is measured: 10 km, far wider than a bowl
STRIP_SQUARES = 128  # rows that are summed at a time: a nation's planes need not be in memory together
WIDER = 3.0  # windows of a bowl's size are compared with ones this many times wider
LEAST_WEIGHT = 0.4  # of a square's points, for it to count as covered: a cell of n points weighs n / (n + 1)
FASTEST_MM_YR = 10.0  # faster rates are clipped to this
LIKELY_DELAY_MM_YR = (0.1, 2.0)  # the simulated range: delays are clipped to it
TYPICAL_DELAY_MM_YR = 0.3
FEWEST_POINTS = 5.0  # within a bowl: with fewer points no area is reported
FEWEST_SQUARES = 12  # of a block, for its own delay
HIGHEST_MM_YR = 50.0  # higher limits are not stated


class LimitConstants(NamedTuple):
    """Fitted constants of the detection limit.

    rate: at which nine tenths of fully covered bowls are found under typical delay, mm/yr; exponents of the covered
    share (negative), of the delay, and of tracks: limits of several tracks add up as their powers of −tracks.
    """

    rate_mm_yr: float
    covered: float
    delay: float
    tracks: float


CONSTANTS = LimitConstants(rate_mm_yr=3.08, covered=-0.93, delay=0.21, tracks=5.2)


class Components(NamedTuple):
    """Quantities that determine one track's limit, (rows, cols) of squares.

    They are, for a bowl at each square: share covered by points, 0-1; delay, mm/yr; number of points.
    """

    covered: Float64
    delay_mm_yr: Float64
    points: Float64


def smallest_rate(
    velocities: Sequence[Float32], n_points: Sequence[NDArray[np.integer]], cell_m: float, scale: float = 1.0
) -> Float32:
    """Return the line-of-sight rate at which nine tenths of bowls are found, mm/yr, (rows, cols); NaN: not detectable.

    velocities: of each track, (rows, cols), against its background, in units of `scale` mm/yr like the network's, NaN
    unknown, all on the same cells; n_points: number of points in each cell.
    """
    size = square_cells(cell_m)
    limit = rate_of([components(v, n, cell_m) for v, n in zip(velocities, n_points, strict=True)])
    rows, cols = velocities[0].shape
    return (scale * limit).astype(np.float32).repeat(size, 0).repeat(size, 1)[:rows, :cols]


def square_cells(cell_m: float) -> int:
    """Return the number of cells along the side of a square."""
    return max(1, round(SQUARE_M / cell_m))


def rate_of(tracks: Sequence[Components], constants: LimitConstants = CONSTANTS) -> Float64:
    """Return the smallest rate detectable by all tracks together, mm/yr, (rows, cols) of squares."""
    powers = sum(_of_track(one, constants) ** -constants.tracks for one in tracks)
    limit = np.asarray(powers) ** (-1 / constants.tracks)
    few = np.maximum.reduce([one.points for one in tracks]) < FEWEST_POINTS
    return np.asarray(np.where(few | (limit > HIGHEST_MM_YR), np.nan, limit))


def _of_track(track: Components, constants: LimitConstants) -> Float64:
    delay = np.clip(track.delay_mm_yr, *LIKELY_DELAY_MM_YR) / TYPICAL_DELAY_MM_YR
    covered = np.clip(track.covered, 1e-3, 1.0)
    return np.asarray(constants.rate_mm_yr * covered**constants.covered * delay**constants.delay)


def components(velocity: Float32, n_points: NDArray[np.integer], cell_m: float) -> Components:
    """Compute the quantities that limit detection in one track. velocity, n_points: as in `smallest_rate`."""
    size = square_cells(cell_m)
    strips = [slice(row, row + STRIP_SQUARES * size) for row in range(0, len(velocity), STRIP_SQUARES * size)]
    by_strip = [_squares(velocity[strip], n_points[strip], size) for strip in strips]
    weights, total, points = (np.concatenate(planes) for planes in zip(*by_strip, strict=True))
    sigma, known = RADIUS_M / np.sqrt(2) / (size * cell_m), weights > LEAST_WEIGHT
    narrow, wide = (_mean(total, weights, scale * sigma) for scale in (1.0, WIDER))
    covered = ndimage.gaussian_filter(known.astype(np.float64), sigma, mode="constant")
    under = ndimage.gaussian_filter(points, sigma, mode="constant") * (2 * np.pi * sigma**2)
    return Components(covered, _around(np.where(known, np.abs(narrow - wide), np.nan)), under)


def _squares(velocity: Float32, n_points: NDArray[np.integer], size: int) -> tuple[Float64, ...]:
    """Return three sums over squares of size x size cells: of weights, of rates times weights, and of points."""
    known = np.isfinite(velocity)
    weight = np.where(known, n_points / (n_points + np.float32(1)), 0).astype(np.float32)
    rate = np.where(known, np.clip(velocity, -FASTEST_MM_YR, FASTEST_MM_YR), 0).astype(np.float32)
    return tuple(
        _blocks(plane, size, 0.0).sum(axis=(1, 3), dtype=np.float64) for plane in (weight, weight * rate, n_points)
    )


def _blocks(values: NDArray[np.number], size: int, beyond: float) -> NDArray[np.number]:
    """Split values into squares, (rows, size, cols, size). beyond: the value that pads the last row and column."""
    rows, cols = (-(-n // size) for n in values.shape)
    margins = [(0, n * size - whole) for n, whole in zip((rows, cols), values.shape, strict=True)]
    return np.pad(values, margins, constant_values=beyond).reshape(rows, size, cols, size)


def _mean(total: Float64, weights: Float64, sigma: float) -> Float64:
    sums, under = (ndimage.gaussian_filter(plane, sigma, mode="constant") for plane in (total, weights))
    return np.asarray(sums / np.maximum(under, 1e-9))


def _around(difference: Float64) -> Float64:
    """Return the robust standard deviation of differences in each block, of all if a block has few; (rows, cols)."""
    rows, cols = difference.shape
    blocks = _blocks(difference, AROUND_SQUARES, np.nan).transpose(0, 2, 1, 3)
    flat = blocks.reshape(-1, AROUND_SQUARES**2)
    everywhere = np.median(difference[np.isfinite(difference)]) if np.isfinite(difference).any() else 0.0
    usual = np.full(len(flat), everywhere)
    for number in np.flatnonzero(np.isfinite(flat).sum(axis=1) >= FEWEST_SQUARES):
        usual[number] = np.nanmedian(flat[number])
    by_square = usual.reshape(blocks.shape[:2]).repeat(AROUND_SQUARES, 0).repeat(AROUND_SQUARES, 1)
    return np.asarray(MAD_TO_SIGMA * by_square[:rows, :cols])
