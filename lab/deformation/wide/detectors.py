"""Detectors of wide motion on the same cells of 1 km: what each draws at any threshold of its score."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask

from ingest.readers.records import Reference
from ml.deformation.filters.baseline import MatchedFilterConfig, background_and_noise, matched_filter
from ml.deformation.gridding.cells import VelocityGrid
from ml.deformation.gridding.points import Float32, PointCloud
from ml.deformation.wide.cells import WideCells, smoothed, wide_cells
from ml.deformation.wide.regions import SMALLEST_M2, Bowl, draw_regions
from ml.deformation.wide.search import fit_wide
from ml.rasters.regions import regions

LOWEST = 3.5  # lowest score at which the wide look reports bowls
STILL_WITHIN_MM_YR = 5.0
SCALES_M = (2_500.0, 5_000.0, 10_000.0, 20_000.0)
LEAVE = 0.5  # of the threshold, at which an outline of the baseline methods ends


class Found(NamedTuple):
    """One flagged region: its cells, and its peak rate, mm/yr, whose sign is the region's."""

    mask: NDArray[np.bool_]
    peak_mm_yr: float


At = Callable[[float], list[Found]]


def wide(points: PointCloud, reference: Reference) -> tuple[WideCells, At]:
    """The wide look."""
    look = fit_wide(points, reference, significant=LOWEST)

    def at(threshold: float) -> list[Found]:
        return drawn(tuple(bowl for bowl in look.bowls if bowl.score >= threshold))

    @cache
    def drawn(bowls: tuple[Bowl, ...]) -> list[Found]:
        regions = draw_regions(bowls, look.cells, look.still, look.beside)
        shape, transform = look.cells.rate_mm_yr.shape, look.cells.transform
        return [
            Found(geometry_mask([region.outline], shape, transform, invert=True), region.peak_mm_yr)
            for region in regions
        ]

    return look.cells, at


def plain_threshold(points: PointCloud, reference: Reference) -> tuple[WideCells, At]:
    """Smoothed rates, against zero where the product is absolute, else against its background."""
    cells = wide_cells(points)
    rate = smoothed(cells.rate_mm_yr, cells.cell_km)
    rate[~cells.known] = np.nan
    if reference is Reference.LOCAL:
        rate -= np.float32(background_and_noise(cells.rate_mm_yr, STILL_WITHIN_MM_YR)[0])
    return cells, _by_score(np.abs(rate), rate, cells)


def gaussian_filter(points: PointCloud, reference: Reference) -> tuple[WideCells, At]:
    """The matched filter of the service at wide scales; it takes its own background, whatever the reference."""
    cells = wide_cells(points)
    grid = VelocityGrid(cells.rate_mm_yr, cells.n_points, cells.transform, points.epsg)
    config = MatchedFilterConfig(scales_m=SCALES_M, score_at_half=10.0, score_width=1.0, reach_m=1_500.0)
    maps = matched_filter(grid, config)
    p = np.clip(maps.probability, 1e-9, 1 - 1e-9)
    score = np.where(np.isnan(maps.probability), np.nan, 10.0 + np.log(p / (1 - p))).astype(np.float32)
    return cells, _by_score(score, maps.rate_mm_yr, cells)


def _by_score(score: Float32, rate: Float32, cells: WideCells) -> At:
    smallest = SMALLEST_M2 / cells.transform.a**2

    def at(threshold: float) -> list[Found]:
        found = []
        for sign in (-1, 1):
            signed = np.where(np.sign(rate) == sign, score, np.float32(0))
            for region in regions(signed, threshold, LEAVE * threshold, widened=1):
                mask = np.zeros(score.shape, dtype=bool)
                mask[region.window] = region.mask
                if np.count_nonzero(mask) >= smallest:
                    found.append(Found(mask, sign * float(np.nanpercentile(np.abs(rate[mask]), 95))))
        return found

    return at


METHODS: dict[str, Callable[[PointCloud, Reference], tuple[WideCells, At]]] = {
    "wide": wide,
    "matched-filter": gaussian_filter,
    "threshold": plain_threshold,
}
