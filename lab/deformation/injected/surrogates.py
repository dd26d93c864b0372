"""Surrogates: fields with the spectrum and the distribution of real still ground.

Real fields are few and not wholly still. A surrogate keeps a place's points, the distribution of its rates and their
covariance by lag, but places the rates anew. So it contains no motion, and any number of surrogates can be made.
"""

import numpy as np

from ground_motion.methods.deformation.gridding.cells import assign_cells
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud
from lab.deformation.injected.scenes import fields
from lab.simulation.seeds import Purpose, generator

NAME = "deformation-surrogates"
CELL_M = 50.0
MIN_PAIRS = 50  # A covariance counts if at least this many pairs of cells have its lag.


def surrogate(rng: np.random.Generator, points: PointCloud) -> Float32:
    """Draw rates for a track's points, (n,), mm/yr, with the distribution and covariance by lag of its own."""
    cells = assign_cells(points.x, points.y, CELL_M)
    count = np.bincount(cells.cell, minlength=cells.shape[0] * cells.shape[1])
    middle = points.velocity_mm_yr - np.float32(np.median(points.velocity_mm_yr))
    mean = np.bincount(cells.cell, middle, count.size) / np.maximum(count, 1)
    size = tuple(2 * n for n in cells.shape)
    field, known = (np.fft.rfft2(plane.reshape(cells.shape), s=size) for plane in (mean, (count > 0).astype(float)))
    pairs = np.fft.irfft2(np.abs(known) ** 2, s=size)
    covariance = np.where(pairs > MIN_PAIRS, np.fft.irfft2(np.abs(field) ** 2, s=size) / np.maximum(pairs, 1), 0)
    down, right = (1 - np.minimum(np.arange(n), n - np.arange(n)) / (n / 2) for n in size)
    spectrum = _nearest(np.fft.fft2(covariance * np.outer(down, right)).real)  # Taper it, because far lags are noise.
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


def surrogate_field(number: int, purpose: Purpose = Purpose.BENCHMARK) -> tuple[str, PointCloud]:
    """Make a surrogate of a track, with the name of its place; consecutive numbers alternate between places."""
    known = fields()
    name, points = known[number % len(known)]
    return name, points._replace(velocity_mm_yr=surrogate(generator(purpose, NAME, number), points))
