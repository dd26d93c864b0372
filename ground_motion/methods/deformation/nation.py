"""Inference of the network over a nation, in windows around the cells for which it is asked.

Windows begin at whole multiples of ALIGN_CELLS, counted from the plane's origin, and have margins wider than the crops
in which the network was trained. The tracks used in a cell depend on the distance to their points, not on the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ground_motion.methods.deformation.features.atmosphere import ALIGN_CELLS
from ground_motion.methods.deformation.features.channels import TrackCells
from ground_motion.methods.deformation.features.surroundings import surroundings
from ground_motion.methods.deformation.gridding.boxes import Proposed, boxes, overlap, shift
from ground_motion.methods.deformation.gridding.cells import RobustGrid
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.kinds import KINDS
from ground_motion.methods.deformation.network import (
    OF_MOTION,
    REACH_M,
    DeformationNetwork,
    Lattice,
    NetworkMaps,
    make_lattice,
)
from ground_motion.networks.deformation_unet import THRESHOLDS_MM_YR
from ground_motion.rasters.pieces import Arrays, Pieces, piece_by_piece
from ground_motion.runtime.ahead import Feed
from ground_motion.runtime.device import low_precision, ready
from ground_motion.runtime.feeding import feed_of

JOINT_M = 1_000.0  # A track is used in cells with one of its points within this distance.
SILENT = -8.0  # Cells for which the network was not asked have these log-odds, so that none is flagged.
AROUND_CELLS = 8  # The network is also asked this many cells around a proposed one.
READERS = 2  # threads that describe windows while a CPU runs the network


@dataclass(frozen=True)
class NetworkConfig:
    """Settings with which the deformation network infers over a nation.

    core_cells: side of a window's core; batch: windows at a time on a GPU; weights: name of the card; decision:
    "model"; for comparison "network" (its evidence alone) or "without-network" (all other evidence).
    """

    weights: str = "deformation"
    core_cells: int = 1024
    batch: int = 4
    decision: str = "model"


NETWORK_ALONE = partial(NetworkConfig, decision="network")
WITHOUT_NETWORK = partial(NetworkConfig, decision="without-network")


class Window(NamedTuple):
    """Window of a lattice.

    core: rows and columns with results; outer: rows and columns of input; tracks: indices of the tracks used.
    """

    core: tuple[slice, slice]
    outer: tuple[slice, slice]
    tracks: tuple[int, ...]


def predict(
    network: DeformationNetwork,
    grids: Sequence[RobustGrid],
    device: torch.device | None = None,
    config: NetworkConfig | None = None,
    pieces: Pieces | None = None,
    spread_mm_yr: float = 0.0,
    proposed: Proposed | None = None,
) -> tuple[NetworkMaps, Lattice]:
    """Return maps of all ground that any track covers, with their lattice. ValueError if grids do not match.

    Args:
        network: The network.
        grids: Grid of each track.
        device: Where to compute.
        config: Settings of the decision.
        pieces: Store from which a killed computation resumes.
        spread_mm_yr: As in `make_lattice`.
        proposed: Cells near which the network is asked, None everywhere. Elsewhere its log-odds are SILENT, and the
            kinds alike.
    """
    config, device = config or NetworkConfig(), device or torch.device("cpu")
    feed = feed_of(device) if device.type == "cuda" else Feed(READERS)
    lattice = make_lattice(grids, spread_mm_yr=spread_mm_yr)
    reach = np.minimum.reduce([track.distance_m for track in lattice.tracks]) <= REACH_M
    asked = _squares(reach if proposed is None else reach & _cells_near(proposed, lattice.transform, reach.shape))
    results = np.full((len(KINDS) + 1, *reach.shape), np.nan, dtype=np.float32)
    results[0, reach], results[1:, reach] = SILENT, 1 / len(KINDS)
    runner = _Runner(network, device, config)
    ordered = sorted(windows(lattice.tracks, asked, network.halo_cells, config.core_cells), key=_alike)
    groups = [list(alike) for _, alike in groupby(ordered, _alike)]
    batches = [group[at : at + runner.batch] for group in groups for at in range(0, len(group), runner.batch)]

    def image(batch: list[Window]) -> tuple[list[Window], Tensor]:
        images = torch.cat([network.image([_track_window(lattice, i, w.outer) for i in w.tracks]) for w in batch])
        images = images.contiguous(memory_format=torch.channels_last)
        return batch, images.pin_memory() if feed.pinned else images

    def work(read: tuple[list[Window], Tensor]) -> Arrays:
        batch, images = read
        out = zip(batch, runner.run(images, len(batch[0].tracks)), strict=True)
        return {str(number): _read(values, window, lattice.tracks) for number, (window, values) in enumerate(out)}

    items = {str(number): batch for number, batch in enumerate(batches)}
    for place, maps in piece_by_piece(pieces, "network", items, work, image, feed):
        for window, values in zip(items[place], maps.values(), strict=True):
            here = _choice(lattice.tracks, window.core) == sum(1 << number for number in window.tracks)
            results[:, *window.core][:, here] = values[:, here]
    return NetworkMaps(results[0], results[1:]), lattice


def _cells_near(proposed: Proposed, transform: Affine, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the cells of a lattice, (rows, cols), within some AROUND_CELLS of a proposed one."""
    col, row = (round(offset) for offset in ~transform @ (proposed.transform.c, proposed.transform.f))
    near = np.zeros(shape, dtype=bool)
    here, own = overlap((row, col), proposed.cells.shape, shape)
    near[here] = proposed.cells[own]
    return np.asarray(ndimage.maximum_filter(near, 2 * AROUND_CELLS + 1))


