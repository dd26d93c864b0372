"""The whitening filter alone as a detector without learning: a bowl's significance against atmospheric delay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ground_motion.methods.deformation.features.atmosphere import RADII_CELLS, standing_out
from ground_motion.methods.deformation.features.channels import STILL_WITHIN_MM_YR, cell_noise_of, still_rate_of
from ground_motion.methods.deformation.filters.baseline import (
    DeformationMaps,
    LocalRate,
    background_and_noise,
    local_rate,
    logistic,
    split_by_sign,
)
from ground_motion.methods.deformation.gridding.cells import CELL_M, RobustGrid, grid_robust
from ground_motion.methods.deformation.gridding.points import Float32, PointCloud


@dataclass(frozen=True)
class WhiteningConfig(LocalRate):
    """Settings of whitening. cells_m: radii are counted in cells, so that narrow bowls are searched on smaller ones.

    The rest is as in `MatchedFilterConfig` and `LocalRate`.
    """

    cells_m: tuple[float, ...] = (CELL_M, CELL_M / 2)
    score_at_half: float = 4.5
    score_width: float = 0.5


def whitening(points: PointCloud, grid: RobustGrid, config: WhiteningConfig) -> DeformationMaps:
    """Flag cells of `grid`, that of the points, where a bowl of any radius exceeds the delay and the ground moves."""
    background, sigma = background_and_noise(grid.velocity_mm_yr, STILL_WITHIN_MM_YR)
    score = np.zeros(grid.velocity_mm_yr.shape, dtype=np.float32)
    for tested in _scores(points, grid, config):
        larger = np.abs(tested) > np.abs(score)
        score[larger] = tested[larger]
    rate = local_rate(grid.velocity_mm_yr - np.float32(background), grid.n_points, grid.cell_m, config)
    moves = (np.abs(rate) >= config.smallest_rate_mm_yr) & (np.sign(rate) == np.sign(score))
    probability = np.where(moves, logistic((np.abs(score) - config.score_at_half) / config.score_width), 0)
    return split_by_sign(probability, rate, [background], sigma)


def _scores(points: PointCloud, grid: RobustGrid, config: WhiteningConfig) -> Iterator[Float32]:
    """Yield the scores (rows, cols) for each size of cells and each radius."""
    rows, cols = grid.velocity_mm_yr.shape
    noise = cell_noise_of(grid.velocity_mm_yr)
    for cell_m in dict.fromkeys(max(size, float(np.ceil(points.posting_m or 0.0))) for size in config.cells_m):
        fine = grid if cell_m == grid.cell_m else grid_robust(points, cell_m, workers=1)
        velocity = fine.velocity_mm_yr - np.float32(still_rate_of(fine))
        scores = standing_out(velocity, fine.n_points, fine.height_m, cell_m, noise_mm_yr=noise)[: len(RADII_CELLS)]
        last_row, last_col = (size - 1 for size in velocity.shape)
        down = grid.cell_m * (np.arange(rows) + 0.5) - (grid.transform.f - fine.transform.f)
        right = grid.cell_m * (np.arange(cols) + 0.5) + (grid.transform.c - fine.transform.c)
        row = np.clip(np.floor(down / cell_m).astype(int), 0, last_row)
        col = np.clip(np.floor(right / cell_m).astype(int), 0, last_col)
        yield from scores[:, row[:, None], col]
