"""Ground that leaves its forecast: clusters of points whose living series bend.

The deviations of a cluster from the forecast are compared with those of all other clusters on the same dates, so that
the noise of each pass is known from the pass itself. A bend that begins on any date since the release is fitted by
generalised least squares; what the ground around shares is taken off first, because it cannot be told from delay.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.products.decomposition import Cells, cells_around, count_by_cell, median_by_cell
from ml.deformation.series.regression import DAYS_PER_YEAR, Float32, Float64
from ml.living.screening import Ground
from ml.statistics.robust import MAD_TO_SIGMA

CELL_M = 100.0
MIN_POINTS = 5  # of a cluster: a cell and the eight around it
GROUND_CELLS = 20  # cells along each side of the square whose clusters show what the ground around shares
MIN_SCORE = 5.0  # standard deviations; chosen on places that are not reported
MIN_NOISE_MM = 0.2
CLIP = 2.5  # Deviations beyond so many standard deviations of their date are clipped to it.
SHARING = 9  # clusters that share points: so many count as one


class Bend(NamedTuple):
    """Bend of each tested cluster, (clusters,).

    Attributes:
        cell: Number of the cluster's middle cell.
        score: Of the likeliest bend, standard deviations, positive toward the satellite.
        since: Index of the date since which it deviates, of those given.
        change_mm_yr: Change of the rate.
        sigma_mm_yr: Its standard deviation.
    """

    cell: NDArray[np.int64]
    score: Float64
    since: NDArray[np.int64]
    change_mm_yr: Float64
    sigma_mm_yr: Float64


class Clusters(NamedTuple):
    """Cells of CELL_M with enough points in them and around them. index: (points, 9), cells that each point is in."""

    cells: Cells
    index: NDArray[np.int64]
    tested: NDArray[np.int64]


def clusters_of(ground: Ground) -> Clusters:
    """Return the clusters of points."""
    cells = cells_around(ground.x_m, ground.y_m, CELL_M)
    steps = [(CELL_M * east, CELL_M * north) for east in (-1, 0, 1) for north in (-1, 0, 1)]
    index = np.stack([cells.number_of(ground.x_m + east, ground.y_m + north) for east, north in steps], axis=1)
    occupied = count_by_cell(cells, index[:, 4]).ravel() > 0
    tested = np.flatnonzero(occupied & (count_by_cell(cells, index.ravel()).ravel() >= MIN_POINTS))
    return Clusters(cells, index, tested)


def cluster_deviations(clusters: Clusters, deviation_mm: Float32) -> Float64:
    """Return the median deviation of each cluster on one date less that of the ground around, (clusters,), mm."""
    median = median_by_cell(clusters.cells, clusters.index.ravel(), np.repeat(deviation_mm, 9)).ravel()
    own = median[clusters.tested].astype(np.float64)
    row, col = (part // GROUND_CELLS for part in np.divmod(clusters.tested, clusters.cells.cols))
    around = np.empty_like(own)
    for square in np.unique(row * (clusters.cells.cols + 1) + col):
        down, across = divmod(int(square), clusters.cells.cols + 1)
        here = (row == down) & (col == across)
        near = (np.abs(row - down) <= 1) & (np.abs(col - across) <= 1)
        around[here] = np.nanmedian(own[near])
    return own - around


def bends(dates: Sequence[date], released: date, deviation_mm: Float64, cell: NDArray[np.int64]) -> Bend:
    """Fit the likeliest bend of each cluster.

    Args:
        dates: Provisional dates, ascending.
        released: Last day of the release.
        deviation_mm: (clusters, dates), mm, less the ground around; NaN where unknown.
        cell: (clusters,), number of the middle cell.
    """
    lead = np.array([(day - released).days for day in dates]) / DAYS_PER_YEAR
    known = np.isfinite(deviation_mm)
    covariance = _noise_covariance(np.where(known, deviation_mm, 0.0))
    starts = np.concatenate([[0.0], lead[:-1]])
    curves = np.maximum(lead[:, None] - starts, 0)
    curves[:, 0] = lead
    inverse = np.linalg.inv(covariance)
    weighted = inverse @ curves
    power = np.einsum("dk,dk->k", curves, weighted)
    product = np.where(known, deviation_mm, 0.0) @ weighted
    scores = product / np.sqrt(power)
    scores /= np.maximum(MAD_TO_SIGMA * np.median(np.abs(scores), axis=0), 1.0)
    best = np.abs(scores).argmax(axis=1)
    every = np.arange(len(scores))
    change = product[every, best] / power[best]
    score = scores[every, best]
    return Bend(cell, score, best, change, np.abs(change / np.where(score == 0, np.inf, score)))


def _noise_covariance(deviation_mm: Float64) -> Float64:
    """Estimate the covariance of a cluster's deviations between dates, (dates, dates), mm², from all clusters.

    Clusters that move are clipped. With few clusters the covariances are shrunk, the variances are not.
    """
    clusters, dates = deviation_mm.shape
    noise = np.maximum(MAD_TO_SIGMA * np.median(np.abs(deviation_mm), axis=0), MIN_NOISE_MM)
    clipped = np.clip(deviation_mm, -CLIP * noise, CLIP * noise)
    covariance = clipped.T @ clipped / clusters
    kept = clusters / (clusters + SHARING * dates)
    covariance *= np.where(np.eye(dates, dtype=bool), 1.0, kept)
    return np.asarray(covariance + MIN_NOISE_MM**2 * np.eye(dates))
