"""Clusters of points, so far apart that no filter reaches from one to another. Each is analysed on grids of its own.

One grid around all points of a product would mostly be empty if the product has two cities, or a mistyped position.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS

SQUARE_M = 25_000.0
REACHES = (4, 2, 1)  # In squares. Wide bowls reach 50 km; clusters are nearer only where their boxes would stay empty.
SPARSE, FULL = 8.0, 30  # Boxes with more squares than this for each square of ground (of FULL points) are divided.
MAX_SQUARES, CUT = 400, 8  # A long, narrow cluster with a larger box is cut into squares of 200 km.
EARTH_M = 6_371_000.0
Indices = NDArray[np.intp]


def sphere_positions(longitude: Float64, latitude: Float64) -> Float64:
    """Return positions in degrees, (n,), as (n, 3) metres from the centre of the Earth, which has no edge at 180."""
    east, north = np.radians(longitude), np.radians(latitude)
    return EARTH_M * np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


def cluster_tracks(tracks: Sequence[PointCloud]) -> list[list[PointCloud]]:
    """Return the tracks of each cluster of a plane; a track without points there is empty. No boxes overlap."""
    at = np.concatenate([np.stack([track.x, track.y], axis=1) for track in tracks])
    groups = _disjoint(clusters(at), at)
    if len(groups) == 1 and groups[0].size == len(at):
        return [list(tracks)]
    ends = np.cumsum([0, *(track.x.size for track in tracks)])
    parts = [np.searchsorted(group, ends) for group in groups]
    return [
        [
            track.part(group[first:last] - start)
            for track, start, first, last in zip(tracks, ends, part, part[1:], strict=False)
        ]
        for group, part in zip(groups, parts, strict=True)
    ]


def clusters(at: Float64) -> list[Indices]:
    """Return the rising indices of the points of each cluster, the one with most points first.

    at: (n, 2) or (n, 3), m. Points whose box is mostly ground are one cluster. Left out are points without a finite
    position, and clusters too small to hold an area; the largest cluster is always kept.
    """
    known = np.flatnonzero(np.isfinite(at).all(axis=1))
    squares, of = _squares(at[known])
    ground, label = np.minimum(np.bincount(of) / FULL, 1), np.zeros(len(squares), dtype=np.intp)
    for reach in (*REACHES, 0):
        for number in range(label.max() + 1):
            inside = np.flatnonzero(label == number)
            box = np.prod(np.sort(np.ptp(squares[inside], axis=0) + 1)[-2:])  # Flat ground has two long sides.
            if box > SPARSE * ground[inside].sum() and (reach or box > MAX_SQUARES):
                parts = _link(squares[inside], reach) if reach else _wider_squares(squares[inside])
                label[inside[parts > 0]] = label.max() + parts[parts > 0]
    count = np.bincount(label[of])
    kept = [number for number in range(count.size) if count[number] >= DEFAULT_THRESHOLDS.fewest_points]
    groups = (known[label[of] == number] for number in kept or [int(count.argmax())])
    return sorted(groups, key=lambda group: (-group.size, group[0]))


def _disjoint(groups: list[Indices], at: Float64) -> list[Indices]:
    """Join clusters whose boxes overlap, so that each has a window of its own in one raster."""
    boxes = [np.array([at[group].min(axis=0), at[group].max(axis=0)]) for group in groups]
    for first, second in combinations(range(len(groups)), 2):
        if (np.maximum(boxes[first][0], boxes[second][0]) <= np.minimum(boxes[first][1], boxes[second][1])).all():
            rest = [group for number, group in enumerate(groups) if number not in (first, second)]
            joined = np.sort(np.concatenate([groups[first], groups[second]]))
            return _disjoint(sorted([joined, *rest], key=len, reverse=True), at)
    return groups


def _squares(at: Float64) -> tuple[NDArray[np.int64], Indices]:
    """Return the squares (m, d) or cubes with points, and which of them each point lies in, (n,)."""
    if (np.ptp(at, axis=0) < SQUARE_M).all():
        return np.zeros((1, at.shape[1]), dtype=np.int64), np.zeros(len(at), dtype=np.intp)
    square = (at // SQUARE_M).astype(np.int64)
    square -= square.min(axis=0)
    number = np.ravel_multi_index(tuple(square.T), tuple(square.max(axis=0) + 1))
    _, first, of = np.unique(number, return_index=True, return_inverse=True)
    return square[first], of


def _link(squares: NDArray[np.int64], reach: int) -> Indices:
    """Return the number of the group of each square, (m,), in which each is within `reach` squares of another."""
    pairs = cKDTree(squares).query_pairs(reach, p=np.inf, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), dtype=bool), tuple(pairs.T)), shape=(len(squares), len(squares)))
    groups: Indices = connected_components(links, directed=False)[1]
    return groups


def _wider_squares(squares: NDArray[np.int64]) -> Indices:
    """Return the number of the wider square that each square, (m,), lies in."""
    return np.unique(squares // CUT, axis=0, return_inverse=True)[1].ravel()
