"""Delay of the atmosphere and of orbits in an interferogram: what a point's neighbourhood shares beyond 5 km."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from ground_motion.methods.deformation.series.regression import Float32, Float64
from ground_motion.statistics.decomposition import cells_around, count_by_cell, median_by_cell
from ground_motion.statistics.robust import MAD_TO_SIGMA

SHARED_M = 5_000.0  # Motion that is wider than this is not told from delay.
SQUARE_M = 500.0  # side of the squares whose medians are smoothed
KERNEL_SQUARES = SHARED_M / 2 / SQUARE_M  # standard deviation of the Gaussian
CENTRE = 1 / (2 * np.pi * KERNEL_SQUARES**2)  # weight of a square in its own smoothed value
TURNS = 6  # Number of iterations of the robust regression.
BIWEIGHT = 4.685  # standard deviations, for 95 % efficiency on Gaussian noise (Beaton and Tukey 1974)
MIN_SIGMA_MM = 0.01
CLIP = 2.5  # Differences beyond this many standard deviations are clipped to it.
NO_WEIGHT = 1e-9
MAX_FITTED = 20_000  # This many points are enough for a plane.
MIN_ANCHORED = 30  # Fewer points take the zero of all.


class Ground(NamedTuple):
    """Places of points, (points,): metres in a plane, height in metres with NaN where it is unknown."""

    x_m: Float64
    y_m: Float64
    height_m: Float32


class Delay(NamedTuple):
    """Delay at each point, (points,), mm, and the standard deviation of what screening leaves there."""

    shared_mm: Float32
    left_sigma_mm: Float32


def screen(ground: Ground, difference_mm: Float32, own_mm2: float = 0.0) -> Delay:
    """Estimate the delay in what `levelled` leaves: medians of squares are smoothed.

    Ground that moves unexpectedly is not followed while it is the minority. What is left is measured on squares that
    are predicted from their neighbours alone.

    Args:
        ground: Places of the points.
        difference_mm: (points,), measured less expected change, levelled, mm; NaN where nothing was measured.
        own_mm2: Usual variance of a point's own motion and noise, mm², which is not delay.
    """
    known = np.isfinite(difference_mm)
    if not known.any():
        return Delay(*np.zeros((2, known.size), dtype=np.float32))
    cells = cells_around(ground.x_m, ground.y_m, SQUARE_M)
    own = cells.number_of(ground.x_m, ground.y_m)
    medians = median_by_cell(cells, own, difference_mm).astype(np.float64)
    counts = count_by_cell(cells, own[known]).astype(np.float64)
    weights = counts / (counts + 1)
    limit = CLIP * MAD_TO_SIGMA * float(np.nanmedian(np.abs(medians))) + MIN_SIGMA_MM
    kept = np.clip(np.nan_to_num(medians), -limit, limit)
    total, weight = _smoothed(weights * kept), _smoothed(weights)
    left = medians - (total - CENTRE * weights * kept) / np.maximum(weight - CENTRE * weights, NO_WEIGHT)
    usual = MAD_TO_SIGMA * float(np.nanmedian(np.abs(left)))
    beyond = np.minimum(np.nan_to_num(left) ** 2, (CLIP * usual) ** 2) - own_mm2 / np.maximum(counts, 1)
    square = _smoothed(weights * beyond)
    at = (cells.y0 - ground.y_m) / SQUARE_M - 0.5, (ground.x_m - cells.x0) / SQUARE_M - 0.5
    shared, variance = (
        map_coordinates(plane / np.maximum(weight, NO_WEIGHT), at, order=1, mode="nearest") for plane in (total, square)
    )
    return Delay(shared.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32))


def levelled(ground: Ground, difference_mm: Float32, anchor: NDArray[np.integer], cycle_mm: float) -> Float32:
    """Return differences, (points,), mm, less zero, plane and slope with height that most points share.

    Args:
        ground: Places of the points.
        difference_mm: (points,), measured less expected change, mm; NaN where nothing was measured.
        anchor: (points,), as in `LivingState`; MIN_ANCHORED points or more with the same one have their own zero.
        cycle_mm: Motion of one cycle. Blocks may have lost cycles.
    """
    known, terms = np.isfinite(difference_mm), _terms(ground)
    level = np.zeros(known.size)
    numbers, counts = np.unique(anchor[known], return_counts=True)
    own_zero = (counts >= MIN_ANCHORED) & (counts < known.sum())
    for chosen in [known, *(known & (anchor == number) for number in numbers[own_zero])]:
        if chosen.any():
            level[chosen] = terms[chosen] @ _robust_coefficients(terms[chosen], difference_mm[chosen], cycle_mm)
    return np.asarray(difference_mm - level, dtype=np.float32)


def _terms(ground: Ground) -> Float64:
    x, y = (plane - plane.mean() for plane in (ground.x_m, ground.y_m))
    height = np.nan_to_num(ground.height_m - np.nanmean(ground.height_m)) if np.isfinite(ground.height_m).any() else 0.0
    columns = [np.ones_like(x), x / 1e4, y / 1e4]
    if np.any(height):
        columns.append(height / 1e3)
    return np.column_stack(columns)


def _robust_coefficients(terms: Float64, values: Float32, cycle_mm: float) -> Float64:
    """Fit terms to values, (n,), by Tukey's biweight; values far from the curve of most do not count.

    Two fits are tried: one begins with least squares, which follow large slopes also across ground without points; the
    other with the mean phase, whatever share has lost cycles. The nearer one to the values is taken, or the one beyond
    which fewer values lie whole cycles away.
    """
    every_nth = -(-len(values) // MAX_FITTED)
    terms, values = terms[::every_nth], values[::every_nth]
    phase = np.angle(np.exp(2j * np.pi / cycle_mm * values).mean())
    level = np.zeros(terms.shape[1])
    level[0] = phase * cycle_mm / (2 * np.pi)
    best, least = level, np.inf
    for start in (np.linalg.lstsq(terms, values, rcond=None)[0], level):
        coefficients = start.astype(np.float64)
        for turn in range(TURNS + 1):
            left = values - terms @ coefficients
            cycles = np.rint(left / cycle_mm)
            left -= cycle_mm * cycles
            middle = float(np.median(np.abs(left)))
            if turn < TURNS:
                weights = np.maximum(1 - (left / (BIWEIGHT * (MAD_TO_SIGMA * middle + MIN_SIGMA_MM))) ** 2, 0) ** 2
                weighted = terms * weights[:, None]
                coefficients += np.linalg.lstsq(weighted.T @ terms, weighted.T @ left, rcond=None)[0]
        middle *= 1 + float((cycles != np.median(cycles)).mean())
        if middle < least:
            best, least = coefficients, middle
    best[0] += cycle_mm * np.rint(np.median(values - terms @ best) / cycle_mm)
    return best


def _smoothed(plane: Float64) -> Float64:
    """Smooth the squares, (rows, cols), by the Gaussian; beyond them there is nothing."""
    return np.asarray(gaussian_filter(plane, KERNEL_SQUARES, mode="constant"), dtype=np.float64)
