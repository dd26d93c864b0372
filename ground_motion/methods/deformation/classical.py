"""Methods without learning, and their results at places that another method flagged.

Nothing here imports torch, so that every layer above may use it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rasterio.features import geometry_mask
from shapely import MultiPolygon, Polygon, unary_union

from ground_motion.methods.deformation import DeformationMethod
from ground_motion.methods.deformation.filters.baseline import (
    DeformationMaps,
    MatchedFilterConfig,
    ThresholdConfig,
    matched_filter,
    threshold,
)
from ground_motion.methods.deformation.filters.hotspots import AdaConfig, GetisOrdConfig, active_areas, getis_ord
from ground_motion.methods.deformation.gridding.cells import RobustGrid, grid_robust
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS, SortedPoints, areas_in, count_within

ClassicalConfig = MatchedFilterConfig | ThresholdConfig | AdaConfig | GetisOrdConfig

COMPARED = ("matched-filter", "ada")  # compared with a network, place by place
TILE_M = 10_000.0  # These methods read ground of this side, on which their thresholds were set.
AROUND_M = 3_000.0  # margin on each side of a place too wide for TILE_M


class MethodResult(NamedTuple):
    """Result of one method at a place. score: its highest probability inside, 0-1, comparable within one method only.

    share: of the place that the method flags, 0-1. peak_rate_mm_yr: of the fastest area, as signed, or None.
    """

    method: str
    version: str
    score: float
    share: float
    peak_rate_mm_yr: float | None


def classical_maps(points: PointCloud, config: ClassicalConfig) -> tuple[DeformationMaps, RobustGrid]:
    """Return one track's maps by the method of a configuration, with their grid."""
    grid = grid_robust(points, despiked=isinstance(config, MatchedFilterConfig | GetisOrdConfig))
    if isinstance(config, ThresholdConfig):
        return threshold(grid, config), grid
    if isinstance(config, AdaConfig):
        return active_areas(points, grid, config), grid
    if isinstance(config, GetisOrdConfig):
        return getis_ord(grid, config), grid
    return matched_filter(grid, config), grid


def ground_around(place: Polygon | MultiPolygon) -> tuple[float, float, float, float]:
    """Return west, south, east, north of the ground that the methods need around a place; m, in the place's system."""
    west, south, east, north = place.bounds
    half = max(TILE_M, max(east - west, north - south) + 2 * AROUND_M) / 2
    x, y = (west + east) / 2, (south + north) / 2
    return x - half, y - half, x + half, y + half


def results_at(
    place: Polygon | MultiPolygon, tracks: Sequence[PointCloud], methods: Sequence[str] = COMPARED
) -> list[MethodResult]:
    """Return the result of each method at a place, for each track alone and for all tracks together.

    place, tracks: in one projected system, metres; tracks: points within `ground_around` the place.
    """
    return [_result(place, tracks, method) for method in methods]


def _result(place: Polygon | MultiPolygon, tracks: Sequence[PointCloud], method: str) -> MethodResult:
    row, score, flagged = DeformationMethod.find(method), 0.0, []
    for points in tracks:
        maps, grid = classical_maps(points, row.new_config())
        inside = geometry_mask([place], maps.probability.shape, grid.transform, all_touched=True, invert=True)
        score = max(score, float(np.nan_to_num(maps.probability[inside]).max(initial=0.0)))
        held = [SortedPoints(points.x, points.y, points.velocity_mm_yr)]
        bands = {"subsidence": maps.subsidence, "uplift": maps.uplift, "rate_mm_yr": maps.rate_mm_yr}
        flagged += [
            area
            for area in areas_in(bands, grid.transform)
            if area.polygon.intersects(place) and count_within(area.polygon, held) >= DEFAULT_THRESHOLDS.fewest_points
        ]
    covered = unary_union([area.polygon for area in flagged]).intersection(place).area
    fastest = max((area.peak_rate_mm_yr for area in flagged), key=abs, default=None)
    return MethodResult(method, row.version, score, float(covered / place.area), fastest)
