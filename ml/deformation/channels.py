"""What a network is told about a track: the channels of its input, the same in training and in service."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.deformation.baseline import background_and_noise
from ml.deformation.gridding import RobustGrid
from ml.deformation.interpolation import FILLS
from ml.deformation.overwrap import overwrapped
from ml.deformation.points import Float32

CHANNELS = 6
STILL_WITHIN_MM_YR = 5.0
FARTHEST_M = 1_000.0


class TrackCells(NamedTuple):
    """One track on a lattice, (rows, cols) each. velocity: minus the product's background, NaN without a point."""

    velocity_mm_yr: Float32
    n_points: NDArray[np.integer]
    mad_mm_yr: Float32
    distance_m: Float32


def background_of(grid: RobustGrid) -> float:
    """The rate that counts as still in a whole product, mm/yr: measured once, not block by block."""
    return background_and_noise(grid.velocity_mm_yr, STILL_WITHIN_MM_YR)[0]


def shown(tracks: list[TrackCells], way: str = "none", gain: float | None = None) -> list[Float32] | None:
    """What stands in the first channel of each track: rates with the gaps filled in that `way` (a name in FILLS), or
    their phase at a gain; None for the rates as they are.
    """
    if way == "none" and gain is None:
        return None
    filled = [FILLS[way](track.velocity_mm_yr) for track in tracks]
    return filled if gain is None else [overwrapped(each, gain) for each in filled]


def channels(tracks: list[TrackCells], filled: list[Float32] | None = None) -> Tensor:
    """(tracks, CHANNELS, rows, cols) float32: rate (0 where unknown, or as filled), weight of the plain mean, known,
    points, spread, distance.
    """
    velocity = np.stack([track.velocity_mm_yr for track in tracks])
    known = np.isfinite(velocity)
    count = np.stack([track.n_points for track in tracks]).astype(np.float32)
    rate = np.where(known, velocity, 0) if filled is None else np.stack(filled)
    mad = np.stack([track.mad_mm_yr for track in tracks])
    distance = np.stack([track.distance_m for track in tracks])
    planes = [
        rate,
        count / (count + 1),
        known,
        np.log1p(count) / 3,
        np.arcsinh(np.where(known, mad, 0)),
        np.minimum(distance, FARTHEST_M) / 500,
    ]
    return torch.from_numpy(np.stack([np.asarray(plane, dtype=np.float32) for plane in planes], axis=1))
