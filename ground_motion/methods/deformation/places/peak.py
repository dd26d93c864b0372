"""The peak rate of a place from its points, with an interval: kriging and conditional simulation of the maximum.

The highest of many noisy rates is biased high and the top of a smoothed surface biased low. Conditional simulations of
the field have neither bias: the maxima of all simulations give the estimate and its interval. Chilès & Delfiner
2012, Geostatistics, chapter 7; the covariance is Matérn's with ν = 5/2, its range and sill averaged over by likelihood.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.places.surface import CORRELATED_M, Samples, square_of

MAX_CELLS = 120  # Points are averaged into at most about this many cells, for speed.
RANGES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)  # The covariance has one of these ranges, in radii.
SILLS = tuple(0.1 * 2.0**j for j in range(8))  # The covariance has one of these sills, in variances of the cells.
NOISES = (1.0, 1.5, 2.2, 3.2)  # Factors on the cells' standard errors, which are too small where buildings are tall.
DRAWS = 240
SEED = 20


class Cells(NamedTuple):
    """Means of the points of small squares, (n,). sigma_mm_yr: standard error of each."""

    x: Float64
    y: Float64
    rate_mm_yr: Float64
    sigma_mm_yr: Float64


def cell_means(samples: Samples, x: float, y: float, radius_m: float) -> Cells:
    """Average the points within radius_m of a place into at most about MAX_CELLS squares."""
    inside = (samples.x - x) ** 2 + (samples.y - y) ** 2 <= radius_m**2
    if not inside.any():
        return Cells(*np.zeros((4, 0)))
    side = max(samples.spacing_m / 4, radius_m * np.sqrt(np.pi / MAX_CELLS), 1.0)
    east, north, rate = samples.x[inside] - x, samples.y[inside] - y, samples.velocity_mm_yr[inside]
    _, cell, count = np.unique(square_of(east, north, side), return_inverse=True, return_counts=True)
    means = (np.bincount(cell, values) / count for values in (east, north, rate))
    independent = np.minimum(count, max(1.0, (side / CORRELATED_M) ** 2))
    return Cells(next(means), next(means), next(means), samples.noise_mm_yr / np.sqrt(independent))


def field_draws(cells: Cells, radius_m: float, sign: float) -> Float64:
    """Simulate DRAWS fields conditional on the cells' means, rates times sign, (cells, DRAWS), mm/yr."""
    rng = np.random.default_rng(SEED)
    rate = sign * cells.rate_mm_yr
    at = np.column_stack([cells.x, cells.y])
    away = np.sqrt(5.0) * cdist(at, at) / radius_m
    variance = max(float(np.var(rate)), float(np.median(cells.sigma_mm_yr)) ** 2)
    sills, noises = (np.array(each)[:, None] for each in zip(*product(SILLS, NOISES), strict=True))
    fits, likelihoods = [], []
    for reach in RANGES:
        scaled = away / reach
        matern = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
        values, vectors = np.linalg.eigh(matern / np.outer(cells.sigma_mm_yr, cells.sigma_mm_yr))
        values, turned = values.clip(min=0), vectors.T @ (rate / cells.sigma_mm_yr)
        level = vectors.T @ (1 / cells.sigma_mm_yr)
        signal = sills * variance / noises**2 * values  # (sills and noises, cells)
        mean = ((level * turned / (signal + 1)).sum(axis=1) / (level**2 / (signal + 1)).sum(axis=1))[:, None]
        left = turned - mean * level
        misfit = (left**2 / (signal + 1)).sum(axis=1) / noises[:, 0] ** 2
        likelihoods.append(-0.5 * (misfit + np.log((signal + 1) * noises**2).sum(axis=1)))
        share = signal / (signal + 1)
        fits += [(vectors, *fit) for fit in zip(mean * level + share * left, noises * np.sqrt(share), strict=True)]
    weights = np.exp(np.concatenate(likelihoods) - np.max(likelihoods))
    counts = rng.multinomial(DRAWS, weights / weights.sum())
    fields = []
    for count, (vectors, middle, spread) in zip(counts, fits, strict=True):
        if count:
            # Drawn by cell, the result does not depend on which eigenvectors a processor finds for close eigenvalues.
            noise = vectors.T @ rng.standard_normal((middle.size, count))
            draws = middle[:, None] + spread[:, None] * noise
            fields.append(cells.sigma_mm_yr[:, None] * (vectors @ draws))
    return np.concatenate(fields, axis=1)
