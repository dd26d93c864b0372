"""Standard error of a cell's rate where all the ground may move, so that differences between cells include motion.

Residuals of series or of planes through neighbours exclude motion; else cells are compared (`baseline.cell_noise`).
"""

import numpy as np

from ground_motion.methods.deformation.gridding.despike import Near
from ground_motion.methods.deformation.gridding.points import Float32, PointCloud

SAMPLED = 3_000
DATES_MISS = 2.0  # A rate's standard deviation lacks errors shared by all dates, so twice is used for a cell.
CELL_RATIO = 4 / 3  # A cell's noise is this times that of despiked points, which share values (simulated ground).
MIN_POINTS = 10
TAIL = 0.9  # Quantile of the misfits: products of few points may have far longer tails than their middle shows.
# This is the quantile TAIL of a sum of two squares of Gaussian noise, over its mean.
TAIL_OF_TWO = float(-np.log(1 - TAIL))


def stated_noise(points: PointCloud, near: Near, despiked_mm_yr: Float32) -> float | None:
    """Return the standard error of one cell's rate, mm/yr, excluding real motion; None if unknown.

    It is based on the product's stated sigma or its series (`PointCloud.sigma_mm_yr`), or, if that is lower or the only
    one, on the misfit of despiked points, (n,), to local planes. near: (n, 5), indices of each point and its four
    nearest, n for none (`despike.neighbours`).
    """
    stated = None if points.sigma_mm_yr is None else DATES_MISS * points.sigma_mm_yr
    misfit = point_noise(points, near, despiked_mm_yr)
    measured = None if misfit is None else CELL_RATIO * misfit
    return min((noise for noise in (stated, measured) if noise is not None), default=None)


def point_noise(points: PointCloud, near: Near, rate_mm_yr: Float32) -> float | None:
    """Return the standard deviation of one point's rate, mm/yr, from its misfit to a plane through its neighbourhood.

    A Gaussian has this TAIL. At most SAMPLED points count. None if fewer than MIN_POINTS have four neighbours.
    """
    some = near[:: max(1, len(near) // SAMPLED)]
    some = some[(some < len(near)).all(axis=1)]
    if len(some) < MIN_POINTS:
        return None
    at = np.stack([points.x[some], points.y[some]], axis=-1)
    rate = rate_mm_yr[some].astype(np.float64)
    at, rate = at - at.mean(axis=1, keepdims=True), rate - rate.mean(axis=1, keepdims=True)
    spread = np.einsum("nki,nkj->nij", at, at) + np.eye(2)  # m²: points in one place have no slope
    slope = np.linalg.solve(spread, np.einsum("nki,nk->ni", at, rate)[..., None])[..., 0]
    left = rate - np.einsum("nki,ni->nk", at, slope)
    return float(np.sqrt(np.quantile((left**2).sum(axis=1) / 2, TAIL) / TAIL_OF_TWO))
