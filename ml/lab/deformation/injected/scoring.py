"""What a detector flags in one scene of `deformation-injected`: false alarms on still ground, and shapes found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from scipy import ndimage
from shapely import Point

from ml.deformation.gridding import CELL_M
from ml.deformation.infer import DeformationResult, flagged_areas
from ml.deformation.points import PointCloud
from ml.lab.deformation.injected.scenes import Motion, Scene
from ml.lab.deformation.scoring import REACH_M
from ml.rasters.areas import Area

MOVING_MM_YR = 2.0  # the outline of the truth, as of the simulated benchmarks
BLOCK_M = 1_000.0  # pieces of real ground that are taken to be independent of each other

Block = tuple[str, int, int]  # place, and which kilometre of it from the west and the south


class Still(NamedTuple):
    """Of one still scene: false alarms, and square kilometres within reach of a point, each by its real ground."""

    place: str
    as_it_is: bool
    alarms: Mapping[Block, int]
    ground_km2: Mapping[Block, float]


class Found(NamedTuple):
    """Of one shape: whether an area of its sign meets its inner half, and how well that area is drawn; NaN if none.

    iou: with the ground that moves by MOVING_MM_YR; iou_half_peak: with that which moves by half of the peak;
    peak_ratio: the area's peak rate over the true one.
    """

    key: str
    block: Block
    detected: float
    iou: float = np.nan
    iou_half_peak: float = np.nan
    peak_ratio: float = np.nan


def score_still(result: DeformationResult, scene: Scene, tracks: Sequence[PointCloud]) -> Still:
    """Every area on ground where nothing was laid in is a false alarm."""
    alarms = Counter(_block_of(scene, *_middle(area)) for area, _ in flagged_areas(result, tracks))
    return Still(scene.place, scene.as_it_is, alarms, ground_of(scene, tracks))


def score_motion(
    key: str, result: DeformationResult, scene: Scene, tracks: Sequence[PointCloud], motion: Motion
) -> Found:
    """Whether and how well a shape is found. scene: the still one or that with the motion, their ground is the same."""
    heart = Point(motion.x, motion.y).buffer(max(motion.shape.radius_m / 2, CELL_M))
    areas = [
        area
        for area, _ in flagged_areas(result, tracks)
        if np.sign(area.rate_mm_yr) == motion.sign and area.polygon.intersects(heart)
    ]
    block = _block_of(scene, motion.x, motion.y)
    if not areas:
        return Found(key, block, 0.0)
    area = max(areas, key=lambda area: area.area_m2)
    shape = result.maps.probability.shape
    drawn = geometry_mask([area.polygon], shape, result.transform, invert=True)
    known = within_reach(tracks, result.transform, shape)
    rate = np.abs(motion.rate_mm_yr(*_centres(result.transform, shape)))
    peak = motion.shape.rate_mm_yr
    outline, half = (_overlap(drawn, known & (rate >= limit)) for limit in (MOVING_MM_YR, peak / 2))
    return Found(key, block, 1.0, outline, half, area.peak_rate_mm_yr / (motion.sign * peak))


def within_reach(tracks: Sequence[PointCloud], transform: Affine, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Cells of a lattice no farther than REACH_M from one that holds a point, (rows, cols)."""
    empty = np.ones(shape, dtype=bool)
    for points in tracks:
        col, row = (np.floor(at).astype(int) for at in ~transform @ (points.x, points.y))
        inside = (row >= 0) & (col >= 0) & (row < shape[0]) & (col < shape[1])
        empty[row[inside], col[inside]] = False
    if empty.all():
        return ~empty
    return np.asarray(ndimage.distance_transform_edt(empty) * transform.a <= REACH_M)


def ground_of(scene: Scene, tracks: Sequence[PointCloud]) -> dict[Block, float]:
    """Square kilometres of a scene within reach of a point, by the real ground they lie on."""
    x, y = (np.concatenate([getattr(points, axis) for points in tracks]) for axis in ("x", "y"))
    west, top = x.min() - REACH_M - CELL_M, y.max() + REACH_M + CELL_M
    shape = tuple(int(np.ceil(span / CELL_M)) + 1 for span in (top - y.min() + REACH_M, x.max() + REACH_M - west))
    transform = Affine(CELL_M, 0, west, 0, -CELL_M, top)
    known = within_reach(tracks, transform, shape)
    east, north = (at[known] for at in _centres(transform, shape))
    blocks = np.floor(np.column_stack(scene.view.ground(east, north)) / BLOCK_M).astype(int)
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


def _centres(transform: Affine, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, col = np.mgrid[: shape[0], : shape[1]] + 0.5
    x, y = transform @ (col, row)
    return np.asarray(x), np.asarray(y)


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = int((one | other).sum())
    return float((one & other).sum() / either) if either else 0.0
