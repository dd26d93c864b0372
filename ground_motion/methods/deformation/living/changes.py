"""Ground that leaves its forecast: clusters of points whose living series bend.

The deviations of a cluster are compared with those of all other clusters on the same dates, so that the noise of each
pass, and what passes share, are known from the passes themselves. A bend that begins on any date since the release is
fitted by generalised least squares; what the ground around shares is taken off first, as it may be delay.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, Float32, Float64
from ground_motion.statistics.decomposition import Cells, cells_around, count_by_cell, median_by_cell
from ground_motion.statistics.robust import MAD_TO_SIGMA

CELL_M = 200.0
MIN_POINTS = 8  # A cluster has at least this many points.
GROUND_CELLS = 5  # The square around a cell has 3 by 3 parts of this side, which show what the ground has in common.
MIN_DATES = 4
MIN_CLUSTERS = 20  # Fewer do not show the noise of a pass.
MIN_KNOWN = 0.5  # A cluster is tested if more than this share of the passes measured it.
MIN_SCORE = 5.0  # A bend is reported from this many standard deviations on.
MIN_NOISE_MM = 0.2
SEAM_MM = 30.0  # Prior standard deviation of what all new dates inherit from the delay of the release's last dates.
CLIP = 2.5  # Deviations beyond this many standard deviations of their date are clipped to it.


class Clusters(NamedTuple):
    """Cells of CELL_M with enough points. own: (points,), cell of each; tested: (clusters,), cell of each cluster."""

    cells: Cells
    own: NDArray[np.int64]
    tested: NDArray[np.int64]


class Bends(NamedTuple):
    """Likeliest bend of each cluster, (clusters,).

    Attributes:
        score: Standard deviations, positive toward the satellite; from MIN_SCORE on, the smallest of the fits without
            one of the dates, so that one date with an unwrapping error is not taken for motion.
        since: Index of the date after which the ground leaves its forecast, -1 for the last of the release.
        change_mm_yr: Change of the rate.
        sigma_mm_yr: Its standard deviation.
    """

    score: Float64
    since: NDArray[np.int64]
    change_mm_yr: Float64
    sigma_mm_yr: Float64


def clusters_of(ground: Ground) -> Clusters:
    """Return the clusters of points."""
    cells = cells_around(ground.x_m, ground.y_m, CELL_M)
    own = cells.number_of(ground.x_m, ground.y_m)
    return Clusters(cells, own, np.flatnonzero(count_by_cell(cells, own).ravel() >= MIN_POINTS))


def cluster_deviations(clusters: Clusters, deviation_mm: Float32) -> Float64:
    """Return the median deviation of each cluster on one date less that of the ground around, (clusters,), mm.

    The ground around is the median of all cells with points. Among clusters, a village would be compared with itself.
    """
    cells = clusters.cells
    medians = median_by_cell(cells, clusters.own, deviation_mm).ravel()
    known = np.flatnonzero(np.isfinite(medians))
    coarse = cells._replace(
        posting_m=GROUND_CELLS * CELL_M, rows=-(-cells.rows // GROUND_CELLS), cols=-(-cells.cols // GROUND_CELLS)
    )
    x, y = cells.centre(known)
    steps = [(coarse.posting_m * east, coarse.posting_m * north) for east in (-1, 0, 1) for north in (-1, 0, 1)]
    index = np.concatenate([coarse.number_of(x + east, y + north) for east, north in steps])
    around = median_by_cell(coarse, index, np.tile(medians[known], len(steps))).ravel()
    at = coarse.number_of(*cells.centre(clusters.tested))
    return np.asarray(medians[clusters.tested] - around[at], dtype=np.float64)


def bends(released: date, dates: Sequence[date], deviation_mm: Float64) -> Bends:
    """Fit the likeliest bend of each cluster that most passes measured; the others have a score of 0.

    Clusters are compared with those that the same passes measured: what a missing burst does, they share.

    Args:
        released: Last day of the release.
        dates: Provisional dates, ascending.
        deviation_mm: (clusters, dates), mm, less the ground around; NaN where unknown.
    """
    measured = np.isfinite(deviation_mm).mean(axis=1) > MIN_KNOWN
    whole = Bends(*(np.zeros(len(deviation_mm), dtype=kind) for kind in (float, np.int64, float, float)))
    if measured.sum() < MIN_CLUSTERS:
        return whole
    patterns, own = np.unique(np.isfinite(deviation_mm), axis=0, return_inverse=True)
    for number in np.unique(own[measured]):
        at, alike = np.flatnonzero(patterns[number]), own.ravel() == number
        if at.size >= MIN_DATES:
            peers = alike if alike.sum() >= MIN_CLUSTERS else measured
            days, columns = [dates[date_at] for date_at in at], deviation_mm[:, at]
            found = _bends(released, days, columns[alike], columns[peers])
            after = np.concatenate([[-1], at])[found.since + 1]
            for figure, values in zip(whole, found._replace(since=after), strict=True):
                figure[alike] = values
    return whole


def _bends(released: date, dates: Sequence[date], deviation: Float64, peers: Float64) -> Bends:
    """Fit clusters that were measured on all dates; peers, (clusters, dates), mm, show the noise."""
    lead = np.array([(day - released).days for day in dates]) / DAYS_PER_YEAR
    curves = np.maximum(lead[:, None] - np.concatenate([[0.0], lead[:-1]]), 0)  # (dates, first days)
    covariance = noise_covariance(peers) + SEAM_MM**2
    usual, power = _fit(curves, covariance, np.nan_to_num(peers))
    excess = np.maximum(MAD_TO_SIGMA * np.median(np.abs(usual * np.sqrt(power)), axis=0), 1.0)
    change, _ = _fit(curves, covariance, deviation)
    scores = change * np.sqrt(power) / excess
    best = np.abs(scores).argmax(axis=1)
    every = np.arange(len(scores))
    score, sign = np.abs(scores[every, best]), np.sign(scores[every, best])
    sure = np.flatnonzero(score >= MIN_SCORE)
    for left_out in range(len(dates)):
        kept = np.delete(np.arange(len(dates)), left_out)
        shown = slice(-1 if left_out == kept.size else None)  # The last curve is zero without the last date.
        again, its_power = _fit(curves[kept, shown], covariance[np.ix_(kept, kept)], deviation[np.ix_(sure, kept)])
        without = (again * np.sqrt(its_power) / excess[shown] * sign[sure, None]).max(axis=1)
        score[sure] = np.minimum(score[sure], np.maximum(without, 0))
    sigma = excess / np.sqrt(power)
    return Bends(sign * score, best - 1, change[every, best], sigma[best])


def _fit(curves: Float64, covariance: Float64, deviation_mm: Float64) -> tuple[Float64, Float64]:
    """Fit each curve to each cluster by generalised least squares.

    Args:
        curves: (dates, curves), years since the bend.
        covariance: (dates, dates), mm², of the noise.
        deviation_mm: (clusters, dates), mm.

    Returns:
        The changes of rate, (clusters, curves), mm/yr, and the inverse of their variances, (curves,).
    """
    weighted = np.linalg.solve(covariance, curves)
    power = (curves * weighted).sum(axis=0)
    return deviation_mm @ weighted / power, power


def noise_covariance(deviation_mm: Float64) -> Float64:
    """Estimate the covariance of a cluster's deviations between dates, (dates, dates), mm², from all clusters.

    Clusters that move are clipped. With few clusters the covariances are shrunk, the variances are not.
    """
    known, dates = np.isfinite(deviation_mm), deviation_mm.shape[1]
    noise = np.maximum(MAD_TO_SIGMA * np.nanmedian(np.abs(deviation_mm), axis=0), MIN_NOISE_MM)
    clipped = np.nan_to_num(np.clip(deviation_mm, -CLIP * noise, CLIP * noise))
    clusters = known.T.astype(float) @ known
    covariance = clipped.T @ clipped / np.maximum(clusters, 1)
    covariance *= np.where(np.eye(dates, dtype=bool), 1.0, clusters / (clusters + dates))
    return np.asarray(covariance + MIN_NOISE_MM**2 * np.eye(dates), dtype=np.float64)
