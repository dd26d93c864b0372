"""The trained network in service: tracks on a common lattice in, maps out, in blocks of any size.

A block's result equals that of the whole product if it has a margin of halo_cells (or the product ends) and its first
row and column are whole multiples of `stride` on the lattice, as those of `on_lattice` are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from ml.deformation.evident import LN4, evident
from ml.deformation.features.atmosphere import ALIGN_CELLS
from ml.deformation.features.channels import (
    STILL_WITHIN_MM_YR,
    TrackCells,
    channels,
    grid_noise,
    noise_scale,
    usable_noise,
)
from ml.deformation.features.surroundings import FOR_THRESHOLDS, surroundings
from ml.deformation.filters.still import StillGround, still_ground
from ml.deformation.gridding.cells import RobustGrid, distance_to_points_m
from ml.deformation.gridding.points import Float32
from ml.deformation.kinds import KINDS
from ml.networks.deformation_unet import STRIDE, THRESHOLDS_MM_YR, DeformationUnet
from ml.runtime.checkpoints import WEIGHTS, Card, load, read_card

CLASSES5 = KINDS
HALO_CELLS = 144
REACH_M = 200.0  # cells farther than this from all points get no value
FINE_BLEND = 0.3  # of the lowest threshold's logit, in the score of small areas
STANDING_BLEND, MOST_STANDING = 0.3, 2.5  # weight and limit of standard deviations in the score of unusual areas
UNUSUAL_STEEP = 3.0  # in gaps: an unusual area ends at two thirds of the limit
STANDS_OUT, STANDS_OUT_GAP = 5.0, 0.7  # standard deviations at which areas begin, and how many less at their ends
FASTEST_ARCSINH = 7.0  # of half the rate: 1,100 mm/yr
MEASURED_CELLS = 5  # a rate is limited to rates measured within this distance


class NetworkMaps(NamedTuple):
    """Maps of cells, float32, NaN farther than REACH_M from all points.

    probability: (rows, cols), that the ground moves; class_probability: (kinds, rows, cols), parts of it for each of
    KINDS, which sum to probability; rate_mm_yr: along the line of sight with faster motion, against the background,
    + toward the satellite, within the range measured there. Areas are drawn on `probability`; an area is of the kind
    with the largest sum in it.
    """

    probability: Float32
    class_probability: Float32
    rate_mm_yr: Float32


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
    """Tracks of one product on common cells, each minus its own still ground. transform: of the lattice.

    scale: divisor of the tracks' rates; maps computed from them are in units of it.
    """

    tracks: list[TrackCells]
    transform: Affine
    epsg: int
    still: list[StillGround]
    scale: float = 1.0


def on_lattice(
    grids: Sequence[RobustGrid], multiple: int = ALIGN_CELLS, planes: Callable[..., Float32] = surroundings
) -> Lattice:
    """Put the grids of a product's tracks on one lattice, which begins and ends on whole multiples of `multiple` cells.

    They are counted from the plane's origin, so that a place has the same phase in every product. planes:
    `surroundings` or an `Ahead`. ValueError if the grids differ in cell size or projected system.
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
    scale = noise_scale(noises)
    still = [still_ground(grid.velocity_mm_yr, n, STILL_WITHIN_MM_YR) for grid, n in zip(grids, noises, strict=True)]
    tracks = [
        _placed(grid, (top - at_top, at_left - left), (rows, cols), of, scale, usable_noise(noise / scale), planes)
        for grid, at_top, at_left, of, noise in zip(grids, tops, lefts, still, noises, strict=True)
    ]
    return Lattice(tracks, Affine(cell, 0, left * cell, 0, -cell, top * cell), epsg, still, scale)


