"""Removal of spikes: a single outlier among still neighbours is an unwrapping error, not motion.

Each velocity gives way to the median of the point and its four nearest neighbours within REACH_M, or 1.6
postings if that is farther. A point with fewer than two of them keeps its own value: two values have no median that
could show which of them is wrong.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.gridding.points import Float32, PointCloud

NEIGHBOURS = 5
REACH_M = 250.0
Near = NDArray[np.int32]
AT_ONCE = 1_000_000  # Search the neighbours of this many points at a time, because of memory.


def neighbours(points: PointCloud, workers: int = 1) -> Near:
    """Return indices of each point and its four nearest within REACH_M, (n, 5); n for none. At least five points."""
    # Split at the middle and not at the median: built in half of the time, and searched as fast.
    tree = cKDTree(np.column_stack([points.x, points.y]), balanced_tree=False, compact_nodes=False)
    reach = max(REACH_M, 1.6 * (points.posting_m or 0.0))
    index = np.empty((points.x.size, NEIGHBOURS), dtype=np.int32)
    for first in range(0, points.x.size, AT_ONCE):
        some = tree.indices[first : first + AT_ONCE]  # Consecutive searches in the tree's order share memory.
        _, index[some] = tree.query(tree.data[some], k=NEIGHBOURS, distance_upper_bound=reach, workers=workers)
    alone = (index < points.x.size).sum(axis=1) < 3
    index[alone, 0] = np.flatnonzero(alone)
    index[alone, 1:] = points.x.size
    return index


def median_of(values: Float32, index: Near) -> Float32:
    """Return the median of the values (n,) at the indices in each row of (m, k), (m,) float32; index n means none."""
    held = np.append(values, np.float32(np.nan))
    parts = [index[first : first + AT_ONCE] for first in range(0, len(index), AT_ONCE)]
    return np.concatenate([_medians(held[part]) for part in parts] or [values[:0]])


def _medians(values: Float32) -> Float32:
    """Return the median of each row, (m, k), ignoring NaN."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(ordered).sum(axis=1)[:, None]
    low, high = (np.take_along_axis(ordered, np.maximum(at, 0), axis=1)[:, 0] for at in ((count - 1) // 2, count // 2))
    return np.asarray((low + high) / 2, dtype=np.float32)
