"""Simulated towns: houses in blocks along streets, what radar sees of them, and how they move.

Nothing here follows the model of `structures.buildings`: walls toward the radar reflect most, deviations are gamma
distributed and tilt about one edge, noise has heavy tails and shared parts, and the stated sigma is wrong by a factor.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree

Float64 = NDArray[np.float64]
Index = NDArray[np.intp]

NOISE_MM_YR = (0.5, 1.2)  # Standard deviation of a point's own rate error, by town (Ustica, Cyprus: 0.5-0.7).
SHARED_MM_YR, SHARED_M = 0.45, 100.0  # Noise that near points share
MISSTATED = 1.3  # The stated sigma may be wrong by this factor either way.
STRAYS = (0.0, 0.03)
GEOLOCATION_M = (8.0, 12.0)
OFFSET_M = 3.0  # Offset of all points of the product together.
ROOF_M2, GROUND_M2, WALL_M = (60.0, 250.0), (400.0, 2000.0), (4.0, 12.0)  # Area or length for one point.
OWN_SHARE, OWN_MM_YR = (0.05, 0.25), (1.0, 5.0)  # Share of buildings that move by themselves, and their mean rates.
BENT_SHARE = 0.5  # Share of these that crack: one end moves further, by up to the motion of the middle.
FOLLOWING_MM_YR = 0.3  # Usual deviation of all other buildings, with the same spread of tilt.


class Town(NamedTuple):
    """A town and its points. Arrays (buildings,) and (points,).

    Attributes:
        rate_mm_yr: True rate of a building's middle.
        deviation_mm_yr: The same against the ground around.
        own_mm_yr: Returns the deviation of buildings at places, (buildings, places, 2), relative to their middles.
        steepest_mm_yr_m: Greatest slope of a building.
        above_ground_m, measured_mm_yr, sigma_mm_yr: Height, measured rate and its stated error, of points.
    """

    polygons: NDArray[np.object_]
    rate_mm_yr: Float64
    deviation_mm_yr: Float64
    own_mm_yr: Callable[[Index, Float64], Float64]
    steepest_mm_yr_m: Float64
    x_m: Float64
    y_m: Float64
    above_ground_m: Float64
    measured_mm_yr: Float64
    sigma_mm_yr: Float64


def draw_town(rng: np.random.Generator, size_m: float) -> Town:
    """Draw a town of size_m x size_m."""
    blocks = [(east, north) for east in _sides(rng, size_m) for north in _sides(rng, size_m)]
    polygons = np.concatenate([_houses(rng, *block) for block in blocks])
    n = len(polygons)
    middle = shapely.get_coordinates(shapely.centroid(polygons))
    bowls = [(rng.uniform(0, size_m, 2), rng.uniform(150, 800), rng.uniform(-12, 4)) for _ in range(rng.integers(0, 4))]

    def field(at: Float64) -> Float64:
        return sum(
            (depth * np.exp(-((at - place) ** 2).sum(axis=1) / radius**2) for place, radius, depth in bowls),
            np.zeros(len(at)),
        )

    own = rng.random(n) < rng.uniform(*OWN_SHARE)
    size = rng.gamma(1.0, rng.uniform(*OWN_MM_YR), n) * own
    deviation = np.where(own, -size, rng.normal(0, FOLLOWING_MM_YR, n))
    span = np.sqrt(shapely.area(polygons))
    turned = rng.uniform(0, 2 * np.pi, n)
    steepness = np.where(own, size * rng.uniform(0, 1.5, n), np.abs(rng.normal(0, FOLLOWING_MM_YR / 2, n))) / span
    toward = np.column_stack([np.cos(turned), np.sin(turned)])
    bend = rng.uniform(-2, 2, n) * size / span * (rng.random(n) < BENT_SHARE)
    crack_m = rng.uniform(0, 0.25, n) * span

    def own_motion(house: Index, away_m: Float64) -> Float64:
        up_m = np.einsum("...kx,...x->...k", away_m, toward[house]).T
        bent = bend[house] * np.maximum(up_m - crack_m[house], 0)
        return np.asarray((deviation[house] + steepness[house] * up_m + bent).T)

    places, heights, on = _reflectors(rng, polygons, size_m)
    motion = field(places)
    of_house = on >= 0
    house = on[of_house]
    motion[of_house] = field(middle)[house] + own_motion(house, (places[of_house] - middle[house])[:, np.newaxis])[:, 0]
    noise = rng.uniform(*NOISE_MM_YR)
    measured = motion + _shared_noise(rng, places, size_m) + noise * rng.standard_t(6, len(on)) / np.sqrt(1.5)
    strays = rng.random(len(on)) < rng.uniform(*STRAYS)
    measured[strays] += rng.normal(0, 10, strays.sum())
    stated = noise * MISSTATED ** rng.uniform(-1, 1) * np.exp(rng.normal(0, 0.15, len(on)))
    seen = places + rng.normal(0, OFFSET_M, 2) + rng.normal(0, 1, places.shape) * rng.uniform(*GEOLOCATION_M, 2)
    steepest, heights = np.maximum(steepness, np.abs(steepness + bend)), heights + rng.normal(0, 3, len(on))
    moved = field(middle) + deviation
    return Town(polygons, moved, deviation, own_motion, steepest, seen[:, 0], seen[:, 1], heights, measured, stated)


def _sides(rng: np.random.Generator, size_m: float) -> list[tuple[float, float]]:
    """Return both ends of each block along a line of blocks, with streets between them."""
    found, at = [], 0.0
    while at < size_m:
        found.append((at, at + rng.uniform(60, 160)))
        at = found[-1][1] + rng.uniform(10, 25)
    return found


def _houses(rng: np.random.Generator, east: tuple[float, float], north: tuple[float, float]) -> NDArray[np.object_]:
    """Return the houses of a block: a terrace, villas, or a hall, turned by a few degrees."""
    kind = rng.choice(["terrace", "villas", "hall", "empty"], p=[0.35, 0.4, 0.15, 0.1])
    boxes = []
    if kind == "hall":
        boxes = [(east[0] + 8, north[0] + 8, east[1] - rng.uniform(8, 25), north[1] - rng.uniform(8, 25))]
    elif kind != "empty":
        front, depth = (rng.uniform(6, 12), rng.uniform(9, 14)) if kind == "terrace" else rng.uniform(9, 16, 2)
        gap = 0.3 if kind == "terrace" else rng.uniform(4, 15)
        for y in (north[0] + 3, north[1] - 3 - depth):
            boxes += [(x, y, x + front, y + depth) for x in np.arange(east[0] + 3, east[1] - front - 3, front + gap)]
    turn = rng.uniform(-20, 20)
    middle = ((east[0] + east[1]) / 2, (north[0] + north[1]) / 2)
    turned = [shapely.affinity.rotate(shapely.box(*box), turn, origin=middle) for box in boxes]
    return np.array(turned, dtype=object)


def _reflectors(
    rng: np.random.Generator, polygons: NDArray[np.object_], size_m: float
) -> tuple[Float64, Float64, NDArray[np.intp]]:
    """Return what reflects: places (points, 2), heights above the ground, and the building or -1."""
    places, heights, on = [], [], []
    roof_m2, ground_m2, wall_m = (np.exp(rng.uniform(*np.log(part))) for part in (ROOF_M2, GROUND_M2, WALL_M))
    look = rng.choice([-1, 1])  # The radar looks from the east or from the west.
    for number, polygon in enumerate(polygons):
        height = rng.uniform(5, 20)
        x0, y0, x1, y1 = polygon.bounds
        tries = rng.uniform((x0, y0), (x1, y1), (rng.poisson((x1 - x0) * (y1 - y0) / roof_m2), 2))
        roof = tries[shapely.contains_xy(polygon, *tries.T)]
        ring = shapely.get_coordinates(polygon.exterior)
        step = np.diff(ring, axis=0)
        facing = np.maximum(look * step[:, 1], 0)  # Boxes run all the same way round.
        walls = [ring[at] + rng.random((rng.poisson(facing[at] / wall_m), 1)) * step[at] for at in range(len(step))]
        part = np.concatenate([roof, *walls])
        places.append(part)
        heights.append(np.concatenate([np.full(len(roof), height), rng.uniform(0, height, len(part) - len(roof))]))
        on.append(np.full(len(part), number))
    ground = rng.uniform(0, size_m, (rng.poisson(size_m**2 / ground_m2), 2))
    free = shapely.STRtree(polygons).query(shapely.points(ground), predicate="within")[0]
    places.append(np.delete(ground, free, axis=0))
    heights.append(np.zeros(len(places[-1])))
    on.append(np.full(len(places[-1]), -1))
    return np.concatenate(places), np.concatenate(heights), np.concatenate(on)


def _shared_noise(rng: np.random.Generator, places: Float64, size_m: float) -> Float64:
    """Return noise (points,) that points within `SHARED_M` share."""
    knots = np.arange(-SHARED_M, size_m + 2 * SHARED_M, SHARED_M / 2)
    grid = np.stack(np.meshgrid(knots, knots), axis=-1).reshape(-1, 2)
    away, near = KDTree(grid).query(places, 24)
    share = np.exp(-((away / (SHARED_M / 2)) ** 2))
    drawn = rng.standard_normal(len(grid))
    mixed = (share * drawn[near]).sum(axis=1) / np.sqrt((share**2).sum(axis=1))
    return np.asarray(SHARED_MM_YR * mixed)
