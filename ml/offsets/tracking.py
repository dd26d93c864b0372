"""Offsets of a pair's nodes from evidence: how it is added over nodes, and the fit of the law to the sum."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import STATED
from ml.offsets.evidence import LEVELS, REACH_NODES, Evidence, added, box, nine, reach_of, surfaces, weighted
from ml.offsets.law import FARTHEST_PX, Fitted, Law, fit
from ml.offsets.resampling import at_nodes

PRIOR_PX = (24, 56, 104)  # windows whose offsets the network sees
PRIOR = 6 * len(PRIOR_PX) + 3  # channels
LARGEST_FACTOR = 2.5  # of a correction of log sigma
NEAR_NODES = 5
MOST_UNLIKE = 50.0
LEAST_CONTRAST = 4.5  # of a match, in standard deviations of what chance gives
CHANCE = 4.0  # standard deviations by which even motion seems to vary


class Answer(NamedTuple):
    """Offsets (2, rows, cols), px, dx and dy, with log sigma of each; contrast (rows, cols), see law.Fitted."""

    offset: Tensor
    log_sigma: Tensor
    contrast: Tensor


class Stated(NamedTuple):
    """What the network states for each node, (n, rows, cols), see STATED."""

    logits: Tensor
    factor: Tensor
    strictness: Tensor
    step: Tensor


class Windows(NamedTuple):
    """Offsets and sigmas by each window of PRIOR_PX, (windows, 2, rows, cols), px; contrast (windows, rows, cols)."""

    offset: Tensor
    sigma: Tensor
    contrast: Tensor


def over_windows(held: Evidence, start: Tensor, law: Law, size_px: float) -> Answer:
    """Fit offsets to windows of one size around each node.

    Speckle of few looks that coheres well scatters more than the law's Gaussian noise: sigma is 1 + A^2 / looks times
    as large, found on validation pairs of even ground.
    """
    found = _fitted(held, start, law, size_px)
    wider = 1 + found.correlation**2 / law.looks
    return _placed(found._replace(sigma=found.sigma * wider), start)


def _fitted(held: Evidence, start: Tensor, law: Law, size_px: float) -> Fitted:
    return fit(*surfaces(added(held, start, box(size_px), reach_of(size_px))), law)


def windows_of(channels: Tensor, start: Tensor) -> Windows:
    """Return what the windows of PRIOR_PX found. channels: of `prior`; start: (2, rows, cols), px."""
    parts = channels[: 6 * len(PRIOR_PX)].reshape(len(PRIOR_PX), 6, *start.shape[1:])
    return Windows(parts[:, :2] + start, parts[:, 2:4].exp(), torch.expm1(4 * parts[:, 4]))


def prior(held: Evidence, start: Tensor, law: Law) -> Tensor:
    """Return the network's channels at each node, (PRIOR, rows, cols): offsets by several windows, share known."""
    channels = []
    for size_px in PRIOR_PX:
        found = _placed(_fitted(held, start, law, size_px), start)
        contrast = torch.stack([found.contrast.clamp_min(0).log1p() / 4, found.contrast / size_px])
        channels += [found.offset - start, found.log_sigma.clamp(-5.0, 1.0), contrast]
    beyond = (start - box_mean(start, NEAR_NODES)).clamp(-2.0, 2.0)
    return torch.cat([*channels, held.known[None], beyond])


def unlike(windows: Windows) -> Tensor:
    """Return by how much each of the nine nodes around a node moves differently, (LEVELS, 9, windows, rows, cols).

    It is the squared difference of their offsets over its variance, both axes added.
    """
    own = torch.cat([windows.offset, windows.sigma**2], dim=1)
    levels = []
    for level in range(LEVELS):
        apart = []
        for flat in nine(own.flatten(0, 1), 3**level, "replicate"):
            there = flat.reshape(own.shape)
            apart.append(((there[:, :2] - own[:, :2]) ** 2 / (there[:, 2:] + own[:, 2:])).sum(dim=1))
        levels.append(torch.stack(apart))
    return torch.stack(levels).clamp_max(MOST_UNLIKE)


def varying(windows: Windows, offset: Tensor) -> Tensor:
    """Return by how much motion around each node varies beyond the noise of its windows, (2, rows, cols), px.

    It is the largest difference between what was found and what a window with a match found at one of nine nodes, less
    CHANCE of its standard deviations. offset: (2, rows, cols), px.
    """
    known = (windows.contrast > LEAST_CONTRAST)[:, None].to(offset.dtype)
    sure = torch.cat([windows.offset, windows.sigma + MOST_UNLIKE * (1 - known)], dim=1)
    most = torch.zeros_like(offset)
    for flat in nine(sure.flatten(0, 1), 1, "replicate"):
        there = flat.reshape(sure.shape)
        most = torch.maximum(most, ((there[:, :2] - offset).abs() - CHANCE * there[:, 2:]).amax(dim=0))
    return most.clamp_max(FARTHEST_PX)


def answer(raw: Tensor, held: Evidence, start: Tensor, law: Law, channels: Tensor) -> Answer:
    """Add the evidence as the network says and fit. raw: (STATED, rows, cols), its output; channels: what it saw.

    The weights are attention: the network gives each node's logits, and by how much those that move differently count
    less. Where motion varies, the network also steps from what was found, at most by how much it varies: windows
    flatten such motion. Where it does not vary, there is no step, so that nothing draws the answer.
    """
    stated, windows = Stated(*torch.split(raw, list(STATED.values()))), windows_of(channels, start)
    strictness = functional.softplus(stated.strictness).reshape(LEVELS, 1, -1, *start.shape[1:])
    alike = stated.logits.reshape(LEVELS, 9, *start.shape[1:]) - (strictness * unlike(windows)).sum(dim=2)
    weights = alike.softmax(dim=1)
    surface, pixels = surfaces(added(held, start, weighted(weights.flatten(0, 1)), REACH_NODES))
    with torch.no_grad():
        alone = (weights**2).sum(dim=1).prod(dim=0).flatten()  # 1 over the number of squares, if they were independent
    found = fit(surface, pixels.detach() / alone, law)
    placed = _placed(found._replace(sigma=found.sigma.detach()), start)
    return Answer(
        placed.offset + varying(windows, placed.offset.detach()) * torch.tanh(stated.step),
        placed.log_sigma + stated.factor.clamp(-LARGEST_FACTOR, LARGEST_FACTOR),
        torch.maximum(placed.contrast, windows.contrast.amax(dim=0)),
    )


def published(raw: Tensor, held: Evidence, start: Tensor) -> Answer:
    """Return the published form's answers at the nodes. raw: (4, rows, cols), its output for every pixel."""
    found = at_nodes(raw)
    return Answer(found[:2] + start, found[2:], torch.full_like(held.known, torch.inf))


def _placed(found: Fitted, start: Tensor) -> Answer:
    shape = start.shape[1:]
    log_sigma = found.sigma.clamp(1e-4, 1e2).log().reshape(2, *shape)
    return Answer(found.offset.reshape(2, *shape) + start, log_sigma, found.contrast.reshape(shape))
