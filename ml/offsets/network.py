"""CC-ResSiamNet over whole pairs: a coarse search, then one or more passes of the network, block by block.

Blocks are aligned with the image, so that the answer at a place does not depend on how files are cut. What is kept for
the whole image is on the grid of nodes, which has 64 times fewer values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine
from torch import Tensor
from torch.nn import functional

from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import NODE_PX, CCResSiamNet
from ml.networks.window_choice import REACH_NODES
from ml.offsets import averaging, coarse
from ml.offsets.baseline import Offsets
from ml.offsets.blocks import BLOCK_PX, Textures, of_source, over_blocks
from ml.offsets.resampling import TAPS, gathered, in_parts, surroundings, whole
from ml.rasters.imagery import Float32, ImagePair, PairSource, pixels_per_cell
from ml.rasters.pieces import Pieces
from ml.rasters.tiling import samples
from ml.rasters.windows import Window
from ml.runtime.checkpoints import WEIGHTS, Card, load, read_card
from ml.runtime.device import full_precision, low_precision, ready
from ml.runtime.feeding import window_px

NAME = "offsets"
HALO_PX = 64
UNKNOWN_SIGMA_PX = 0.32  # a larger standard deviation is "unknown"; at 0.4 a seventh of mere noise had an answer
LEAST_KNOWN = 0.5  # of a node's square
LOCAL_SCATTER_NODES = 5
FOLDED_CELL_PX = 1.8  # power whose cells of speckle are smaller is sampled below its band
SEARCH_SUPPORT = 7  # nodes of the coarse search on a side, 112 px: one of them must have a match


class Calibration(NamedTuple):
    """Calibration of sigma: tables of what is added to log sigma; beyond a table's ends the value is constant.

    There is one table each by the network's log sigma, by log local scatter, and by the log of the pixels in a cell of
    speckle, which are few if power is sampled below its band; that pulls offsets to whole pixels.
    """

    log_sigma: tuple[float, ...] = (0.0,)
    add: tuple[float, ...] = (0.0,)
    log_local_scatter: tuple[float, ...] = (0.0,)
    add_local_scatter: tuple[float, ...] = (0.0,)
    log_cell_px: tuple[float, ...] = (0.0,)
    add_cell_px: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Tracker:
    """A trained network and how it is used. iterations: number of passes; each starts from the answer of the last.

    choose: let the network choose the window at each node, else use 32 px; calibration, calibration_of_window: for the
    sigma of the chosen window and of the 32 px window, from validation scenes; gain: correction of sigma after
    averaging.
    """

    network: CCResSiamNet
    iterations: int
    calibration: Calibration
    calibration_of_window: Calibration
    device: torch.device
    exact: bool = False
    block: int = BLOCK_PX
    kernels: tuple[int, ...] = coarse.KERNELS_PX
    choose: bool = True
    gain: averaging.Gain = averaging.NO_GAIN


class Answer(NamedTuple):
    """Output of the network on its grid of nodes.

    own, near: (4, nodes, nodes), as in Residuals; known: (nodes, nodes), share of known pixels; cell_px: number of
    pixels in a cell of speckle (ml.rasters.imagery.pixels_per_cell).
    """

    own: Tensor
    near: Tensor
    known: Tensor
    cell_px: float


def tracker_of(card: Card, folder: Path, device: torch.device, choose: bool = True) -> Tracker:
    """Load the network of a card. InputError if its weights are missing or are not those of the card."""
    network = CCResSiamNet(**card.network)
    load(card, network, folder)
    ready(network, device)
    of_choice, of_window = (
        Calibration(**{part: tuple(values) for part, values in card.settings[name].items()})
        for name in ("calibration", "calibration_of_window")
    )
    gain = averaging.Gain(**{part: tuple(values) for part, values in card.settings["gain_of_averages"].items()})
    return Tracker(
        network,
        card.settings["iterations"],
        of_choice,
        of_window,
        device,
        block=window_px(device, BLOCK_PX),
        choose=choose,
        gain=gain,
    )


def shipped(device: torch.device, name: str = NAME, folder: Path = WEIGHTS, choose: bool = True) -> Tracker:
    """Load the network that the repository ships."""
    return tracker_of(read_card(name, folder), folder, device, choose)


def without_file(power: Float32) -> PairSource:
    """Wrap a pair in memory. power: (2, rows, cols), linear, NaN unknown."""
    return ImagePair(power[0], power[1], Affine.identity(), None).source()


def track(source: PairSource, tracker: Tracker, search: int) -> Offsets:
    """Track on the network's own grid, one node for NODE_PX pixels. search: largest offset, px."""
    return track_from(source, tracker, begun(source, tracker, search))


