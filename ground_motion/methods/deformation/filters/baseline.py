"""Detectors without learning: a plain threshold, and a robust matched filter on several scales.

Two more are in `hotspots`; all of them are run by `classical`. The matched filter is the baseline method that a network
must beat; docs/models/matched-filter.md gives its results and constants. Nothing here imports torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.gridding.cells import RobustGrid
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.statistics.robust import MAD_TO_SIGMA


class DeformationMaps(NamedTuple):
    """Maps of a detector on a grid: (rows, cols) float32, NaN where unknown.

    probability that the ground moves against its surroundings, split into away (subsidence) and toward (uplift) by the
    sign of the product; rate_mm_yr: minus the background; backgrounds_mm_yr: rate that counts as still, of each track.
    """

    probability: Float32
    subsidence: Float32
    uplift: Float32
    rate_mm_yr: Float32
    backgrounds_mm_yr: tuple[float, ...]
    rate_sigma_mm_yr: float


@dataclass(frozen=True)
class MatchedFilterConfig:
    """Settings of the matched filter; scales: standard deviations of kernels, m. See docs/models/matched-filter.md."""

    scales_m: tuple[float, ...] = (150.0, 300.0, 600.0, 1200.0)
    score_at_half: float = 4.8
    score_width: float = 0.5
    smallest_rate_mm_yr: float = 2.0
    smallest_support: float = 4.0
    reach_m: float = 200.0
    still_within_mm_yr: float = 5.0
    correlated_sigma_mm_yr: float = 0.45


@dataclass(frozen=True)
class ThresholdConfig:
    """Settings of the threshold on velocities, the simplest detector."""

    rate_mm_yr: float = 4.5
    width_mm_yr: float = 1.0


def threshold(grid: RobustGrid, config: ThresholdConfig) -> DeformationMaps:
    """Flag each cell by its own rate alone, the simplest baseline method."""
    background, sigma = background_and_noise(grid.velocity_mm_yr, config.rate_mm_yr / 2)
    rate = grid.velocity_mm_yr - np.float32(background)
    probability = logistic((np.abs(rate) - config.rate_mm_yr) / config.width_mm_yr)
    return split_by_sign(probability, rate, [background], sigma)


def matched_filter(grid: RobustGrid, config: MatchedFilterConfig) -> DeformationMaps:
    """Flag cells where the weighted mean rate under a Gaussian exceeds the noise on any scale.

    The score on one scale is the mean rate over its standard error: white noise of the cells (measured between
    neighbours, so that motion does not count as noise) and a correlated part, increased if the scores of still ground
    spread more than expected. A cell is flagged only if its own neighbourhood moves, so that a wide kernel does not
    flag the surroundings of a small bowl, and only within reach_m of a measurement.
    """
    background, sigma = background_and_noise(grid.velocity_mm_yr, config.still_within_mm_yr)
    known = np.isfinite(grid.velocity_mm_yr)
    residual = np.where(known, grid.velocity_mm_yr - background, 0).astype(np.float32)
    weight = np.where(known, grid.n_points / (grid.n_points + 1.0), 0).astype(np.float32)
    still = known & (np.abs(residual) <= max(config.still_within_mm_yr, 3 * sigma))
    score = np.zeros(known.shape, dtype=np.float32)
    local = np.full(known.shape, np.nan, dtype=np.float32)
    local_sigma = np.nan
    for scale_m in config.scales_m:
        mean, support = weighted_mean(residual, weight, scale_m / grid.cell_m)
        error = np.sqrt(sigma**2 / np.maximum(support, 1e-6) + config.correlated_sigma_mm_yr**2)
        z = np.where(support >= config.smallest_support, mean / error, 0).astype(np.float32)
        z /= max(1.0, _spread(z[still & (support >= config.smallest_support)]))
        larger = np.abs(z) > np.abs(score)
        score[larger] = z[larger]
        first = np.isnan(local) & (support >= config.smallest_support)
        local[first] = mean[first]
        if np.isnan(local_sigma) and first.any():
            local_sigma = float(np.median(error[first]))
    local[ndimage.distance_transform_edt(~known) * grid.cell_m > config.reach_m] = np.nan  # No measurement is near.
    moves = (np.abs(local) >= config.smallest_rate_mm_yr) & (np.sign(local) == np.sign(score))
    probability = np.where(moves, logistic((np.abs(score) - config.score_at_half) / config.score_width), 0)
    return split_by_sign(probability, local, [background], local_sigma)


def background_and_noise(velocity_mm_yr: Float32, still_within_mm_yr: float) -> tuple[float, float]:
    """Return the rate that counts as still and the standard deviation of a cell, from its neighbours; both mm/yr.

    The still rate is the median of the cells near zero. If a plain sinks as a whole, it is the plain's rate, and places
    in the plain are compared with that. The network uses `still_ground` instead.
    """
    steps = np.concatenate([np.diff(velocity_mm_yr, axis=axis).ravel() for axis in (0, 1)])
    steps = steps[np.isfinite(steps)]
    noise = max(_spread(steps) / float(np.sqrt(2)), 0.1) if steps.size >= 10 else 1.0
    values = velocity_mm_yr[np.isfinite(velocity_mm_yr)]
    near = values[np.abs(values) <= max(still_within_mm_yr, 3 * noise)]
    background = float(np.median(near)) if near.size >= max(5, 0.01 * values.size) else 0.0
    return background, noise


def cell_noise(velocity_mm_yr: Float32) -> float:
    """Return the noise of a cell's rate, mm/yr, from second differences; 0 if too few cells lie in a row."""
    return _spread(second_differences(velocity_mm_yr, 1)) / float(np.sqrt(6))


