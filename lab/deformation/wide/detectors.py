"""Detectors of wide motion on cells of 1 km; each returns the regions found at any threshold of its score.

Only regions that another frame of the same ground confirms count: by the service's rule, or for the matched filter if
the median rate there is at least half as fast.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask

from ingest.readers.records import Reference
from ml.deformation.filters.baseline import MatchedFilterConfig, matched_filter
from ml.deformation.gridding.cells import VelocityGrid
from ml.deformation.gridding.points import Float32, PointCloud
from ml.deformation.wide.cells import WideCells, wide_cells
from ml.deformation.wide.regions import SMALLEST_M2, Bowl, draw_regions
from ml.deformation.wide.search import fit_wide, scene, shows
from ml.rasters.regions import regions

LOWEST = 3.5  # lowest score at which the search of long wavelengths reports bowls
SCALES_M = (2_500.0, 5_000.0, 10_000.0, 20_000.0)
LEAST_SHARED = 0.3  # points of another frame per cell of a region, needed to confirm the region
LEAVE = 0.5  # share of the threshold at which an outline of the baseline method ends


class Found(NamedTuple):
    """One flagged region: its cells, and its peak rate, mm/yr, with sign."""

    mask: NDArray[np.bool_]
    peak_mm_yr: float


At = Callable[[float], list[Found]]


def wide(points: PointCloud, others: Sequence[PointCloud]) -> tuple[WideCells, At]:
    """Run the long-wavelength search of the service."""
    search = fit_wide(points, Reference.GNSS, significant=LOWEST)
    beside = [scores for other in others if (scores := scene(other, Reference.GNSS).scores)]

    @cache
    def confirmed(bowl: Bowl) -> bool:
        return any(shows(scores, bowl) for scores in beside)

    def at(threshold: float) -> list[Found]:
        return drawn(tuple(bowl for bowl in search.bowls if bowl.score >= threshold))

    @cache
    def drawn(bowls: tuple[Bowl, ...]) -> list[Found]:
        regions = draw_regions(bowls, search.cells, search.still, search.beside)
        shape, transform = search.cells.rate_mm_yr.shape, search.cells.transform
        return [
            Found(geometry_mask([region.outline], shape, transform, invert=True), region.peak_mm_yr)
            for region in regions
            if confirmed(region.bowls[0])
        ]

    return search.cells, at


def gaussian_filter(points: PointCloud, others: Sequence[PointCloud]) -> tuple[WideCells, At]:
    """Run the service's matched filter at wide scales, with its own background removed."""
    cells = wide_cells(points)
    grid = VelocityGrid(cells.rate_mm_yr, cells.n_points, cells.transform, points.epsg)
    config = MatchedFilterConfig(scales_m=SCALES_M, score_at_half=10.0, score_width=1.0, reach_m=1_500.0)
    maps = matched_filter(grid, config)
    p = np.clip(maps.probability, 1e-9, 1 - 1e-9)
    score = np.where(np.isnan(maps.probability), np.nan, 10.0 + np.log(p / (1 - p))).astype(np.float32)
    return cells, _by_score(score, maps.rate_mm_yr, cells, others)


def _confirms(points: PointCloud, cells: WideCells, mask: NDArray[np.bool_]) -> bool:
    """Return whether another frame shows at least half of the same motion."""
    rows, cols = mask.shape
    col, row = (np.floor(each).astype(np.int64) for each in ~cells.transform @ (points.x, points.y))
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    inside[inside] = mask[row[inside], col[inside]]
    own = float(np.median(cells.rate_mm_yr[mask & cells.known]))
    if np.count_nonzero(inside) < LEAST_SHARED * np.count_nonzero(mask & cells.known):
        return False
    return bool(np.median(points.velocity_mm_yr[inside]) * np.sign(own) >= abs(own) / 2)


def _by_score(score: Float32, rate: Float32, cells: WideCells, others: Sequence[PointCloud]) -> At:
    smallest = SMALLEST_M2 / cells.transform.a**2

    def at(threshold: float) -> list[Found]:
        found = []
        for sign in (-1, 1):
            signed = np.where(np.sign(rate) == sign, score, np.float32(0))
            for region in regions(signed, threshold, LEAVE * threshold, widened=1):
                mask = np.zeros(score.shape, dtype=bool)
                mask[region.window] = region.mask
                if np.count_nonzero(mask) >= smallest and any(_confirms(other, cells, mask) for other in others):
                    found.append(Found(mask, sign * float(np.nanpercentile(np.abs(rate[mask]), 95))))
        return found

    return at


Detector = Callable[[PointCloud, Sequence[PointCloud]], tuple[WideCells, At]]
METHODS: dict[str, Detector] = {"wide": wide, "matched-filter": gaussian_filter}
