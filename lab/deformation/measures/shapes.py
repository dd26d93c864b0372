"""Errors of measured peaks, intervals and half outlines, of detected objects with a radius of MIN_M or more."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from affine import Affine
from shapely import contains_xy

from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.rasters.areas import Area
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.deformation.measures.scoring import BoolMap, ShapeError, within_reach
from lab.simulation.tiles import CELL_M, CELLS, Tile, TileTrack

MIN_M = 250.0
NTH_FASTEST = 3  # a peak rate must be reached by this many points to be measurable


class TrueShape(NamedTuple):
    """One object as the points could show it. half, known: (rows, cols) on cells of `transform`.

    peak_mm_yr: with its sign, the NTH_FASTEST point's own motion; half: where it moves by half of that; known: within
    reach of points; radius_m: of the Gaussian bowl rate · exp(-(r / radius)²) whose half outline is as large.
    """

    peak_mm_yr: float
    half: BoolMap
    known: BoolMap
    transform: Affine

    @property
    def radius_m(self) -> float:
        """Return the radius of the Gaussian bowl whose half outline is as large."""
        return float(np.sqrt(self.half.sum() * self.transform.a**2 / np.pi / np.log(2)))


def best_error(areas: Sequence[Area], truth: TrueShape) -> ShapeError | None:
    """Return the error of the best fitting half outline among areas of the right sign on the object; None if none."""
    x, y = middles(truth.transform, truth.half.shape)
    wanted = truth.half & truth.known
    errors = []
    for area in areas:
        if np.sign(area.rate_mm_yr) != np.sign(truth.peak_mm_yr):
            continue
        if not contains_xy(area.polygon, x[wanted], y[wanted]).any():
            continue
        for place in area.places:
            drawn = contains_xy(place.half, x, y) & truth.known
            overlap = float((drawn & wanted).sum() / max((drawn | wanted).sum(), 1))
            peak, low, high = (abs(rate) for rate in place.peak)
            errors.append(ShapeError(peak / abs(truth.peak_mm_yr), low <= abs(truth.peak_mm_yr) <= high, overlap))
    return max(errors, key=lambda error: error.iou_half, default=None)


def true_shapes(tile: Tile, tracks: Sequence[TileTrack]) -> list[TrueShape]:
    """Return every large enough object of a tile, from the track with the faster motion."""
    shapes = []
    for source in tile.sources:
        seen = [_seen(tile, track, source) for track in tracks]
        largest = max((shape for shape in seen if shape), key=lambda shape: abs(shape.peak_mm_yr), default=None)
        if largest is not None and largest.radius_m >= MIN_M:
            shapes.append(largest)
    return shapes


def _seen(tile: Tile, track: TileTrack, source: object) -> TrueShape | None:
    truth = next((one for one in tile.truths(track.geometry.los) if one.source is source), None)
    if truth is None:
        return None
    row, col = tile.terrain.cell_of(track.x_m, track.y_m)
    here = np.sign(truth.peak_mm_yr) * track.truth_mm_yr[truth.mask[row, col]]
    if here.size < NTH_FASTEST:
        return None
    peak = float(np.sign(truth.peak_mm_yr) * np.sort(here)[-NTH_FASTEST])
    points = np.zeros((CELLS, CELLS), dtype=bool)
    points[row, col] = True
    half = np.sign(peak) * truth.rate_mm_yr >= abs(peak) / 2
    return TrueShape(peak, half, within_reach(points, CELL_M), tile.transform)


def shape_metrics(errors: Sequence[Sequence[ShapeError]]) -> dict[str, Interval]:
    """Return the median errors over all objects, with 95 % intervals over tiles. errors: by tile, may be empty."""
    if not any(errors):
        return {}
    tables = [np.array(each, dtype=np.float64).reshape(-1, 3) for each in errors]

    def resampled(statistic: Callable[[Float64], float]) -> Interval:
        return bootstrap_over(tables, lambda table: statistic(table) if len(table) else np.nan)

    return {
        "peak_error_median": resampled(lambda table: float(np.median(np.abs(table[:, 0] - 1)))),
        "peak_bias": resampled(lambda table: float(np.median(table[:, 0]) - 1)),
        "peak_within_90": resampled(lambda table: float(table[:, 1].mean())),
        "median_iou_half": resampled(lambda table: float(np.median(table[:, 2]))),
    }
