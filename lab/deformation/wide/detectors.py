"""Detectors of wide motion on cells of 1 km; each returns the regions found at any threshold of its score."""

from collections.abc import Callable
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
from ml.deformation.wide.search import fit_wide
from ml.rasters.regions import regions

LOWEST = 3.5  # lowest score at which the search of long wavelengths reports bowls
SCALES_M = (2_500.0, 5_000.0, 10_000.0, 20_000.0)
LEAVE = 0.5  # share of the threshold at which an outline of the baseline method ends


class Found(NamedTuple):
    """One flagged region: its cells, and its peak rate, mm/yr, with sign."""

    mask: NDArray[np.bool_]
    peak_mm_yr: float


At = Callable[[float], list[Found]]


def wide(points: PointCloud) -> tuple[WideCells, At]:
    """Run the long-wavelength search of the service."""
    search = fit_wide(points, Reference.GNSS, significant=LOWEST)

    def at(threshold: float) -> list[Found]:
        return drawn(tuple(bowl for bowl in search.bowls if bowl.score >= threshold))

    @cache
    def drawn(bowls: tuple[Bowl, ...]) -> list[Found]:
        regions = draw_regions(bowls, search.cells, search.still, search.beside)
        shape, transform = search.cells.rate_mm_yr.shape, search.cells.transform
        return [
            Found(geometry_mask([region.outline], shape, transform, invert=True), region.peak_mm_yr)
            for region in regions
        ]

    return search.cells, at


def gaussian_filter(points: PointCloud) -> tuple[WideCells, At]:
    """Run the service's matched filter at wide scales, with its own background removed."""
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


METHODS: dict[str, Callable[[PointCloud], tuple[WideCells, At]]] = {"wide": wide, "matched-filter": gaussian_filter}
