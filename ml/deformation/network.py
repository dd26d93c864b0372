"""The trained network with its input, tracks on a common lattice, and its output, maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from ml.deformation.features.atmosphere import ALIGN_CELLS
from ml.deformation.features.channels import (
    STILL_WITHIN_MM_YR,
    TrackCells,
    channels,
    grid_noise,
    noise_scale,
    usable_noise,
)
from ml.deformation.features.surroundings import Ground
from ml.deformation.filters.still import StillGround, still_ground
from ml.deformation.gridding.cells import RobustGrid, distance_to_points_m
from ml.deformation.gridding.points import Float32
from ml.deformation.kinds import KINDS
from ml.networks.deformation_unet import STRIDE, THRESHOLDS_MM_YR, DeformationUnet
from ml.runtime.checkpoints import WEIGHTS, Card, load, read_card

HALO_CELLS = 64  # What lies farther away changes log-odds above -2 by less than 0.2.
REACH_M = 200.0  # cells farther than this from all points get no value
OF_MOTION = slice(0, 2)  # the thresholds of 1 and 2 mm/yr, whose logits are averaged


class NetworkMaps(NamedTuple):
    """Maps of cells, float32, NaN farther than REACH_M from all points.

    logit: (rows, cols), mean of the network's log-odds of at least 1 and of at least 2 mm/yr; shares: (kinds, rows,
    cols), of each of KINDS, sum 1.
    """

    logit: Float32
    shares: Float32


class DeformationNetwork:
    """Trained network with its card, always in evaluation mode, float32."""

    def __init__(self, card: Card, module: DeformationUnet) -> None:
        self.card, self.module = card, module.eval()
        self.halo_cells, self.stride = HALO_CELLS, STRIDE

    def image(self, tracks: Sequence[TrackCells]) -> torch.Tensor:
        """Build the input channels of one or more tracks, (tracks, channels, rows, cols)."""
        return channels(list(tracks))[:, : self.module.channels]

    @classmethod
    def load(cls, name: str = "deformation", folder: Path = WEIGHTS) -> DeformationNetwork:
        """Load a shipped network. InputError if its card or weights are missing or do not match."""
        card = read_card(name, folder)
        module = DeformationUnet(**card.network)
        load(card, module, folder)
        return cls(card, module)


class Lattice(NamedTuple):
    """Tracks of one product on common cells, each against its own still ground. transform: of the lattice.

    grounds: what `surroundings` describes; scale: divisor of the tracks' rates; rates computed from them are divided by
    it too.
    """

    tracks: list[TrackCells]
    grounds: list[Ground]
    transform: Affine
    epsg: int
    still: list[StillGround]
    scale: float = 1.0


def on_lattice(
    grids: Sequence[RobustGrid],
    multiple: int = ALIGN_CELLS,
    spread_mm_yr: float = 0.0,
) -> Lattice:
    """Put the grids of a product's tracks on one lattice that begins and ends at multiples of `multiple` cells.

    Multiples are counted from the projection's origin, so that a place has the same phase in every product.
    spread_mm_yr: of cells of 1 km against their background. ValueError if the grids differ in cell size or projected
    system.
    """
    cell, epsg = grids[0].cell_m, grids[0].epsg
    if any(grid.cell_m != cell or grid.epsg != epsg for grid in grids):
        raise ValueError("the tracks' grids differ in cell size or projected system")
    tops = [round(grid.transform.f / cell) for grid in grids]  # in cells, + north
    lefts = [round(grid.transform.c / cell) for grid in grids]
    bottoms = [top - grid.velocity_mm_yr.shape[0] for top, grid in zip(tops, grids, strict=True)]
    rights = [left + grid.velocity_mm_yr.shape[1] for left, grid in zip(lefts, grids, strict=True)]
    top, left = -(-max(tops) // multiple) * multiple, min(lefts) // multiple * multiple
    rows = -(-(top - min(bottoms)) // multiple) * multiple
    cols = -(-(max(rights) - left) // multiple) * multiple
    noises = [grid_noise(grid) for grid in grids]
    scale = noise_scale(noises, spread_mm_yr)
    still = [still_ground(grid.velocity_mm_yr, n, STILL_WITHIN_MM_YR) for grid, n in zip(grids, noises, strict=True)]
    placed = [
        _placed(grid, (top - at_top, at_left - left), (rows, cols), of, scale, usable_noise(noise / scale))
        for grid, at_top, at_left, of, noise in zip(grids, tops, lefts, still, noises, strict=True)
    ]
    tracks, grounds = (list(each) for each in zip(*placed, strict=True))
    return Lattice(tracks, grounds, Affine(cell, 0, left * cell, 0, -cell, top * cell), epsg, still, scale)


def _placed(
    grid: RobustGrid,
    at: tuple[int, int],
    shape: tuple[int, int],
    still: StillGround,
    scale: float,
    noise: float,
) -> tuple[TrackCells, Ground]:
    rows, cols = grid.velocity_mm_yr.shape
    window = (..., slice(at[0], at[0] + rows), slice(at[1], at[1] + cols))
    by, unit = np.float32(still.rate_mm_yr), np.float32(scale)

    def placed(values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
        whole = np.full((*values.shape[:-2], *shape), elsewhere, dtype=values.dtype)
        whole[window] = values
        return whole

    velocity, count = placed((grid.velocity_mm_yr - by) / unit, np.nan), placed(grid.n_points, 0)
    height = None if grid.height_m is None else placed(grid.height_m, np.nan)
    track = TrackCells(
        velocity,
        count,
        placed(grid.mad_mm_yr / unit, np.nan),
        distance_to_points_m(count > 0, grid.cell_m),
        None if grid.raw_mm_yr is None else placed((grid.raw_mm_yr - by) / unit, np.nan),
    )
    return track, Ground(velocity, count, height, grid.cell_m, noise)


def read_out(out: torch.Tensor, tracks: Sequence[TrackCells], reach: NDArray[np.bool_]) -> NetworkMaps:
    """Convert the network's channels (thresholds + kinds + 1, rows, cols) to maps. reach: cells that get values."""
    n = len(THRESHOLDS_MM_YR)
    shares = torch.softmax(out[n : n + len(KINDS)], dim=0).numpy()
    planes = out[OF_MOTION].mean(dim=0).numpy(), shares
    return NetworkMaps(*(np.where(reach, plane, np.nan).astype(np.float32) for plane in planes))
