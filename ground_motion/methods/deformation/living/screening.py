"""Delay of the atmosphere and of orbits in an interferogram: what a point's neighbourhood shares beyond 5 km."""

from typing import NamedTuple

import numpy as np
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


class Ground(NamedTuple):
    """Places of points, (points,): metres in a plane, height in metres with NaN where it is unknown."""

    x_m: Float64
    y_m: Float64
    height_m: Float32


class Delay(NamedTuple):
    """Delay at each point, (points,), mm, and the standard deviation of what screening leaves there."""

    shared_mm: Float32
    left_sigma_mm: Float32


def screen(ground: Ground, difference_mm: Float32) -> Delay:
    """Estimate the delay in an interferogram from its differences to what was expected.

    A plane and a slope with height are fitted first, so that small regions and relief are screened, too; then medians
    of squares are smoothed. Both are robust: ground that moves unexpectedly is not followed while it is the minority.
    What is left is measured on squares that are predicted from their neighbours alone.

    Args:
        ground: Places of the points.
        difference_mm: (points,), measured less expected change, mm; NaN where nothing was measured.
    """
    known = np.isfinite(difference_mm)
    if not known.any():
        return Delay(*np.zeros((2, known.size), dtype=np.float32))
    terms = _terms(ground)
    trend = terms @ _robust_coefficients(terms[known], difference_mm[known])
    cells = cells_around(ground.x_m, ground.y_m, SQUARE_M)
    own = cells.number_of(ground.x_m, ground.y_m)
    medians = median_by_cell(cells, own, (difference_mm - trend).astype(np.float32)).astype(np.float64)
    counts = count_by_cell(cells, own[known]).astype(np.float64)
    weights = counts / (counts + 1)
    limit = CLIP * MAD_TO_SIGMA * float(np.nanmedian(np.abs(medians))) + MIN_SIGMA_MM
    kept = np.clip(np.nan_to_num(medians), -limit, limit)
    total, weight = _smoothed(weights * kept), _smoothed(weights)
    left = medians - (total - CENTRE * weights * kept) / np.maximum(weight - CENTRE * weights, NO_WEIGHT)
    usual = MAD_TO_SIGMA * float(np.nanmedian(np.abs(left)))
    square = _smoothed(weights * np.minimum(np.nan_to_num(left) ** 2, (CLIP * usual) ** 2))
    at = (cells.y0 - ground.y_m) / SQUARE_M - 0.5, (ground.x_m - cells.x0) / SQUARE_M - 0.5
    shared, variance = (
        map_coordinates(plane / np.maximum(weight, NO_WEIGHT), at, order=1, mode="nearest") for plane in (total, square)
    )
    return Delay((trend + shared).astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32))


def aligned(ground: Ground, values_mm: Float32, to_mm: Float32) -> Float32:
    """Return values, (points,), mm, less the plane by which most of them differ from others."""
    known = np.isfinite(values_mm) & np.isfinite(to_mm)
    if not known.any():
        return values_mm
    terms = _terms(ground)[:, :3]
    return np.asarray(values_mm - terms @ _robust_coefficients(terms[known], (values_mm - to_mm)[known]), np.float32)


def _terms(ground: Ground) -> Float64:
    x, y = (plane - plane.mean() for plane in (ground.x_m, ground.y_m))
    height = np.nan_to_num(ground.height_m - np.nanmean(ground.height_m)) if np.isfinite(ground.height_m).any() else 0.0
    columns = [np.ones_like(x), x / 1e4, y / 1e4]
    if np.any(height):
        columns.append(height / 1e3)
    return np.column_stack(columns)


def _robust_coefficients(terms: Float64, values: Float32) -> Float64:
    """Fit terms to values, (n,), by Tukey's biweight; values far from the curve of most do not count."""
    left = values - np.median(values)
    for _ in range(TURNS):
        sigma = MAD_TO_SIGMA * float(np.median(np.abs(left))) + MIN_SIGMA_MM
        weighted = terms * (np.maximum(1 - (left / (BIWEIGHT * sigma)) ** 2, 0) ** 2)[:, None]
        coefficients = np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        left = values - terms @ coefficients
    return np.asarray(coefficients, dtype=np.float64)


def _smoothed(plane: Float64) -> Float64:
    """Smooth the squares, (rows, cols), by the Gaussian; beyond them there is nothing."""
    return np.asarray(gaussian_filter(plane, KERNEL_SQUARES, mode="constant"), dtype=np.float64)