def _squares(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which squares of ALIGN_CELLS hold any of the cells, (rows, cols) of squares."""
    rows, cols = (size // ALIGN_CELLS for size in cells.shape)
    return np.asarray(cells.reshape(rows, ALIGN_CELLS, cols, ALIGN_CELLS).any(axis=(1, 3)))


def windows(tracks: Sequence[TrackCells], asked: NDArray[np.bool_], halo: int, core_cells: int) -> Iterator[Window]:
    """Yield windows around all squares of ALIGN_CELLS that are asked, once for each combination of tracks used."""
    shape = tracks[0].velocity_mm_yr.shape
    margin, step = (-(-size // ALIGN_CELLS) for size in (halo, core_cells))
    for row in range(0, asked.shape[0], step):
        for col in range(0, asked.shape[1], step):
            for box in boxes(asked[row : row + step, col : col + step], margin):
                rows, cols = shift(box, row, col)
                core, outer = (
                    (_cells_of(rows, wider, shape[0]), _cells_of(cols, wider, shape[1])) for wider in (0, margin)
                )
                choice = _choice(tracks, core)
                for code in np.unique(choice[choice > 0]):
                    yield Window(core, outer, tuple(number for number in range(len(tracks)) if code >> number & 1))


def _cells_of(squares: slice, margin: int, size: int) -> slice:
    """Return the cells of some squares with a margin of squares."""
    return slice(max(0, squares.start - margin) * ALIGN_CELLS, min((squares.stop + margin) * ALIGN_CELLS, size))


def _choice(tracks: Sequence[TrackCells], core: tuple[slice, slice]) -> np.ndarray:
    """Return the tracks used in each cell of a core as bits; 0 for cells without a value."""
    code = np.zeros(tracks[0].distance_m[core].shape, dtype=np.int64)
    for number, track in enumerate(tracks):
        code |= (track.distance_m[core] <= JOINT_M).astype(np.int64) << number
    nearest = np.minimum.reduce([track.distance_m[core] for track in tracks])
    return np.where(nearest <= REACH_M, code, 0)


def _alike(window: Window) -> tuple[tuple[int, int], tuple[int, ...]]:
    """Return the key by which windows are batched: rows and columns, and tracks."""
    rows, cols = window.outer
    return (rows.stop - rows.start, cols.stop - cols.start), window.tracks


def _read(out: Tensor, window: Window, tracks: Sequence[TrackCells]) -> Float32:
    """Return the planes of a window's core, those of NetworkMaps one after the other, (kinds + 1, rows, cols).

    out: the network's channels on the whole window, (thresholds + kinds + 1, rows, cols).
    """
    rows, cols = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(window.core, window.outer, strict=True))
    core, n = out[:, rows, cols], len(THRESHOLDS_MM_YR)
    planes = [core[OF_MOTION].mean(dim=0, keepdim=True), torch.softmax(core[n : n + len(KINDS)], dim=0)]
    reach = np.minimum.reduce([tracks[number].distance_m[window.core] for number in window.tracks]) <= REACH_M
    return np.where(reach, torch.cat(planes).numpy(), np.float32(np.nan))


class _Runner:
    """Runs the network on a device; if memory runs out, with fewer windows at a time, and finally on the CPU."""

    def __init__(self, network: DeformationNetwork, device: torch.device, config: NetworkConfig) -> None:
        self.network, self.device = network, device
        self.batch = config.batch if device.type == "cuda" else 1
        ready(network.module, device)

    def run(self, images: Tensor, tracks: int) -> list[Tensor]:
        """Run the network on windows of one shape. images: (windows * tracks, channels, rows, cols)."""
        results: list[Tensor] = []
        while len(results) * tracks < len(images):
            some = images[len(results) * tracks : (len(results) + self.batch) * tracks]
            try:
                with torch.inference_mode(), low_precision(self.device):
                    out = self.network.module(some.to(self.device, non_blocking=True), tracks).float().cpu()
                results += list(out)
            except torch.OutOfMemoryError:
                if self.device.type != "cuda":
                    raise
                self._do_with_less()
        return results

    def _do_with_less(self) -> None:
        if self.batch > 1:
            self.batch //= 2
        else:
            self.device = torch.device("cpu")
            self.network.module.to(self.device)
        torch.cuda.empty_cache()


def _track_window(lattice: Lattice, number: int, at: tuple[slice, slice]) -> TrackCells:
    """Return a window of a track, with what is around each of its cells."""
    planes: Any = (plane[..., *at] if isinstance(plane, np.ndarray) else plane for plane in lattice.tracks[number])
    return TrackCells(*planes)._replace(around=surroundings(lattice.grounds[number].at(at)))
