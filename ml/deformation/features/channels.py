"""The channels of a network's input for one track, the same in training and in service."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.deformation.baseline import cell_noise
from ml.deformation.features.overwrap import overwrapped
from ml.deformation.features.surroundings import PLANES
from ml.deformation.gridding import RobustGrid
from ml.deformation.interpolation import FILLS
from ml.deformation.points import Float32
from ml.deformation.still import still_ground

CHANNELS = 7 + PLANES
STILL_WITHIN_MM_YR = 5.0
FARTHEST_M = 1_000.0
LIKELY_NOISE_MM_YR = (0.1, 0.6)  # what noise a cell's rate may be given
TRAINING_NOISE_MM_YR = 0.3  # of despiked cells: a little above that of five years of Sentinel-1 (0.24)
BEARABLE_NOISE_MM_YR = 0.4  # rates are scaled down beyond it


class TrackCells(NamedTuple):
    """One track on a lattice, (rows, cols) each. velocity: minus the product's background, NaN without a point.

    raw: the same of points that were not despiked, None where it is the same; around: (PLANES, rows, cols) of
    `surroundings`, None where a network does not look at it. cycles_undone: as of the points.
    """

    velocity_mm_yr: Float32
    n_points: NDArray[np.integer]
    mad_mm_yr: Float32
    distance_m: Float32
    raw_mm_yr: Float32 | None = None
    around: Float32 | None = None
    cycles_undone: bool = False


def background_of(grid: RobustGrid) -> float:
    """The rate that counts as still in a whole product, mm/yr: measured once, not block by block."""
    return still_ground(grid.velocity_mm_yr, grid_noise(grid), STILL_WITHIN_MM_YR).rate_mm_yr


def grid_noise(grid: RobustGrid) -> float:
    """Standard deviation of one cell's rate, mm/yr: as cells tell it, less where points or dates say that it is motion.

    0 where nothing tells it.
    """
    told = [noise for noise in (cell_noise(grid.velocity_mm_yr), grid.noise_mm_yr) if noise]
    return min(told, default=0.0)


def noise_scale(noises_mm_yr: Sequence[float]) -> float:
    """How many times noisier a product is than what a network bears, 1 at least. noises: `grid_noise` of each.

    A product of a few months errs by more than the 2 mm/yr at which motion is drawn; its rates are looked at in units
    so much larger.
    """
    return max(1.0, *(noise / BEARABLE_NOISE_MM_YR for noise in noises_mm_yr))


def usable_noise(noise_mm_yr: float) -> float:
    """The noise of one cell's rate within what `surroundings` can make use of, mm/yr. noise: 0 where unknown."""
    return float(np.clip(noise_mm_yr or TRAINING_NOISE_MM_YR, *LIKELY_NOISE_MM_YR))


def cell_noise_of(velocity: Float32) -> float:
    """The same of cells (rows, cols), of which nothing else is known."""
    return usable_noise(cell_noise(velocity))


def shown(tracks: list[TrackCells], way: str = "none", gain: float | None = None) -> list[Float32] | None:
    """What stands in the first channel of each track: rates with the gaps filled in that `way` (a name in FILLS), or
    their phase at a gain; None for the rates as they are.
    """
    if way == "none" and gain is None:
        return None
    filled = [FILLS[way](track.velocity_mm_yr) for track in tracks]
    return filled if gain is None else [overwrapped(each, gain) for each in filled]


def phases(tracks: Sequence[TrackCells], gains: Sequence[int]) -> Tensor:
    """(tracks, gains, rows, cols) float32: the rates' phase at each gain, 0 where unknown."""
    planes = [[overwrapped(FILLS["none"](track.velocity_mm_yr), gain) for gain in gains] for track in tracks]
    return torch.from_numpy(np.asarray(planes, dtype=np.float32))


def channels(tracks: list[TrackCells], filled: list[Float32] | None = None) -> Tensor:
    """(tracks, CHANNELS, rows, cols) float32: rate (0 where unknown, or as filled), weight of the plain mean, known,
    points, spread, distance; rate of points not despiked; the planes of `surroundings`. A network of fewer channels
    takes the first of them.
    """
    velocity = np.stack([track.velocity_mm_yr for track in tracks])
    known = np.isfinite(velocity)
    count = np.stack([track.n_points for track in tracks]).astype(np.float32)
    rate = np.where(known, velocity, 0) if filled is None else np.stack(filled)
    mad = np.stack([track.mad_mm_yr for track in tracks])
    distance = np.stack([track.distance_m for track in tracks])
    raw = np.stack([track.velocity_mm_yr if track.raw_mm_yr is None else track.raw_mm_yr for track in tracks])
    nothing = np.zeros((PLANES, *known.shape[1:]), dtype=np.float32)
    around = np.stack([nothing if track.around is None else track.around for track in tracks], axis=1)
    planes = [
        rate,
        count / (count + 1),
        known,
        np.log1p(count) / 3,
        np.arcsinh(np.where(known, mad, 0)),
        np.minimum(distance, FARTHEST_M) / 500,
        np.arcsinh(np.where(known, raw, 0) / 2),
        *np.arcsinh(around, out=around),
    ]
    return torch.from_numpy(np.stack([np.asarray(plane, dtype=np.float32) for plane in planes], axis=1))