def _placed(
    grid: RobustGrid,
    at: tuple[int, int],
    shape: tuple[int, int],
    still: StillGround,
    scale: float,
    noise: float,
    planes: Callable[..., Float32],
) -> TrackCells:
    rows, cols = grid.velocity_mm_yr.shape
    window = (..., slice(at[0], at[0] + rows), slice(at[1], at[1] + cols))
    by, unit = np.float32(still.rate_mm_yr), np.float32(scale)

    def placed(values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
        whole = np.full((*values.shape[:-2], *shape), elsewhere, dtype=values.dtype)
        whole[window] = values
        return whole

    velocity, count = placed((grid.velocity_mm_yr - by) / unit, np.nan), placed(grid.n_points, 0)
    height = None if grid.height_m is None else placed(grid.height_m, np.nan)
    return TrackCells(
        velocity,
        count,
        placed(grid.mad_mm_yr / unit, np.nan),
        distance_to_points_m(count > 0, grid.cell_m),
        None if grid.raw_mm_yr is None else placed((grid.raw_mm_yr - by) / unit, np.nan),
        planes(velocity, count, height, grid.cell_m, noise),
        grid.cycles_undone,
    )


def predict_block(
    network: DeformationNetwork, tracks: Sequence[TrackCells], device: torch.device | None = None
) -> NetworkMaps:
    """Return the maps of one block of any size. tracks: those of a Lattice, or the same window cut out of each."""
    device = device or torch.device("cpu")
    shape = tracks[0].velocity_mm_yr.shape
    reach = np.minimum.reduce([track.distance_m for track in tracks]) <= REACH_M
    seen = [track for track in tracks if np.isfinite(track.velocity_mm_yr).any()]
    if not seen:
        nothing = np.full(shape, np.nan, dtype=np.float32)
        return NetworkMaps(nothing, np.full((len(KINDS), *shape), np.nan, dtype=np.float32), nothing.copy())
    return read_out(network.card, _forward(network, seen, device), seen, reach)


def within_measured(rate_mm_yr: Float32, tracks: Sequence[TrackCells]) -> Float32:
    """Limit the rate to the range of rates measured around each cell by any track; NaN stays.

    It is the range in a cell's neighbourhood of 3 x 3 if half of that is known, else of all within MEASURED_CELLS and
    0. The network's own rate is up to six times too fast at the edge of fast ground, and too slow in its middle.
    """
    velocity = [track.velocity_mm_yr for track in tracks]
    known = np.maximum.reduce([ndimage.uniform_filter(np.isfinite(v).astype(np.float32), 3) for v in velocity]) >= 0.5
    size = 2 * MEASURED_CELLS + 1
    near = (
        [np.where(np.isfinite(v), v, np.inf) for v in velocity],
        [np.where(np.isfinite(v), v, -np.inf) for v in velocity],
    )
    far = [np.nan_to_num(v) for v in velocity]
    low = np.where(
        known,
        np.minimum.reduce([ndimage.minimum_filter(v, 3) for v in near[0]]),
        np.minimum.reduce([ndimage.minimum_filter(v, size) for v in far]).clip(max=0),
    )
    high = np.where(
        known,
        np.maximum.reduce([ndimage.maximum_filter(v, 3) for v in near[1]]),
        np.maximum.reduce([ndimage.maximum_filter(v, size) for v in far]).clip(min=0),
    )
    return np.asarray(np.clip(rate_mm_yr, low, high), dtype=np.float32)


def predict_logits(network: DeformationNetwork, tracks: Sequence[TrackCells]) -> tuple[Float32, Float32, Float32]:
    """Return the input of calibration: logits of the two lowest thresholds (2, rows, cols); rate, mm/yr; `standing`."""
    out = _forward(network, tracks, torch.device("cpu"))
    return out[:2].numpy(), _rate_of(out).numpy(), standing(tracks)


def standing(tracks: Sequence[TrackCells]) -> Float32:
    """Return a bowl's significance against the delay, and `unusual`: the maximum of all tracks, (2, rows, cols)."""
    most = np.zeros((FOR_THRESHOLDS, *tracks[0].velocity_mm_yr.shape), dtype=np.float32)
    for track in tracks:
        if track.around is not None:
            np.maximum(most, track.around[-FOR_THRESHOLDS:], out=most)
    return most


def _forward(network: DeformationNetwork, tracks: Sequence[TrackCells], device: torch.device) -> torch.Tensor:
    """Run the network on a block; the output is on the CPU, (thresholds + kinds + 1, rows, cols)."""
    shape = tracks[0].velocity_mm_yr.shape
    margin = [-size % STRIDE for size in shape]
    image = functional.pad(network.image(tracks), (0, margin[1], 0, margin[0]))
    with torch.inference_mode():
        out: torch.Tensor = network.module.to(device)(image.to(device), len(tracks))
    return out[0, :, : shape[0], : shape[1]].float().cpu()


def _rate_of(out: torch.Tensor) -> torch.Tensor:
    return 2 * torch.sinh(out[-1].clamp(-FASTEST_ARCSINH, FASTEST_ARCSINH))


def read_out(card: Card, out: torch.Tensor, tracks: Sequence[TrackCells], reach: np.ndarray) -> NetworkMaps:
    """Convert the network's channels (thresholds + kinds + 1, rows, cols) to maps, and add evident motion.

    reach: mask of the cells that get values.
    """
    n = len(THRESHOLDS_MM_YR)
    settings = card.settings["calibration"][str(min(len(tracks), 2))]
    learnt = torch.sigmoid(calibrated(out[:n], settings, torch.from_numpy(standing(tracks))))
    seen, its_rate = map(torch.from_numpy, evident(tracks))
    probability = torch.maximum(learnt, seen)
    kinds = torch.softmax(out[n : n + len(KINDS)], dim=0) * probability
    rate = torch.where(seen > learnt, its_rate, _rate_of(out))
    unknown = torch.from_numpy(~reach)
    planes = [plane.masked_fill(unknown, torch.nan).numpy() for plane in (probability, kinds, rate)]
    maps = NetworkMaps(*(plane.astype(np.float32) for plane in planes))
    return maps._replace(rate_mm_yr=within_measured(maps.rate_mm_yr, tracks))


def calibrated(
    logits: torch.Tensor, calibration: dict[str, float], standing: torch.Tensor | None = None
) -> torch.Tensor:
    """Combine the thresholds' logits (thresholds, rows, cols) to one: areas begin at one half and end at a fifth.

    The higher of two scores counts. One is mostly the logit of 2 mm/yr, which shows small areas and their edges, above
    the card's `fine`. The other, for unusual rates or a bowl that stands out of the delay, is the logit of the lowest
    threshold, above `agreed`, or less with such a bowl. A score lower by `gap` means a fifth. standing: (2, rows, cols)
    of `standing`, or None.
    """
    score = FINE_BLEND * logits[0] + (1 - FINE_BLEND) * logits[1] - calibration["fine"]
    if standing is not None:
        of_bowls, unusual = standing
        agreed = logits[0] + STANDING_BLEND * of_bowls.clamp_max(MOST_STANDING) - calibration["agreed"]
        stands = torch.maximum((unusual - 1) * UNUSUAL_STEEP, (of_bowls - STANDS_OUT) / STANDS_OUT_GAP)
        score = torch.maximum(score, torch.minimum(agreed, stands * calibration["gap"]))
    return score * (LN4 / calibration["gap"])
