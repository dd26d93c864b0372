"""A detector's result on one tile beside the simulated truth: areas, places, bowls."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.methods.deformation.gridding.boxes import overlap
from ground_motion.methods.deformation.gridding.cells import distance_to_points_m, middles
from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.rasters.areas import (
    DEFAULT_THRESHOLDS,
    Motion,
    motions,
    signs_and_names,
)
from lab.simulation.tiles import CELL_M, CELLS, Tile, TileTrack

BoolMap = NDArray[np.bool_]
REACH_M = 200.0  # Ground farther than this from all points is not scored.
STILL_MM_YR = 1.0  # an area that touches no ground this fast is a false alarm


class LabelledArea(NamedTuple):
    """One area: its cells, and subsidence or uplift along the line of sight."""

    mask: BoolMap
    kind: str


def truth_of(tile: Tile, tracks: Sequence[TileTrack]) -> Float32:
    """Return the true rate of each cell, (CELLS, CELLS), mm/yr, along the line of sight with the faster motion."""
    total = np.zeros((len(tracks), CELLS, CELLS), dtype=np.float32)
    for track, plane in zip(tracks, total, strict=True):
        for truth in tile.truths(track.geometry.los):
            plane += truth.rate_mm_yr
    return np.asarray(np.take_along_axis(total, np.abs(total).argmax(axis=0)[None], axis=0)[0])


def points_on(tile: Tile, tracks: Sequence[TileTrack]) -> NDArray[np.int64]:
    """Return the number of all tracks' points in each cell, (CELLS, CELLS)."""
    x, y = (np.concatenate([getattr(track, axis) for track in tracks]) for axis in ("x_m", "y_m"))
    row, col = tile.terrain.cell_of(x, y)
    return np.bincount(row * CELLS + col, minlength=CELLS * CELLS).reshape(CELLS, CELLS)


def within_reach(points: BoolMap, cell_m: float) -> BoolMap:
    """Return the cells within REACH_M of a cell with points."""
    return np.asarray(distance_to_points_m(points, cell_m) <= REACH_M)


def placed(band: Float32, transform: Affine, tile: Tile) -> Float32:
    """Return a band (rows, cols) on the tile's own grid, (CELLS, CELLS), NaN outside of the band."""
    at = round((tile.terrain.top_m - transform.f) / CELL_M), round((transform.c - tile.terrain.west_m) / CELL_M)
    whole = np.full((CELLS, CELLS), np.nan, dtype=np.float32)
    here, own = overlap(at, band.shape, whole.shape)
    whole[here] = band[own]
    return whole


def areas_of(bands: Mapping[str, Float32], points: NDArray[np.int64]) -> list[LabelledArea]:
    """Return the cells of every area that meets the size and point limits of `flagged_areas`. points: `points_on`."""
    labelled = []
    for motion in large_motions(bands, points, CELL_M):
        mask = np.zeros((CELLS, CELLS), dtype=bool)
        mask[motion.region.window] = motion.region.mask
        labelled.append(LabelledArea(mask, motion.sign))
    return labelled


def large_motions(bands: Mapping[str, Float32], points: NDArray[np.int64], cell_m: float) -> list[Motion]:
    """Return the moving areas of bands (rows, cols) that meet DEFAULT_THRESHOLDS. points: number in each cell."""
    limits, (signs, kinds) = DEFAULT_THRESHOLDS, signs_and_names(bands)
    return [
        motion
        for motion in motions(signs, cell_m, limits, kinds)
        if motion.region.mask.sum() * cell_m**2 >= limits.smallest_m2
        and points[motion.region.window][motion.region.mask].sum() >= limits.fewest_points
    ]


def heart_of(tile: Tile, radius_m: float) -> tuple[Float64, Float64]:
    """Return x and y of the cells in the inner half of the tile's only source, (n,) each."""
    (source,) = tile.sources
    east_m, north_m = tile.terrain.cell_centres()
    away_m = np.hypot(east_m - source.centre.east_m, north_m - source.centre.north_m)
    x, y = middles(tile.transform, away_m.shape)
    heart = away_m <= max(radius_m / 2, CELL_M)
    return x[heart], y[heart]
