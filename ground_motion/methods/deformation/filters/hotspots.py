"""Two detectors of the literature, for comparison: clusters of active points, and the Getis-Ord statistic."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.filters.baseline import (
    DeformationMaps,
    background_and_noise,
    logistic,
    split_by_sign,
)
from ground_motion.methods.deformation.gridding.cells import RobustGrid, assign_cells
from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from ground_motion.statistics.robust import MAD_TO_SIGMA

REACH_M = 200.0  # cells farther than this from all points get no value


@dataclass(frozen=True)
class AdaConfig:
    """Settings of the detector of active deformation areas (ADA).

    sigmas: standard deviations of the map beyond which a point is active; fewest: active points of one sign within
    influence_m, itself included. quality_at_half: quality index (see `active_areas`) at which probability is one half.
    """

    sigmas: float = 2.0
    fewest: int = 5
    influence_m: float = 200.0
    quality_at_half: float = 3.5
    quality_width: float = 0.15
    still_within_mm_yr: float = 5.0


@dataclass(frozen=True)
class GetisOrdConfig:
    """Settings of the detector of hot and cold spots by Getis and Ord's Gi*.

    band_m: neighbours are the cells within this distance; z_at_half: |Gi*| at which probability is one half.
    """

    band_m: float = 500.0
    z_at_half: float = 20.0
    z_width: float = 0.8
    still_within_mm_yr: float = 5.0
    fewest_cells: int = 4


def active_areas(points: PointCloud, grid: RobustGrid, config: AdaConfig) -> DeformationMaps:
    """Find clusters of active points like ADAfinder (Barra et al. 2017, doi 10.3390/rs9101002).

    A point is active if its rate is more than sigmas standard deviations (robust, of the whole map) from the
    background, and stays active if at least `fewest` active points of its sign lie within influence_m. Quality index
    (ours, because the original grades series, which a rate lacks) is the mean |z| of these neighbours times
    their share of all points there. Maps are on the cells of grid, which must be of the same points.
    """
    background, _ = background_and_noise(grid.velocity_mm_yr, config.still_within_mm_yr)
    residual = points.velocity_mm_yr.astype(np.float64) - background
    sigma = max(float(MAD_TO_SIGMA * np.median(np.abs(residual - np.median(residual)))), 0.1)
    cells = assign_cells(points.x, points.y, grid.cell_m)
    highest = np.zeros(cells.shape[0] * cells.shape[1], dtype=np.float32)
    np.maximum.at(highest, cells.cell, _quality(points, residual / sigma, config).astype(np.float32))
    score = highest.reshape(cells.shape)
    # A cell without points gets the highest score of the cells around it.
    score = np.where(grid.n_points > 0, score, ndimage.maximum_filter(score, size=3))
    # The rate is that of the nearest known cell.
    away, (row, col) = ndimage.distance_transform_edt(np.isnan(grid.velocity_mm_yr), return_indices=True)
    rate = (grid.velocity_mm_yr[row, col] - background).astype(np.float32)
    rate[away * grid.cell_m > REACH_M] = np.nan
    probability = np.where(score > 0, logistic((score - config.quality_at_half) / config.quality_width), 0)
    return split_by_sign(probability, rate, [background], sigma)


def _quality(points: PointCloud, z: Float64, config: AdaConfig) -> Float64:
    """Return the quality index of each point that stays active, 0 for all others, (n,)."""
    at = np.column_stack([points.x, points.y])
    quality, everything = np.zeros(z.size), cKDTree(at)
    for sign in (-1.0, 1.0):
        active = np.flatnonzero(sign * z > config.sigmas)
        if active.size < config.fewest:
            continue
        pairs = cKDTree(at[active]).query_pairs(config.influence_m, output_type="ndarray")
        both = np.concatenate([pairs.ravel(), np.arange(active.size)])  # Each point is its own neighbour.
        other = np.concatenate([pairs[:, ::-1].ravel(), np.arange(active.size)])
        z_sum = np.bincount(both, weights=np.abs(z[active])[other], minlength=active.size)
        stays = np.bincount(both, minlength=active.size) >= config.fewest
        if stays.any():
            kept = active[stays]
            quality[kept] = z_sum[stays] / everything.query_ball_point(at[kept], config.influence_m, return_length=True)
    return quality


def getis_ord(grid: RobustGrid, config: GetisOrdConfig) -> DeformationMaps:
    """Find hot and cold spots by Gi*, binary weights (Ord & Getis 1995, doi 10.1111/j.1538-4632.1995.tb00912.x).

    Gi* = (Σ w·x − x̄·Σ w) / (s·√((n·Σ w² − (Σ w)²)/(n − 1))) over the n cells that have a rate, with their mean x̄ and
    standard deviation s. Rates of one product are correlated in space, so |Gi*| of still ground is far beyond that of
    a normal variable: z_at_half is tuned, not taken from a table.
    """
    background, sigma = background_and_noise(grid.velocity_mm_yr, config.still_within_mm_yr)
    known = np.isfinite(grid.velocity_mm_yr)
    n, values = int(known.sum()), grid.velocity_mm_yr[known].astype(np.float64)
    reach = config.band_m / grid.cell_m
    offsets = np.arange(-int(reach), int(reach) + 1)
    disc = (np.hypot(*np.meshgrid(offsets, offsets)) <= reach).astype(np.float64)
    planes = np.where(known, grid.velocity_mm_yr, 0).astype(np.float64), known.astype(np.float64)
    total, weights = (ndimage.convolve(plane, disc, mode="constant") for plane in planes)
    mean, spread = float(values.mean()), max(float(values.std()), 1e-6)
    variance = np.maximum((n * weights - weights**2) / max(n - 1, 1), 1e-6)  # Weights are 0 or 1: Σ w² = Σ w.
    z = np.where(weights >= config.fewest_cells, (total - mean * weights) / (spread * np.sqrt(variance)), 0)
    rate = np.where(weights > 0, total / np.maximum(weights, 1) - background, np.nan).astype(np.float32)
    rate[ndimage.distance_transform_edt(~known) * grid.cell_m > REACH_M] = np.nan
    probability = np.where(np.sign(z) == np.sign(rate), logistic((np.abs(z) - config.z_at_half) / config.z_width), 0)
    return split_by_sign(probability, rate, [background], sigma)
