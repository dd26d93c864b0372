"""Surrogates: fields with the spectrum and the distribution of a product's own noise, without motion.

A surrogate keeps the points, the distribution of their rates and their covariance by lag, but rearranges the rates. So
it contains no motion, and any number of surrogates can be made.
"""

import numpy as np

from ground_motion.methods.deformation.gridding.cells import CELL_M, assign_cells
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud

MIN_PAIRS = 50  # The covariance at lags with fewer pairs of cells is taken as 0.
MAX_CELLS = 1_500  # Fields that would have more cells along a side get coarser ones, for the Fourier transforms.


def surrogate(rng: np.random.Generator, points: PointCloud, cell_m: float = CELL_M) -> Float32:
    """Draw rates for a track's points, (n,), mm/yr, with the distribution and covariance by lag of its own.

    Args:
        rng: Source of randomness.
        points: Points of one track.
        cell_m: Side of the cells between which covariance is counted; wider cells are taken if the points need them.
    """
    span_m = max(float(np.ptp(points.x)), float(np.ptp(points.y)))
    cells = assign_cells(points.x, points.y, max(cell_m, float(np.ceil(points.posting_m or 0.0)), span_m / MAX_CELLS))
    count = np.bincount(cells.cell, minlength=cells.shape[0] * cells.shape[1])
    middle = points.velocity_mm_yr - np.float32(np.median(points.velocity_mm_yr))
    mean = np.bincount(cells.cell, middle, count.size) / np.maximum(count, 1)
    size = tuple(2 * n for n in cells.shape)
    field, known = (np.fft.rfft2(plane.reshape(cells.shape), s=size) for plane in (mean, (count > 0).astype(float)))
    pairs = np.fft.irfft2(np.abs(known) ** 2, s=size)
    covariance = np.where(pairs > MIN_PAIRS, np.fft.irfft2(np.abs(field) ** 2, s=size) / np.maximum(pairs, 1), 0)
    down, right = (1 - np.minimum(np.arange(n), n - np.arange(n)) / (n / 2) for n in size)
    spectrum = _nearest(np.fft.fft2(covariance * np.outer(down, right)).real)  # Taper far lags, which are noise.
    drawn = np.fft.ifft2(np.fft.fft2(rng.standard_normal(size)) * np.sqrt(spectrum)).real
    rate = drawn[: cells.shape[0], : cells.shape[1]].ravel()[cells.cell]
    rate = rate + rng.permutation(middle - mean[cells.cell])  # Shuffle the differences within cells.
    ranked = np.empty_like(points.velocity_mm_yr)
    ranked[np.argsort(rate, kind="stable")] = np.sort(points.velocity_mm_yr)
    return ranked


def _nearest(spectrum: Float64) -> Float64:
    """Return the nearest spectrum without negative power that has the same variance."""
    falling = np.sort(spectrum, axis=None)[::-1]
    over = (np.cumsum(falling) - spectrum.sum()) / np.arange(1, falling.size + 1)
    last = int(np.flatnonzero(falling >= over)[-1])
    return np.asarray((spectrum - over[last]).clip(min=0))
