"""Offsets of a pair's nodes from evidence: how it is added over nodes, and the fit of the law to the sum."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ml.networks.box_mean import box_mean
from ml.offsets.evidence import LEVELS, REACH_NODES, Evidence, added, box, nine, reach_of, surfaces, weighted
from ml.offsets.law import Fitted, Law, fit
from ml.offsets.resampling import at_nodes

PRIOR_PX = (24, 56, 104)  # windows whose offsets the network sees
PRIOR = 6 * len(PRIOR_PX) + 3  # channels
LARGEST_FACTOR = 2.5  # of a correction of log sigma
NEAR_NODES = 5
MOST_UNLIKE = 50.0


class Answer(NamedTuple):
    """Offsets (2, rows, cols), px, dx and dy, with log sigma of each; contrast (rows, cols), see law.Fitted."""

    offset: Tensor
    log_sigma: Tensor
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


def prior(held: Evidence, start: Tensor, law: Law) -> Tensor:
    """Return the network's channels at each node, (PRIOR, rows, cols): offsets by several windows, share known."""
    channels = []
    for size_px in PRIOR_PX:
        found = _placed(_fitted(held, start, law, size_px), start)
        contrast = torch.stack([found.contrast.clamp_min(0).log1p() / 4, found.contrast / size_px])
        channels += [found.offset - start, found.log_sigma.clamp(-5.0, 1.0), contrast]
    beyond = (start - box_mean(start, NEAR_NODES)).clamp(-2.0, 2.0)
    return torch.cat([*channels, held.known[None], beyond])


def unlike(channels: Tensor, start: Tensor) -> Tensor:
    """Return by how much each of the nine nodes around a node moves differently, (LEVELS, 9, rows, cols).

    It is the squared difference of their offsets over its variance, both axes added, by the window of PRIOR_PX for that
    level. channels: of `prior`.
    """
    levels = []
    for level in range(LEVELS):
        offset, log_sigma = channels[6 * level : 6 * level + 2] + start, channels[6 * level + 2 : 6 * level + 4]
        own = torch.cat([offset, torch.exp(2 * log_sigma)])
        apart = [
            ((there[:2] - own[:2]) ** 2 / (there[2:] + own[2:])).sum(dim=0)
            for there in nine(own, 3**level, "replicate")
        ]
        levels.append(torch.stack(apart))
    return torch.stack(levels).clamp_max(MOST_UNLIKE)


def answer(raw: Tensor, held: Evidence, start: Tensor, law: Law, channels: Tensor) -> Answer:
    """Add the evidence as the network says and fit. raw: (32, rows, cols), its output; channels: what it saw.

    The weights are attention: the network gives each node's logits, and by how much those that move differently count
    less.
    """
    logits = raw[: 9 * LEVELS].reshape(LEVELS, 9, *start.shape[1:])
    strictness = functional.softplus(raw[9 * LEVELS + 2 :])[:, None]
    weights = (logits - strictness * unlike(channels, start)).softmax(dim=1)
    window = added(held, start, weighted(weights.flatten(0, 1)), REACH_NODES)
    surface, pixels = surfaces(window)
    with torch.no_grad():
        alone = (weights**2).sum(dim=1).prod(dim=0).flatten()  # 1 over the number of squares, if they were independent
    found = fit(surface, pixels.detach() / alone, law)
    placed = _placed(found._replace(sigma=found.sigma.detach()), start)
    factor = raw[9 * LEVELS : 9 * LEVELS + 2].clamp(-LARGEST_FACTOR, LARGEST_FACTOR)
    return placed._replace(log_sigma=placed.log_sigma + factor)


def published(raw: Tensor, held: Evidence, start: Tensor) -> Answer:
    """Return the published form's answers at the nodes. raw: (4, rows, cols), its output for every pixel."""
    found = at_nodes(raw)
    return Answer(found[:2] + start, found[2:], torch.full_like(held.known, torch.inf))


def _placed(found: Fitted, start: Tensor) -> Answer:
    shape = start.shape[1:]
    log_sigma = found.sigma.clamp(1e-4, 1e2).log().reshape(2, *shape)
    return Answer(found.offset.reshape(2, *shape) + start, log_sigma, found.contrast.reshape(shape))
