"""Spikes go first: one wild point among still neighbours is an unwrapping error, not motion."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ml.deformation.points import Float32, PointCloud

NEIGHBOURS = 5
REACH_M = 250.0


def despike(points: PointCloud, reach_m: float = REACH_M) -> Float32:
    """Replace each velocity by the median of the point and its four nearest neighbours within reach_m.

    Returns (n,) mm/yr. A point with fewer than two neighbours in reach keeps its own value: two values have no median
    that could tell which of them is wrong.
    """
    velocity = points.velocity_mm_yr.astype(np.float32, copy=False)
    if velocity.size < NEIGHBOURS:
        return velocity.copy()
    return median_of(velocity, neighbours(points, reach_m, workers=-1))


def neighbours(points: PointCloud, reach_m: float = REACH_M, workers: int = 1) -> NDArray[np.intp]:
    """Each point and its four nearest within reach_m, (n, 5); n stands where there is none. At least five points."""
    tree = cKDTree(np.column_stack([points.x, points.y]))
    reach = max(reach_m, 1.6 * (points.posting_m or 0.0))
    _, index = tree.query(tree.data, k=NEIGHBOURS, distance_upper_bound=reach, workers=workers)
    alone = (index < points.x.size).sum(axis=1) < 3
    index[alone, 0] = np.flatnonzero(alone)
    index[alone, 1:] = points.x.size
    return np.asarray(index, dtype=np.intp)


def median_of(values: Float32, index: NDArray[np.intp]) -> Float32:
    """Median of the values (n,) that each row of index (m, k) names, (m,) float32; n names nothing."""
    named = np.sort(np.append(values, np.float32(np.nan))[index], axis=1)  # NaN last
    count = np.isfinite(named).sum(axis=1)[:, None]
    low, high = (np.take_along_axis(named, np.maximum(at, 0), axis=1)[:, 0] for at in ((count - 1) // 2, count // 2))
    return np.asarray((low + high) / 2, dtype=np.float32)