def second_differences(rate: Float32, steps: int) -> Float32:
    """Return the known differences z(-h) - 2 z(0) + z(h) of cells (rows, cols) along both axes, h in steps of cells."""
    bends = [at[2 * steps :] - 2 * at[steps:-steps] + at[: -2 * steps] for at in (rate, rate.T)]
    return np.concatenate([each[np.isfinite(each)] for each in bends])


def _spread(values: NDArray[np.floating]) -> float:
    """Return the robust standard deviation of values with mean zero; 0 if there are too few."""
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values)))) if values.size >= 10 else 0.0


def weighted_mean(residual: Float32, weight: Float32, sigma_cells: float) -> tuple[Float32, Float32]:
    """Return the mean under a Gaussian of sigma_cells and the count of independent cells in it; both (rows, cols)."""
    total, weights = _gaussian(residual * weight, sigma_cells), _gaussian(weight, sigma_cells)
    squares = _gaussian(weight**2, sigma_cells / float(np.sqrt(2)))
    known = weights > 1e-6
    mean: Float32 = np.where(known, total / np.maximum(weights, 1e-12), 0).astype(np.float32)
    support: Float32 = np.where(known, weights**2 / np.maximum(squares, 1e-12), 0).astype(np.float32)
    return mean, support


@dataclass(frozen=True)
class LocalRate:
    """Settings of `local_rate`. smallest_rate_mm_yr: below it, the neighbourhood of a cell does not move."""

    smallest_rate_mm_yr: float = 2.0
    local_scales_m: tuple[float, ...] = (150.0, 300.0, 600.0, 1200.0)
    smallest_support: float = 4.0
    reach_m: float = 200.0


def local_rate(rate_mm_yr: Float32, n_points: NDArray[np.number], cell_m: float, config: LocalRate) -> Float32:
    """Return the rate of each cell's neighbourhood, (rows, cols), NaN beyond reach_m of known cells.

    It is the weighted mean under the narrowest Gaussian with enough cells. rate: against the background, NaN unknown.
    """
    known = np.isfinite(rate_mm_yr)
    residual = np.where(known, rate_mm_yr, 0).astype(np.float32)
    weight = np.where(known, n_points / (n_points + 1.0), 0).astype(np.float32)
    rate = np.full(known.shape, np.nan, dtype=np.float32)
    for scale_m in config.local_scales_m:
        mean, support = weighted_mean(residual, weight, scale_m / cell_m)
        first = np.isnan(rate) & (support >= config.smallest_support)
        rate[first] = mean[first]
    rate[ndimage.distance_transform_edt(~known) * cell_m > config.reach_m] = np.nan
    return rate


def _gaussian(values: Float32, sigma_cells: float) -> Float32:
    """Convolve (rows, cols) with an unnormalised separable Gaussian, zeros outside."""
    half = max(1, int(np.ceil(3.5 * sigma_cells)))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma_cells) ** 2)
    for axis in (0, 1):
        values = ndimage.convolve1d(values, kernel, axis=axis, mode="constant")
    return values


def logistic(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 1 / (1 + e^−x)."""
    p: NDArray[np.floating] = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return p


def split_by_sign(
    probability: NDArray[np.floating], rate: Float32, backgrounds: Iterable[float], sigma: float
) -> DeformationMaps:
    """Split a detector's probability by the sign of its rate; unknown where the rate is NaN. backgrounds: by track."""
    unknown = np.isnan(rate)
    p = np.where(unknown, np.nan, probability).astype(np.float32)
    away = np.where(rate < 0, p, 0).astype(np.float32)
    toward = np.where(rate > 0, p, 0).astype(np.float32)
    away[unknown], toward[unknown] = np.nan, np.nan
    return DeformationMaps(p, away, toward, rate.astype(np.float32), tuple(backgrounds), sigma)
