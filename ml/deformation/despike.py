"""Spikes go first: one wild point among still neighbours is an unwrapping error, not motion."""

import numpy as np
from scipy.spatial import cKDTree

from ml.deformation.points import Float32, PointCloud

NEIGHBOURS = 5


def despike(points: PointCloud, reach_m: float = 250.0) -> Float32:
    """Replace each velocity by the median of the point and its four nearest neighbours within reach_m.

    Returns (n,) mm/yr. A point with fewer than two neighbours in reach keeps its own value: two values have no median
    that could tell which of them is wrong.
    """
    velocity = points.velocity_mm_yr.astype(np.float32, copy=False)
    if velocity.size < NEIGHBOURS:
        return velocity.copy()
    tree = cKDTree(np.column_stack([points.x, points.y]))
    reach = max(reach_m, 1.6 * (points.posting_m or 0.0))
    distance, index = tree.query(tree.data, k=NEIGHBOURS, distance_upper_bound=reach, workers=-1)
    near = np.isfinite(distance)
    values = np.where(near, np.append(velocity, np.nan)[np.minimum(index, velocity.size)], np.nan)
    alone = near.sum(axis=1) < 3
    values[alone, 0] = velocity[alone]
    values[alone, 1:] = np.nan
    median: Float32 = np.nanmedian(values, axis=1).astype(np.float32)
    return median