def track_from(
    source: PairSource,
    tracker: Tracker,
    found: coarse.Search,
    pieces: Pieces | None = None,
    textures: Textures | None = None,
) -> Offsets:
    """Track from a finished search and the textures that it used."""
    textures = textures or of_source(source, tracker.device)
    return offsets_of(_answered(source, textures, tracker, found, pieces or Pieces()), tracker, found.reach_px)


def begun(source: PairSource, tracker: Tracker, search: int) -> coarse.Search:
    """Run the search from whose offsets the network starts."""
    return coarse.searched(of_source(source, tracker.device), search, tracker.kernels, tracker.block)


def answered(source: PairSource, tracker: Tracker, search: int) -> Answer:
    """Run the network without the choice of windows; NaN in blocks that are completely unknown."""
    textures = of_source(source, tracker.device)
    return _answered(source, textures, tracker, begun(source, tracker, search), Pieces())


def _answered(source: PairSource, textures: Textures, tracker: Tracker, found: coarse.Search, pieces: Pieces) -> Answer:
    """Run all passes; the answer is NaN where the search has no match nearby, so that its start was only a guess."""
    start, in_reach = whole(coarse.on_nodes(found.offset)), _in_reach(found)
    answer = torch.full((9, 0, 0), torch.nan)
    for turn in range(tracker.iterations):
        if turn:
            start = _again(start, answer)
            del answer  # before the next is computed: for a frame it takes a quarter of a gigabyte
        answer = _pass(textures, tracker, start, (pieces, f"turn-{turn}"))
        answer[8] *= in_reach
    rows, cols = (max(1, size // NODE_PX) for size in source.shape)
    held = answer[:, :rows, :cols]
    return Answer(held[:4], held[4:8], held[8], _cell_px(source))


def _cell_px(source: PairSource) -> float:
    """Return the number of pixels in a cell of speckle, median over parts of a pair; 1 if nothing is known."""
    cells = [pixels_per_cell(torch.from_numpy(sample)) for sample in samples(source)]
    return median([cell for cell in cells if math.isfinite(cell)] or [1.0])


def chosen(answer: Answer, tracker: Tracker) -> Tensor:
    """Choose a window at each node; return its offsets, px, and their log sigmas, (4, nodes, nodes)."""
    known = torch.nan_to_num(answer.known)[None]
    given = torch.cat([torch.nan_to_num(answer.own), torch.nan_to_num(answer.near), known])
    result = torch.full_like(answer.own, torch.nan)
    rows, cols = result.shape[1:]
    step, reach = tracker.block // NODE_PX, REACH_NODES
    for row in range(0, rows, step):
        for col in range(0, cols, step):
            first = max(0, row - reach), max(0, col - reach)
            outer = given[:, first[0] : row + step + reach, first[1] : col + step + reach].to(tracker.device)
            with torch.no_grad():
                decided = torch.cat(tracker.network.choice(outer[None, :4], outer[None, 4:8], outer[None, 8:]), dim=1)[
                    0
                ]
            inner = decided[:, row - first[0] :, col - first[1] :][:, :step, :step]
            result[:, row : row + step, col : col + step] = inner.cpu()
    return torch.where(torch.isfinite(answer.known), result, torch.nan)


def log_local_scatter(own: Tensor) -> Tensor:
    """Return the log of the offsets' scatter among neighbours relative to sigma, (2, nodes, nodes), natural logarithm.

    own: offsets and log sigmas of 32 px windows. Neighbours share most of their windows and thus agree where motion is
    uniform; where it varies they do not.
    """
    offset = torch.nan_to_num(own[:2])
    spread = (
        (box_mean(offset**2, LOCAL_SCATTER_NODES) - box_mean(offset, LOCAL_SCATTER_NODES) ** 2)
        .mean(dim=0)
        .clamp_min(1e-8)
        .sqrt()
    )
    return spread.log() - own[2:4]


def _again(start: Tensor, answer: Tensor) -> Tensor:
    """Return the start of the next pass: the answer where it is sure, else filled from its surroundings."""
    sure = (answer[2:4].exp() < UNKNOWN_SIGMA_PX).all(dim=0) & (answer[8] >= LEAST_KNOWN)
    if not sure.any():
        return start
    return in_parts(coarse.filled(torch.where(sure, answer[:2], torch.nan)))


def _in_reach(found: coarse.Search) -> Tensor:
    """Return (nodes, nodes): 1 where the search has a match near a node, else 0."""
    matched = torch.isfinite(found.offset).all(dim=0).float()
    supported = (box_mean(matched, SEARCH_SUPPORT) > 0).float()
    return supported.repeat_interleave(coarse.STEP, 0).repeat_interleave(coarse.STEP, 1)


def _pass(textures: Textures, tracker: Tracker, shift: Tensor, stage: tuple[Pieces, str]) -> Tensor:
    """Run one pass; return `own` and `near` of Residuals and the known share, (9, nodes, nodes); NaN if unknown."""
    near = surroundings(shift)

    def read(_: Window, outer: Window) -> Tensor | None:
        images = _gathered(textures, outer, _part(shift, Window(*(value // NODE_PX for value in outer))))
        return images if (images != 0).all(dim=0).any() else None

    def work(core: Window, outer: Window, images: Tensor) -> Tensor:
        at = Window(*(value // NODE_PX for value in outer))
        by, mean = _part(shift, at), _part(near, at)
        known = functional.avg_pool2d((images != 0).all(dim=0).float()[None, None], NODE_PX)
        answered = _answers(tracker, images[None], (by - mean)[None], (by - by.floor())[None], known)[0].cpu()
        for first in (0, 4):
            answered[first : first + 2] += mean
        own = Window(*(value // NODE_PX for value in core))
        return _part(answered, own._replace(row=own.row - at.row, col=own.col - at.col))

    answer = torch.full((9, *shift.shape[1:]), torch.nan)
    for core, values in over_blocks(stage, textures, (tracker.block, HALO_PX), read, work):
        _part(answer, Window(*(value // NODE_PX for value in core))).copy_(values)
    return answer


def _part(field: Tensor, at: Window) -> Tensor:
    """Cut a part out of a field of nodes (n, rows, cols)."""
    return field[:, at.row : at.row + at.rows, at.col : at.col + at.cols]


def _gathered(textures: Textures, outer: Window, shift: Tensor) -> Tensor:
    """Return the textures (2, rows, cols) of the reference, and of the secondary gathered at `shift`.

    shift: (2, nodes, nodes), px.
    """
    far = int(shift.abs().max()) + TAPS
    wide = Window(outer.row - far, outer.col - far, outer.rows + 2 * far, outer.cols + 2 * far)
    images = textures.read(wide)
    reference = images[0, far : far + outer.rows, far : far + outer.cols]
    return torch.stack([reference, gathered(images[1], shift.to(images.device), far, far)])


def _answers(tracker: Tracker, images: Tensor, beyond: Tensor, part: Tensor, known: Tensor) -> Tensor:
    """Return the network's answers relative to the surroundings, (n, 9, nodes, nodes)."""
    channels_last = images.contiguous(memory_format=torch.channels_last)
    inputs = beyond.to(tracker.device), part.to(tracker.device), known
    with torch.no_grad(), (full_precision if tracker.exact else low_precision)(tracker.device):
        chosen_offsets = tracker.network(channels_last, *inputs)
    return torch.cat([*chosen_offsets, known], dim=1).float()


def offsets_of(answer: Answer, tracker: Tracker, search: int) -> Offsets:
    """Return offsets with calibrated sigma.

    They are unknown where an image is unknown, where sigma is too large, and beyond the reach of the search. They are
    computed in strips as high as a block, each with another strip on either side, which is more than windows reach.
    """
    step, parts = tracker.block // NODE_PX, []
    for row in range(0, answer.known.shape[0], step):
        first = max(0, row - step)
        rows = slice(first, row + 2 * step)
        strip = Answer(answer.own[:, rows], answer.near[:, rows], answer.known[rows], answer.cell_px)
        parts.append([band[row - first :][:step] for band in _offsets_of(strip, tracker, search)])
    return Offsets(*(torch.cat(bands) for bands in zip(*parts, strict=True)))


def _offsets_of(answer: Answer, tracker: Tracker, search: int) -> Offsets:
    if tracker.choose:
        found = averages(answer, tracker, search)
        offset, sigma = found.offset, averaging.calibrated(found, tracker.gain, answer.cell_px < FOLDED_CELL_PX)
    else:
        offset, sigma = answer.own[:2], calibrated(answer.own, answer, tracker.calibration_of_window)
        offset = torch.where(_kept(answer, offset, sigma, search), offset, torch.nan)
    quality = (1 - sigma.amax(dim=0) / UNKNOWN_SIGMA_PX).clamp(0, 1) * answer.known
    kept = torch.isfinite(offset).all(dim=0)
    return Offsets(*(torch.where(kept, band, torch.nan) for band in (*offset, *sigma, quality)))


def averages(answer: Answer, tracker: Tracker, search: int) -> averaging.Averaged:
    """Average the chosen windows' offsets where the ground moves alike; NaN unknown. Sigma: of the chosen windows.

    Nodes whose 32 px window has no valid answer are left out: uncertain neighbours would agree with each other.
    """
    choice = chosen(answer, tracker)
    sigma = calibrated(choice, answer, tracker.calibration)
    both = torch.cat([sigma, calibrated(answer.own, answer, tracker.calibration_of_window)])
    kept = _kept(answer, choice[:2], both, search)
    return averaging.averaged(torch.where(kept, choice[:2], torch.nan), sigma, kept)


def _kept(answer: Answer, offset: Tensor, sigma: Tensor, search: int) -> Tensor:
    near, sure = (offset.abs() <= search + 1).all(dim=0), (sigma <= UNKNOWN_SIGMA_PX).all(dim=0)
    return (answer.known >= LEAST_KNOWN) & sure & near


def calibrated(chosen_offsets: Tensor, answer: Answer, calibration: Calibration) -> Tensor:
    """Return the calibrated sigma (2, nodes, nodes), px. chosen_offsets: offsets and log sigmas, (4, nodes, nodes)."""
    log_sigma, local_scatter = chosen_offsets[2:4].numpy(), log_local_scatter(answer.own).numpy()
    log_sigma = log_sigma + np.interp(log_sigma, calibration.log_sigma, calibration.add)
    log_sigma += np.interp(np.log(answer.cell_px), calibration.log_cell_px, calibration.add_cell_px)
    return torch.from_numpy(
        np.exp(
            log_sigma + np.interp(local_scatter, calibration.log_local_scatter, calibration.add_local_scatter)
        ).astype(np.float32)
    )
