"""Scores of areas flagged in a scene of `deformation-injected`: false alarms, and shapes found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from affine import Affine
from shapely import Point, contains_xy

from lab.deformation.injected.scenes import Motion, Scene
from lab.deformation.measures.scoring import REACH_M, BoolMap, ShapeError, middles, within_reach
from lab.deformation.measures.shapes import NTH_FASTEST, SMALLEST_M, best_error, true_shape
from ml.deformation.gridding.cells import CELL_M, assign_cells
from ml.deformation.gridding.points import PointCloud
from ml.deformation.infer import DeformationResult, flagged_areas
from ml.rasters.areas import Area

MOVING_MM_YR = 2.0  # outline of the truth, as in the simulated benchmarks
BLOCK_M = 1_000.0  # side of pieces of real ground that are assumed to be independent

Block = tuple[str, int, int]  # place, and index of the block from the west and from the south


class Still(NamedTuple):
    """Counts for one scene without motion: false alarms, and area near points (km²), both by block of real ground."""

    place: str
    as_it_is: bool
    alarms: Mapping[Block, int]
    ground_km2: Mapping[Block, float]


class Found(NamedTuple):
    """Result for one shape; NaN and None if it was not found.

    detected: 1 if an area of the shape's sign overlaps its inner half. iou: of that area and the ground that moves by
    MOVING_MM_YR. error: of the peak and of the outline of half the peak.
    """

    key: str
    block: Block
    detected: float
    iou: float = np.nan
    error: ShapeError | None = None


def score_still(result: DeformationResult, scene: Scene, tracks: Sequence[PointCloud]) -> Still:
    """Score a scene without motion: every area is a false alarm, counted once even if drawn in pieces."""
    areas = {area.region: area for area, _ in flagged_areas(result, tracks)}
    alarms = Counter(_block_of(scene, *_middle(area)) for area in areas.values())
    return Still(scene.place, scene.as_it_is, alarms, ground_of(scene, tracks))


def score_motion(
    key: str, result: DeformationResult, scene: Scene, tracks: Sequence[PointCloud], motion: Motion
) -> Found:
    """Score whether and how well a shape is found. scene: with or without the motion."""
    heart = Point(motion.x, motion.y).buffer(max(motion.shape.radius_m / 2, CELL_M))
    areas = [area for area, _ in flagged_areas(result, tracks) if np.sign(area.rate_mm_yr) == motion.sign]
    meeting = [area for area in areas if area.polygon.intersects(heart)]
    block = _block_of(scene, motion.x, motion.y)
    if not meeting:
        return Found(key, block, 0.0)
    area = max(meeting, key=lambda area: area.area_m2)
    lattice = around(tracks)
    x, y = middles(lattice.transform, lattice.known.shape)
    rate = motion.rate_mm_yr(x, y)
    moving = lattice.known & (np.abs(rate) >= MOVING_MM_YR)
    drawn = contains_xy(area.polygon, x, y)
    truth = true_shape(_peak(tracks[0], motion), rate, lattice.known, lattice.transform)
    error = best_error(meeting, truth) if truth.radius_m >= SMALLEST_M else None
    return Found(key, block, 1.0, float((drawn & moving).sum() / max((drawn | moving).sum(), 1)), error)


def _peak(points: PointCloud, motion: Motion) -> float:
    """Return the motion of the NTH_FASTEST point, mm/yr."""
    here = np.sort(np.abs(motion.rate_mm_yr(points.x, points.y)))
    return motion.sign * float(here[-NTH_FASTEST])


class Lattice(NamedTuple):
    """Cells around some points. known: (rows, cols), cells within REACH_M of a point."""

    known: BoolMap
    transform: Affine


def around(tracks: Sequence[PointCloud]) -> Lattice:
    """Return the cells around the points of some tracks."""
    x, y = (np.concatenate([getattr(points, axis) for points in tracks]) for axis in ("x", "y"))
    margin = 1 + int(REACH_M / CELL_M)
    cells = assign_cells(x, y, CELL_M)
    occupied = np.zeros(cells.shape, dtype=bool)
    occupied.flat[cells.cell] = True
    known = within_reach(np.pad(occupied, margin), CELL_M)
    return Lattice(known, cells.transform @ Affine.translation(-margin, -margin))


def ground_of(scene: Scene, tracks: Sequence[PointCloud]) -> dict[Block, float]:
    """Return the area of a scene within reach of a point, km², by block of real ground."""
    known, transform = around(tracks)
    x, y = (at[known] for at in middles(transform, known.shape))
    blocks = np.floor(np.column_stack(scene.view.ground(x, y)) / BLOCK_M).astype(int)
    pieces, counts = np.unique(blocks, axis=0, return_counts=True)
    cell_km2 = (CELL_M / 1000) ** 2
    return {
        (scene.place, int(piece[0]), int(piece[1])): float(count * cell_km2)
        for piece, count in zip(pieces, counts, strict=True)
    }


def _middle(area: Area) -> tuple[float, float]:
    point = area.polygon.representative_point()
    return float(point.x), float(point.y)


def _block_of(scene: Scene, x: float, y: float) -> Block:
    east, north = scene.view.ground(np.array([x]), np.array([y]))
    return scene.place, int(np.floor(east[0] / BLOCK_M)), int(np.floor(north[0] / BLOCK_M))
