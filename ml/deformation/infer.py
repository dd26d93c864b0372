"""One interface for every detector: points in, maps on a grid out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from ml.areas import CLASSES, DEFAULT_THRESHOLDS, Area, count_within, find_areas
from ml.deformation.baseline import DeformationMaps, MatchedFilterConfig, ThresholdConfig, matched_filter, threshold
from ml.deformation.despike import despike
from ml.deformation.gridding import grid_median
from ml.deformation.hotspots import AdaConfig, GetisOrdConfig, active_areas, getis_ord
from ml.deformation.points import PointCloud

Config = MatchedFilterConfig | ThresholdConfig | AdaConfig | GetisOrdConfig

CONFIGS: dict[str, type[Config]] = {
    "matched-filter": MatchedFilterConfig,
    "threshold": ThresholdConfig,
    "ada": AdaConfig,
    "getis-ord": GetisOrdConfig,
}
METHODS = tuple(CONFIGS)
VERSIONS = {"matched-filter": "2", "threshold": "2", "ada": "1", "getis-ord": "1"}  # raise when the numbers change
UNITS = ("1", "1", "1", "mm/yr")


class DeformationResult(NamedTuple):
    """Maps (rows, cols) with their place on the ground."""

    maps: DeformationMaps
    transform: Affine
    epsg: int

    def bands(self) -> dict[str, NDArray[np.float32]]:
        """The bands in the order of the command line's contract."""
        maps = self.maps
        return {
            "probability": maps.probability,
            "subsidence": maps.subsidence,
            "uplift": maps.uplift,
            "rate_mm_yr": maps.rate_mm_yr,
        }

    def statistics(self) -> dict[str, float]:
        """What is worth knowing without opening the raster."""
        probability = np.nan_to_num(self.maps.probability)
        return {
            "background_mm_yr": round(self.maps.background_mm_yr, 3),
            "rate_sigma_mm_yr": round(self.maps.rate_sigma_mm_yr, 3),
            "cells_known": int(np.isfinite(self.maps.probability).sum()),
            "cells_moving": int((probability >= 0.5).sum()),
            "highest_probability": round(float(probability.max()), 4),
        }


def parameters(method: str) -> dict[str, Any]:
    """The constants a method runs with, for the record."""
    return asdict(CONFIGS[method]())


def detect_deformation(
    points: PointCloud, method: str, device: torch.device | None = None, config: Config | None = None
) -> DeformationResult:
    """Run a detector on one product's points. ValueError for a method that does not exist.

    config: in place of the method's default.
    """
    if method not in CONFIGS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    return detect_with(points, config or CONFIGS[method](), device)


def detect_with(points: PointCloud, config: Config, device: torch.device | None = None) -> DeformationResult:
    """Run the detector that a configuration belongs to."""
    if isinstance(config, ThresholdConfig):
        grid = grid_median(points)
        return DeformationResult(threshold(grid, config), grid.transform, grid.epsg)
    if isinstance(config, AdaConfig):
        grid = grid_median(points)
        return DeformationResult(active_areas(points, grid, config), grid.transform, grid.epsg)
    grid = grid_median(points._replace(velocity_mm_yr=despike(points)))
    if isinstance(config, GetisOrdConfig):
        return DeformationResult(getis_ord(grid, config, device), grid.transform, grid.epsg)
    return DeformationResult(matched_filter(grid, config, device), grid.transform, grid.epsg)


def flagged_areas(result: DeformationResult, tracks: Sequence[PointCloud]) -> list[tuple[Area, int]]:
    """The areas of a result that enough of the points stand in, with their number, strongest first."""
    bands = result.bands()
    areas = find_areas({name: bands[name] for name in CLASSES}, bands["rate_mm_yr"], result.transform)
    counted = [(area, sum(count_within(area.polygon, track.x, track.y) for track in tracks)) for area in areas]
    return [(area, n_points) for area, n_points in counted if n_points >= DEFAULT_THRESHOLDS.fewest_points]


def strongest(results: list[DeformationResult]) -> DeformationResult:
    """Lay the results of several tracks over each other; where they overlap the higher probability stands.

    All must share one projected system and cell size; transforms differ by whole cells.
    """
    if len(results) == 1:
        return results[0]
    west = min(r.transform.c for r in results)
    north = max(r.transform.f for r in results)
    cell = results[0].transform.a
    places = [(round((north - r.transform.f) / cell), round((r.transform.c - west) / cell)) for r in results]
    shapes = [r.maps.probability.shape for r in results]
    rows = max(row + shape[0] for (row, _), shape in zip(places, shapes, strict=True))
    cols = max(col + shape[1] for (_, col), shape in zip(places, shapes, strict=True))
    merged = [np.full((rows, cols), np.nan, dtype=np.float32) for _ in range(4)]
    for result, (row, col), shape in zip(results, places, shapes, strict=True):
        window = (slice(row, row + shape[0]), slice(col, col + shape[1]))
        stands = merged[0][window]
        better = ~(result.maps.probability <= stands) & ~(np.isnan(result.maps.probability) & np.isfinite(stands))
        for target, source in zip(merged, result.maps[:4], strict=True):
            target[window][better] = source[better]
    loudest = max(results, key=lambda r: r.maps.rate_sigma_mm_yr)
    probability, subsidence, uplift, rate = merged
    maps = DeformationMaps(
        probability, subsidence, uplift, rate, loudest.maps.background_mm_yr, loudest.maps.rate_sigma_mm_yr
    )
    return DeformationResult(maps, Affine(cell, 0, west, 0, -cell, north), results[0].epsg)
