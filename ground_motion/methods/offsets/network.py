"""Offsets over whole pairs: a coarse search, then evidence, network and autocorrelation model, block by block.

Blocks are aligned with the image, so that the answer at a place does not depend on how files are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets import coarse
from ground_motion.methods.offsets.autocorrelation import (
    MAX_FROM_START_PX,
    Autocorrelation,
    autocorrelation_from,
    learned_bands,
    looks_of,
)
from ground_motion.methods.offsets.baseline import Offsets
from ground_motion.methods.offsets.blocks import BLOCK_PX, Textures, compute_blocks, textures_of
from ground_motion.methods.offsets.evidence import KEPT_LAGS, evidence, surfaces_of
from ground_motion.methods.offsets.resampling import gather, whole
from ground_motion.methods.offsets.tracking import (
    MIN_CONTRAST,
    answer,
    correlation_channels,
    fit_windows,
    prior,
    published_answer,
    shortfall,
)
from ground_motion.networks.cc_res_siamnet import NODE_PX, OFFSETS, CCResSiamNet
from ground_motion.rasters.imagery import Float32, PairSource
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.tiling import samples
from ground_motion.rasters.windows import Window, scale_window, slices
from ground_motion.runtime.box_mean import box_mean
from ground_motion.runtime.checkpoints import WEIGHTS, load, read_card
from ground_motion.runtime.device import full_precision, low_precision, ready
from ground_motion.runtime.feeding import window_px

HALO_PX = 256
UNKNOWN_SIGMA_PX = 0.32  # A larger standard deviation is "unknown".
MIN_KNOWN = 0.5  # This share of a node's square must be known.
MAX_SHORTFALL = 4.0  # A node's own ground may match this many deviations less than what was added to it.
SEARCH_SUPPORT = 7  # A square of this many coarse nodes a side (112 px) must contain a match.
# Without a network, offsets are fitted to such windows; a pair's autocorrelation is learned from them.
WINDOW_PX = 64.0
LEARNING_SQUARE_PX, LEARNING_SQUARES = 256, 9  # Squares from which an autocorrelation is learned: side, number.
MIN_MATCHED = 0.5  # The search must have matched this share of such a square.


@dataclass(frozen=True)
class Tracker:
    """Tracker that turns evidence into offsets: with a trained network, or without one over windows of one size.

    sigma: factor from the network's own sigma to the size of its errors; size_px: of the windows without a network;
    exact: whether the network computes in float32; block: side of a block, px.
    """

    network: CCResSiamNet | None
    device: torch.device
    _: KW_ONLY
    sigma: float = 1.0
    size_px: float = WINDOW_PX
    exact: bool = False
    block: int = 2 * BLOCK_PX


def load_shipped(device: torch.device, name: str = "offsets", folder: Path = WEIGHTS) -> Tracker:
    """Load the tracker of a card, or without a name one that has no network. InputError if weights are missing."""
    block = window_px(device, 2 * BLOCK_PX)
    if not name:
        return Tracker(None, device, block=block)
    card = read_card(name, folder)
    network = CCResSiamNet(**card.network)
    load(card, network, folder)
    ready(network, device)
    return Tracker(network, device, sigma=card.settings.get("sigma", 1.0), block=block)


def track(source: PairSource, tracker: Tracker, search: int) -> Offsets:
    """Track on the network's own grid, one node for NODE_PX pixels. search: largest offset, px."""
    textures = textures_of(source, tracker.device)
    found = coarse.search_pair(textures, search, block=window_px(tracker.device, BLOCK_PX))
    return track_from(source, tracker, found, textures=textures)


