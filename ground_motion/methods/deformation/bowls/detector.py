"""Detection by generalised least squares: bowls that noise rarely produces, where the ground itself moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from affine import Affine

from ground_motion.methods.deformation.bowls.peaks import LOWEST
from ground_motion.methods.deformation.bowls.search import FOUND_DECADES, Bowls, best_bowls
from ground_motion.methods.deformation.features.channels import STILL_WITHIN_MM_YR
from ground_motion.methods.deformation.filters.background import against_backgrounds
from ground_motion.methods.deformation.filters.baseline import (
    DeformationMaps,
    LocalRate,
    cell_noise,
    local_rate,
    logistic,
    split_by_sign,
)
from ground_motion.methods.deformation.filters.still import StillGround, still_ground
from ground_motion.methods.deformation.gridding.boxes import Proposed
from ground_motion.methods.deformation.gridding.points import Float32, PointCloud

MIN_SIGMA_MM_YR = 0.1
ASKED_SCORE, ASKED_MM_YR = 2.0, 2.5  # All areas of field and bowl tiles for validation have a score above 3.


@dataclass(frozen=True)
class LeastSquaresConfig(LocalRate):
    """Settings of generalised least squares. score_at_half, score_width: decades of rarity; the rest: see `LocalRate`.

    score_at_half and smallest_rate_mm_yr were chosen on validation tiles; a bowl of 2 mm/yr may be measured as slower.
    """

    score_at_half: float = FOUND_DECADES
    score_width: float = 0.3
    smallest_rate_mm_yr: float = 1.9


def local_motion(bowls: Bowls, config: LocalRate) -> tuple[Float32, list[StillGround], float]:
    """Measure the motion around each cell of `best_bowls`, in the track that moves fastest in the bowl's direction.

    Returns the rate, (rows, cols), mm/yr against still ground, NaN unknown, of the fastest track if none moves that
    way; the level of still ground of each track, against the product's zero; and the standard deviation of a cell's
    rate in the noisiest track, mm/yr.
    """
    rates, still, sigmas = [], [], []
    for level, zero in zip(bowls.tracks, bowls.zeros_mm_yr, strict=True):
        points = level.points.numpy()
        velocity = np.where(points > 0, level.rate_mm_yr.numpy() + np.float32(zero), np.float32(np.nan))
        sigmas.append(cell_noise(velocity))
        still.append(still_ground(velocity, sigmas[-1], STILL_WITHIN_MM_YR))
        rates.append(local_rate(velocity - np.float32(still[-1].rate_mm_yr), points, level.cell_m, config))
    of_tracks = np.stack(rates)
    fast = np.nan_to_num(np.abs(of_tracks), nan=-1.0)
    fast[of_tracks * bowls.amplitude_mm_yr > 0] += np.nanmax(fast) + 1
    chosen = np.take_along_axis(of_tracks, fast.argmax(axis=0)[None], 0)[0]
    return chosen, still, max(*sigmas, MIN_SIGMA_MM_YR)


def propose(bowls: Bowls, rate_mm_yr: Float32) -> Proposed:
    """Return the cells near which the network is asked: a bowl or a rate stands out, or the search knows nothing."""
    stands_out = (bowls.score > ASKED_SCORE) | (np.abs(rate_mm_yr) > ASKED_MM_YR)
    return Proposed(stands_out | (bowls.score <= LOWEST), bowls.transform)


def least_squares(
    tracks: Sequence[PointCloud], config: LeastSquaresConfig, device: torch.device | None = None
) -> tuple[DeformationMaps, Affine, float]:
    """Flag cells of 100 m by their best bowl and own motion; return maps, transform and least share of still ground."""
    tracks, zeros, _ = against_backgrounds(tracks)
    bowls = best_bowls(tracks, device)
    rate, still, sigma_mm_yr = local_motion(bowls, config)
    moves = (np.abs(rate) >= config.smallest_rate_mm_yr) & (rate * bowls.amplitude_mm_yr > 0)
    probability = np.where(moves, logistic((bowls.score - config.score_at_half) / config.score_width), 0)
    stands = [zero + ground.rate_mm_yr for zero, ground in zip(zeros, still, strict=True)]
    maps = split_by_sign(probability, rate, stands, sigma_mm_yr)
    return maps, bowls.transform, min(track.share for track in still)
