"""Probability that a point of a velocity product was reflected by a building, from footprints and the point's position.

A point is located to within some ten metres only (Sentinel-1; GEOLOCATION_M), as much as a house is long. So it is not
given to the nearest house: each house within reach gets the share of the point's error ellipse that its footprint
covers, weighted by how much more often buildings reflect than the ground between them (learned from the points).
"""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize_scalar
from scipy.spatial import KDTree
from scipy.special import ndtr

Float64 = NDArray[np.float64]
Index = NDArray[np.intp]

GEOLOCATION_M = 10.0  # standard deviation of a point's position along each axis: 8 to 12 m
REACH = 3.0  # A footprint can have reflected a point within this number of standard deviations.
MAX_NODES, NODE_M = 48, 3.0  # Number of nodes of a footprint, and their least distance.
HEIGHT_SIGMA_M = 3.0  # Standard deviation of a point's height above the ground.
MAX_HEIGHT_M = 30.0  # Up to this height a building reflects equally likely at all heights.
MAX_CONTRAST = 200.0
CELL_M = 5.0  # The contrast between buildings and ground is learned on cells of this side.
MIN_COVERED = 0.02  # Buildings count as near if they cover this share of the error ellipse.


class Footprints(NamedTuple):
    """Footprints in metres. Arrays (n,) but for the nodes, which belong to footprint `owner`.

    x_m, y_m: middle of its smallest rectangle; along: (n, 2), unit vector of its long side; length_m, width_m: its
    sides; node_x_m, node_y_m, node_m2: (nodes,), places inside, and the area for which each stands.
    """

    x_m: Float64
    y_m: Float64
    along: Float64
    length_m: Float64
    width_m: Float64
    owner: Index
    node_x_m: Float64
    node_y_m: Float64
    node_m2: Float64


class Candidates(NamedTuple):
    """Buildings that may have reflected points, by point. Arrays (pairs,) but for `ground`.

    along, across: mean place of the point on its building, as a share of length and width from the middle (-0.5 to
    0.5); along_var, across_var: its variance; weight: relative probability before any rate is known; ground: (points,),
    that of the ground between buildings.
    """

    point: Index
    building: Index
    weight: Float64
    ground: Float64
    along: Float64
    across: Float64
    along_var: Float64
    across_var: Float64


def footprints_of(polygons: NDArray[np.object_]) -> Footprints:
    """Return footprints of polygons (n,) in metres.

    Raises:
        ValueError: a polygon is empty or has no area.
    """
    area = shapely.area(polygons)
    if not (area > 0).all():
        raise ValueError(f"{np.count_nonzero(~(area > 0))} footprints have no area")
    corners = shapely.get_coordinates(shapely.oriented_envelope(polygons)).reshape(len(polygons), 5, 2)
    sides = np.diff(corners[:, :3], axis=1)
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    longer = lengths.argmax(axis=1)
    every = np.arange(len(polygons))
    nodes = [_nodes(polygon, m2) for polygon, m2 in zip(polygons, area, strict=True)]
    counts = np.array([len(part) for part in nodes])
    owner = np.repeat(every, counts)
    along = sides[every, longer] / lengths[every, longer, np.newaxis]
    (x_m, y_m), (width_m, length_m) = corners[:, :4].mean(axis=1).T, np.sort(lengths).T
    node_x_m, node_y_m = np.concatenate(nodes).T
    return Footprints(x_m, y_m, along, length_m, width_m, owner, node_x_m, node_y_m, (area / counts)[owner])


def _nodes(polygon: shapely.Polygon, area_m2: float) -> Float64:
    """Return places (nodes, 2) inside a polygon on a square grid; a place inside it if the grid has none."""
    step = max(NODE_M, float(np.sqrt(area_m2 / MAX_NODES)))
    left, low, right, top = polygon.bounds
    x, y = np.meshgrid(np.arange(left + step / 2, right, step), np.arange(low + step / 2, top, step))
    inside = shapely.contains_xy(polygon, x, y)
    if inside.any():
        return np.column_stack([x[inside], y[inside]])
    return shapely.get_coordinates(polygon.point_on_surface())


