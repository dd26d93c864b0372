"""Scenes of real still ground: as it is, or as a copy to which a bowl of known shape is added.

Copies are rotated, mirrored, thinned, of either sign, and not independent: intervals are over `Scene.block`.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.gridding.cells import CELL_M, assign_cells
from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from lab.deformation.injected.places import PLACES, place, residual_field
from lab.deformation.measures.benchmark_tiles import MIN_POINTS, TableBowl
from lab.deformation.measures.scoring import REACH_M, within_reach
from lab.simulation.seeds import Purpose, generator

NAME = "deformation-injected"
MIN_KEPT = 0.5  # share of the points of a thinned field
BLOCK_M = 1_000.0  # side of pieces of real ground that are assumed to be independent
TRIES = 2_000

Block = tuple[str, int, int]  # place, and index of the block from the west and from the south


class FieldTurn(NamedTuple):
    """Rotation of a field around its middle (x, y), then mirroring."""

    x: float
    y: float
    turn_rad: float
    mirrored: bool

    def seen(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Convert positions on real ground to positions in the scene."""
        east, north = _turned(x - self.x, y - self.y, self.turn_rad)
        return self.x + (-east if self.mirrored else east), self.y + north

    def ground(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Convert positions in the scene to positions on real ground."""
        east = x - self.x
        east, north = _turned(-east if self.mirrored else east, y - self.y, -self.turn_rad)
        return self.x + east, self.y + north


def _turned(east: Float64, north: Float64, by_rad: float) -> tuple[Float64, Float64]:
    cos, sin = np.cos(by_rad), np.sin(by_rad)
    return east * cos - north * sin, east * sin + north * cos


class Bowl(NamedTuple):
    """rate · exp(−(r / radius)²) along the line of sight, + toward the satellite; x, y: of its middle."""

    x: float
    y: float
    rate_mm_yr: float
    radius_m: float

    def heart(self, cell_m: float) -> tuple[Float64, Float64]:
        """Return positions in the bowl's inner half, some in each cell, x and y (n,)."""
        away = np.arange(-self.radius_m / 2, self.radius_m / 2 + 1, cell_m / 4)
        east, north = (each.ravel() for each in np.meshgrid(away, away))
        inside = np.hypot(east, north) <= max(self.radius_m / 2, cell_m)
        return self.x + east[inside], self.y + north[inside]


class Scene(NamedTuple):
    """A copy of one track of a place."""

    place: str
    number: int
    points: PointCloud
    turn: FieldTurn

    def block(self, x: float, y: float) -> Block:
        """Return the piece of real ground at a position in the scene."""
        east, north = self.turn.ground(np.array([x]), np.array([y]))
        return self.place, int(np.floor(east[0] / BLOCK_M)), int(np.floor(north[0] / BLOCK_M))


def fields() -> list[tuple[str, PointCloud]]:
    """Return every track of every place, without changes, with the name of the place."""
    return [(one.name, points) for one in PLACES for points in residual_field(one)]


def scene(number: int, purpose: Purpose = Purpose.BENCHMARK) -> Scene:
    """Make a scene by its number; consecutive numbers alternate between places, then between tracks."""
    name = PLACES[number % len(PLACES)].name
    tracks = residual_field(place(name))
    points, rng = tracks[number // len(PLACES) % len(tracks)], generator(purpose, NAME, number)
    middle = float(points.x.mean()), float(points.y.mean())
    turn = FieldTurn(*middle, float(rng.uniform(0, 2 * np.pi)), bool(rng.random() < 0.5))
    kept = rng.random(points.x.size) < rng.uniform(MIN_KEPT, 1.0)
    x, y = turn.seen(points.x[kept], points.y[kept])
    rate = np.float32(rng.choice([-1, 1])) * points.velocity_mm_yr[kept]
    height = None if points.height_m is None else points.height_m[kept]
    return Scene(name, number, points._replace(x=x, y=y, velocity_mm_yr=rate, height_m=height), turn)


def bowl_in(still: Scene, key: str, cell: TableBowl, purpose: Purpose = Purpose.BENCHMARK) -> Bowl | None:
    """Draw a position for a bowl in a scene; None if the field is narrower than the bowl.

    MIN_POINTS must lie within its radius, one near its middle; None if TRIES random places do not meet this.
    """
    rng = generator(purpose, f"{NAME} {key}", still.number)
    at = np.column_stack([still.points.x, still.points.y])
    low, high = at.min(axis=0), at.max(axis=0)
    rate = float(rng.choice([-1.0, 1.0])) * cell.rate_mm_yr
    if (high - low).max() < 2 * cell.radius_m:
        return None
    tried = rng.uniform(low, high, (TRIES, 2))
    tree = cKDTree(at)
    enough = tree.query_ball_point(tried, cell.radius_m, return_length=True) >= MIN_POINTS
    near = tree.query(tried)[0] <= min(REACH_M, cell.radius_m / 2)
    if not (enough & near).any():
        return None
    x, y = tried[np.argmax(enough & near)]
    return Bowl(float(x), float(y), rate, cell.radius_m)


def with_bowl(points: PointCloud, bowl: Bowl) -> PointCloud:
    """Return the points with a bowl in their rates."""
    square = ((points.x - bowl.x) ** 2 + (points.y - bowl.y) ** 2) / bowl.radius_m**2
    moved = points.velocity_mm_yr + bowl.rate_mm_yr * np.exp(-square)
    return points._replace(velocity_mm_yr=moved.astype(np.float32))


def searched_km2(points: PointCloud) -> float:
    """Return the area of the cells within REACH_M of a point, km²."""
    margin = 1 + int(REACH_M / CELL_M)
    cells = assign_cells(points.x, points.y, CELL_M)
    occupied = np.zeros(cells.shape, dtype=bool)
    occupied.flat[cells.cell] = True
    return float(within_reach(np.pad(occupied, margin), CELL_M).sum() * (CELL_M / 1000) ** 2)


def digest(points: PointCloud) -> bytes:
    """Return the hash of positions, heights and rates, 32 bytes."""
    held = hashlib.sha256()
    for values in (points.x, points.y, points.height_m, points.velocity_mm_yr):
        if values is not None:
            held.update(np.rint(np.nan_to_num(values.astype(np.float64)) * 100).astype("<i4").tobytes())
    return held.digest()
