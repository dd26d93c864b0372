"""The channels of a network's input for one track, the same in training and in service."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ground_motion.methods.deformation.features.surroundings import PLANES
from ground_motion.methods.deformation.filters.baseline import cell_noise
from ground_motion.methods.deformation.filters.still import still_ground
from ground_motion.methods.deformation.gridding.cells import RobustGrid
from ground_motion.methods.deformation.gridding.points import Float32

OWN = 7  # Number of channels before those that describe the surroundings.
CHANNELS = OWN + PLANES
STILL_WITHIN_MM_YR = 5.0
MAX_DISTANCE_M = 1_000.0
LIKELY_NOISE_MM_YR = (0.1, 0.6)  # limits of the noise assumed for a cell's rate
TRAINING_NOISE_MM_YR = 0.3  # Despiked cells of five years of Sentinel-1 have a little less, 0.24.
BEARABLE_NOISE_MM_YR = 0.4  # Rates with more noise are scaled down.
BEARABLE_SPREAD_MM_YR = 1.2  # Robust deviation of 1-km cells from their median that nine in ten validation tiles keep.


class TrackCells(NamedTuple):
    """One track on a lattice, (rows, cols) each. velocity: minus the product's background, NaN without a point.

    raw: without despiking, None if the same; around: (PLANES, rows, cols) of `surroundings`, or None.
    """

    velocity_mm_yr: Float32
    n_points: NDArray[np.integer]
    mad_mm_yr: Float32
    distance_m: Float32
    raw_mm_yr: Float32 | None = None
    around: Float32 | None = None


def still_rate_of(grid: RobustGrid) -> float:
    """Return the rate of still ground in a whole product, mm/yr, measured once and not block by block."""
    return still_ground(grid.velocity_mm_yr, grid_noise(grid), STILL_WITHIN_MM_YR).rate_mm_yr


def grid_noise(grid: RobustGrid) -> float:
    """Return the standard deviation of a cell's rate, mm/yr, from points or series, else from cells; 0 if unknown."""
    return grid.noise_mm_yr or cell_noise(grid.velocity_mm_yr)


def noise_scale(noises_mm_yr: Sequence[float], spread_mm_yr: float = 0.0) -> float:
    """Return by how much a product's errors exceed those of training, at least 1; its rates are divided by it.

    Rates from a few months have errors above the 2 mm/yr at which motion is outlined, and so have delay and tectonics
    that no background of 12 km holds. noises_mm_yr: `grid_noise` of each track; spread_mm_yr: robust standard
    deviation of cells of 1 km against their background, 0 if unknown.
    """
    return max(1.0, *(noise / BEARABLE_NOISE_MM_YR for noise in noises_mm_yr), spread_mm_yr / BEARABLE_SPREAD_MM_YR)


def usable_noise(noise_mm_yr: float) -> float:
    """Limit the noise of one cell's rate to what `surroundings` can use, mm/yr. noise: 0 where unknown."""
    return float(np.clip(noise_mm_yr or TRAINING_NOISE_MM_YR, *LIKELY_NOISE_MM_YR))


def cell_noise_of(velocity: Float32) -> float:
    """Return the usable noise of one cell's rate, mm/yr, from rates (rows, cols) alone."""
    return usable_noise(cell_noise(velocity))


def channels(tracks: list[TrackCells]) -> Tensor:
    """Build the input channels of one or more tracks, (tracks, CHANNELS, rows, cols) float32.

    The channels: rate (0 if unknown), weight in the plain mean, known, points, spread, distance; rate of points
    not despiked; planes of `surroundings`. A network with fewer channels uses the first ones.
    """
    shape = tracks[0].velocity_mm_yr.shape
    shown = torch.zeros((len(tracks), CHANNELS, *shape))
    for number, track in enumerate(tracks):
        velocity, count, mad, distance = (torch.from_numpy(np.asarray(each, dtype=np.float32)) for each in track[:4])
        raw = velocity if track.raw_mm_yr is None else torch.from_numpy(track.raw_mm_yr)
        known, planes = velocity.isfinite(), shown[number]
        planes[0] = velocity.where(known, 0)
        planes[1] = count / (count + 1)
        planes[2] = known
        planes[3] = count.log1p() / 3
        planes[4] = mad.where(known, 0).asinh()
        planes[5] = distance.clamp_max(MAX_DISTANCE_M) / 500
        planes[6] = (raw.where(known, 0) / 2).asinh()
        if track.around is not None:
            torch.asinh(torch.from_numpy(track.around), out=planes[OWN:])
    return shown
