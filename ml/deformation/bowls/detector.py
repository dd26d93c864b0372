"""Detection by generalised least squares: bowls that are rare as noise, where the ground itself moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from affine import Affine

from ml.deformation.bowls.search import best_bowls
from ml.deformation.features.channels import STILL_WITHIN_MM_YR
from ml.deformation.filters.baseline import (
    DeformationMaps,
    LocalRate,
    cell_noise,
    local_rate,
    logistic,
    split_by_sign,
)
from ml.deformation.filters.still import still_ground
from ml.deformation.gridding.points import PointCloud

LEAST_SIGMA_MM_YR = 0.1


@dataclass(frozen=True)
class LeastSquaresConfig(LocalRate):
    """Settings of generalised least squares. score_at_half: in decades of rarity; the rest is as in `LocalRate`.

    Both limits were chosen on validation tiles; the neighbourhood of a bowl of 2 mm/yr may seem slower.
    """

    score_at_half: float = 1.5
    score_width: float = 0.3
    smallest_rate_mm_yr: float = 1.9


def least_squares(
    tracks: Sequence[PointCloud], config: LeastSquaresConfig, device: torch.device | None = None
) -> tuple[DeformationMaps, Affine, float]:
    """Flag ground where a bowl of any radius is rare as noise and the ground itself moves, on cells of 100 m.

    Returns the maps, their transform, and the least share of still ground of all tracks (`still_ground`).
    """
    bowls = best_bowls(tracks, device)
    rates, stills, sigmas = [], [], []
    for level in bowls.tracks:
        points = level.points.numpy()
        velocity = np.where(points > 0, level.rate_mm_yr.numpy(), np.float32(np.nan))
        sigmas.append(cell_noise(velocity))
        stills.append(still_ground(velocity, sigmas[-1], STILL_WITHIN_MM_YR))
        rates.append(local_rate(velocity - np.float32(stills[-1].rate_mm_yr), points, level.cell_m, config))
    of_tracks = np.stack(rates)
    agrees = np.where(np.sign(of_tracks) == np.sign(bowls.amplitude_mm_yr), np.abs(of_tracks), 0)
    rate = np.take_along_axis(of_tracks, agrees.argmax(axis=0)[None], 0)[0]
    moves = agrees.max(axis=0) >= config.smallest_rate_mm_yr
    probability = np.where(moves, logistic((bowls.score - config.score_at_half) / config.score_width), 0)
    background = bowls.zeros_mm_yr[0] + stills[0].rate_mm_yr
    maps = split_by_sign(probability, rate, background, max(*sigmas, LEAST_SIGMA_MM_YR))
    return maps, bowls.transform, min(still.share for still in stills)
