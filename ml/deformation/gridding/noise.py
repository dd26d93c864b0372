"""Standard error of a cell's rate where all the ground may move, so that differences between cells include motion.

It is taken from the residuals of series, or from a plane through neighbouring points, which both exclude motion. If
neither is available, differences between cells are used (`baseline.cell_noise`).
"""

import numpy as np

from ml.deformation.gridding.despike import Near
from ml.deformation.gridding.points import PointCloud

SAMPLED = 3_000
DATES_MISS = 2.0  # a rate's standard deviation lacks errors shared by all dates, so twice is used for a cell
CELL_SHARE = 0.8  # of a point's noise remains in a cell of despiked points; less in nine of ten simulated still tiles
FEWEST = 10
MEDIAN_OF_TWO = float(np.log(2))  # median of a sum of squares of two degrees of freedom, over its mean


def stated_noise(points: PointCloud, near: Near) -> float | None:
    """Return the standard error of one cell's rate, mm/yr, excluding real motion; None if unknown.

    It is based on the product's stated sigma or its series (`PointCloud.sigma_mm_yr`), or else on the misfit of points
    to local planes. near: (n, 5), indices of each point and its four nearest, n for none (`despike.neighbours`).
    """
    if points.sigma_mm_yr is not None:
        return DATES_MISS * points.sigma_mm_yr
    sigma = point_noise(points, near)
    return None if sigma is None else CELL_SHARE * sigma


def point_noise(points: PointCloud, near: Near) -> float | None:
    """Return the standard deviation of one point's rate, mm/yr: median misfit to a plane through it and its neighbours.

    At most SAMPLED points are used. None if fewer than FEWEST have four neighbours.
    """
    some = near[:: max(1, len(near) // SAMPLED)]
    some = some[(some < len(near)).all(axis=1)]
    if len(some) < FEWEST:
        return None
    at = np.stack([points.x[some], points.y[some]], axis=-1)
    rate = points.velocity_mm_yr[some].astype(np.float64)
    at, rate = at - at.mean(axis=1, keepdims=True), rate - rate.mean(axis=1, keepdims=True)
    spread = np.einsum("nki,nkj->nij", at, at) + np.eye(2)  # m²: points in one place have no slope
    slope = np.linalg.solve(spread, np.einsum("nki,nk->ni", at, rate)[..., None])[..., 0]
    left = rate - np.einsum("nki,ni->nk", at, slope)
    return float(np.sqrt(np.median((left**2).sum(axis=1) / 2) / MEDIAN_OF_TWO))
