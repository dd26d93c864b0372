"""Areas that a method flags in a view at any threshold, in logits above the method's own, from one score map."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from ground_motion.methods.deformation.infer import DeformationResult, detect_all_with
from ground_motion.rasters.areas import Motion
from lab.deformation import CONFIGS
from lab.deformation.measures.scoring import large_motions

Indices = NDArray[np.intp]
LEVELS = np.arange(-12.0, 40.5, 0.5)  # thresholds at which areas are counted
WIDER = 4.0  # Factor on the width of a score's logistic, because float32 would round far scores to 0 or 1.
MAX_COUNTED = 20  # If a view has more areas, lower thresholds are taken to have as many.


class View(NamedTuple):
    """A method's result in a view. width: factor on its logits; points: (rows, cols), of all tracks in each cell."""

    result: DeformationResult
    width: float
    points: NDArray[np.int64]

    def flagged(self, level: float) -> list[Motion]:
        """Return the areas with enough cells and points at a threshold."""
        maps = self.result.maps
        probability, away, toward = (_raised(each, self.width, level) for each in maps[:3])
        raised = self.result._replace(maps=maps._replace(probability=probability, subsidence=away, uplift=toward))
        return large_motions(raised.bands(), self.points, raised.transform.a)

    def counts(self) -> NDArray[np.int64]:
        """Return how many areas are flagged at each of LEVELS, or at a higher one if more are flagged there."""
        counts = np.zeros(len(LEVELS), dtype=np.int64)
        for i in reversed(range(np.searchsorted(LEVELS, self._highest(), side="right"))):
            counts[i] = len(self.flagged(LEVELS[i]))
            if counts[i] >= MAX_COUNTED:
                counts[:i] = counts[i]
                break
        return np.maximum.accumulate(counts[::-1])[::-1]

    def limit(self, sign: str, x: Float64, y: Float64) -> float:
        """Return the highest of LEVELS at which an area of a sign contains one of some positions; −∞ if none does."""
        heart = np.zeros(self.points.shape, dtype=bool)
        heart[_cells(self.result.transform, heart.shape, x, y)] = True
        low, high = 0, int(np.searchsorted(LEVELS, self._highest(), side="right"))
        while low < high:  # Detected at all levels before `low`, and at none from `high` on.
            middle = (low + high) // 2
            areas = self.flagged(LEVELS[middle])
            found = any(area.sign == sign and heart[area.region.window][area.region.mask].any() for area in areas)
            low, high = (middle + 1, high) if found else (low, middle)
        return float(LEVELS[low - 1]) if low else -np.inf

    def _highest(self) -> float:
        probability = float(np.nan_to_num(self.result.maps.probability).max(initial=0.0))
        with np.errstate(divide="ignore"):
            return float(self.width * (np.log(probability) - np.log1p(-probability)))


def _cells(transform: Affine, shape: tuple[int, ...], x: Float64, y: Float64) -> tuple[Indices, Indices]:
    """Return rows and columns of the positions that lie inside a grid."""
    row = np.floor((transform.f - y) / transform.a).astype(np.intp)
    col = np.floor((x - transform.c) / transform.a).astype(np.intp)
    inside = (row >= 0) & (row < shape[0]) & (col >= 0) & (col < shape[1])
    return row[inside], col[inside]


def _raised(probability: NDArray[np.float32], width: float, level: float) -> NDArray[np.float32]:
    """Return probabilities for a threshold raised by `level` logits; those of exactly 0 or 1 stay."""
    with np.errstate(divide="ignore", over="ignore"):
        against = (1 / probability.astype(np.float64) - 1) ** width * np.exp(level)
    return np.asarray(1 / (1 + against), dtype=np.float32)


def view_of(method: str, tracks: Sequence[PointCloud]) -> View:
    """Run a method once on some tracks."""
    config: Any = CONFIGS[method]()
    widths = {field.name: WIDER * getattr(config, field.name) for field in fields(config) if "width" in field.name}
    result = detect_all_with(tracks, replace(config, **widths))
    return View(result, WIDER if widths else 1.0, points_in(result, tracks))


def points_in(result: DeformationResult, tracks: Sequence[PointCloud]) -> NDArray[np.int64]:
    """Return the number of points of all tracks in each cell of a result, (rows, cols)."""
    points = np.zeros(result.maps.probability.shape, dtype=np.int64)
    for track in tracks:
        np.add.at(points, _cells(result.transform, points.shape, track.x, track.y), 1)
    return points