def candidates_of(
    footprints: Footprints, x_m: Float64, y_m: Float64, above_ground_m: Float64, geolocation_m: float = GEOLOCATION_M
) -> Candidates:
    """Return the buildings that may have reflected points (n,). above_ground_m: of each point; NaN: not known."""
    nodes = KDTree(np.column_stack([footprints.node_x_m, footprints.node_y_m]))
    points = KDTree(np.column_stack([x_m, y_m]))
    near = points.sparse_distance_matrix(nodes, REACH * geolocation_m, output_type="ndarray")
    node = near["j"]
    mass = footprints.node_m2[node] * np.exp(-0.5 * (near["v"] / geolocation_m) ** 2) / (2 * np.pi * geolocation_m**2)
    owner, n = footprints.owner[node], len(footprints.x_m)
    pairs, row = np.unique(near["i"] * n + owner, return_inverse=True)
    point, building = np.divmod(pairs, n)
    total = np.bincount(row, mass)
    east, north = footprints.node_x_m[node] - footprints.x_m[owner], footprints.node_y_m[node] - footprints.y_m[owner]
    unit = footprints.along[owner]
    along = (east * unit[:, 0] + north * unit[:, 1]) / footprints.length_m[owner]
    across = (north * unit[:, 0] - east * unit[:, 1]) / footprints.width_m[owner]
    places = along, across
    means = [np.bincount(row, mass * part) / total for part in places]
    variances = (
        np.bincount(row, mass * (part - mean[row]) ** 2) / total for part, mean in zip(places, means, strict=True)
    )
    covered = np.minimum(np.bincount(point, total, len(x_m)), 1.0)
    # Densities of heights above the ground, for points on buildings and on the ground.
    sigmas, known = above_ground_m / HEIGHT_SIGMA_M, np.isfinite(above_ground_m)
    on_roof = np.where(known, (ndtr(sigmas) - ndtr(sigmas - MAX_HEIGHT_M / HEIGHT_SIGMA_M)) / MAX_HEIGHT_M, 1.0)
    on_ground = np.where(known, np.exp(-0.5 * sigmas**2) / (HEIGHT_SIGMA_M * np.sqrt(2 * np.pi)), 1.0)
    weight = np.asarray(_contrast(footprints, covered, geolocation_m) * total * on_roof[point], np.float64)
    return Candidates(point, building, weight, (1 - covered) * on_ground, *means, *variances)


def nearest_of(footprints: Footprints, x_m: Float64, y_m: Float64, within_m: float = GEOLOCATION_M) -> Index:
    """Return the nearest footprint of points (n,); -1 where none is within a distance."""
    nodes = KDTree(np.column_stack([footprints.node_x_m, footprints.node_y_m]))
    _, node = nodes.query(np.column_stack([x_m, y_m]), distance_upper_bound=within_m)
    return np.asarray(np.append(footprints.owner, -1)[node], dtype=np.intp)


def _contrast(footprints: Footprints, covered: Float64, geolocation_m: float) -> float:
    """Return how many times as often a square metre of building reflects as one of ground: the most probable value.

    Points are taken for a Poisson process whose density has two values, blurred by the geolocation, where buildings
    are near. covered: (points,), the share of each point's error ellipse that buildings cover.
    """
    x, y = footprints.node_x_m, footprints.node_y_m
    margin = REACH * geolocation_m
    edges = [np.arange(part.min() - margin, part.max() + margin + CELL_M, CELL_M) for part in (x, y)]
    built = np.histogram2d(x, y, edges, weights=footprints.node_m2)[0] / CELL_M**2
    blurred = np.minimum(gaussian_filter(built, geolocation_m / CELL_M, mode="constant"), 1.0)
    ground, points = blurred[blurred > MIN_COVERED], covered[covered > MIN_COVERED]
    if not points.size:
        return 1.0

    def misfit(log_contrast: float) -> float:
        more = np.expm1(log_contrast)
        return float(np.log1p(more * ground.mean()) - np.log1p(more * points).mean())

    return float(np.exp(minimize_scalar(misfit, bounds=(0.0, np.log(MAX_CONTRAST)), method="bounded").x))