def track_from(
    source: PairSource,
    tracker: Tracker,
    found: coarse.Search,
    pieces: Pieces | None = None,
    textures: Textures | None = None,
    sampled: Sequence[Float32] = (),
) -> Offsets:
    """Track from a finished search and the textures that it used. sampled: samples of the pair, if they were read."""
    textures = textures or textures_of(source, tracker.device)
    start = whole(coarse.interpolate_to_nodes(found.offset))
    model = None
    if not tracker.network or tracker.network.form != OFFSETS:
        looks = median(looks_of(torch.from_numpy(image)) for sample in sampled or samples(source) for image in sample)
        model = _learn(textures, start, torch.isfinite(found.offset).all(dim=0), looks)
    rows, cols = (max(1, size // NODE_PX) for size in source.shape)
    values = _answers(textures, tracker, start, model, pieces or Pieces())[:, :rows, :cols]
    offset, sigma, (contrast, short, known) = values[:2], tracker.sigma * values[2:4].exp(), values[4:]
    kept = (known >= MIN_KNOWN) & (sigma <= UNKNOWN_SIGMA_PX).all(dim=0) & (contrast >= MIN_CONTRAST)
    kept &= short <= MAX_SHORTFALL
    kept &= (offset.abs() <= found.reach_px + 1).all(dim=0) & _is_in_reach(found)[:rows, :cols]
    kept &= ((offset - start[:, :rows, :cols]).abs() < MAX_FROM_START_PX).all(dim=0)
    quality = (1 - sigma.amax(dim=0) / UNKNOWN_SIGMA_PX).clamp(0, 1) * known
    return Offsets(*(torch.where(kept, band, torch.nan) for band in (*offset, *sigma, quality)))


def _learn(textures: Textures, start: Tensor, matched: Tensor, looks: float) -> Autocorrelation:
    """Learn a pair's autocorrelation from squares of matched ground. matched: (rows, cols) of the search's nodes."""
    side = LEARNING_SQUARE_PX // NODE_PX // coarse.STEP
    share = functional.avg_pool2d(matched[None].float(), side, ceil_mode=True)[0]
    cells = torch.nonzero(share >= share.max().clamp_max(MIN_MATCHED))
    images, surface, pixels = [], [], []
    for row, col in cells[np.random.default_rng(0).permutation(len(cells))[:LEARNING_SQUARES]].tolist():
        rows, cols = (
            min(LEARNING_SQUARE_PX, n * NODE_PX - at * LEARNING_SQUARE_PX)
            for n, at in zip(start.shape[1:], (row, col), strict=True)
        )
        at = Window(row * LEARNING_SQUARE_PX, col * LEARNING_SQUARE_PX, rows, cols)
        wide, far = _read(textures, start, at)
        images.append(wide[:, far:-far, far:-far])
        part = _part(start, at).to(wide.device)
        seen = surfaces_of(evidence(images[-1][0], wide[1], part, far), part, WINDOW_PX)
        surface.append(seen[0])
        pixels.append(seen[1])
    bands = learned_bands(images, looks, torch.cat(surface, dim=-1), torch.cat(pixels))
    return autocorrelation_from(bands, images[0].device)


def _is_in_reach(found: coarse.Search) -> Tensor:
    """Return whether the search has a match near each node, (nodes, nodes), so that its start is more than a guess."""
    matched = torch.isfinite(found.offset).all(dim=0).float()
    supported = box_mean(matched, SEARCH_SUPPORT) > 0
    return supported.repeat_interleave(coarse.STEP, 0).repeat_interleave(coarse.STEP, 1)


def _answers(
    textures: Textures, tracker: Tracker, start: Tensor, model: Autocorrelation | None, pieces: Pieces
) -> Tensor:
    """Return dx, dy, log sigmas, contrast, shortfall and known share of nodes, (7, nodes, nodes); NaN if unknown."""

    def read(_: Window, outer: Window) -> tuple[Tensor, int] | None:
        images, far = _read(textures, start, outer)
        return (images, far) if (images != 0).flatten(1).any(dim=1).all() else None

    def work(core: Window, outer: Window, given: tuple[Tensor, int]) -> Tensor:
        images, far = given
        values = _answer(tracker, images, far, _part(start, outer).to(images.device), model).cpu()
        return _part(values, core._replace(row=core.row - outer.row, col=core.col - outer.col))

    held = torch.full((7, *start.shape[1:]), torch.nan)
    for core, values in compute_blocks((pieces, "evidence"), textures, (tracker.block, HALO_PX), read, work):
        _part(held, core).copy_(values)
    return held


def _read(textures: Textures, start: Tensor, at: Window) -> tuple[Tensor, int]:
    """Read textures (2, rows, cols) of a window with as many px more on each side as its starts need; return both."""
    far = int(_part(start, at).abs().max()) + KEPT_LAGS
    return textures.read(Window(at.row - far, at.col - far, at.rows + 2 * far, at.cols + 2 * far)), far


def _part(field: Tensor, at: Window) -> Tensor:
    """Cut a window of the image out of a field of nodes (n, rows, cols)."""
    return field[:, *slices(scale_window(at, NODE_PX))]


def _answer(tracker: Tracker, images: Tensor, far: int, start: Tensor, model: Autocorrelation | None) -> Tensor:
    """Return the planes of `_answers`. images: (2, rows, cols), textures with a margin of `far` px; start: of nodes."""
    reference = images[0, far : images.shape[1] - far, far : images.shape[2] - far]

    def state(network: CCResSiamNet, channels: Tensor) -> Tensor:
        pair = torch.stack([reference, gather(images[1], start, far, far)])
        with (full_precision if tracker.exact else low_precision)(pair.device):
            raw: Tensor = network(pair[None], channels[None])[0]
        return raw.float()

    with torch.no_grad():
        held, network = evidence(reference, images[1], start, far), tracker.network
        if network and model:
            channels = prior(held, start, model)
            found = answer(state(network, channels), held, start, model, channels)
        elif network:
            found = published_answer(state(network, correlation_channels(held, start)), start)
        elif model:
            found = fit_windows(held, start, model, tracker.size_px)
        short = (
            shortfall(held, found.offset - start, found.correlation, model) if model else torch.zeros_like(held.known)
        )
    return torch.cat([found.offset, found.log_sigma, torch.stack([found.contrast, short, held.known])])
