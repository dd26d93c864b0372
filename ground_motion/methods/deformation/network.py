"""Load the trained network, put tracks on a common lattice as its input, and compute its maps of motion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from ground_motion.methods.deformation.features.atmosphere import ALIGN_CELLS
from ground_motion.methods.deformation.features.channels import (
    STILL_WITHIN_MM_YR,
    TrackCells,
    channels,
    grid_noise,
    noise_scale,
    usable_noise,
)
from ground_motion.methods.deformation.features.surroundings import CellRates
from ground_motion.methods.deformation.filters.still import StillGround, still_ground
from ground_motion.methods.deformation.gridding.boxes import Box, common_grid, shift
from ground_motion.methods.deformation.gridding.cells import RobustGrid, distance_to_points_m
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.networks.deformation_unet import DeformationUnet
from ground_motion.runtime.checkpoints import WEIGHTS, Card, load, read_card

HALO_CELLS = 64  # What lies farther away changes log-odds above -2 by less than 0.2.
REACH_M = 200.0  # cells farther than this from all points get no value
OF_MOTION = slice(0, 2)  # Logits of the thresholds of 1 and 2 mm/yr, which are averaged.


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
        self.halo_cells = HALO_CELLS

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

    grounds: what `surroundings` describes; scale: divisor of the tracks' rates, and of rates computed from them.
    """

    tracks: list[TrackCells]
    grounds: list[CellRates]
    transform: Affine
    still: list[StillGround]
    scale: float = 1.0


def make_lattice(grids: Sequence[RobustGrid], spread_mm_yr: float = 0.0) -> Lattice:
    """Put the grids of a product's tracks on one lattice that begins and ends at multiples of ALIGN_CELLS.

    Multiples are counted from the projection's origin, so that a place has the same phase in every product.
    spread_mm_yr: of cells of 1 km against their background. ValueError for grids that differ in cell size or system.
    """
    cell, epsg = grids[0].cell_m, grids[0].epsg
    if any(grid.cell_m != cell or grid.epsg != epsg for grid in grids):
        raise ValueError("the tracks' grids differ in cell size or projected system")
    put = common_grid([grid.transform for grid in grids], [grid.velocity_mm_yr.shape for grid in grids])
    whole, (rows, cols), windows = put
    north, west = round(whole.f / cell), round(whole.c / cell)  # North and west are in cells.
    above, left = -north % ALIGN_CELLS, west % ALIGN_CELLS  # Number of rows and columns that are added.
    shape = [-(-size // ALIGN_CELLS) * ALIGN_CELLS for size in (rows + above, cols + left)]
    transform = Affine(cell, 0, (west - left) * cell, 0, -cell, (north + above) * cell)
    noises = [grid_noise(grid) for grid in grids]
    scale = noise_scale(noises, spread_mm_yr)
    still = [still_ground(grid.velocity_mm_yr, n, STILL_WITHIN_MM_YR) for grid, n in zip(grids, noises, strict=True)]
    views = [
        _place(grid, shift(window, above, left), shape, of, scale, usable_noise(noise / scale))
        for grid, window, of, noise in zip(grids, windows, still, noises, strict=True)
    ]
    tracks, grounds = (list(each) for each in zip(*views, strict=True))
    return Lattice(tracks, grounds, transform, still, scale)


def _place(
    grid: RobustGrid, at: Box, shape: Sequence[int], still: StillGround, scale: float, noise: float
) -> tuple[TrackCells, CellRates]:
    by, unit = np.float32(still.rate_mm_yr), np.float32(scale)

    def put(values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
        whole = np.full((*values.shape[:-2], *shape), elsewhere, dtype=values.dtype)
        whole[..., *at] = values
        return whole

    velocity, count = put((grid.velocity_mm_yr - by) / unit, np.nan), put(grid.n_points, 0)
    height = None if grid.height_m is None else put(grid.height_m, np.nan)
    track = TrackCells(
        velocity,
        count,
        put(grid.mad_mm_yr / unit, np.nan),
        distance_to_points_m(count > 0, grid.cell_m),
        None if grid.raw_mm_yr is None else put((grid.raw_mm_yr - by) / unit, np.nan),
    )
    return track, CellRates(velocity, count, height, grid.cell_m, noise)
