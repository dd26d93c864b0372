"""Ground that leaves its forecast: clusters of points whose living series bend.

The deviations of a cluster are compared with those of all other clusters on the same dates, so that the noise of each
pass is known from the passes themselves. A bend is found as the likeliest step of the mean between two dates, like a
single change in PELT (`lab.living.bends`); a fitted broken line gives the change of the rate. What the ground around
shares is subtracted first, because it may be delay.
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
MIN_SCORE = 5.2  # A bend is reported from this many standard deviations on.
MIN_NOISE_MM = 0.2
MIN_SIDE = 2  # A step has at least this many dates on either side.
NO_POWER = 1e-9


class Clusters(NamedTuple):
    """Cells of CELL_M with enough points. own: (points,), cell of each; tested: (clusters,), cell of each cluster."""

    cells: Cells
    own: NDArray[np.int64]
    tested: NDArray[np.int64]


class Bends(NamedTuple):
    """Likeliest bend of each cluster, (clusters,).

    Attributes:
        score: Standard deviations, positive toward the satellite; from MIN_SCORE on, the smallest of the fits without
            one of the dates, so that one date with an unwrapping error is not taken for motion. 0 if no broken line
            leads the same way.
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

    Args:
        released: Last day of the release.
        dates: Provisional dates, ascending.
        deviation_mm: (clusters, dates), mm, less the ground around; NaN where unknown.
    """
    measured = np.isfinite(deviation_mm).mean(axis=1) > MIN_KNOWN
    whole = Bends(*(np.zeros(len(deviation_mm), dtype=kind) for kind in (float, np.int64, float, float)))
    if len(dates) < MIN_DATES or measured.sum() < MIN_CLUSTERS:
        return whole
    size = np.where(np.isfinite(deviation_mm).any(axis=0), np.abs(deviation_mm), 0.0)
    noise = np.maximum(MAD_TO_SIGMA * np.nanmedian(size, axis=0), MIN_NOISE_MM)
    rises = np.diff(deviation_mm[measured] / noise, axis=1)
    rises[np.isnan(rises).all(axis=1)] = 0.0  # Where no two passes in succession measured, the noise is the usual one.
    rises -= np.nanmedian(rises, axis=1)[:, None]  # Steady motion is not noise.
    scatter = np.nanmedian(np.abs(rises), axis=1) * MAD_TO_SIGMA / np.sqrt(2)
    noise = noise * np.maximum(scatter, 1.0)[:, None]  # At the edge of a place, more delay is left.
    weights, own = np.isfinite(deviation_mm[measured]) / noise**2, np.nan_to_num(deviation_mm[measured])
    lead = np.array([(day - released).days for day in dates]) / DAYS_PER_YEAR
    steps = np.tri(len(dates), len(dates) - 1, -1)
    scores = _steps(steps, weights, own)
    every, best = np.arange(len(scores)), np.abs(scores).argmax(axis=1)
    score, sign = np.abs(scores[every, best]), np.sign(scores[every, best])
    sure = np.flatnonzero(score >= MIN_SCORE)
    for left_out in range(len(dates)):
        kept = weights[sure] * (np.arange(len(dates)) != left_out)
        without = (_steps(steps, kept, own[sure]) * sign[sure, None]).max(axis=1)
        score[sure] = np.minimum(score[sure], np.maximum(without, 0))
    curves = np.maximum(lead[:, None] - np.concatenate([[0.0], lead[:-2]]), 0)  # (dates, first days)
    change, power = _fit(curves, weights, own)
    along = sign[:, None] * change * np.sqrt(power)
    best, score = along.argmax(axis=1), np.where(along.max(axis=1) > 0, sign * score, 0.0)
    figures = score, best - 1, change[every, best], 1 / np.sqrt(np.maximum(power[every, best], NO_POWER))
    for figure, values in zip(whole, figures, strict=True):
        figure[measured] = values
    return whole


def _steps(steps: Float64, weights: Float64, deviation_mm: Float64) -> Float64:
    """Return the score of a step after each date but the last, (clusters, steps); 0 if a side is under MIN_SIDE."""
    change, power = _fit(steps, weights, deviation_mm)
    known = weights > 0
    after = known @ steps
    enough = (after >= MIN_SIDE) & (known.sum(axis=1)[:, None] - after >= MIN_SIDE)
    return np.where(enough, change * np.sqrt(power), 0.0)


def _fit(curves: Float64, weights: Float64, deviation_mm: Float64) -> tuple[Float64, Float64]:
    """Fit each curve and an offset to each cluster by weighted least squares.

    Args:
        curves: (dates, curves).
        weights: (clusters, dates), inverse variances, 0 where unknown.
        deviation_mm: (clusters, dates), mm.

    Returns:
        The sizes of the curves and the inverse of their variances, (clusters, curves).
    """
    total = np.maximum(weights.sum(axis=1), NO_POWER)[:, None]
    mean, weighted = weights @ curves / total, weights * deviation_mm
    power = np.maximum(weights @ curves**2 - total * mean**2, NO_POWER)
    return (weighted @ curves - weighted.sum(axis=1)[:, None] * mean) / power, power
