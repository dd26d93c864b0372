"""Offsets of a pair's nodes from evidence: how it is added over nodes, and the fit of the law to the sum."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import AGAIN, NODE_PX, STATED
from ml.offsets.evidence import APART_PX, LEVELS, REACH_NODES, Evidence, added, box, nine, reach_of, surfaces, weighted
from ml.offsets.law import LONGEST_STEP_PX, Fitted, Law, Matched, fit, match, stepped
from ml.offsets.resampling import at_nodes

PRIOR_PX = (24, 56, 104)  # windows whose offsets the network sees
PRIOR = 6 * len(PRIOR_PX) + 3  # channels
LARGEST_FACTOR = 2.5  # of a correction of log sigma
NEAR_NODES = 5
MOST_UNLIKE = 50.0


class Stated(NamedTuple):
    """What the network states for each node, (n, rows, cols): logits of weights for both additions, see STATED."""

    logits: Tensor
    again: Tensor
    factor: Tensor
    strictness: Tensor
    share: Tensor


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
    """Return by how much each of the nine nodes around a node moves differently, (LEVELS, 9, windows, rows, cols).

    It is the squared difference of their offsets over its variance, both axes added, by each window of PRIOR_PX.
    channels: of `prior`.
    """
    parts = channels[: 6 * len(PRIOR_PX)].reshape(len(PRIOR_PX), 6, *start.shape[1:])
    own = torch.cat([parts[:, :2] + start, torch.exp(2 * parts[:, 2:4])], dim=1)
    levels = []
    for level in range(LEVELS):
        apart = []
        for flat in nine(own.flatten(0, 1), 3**level, "replicate"):
            there = flat.reshape(own.shape)
            apart.append(((there[:, :2] - own[:, :2]) ** 2 / (there[:, 2:] + own[:, 2:])).sum(dim=1))
        levels.append(torch.stack(apart))
    return torch.stack(levels).clamp_max(MOST_UNLIKE)


def stated_by(raw: Tensor) -> Stated:
    """Return the parts of the network's output (STATED, rows, cols)."""
    return Stated(*torch.split(raw, list(STATED.values())))


def attention(stated: Stated, channels: Tensor, start: Tensor) -> Tensor:
    """Return the weights of the first addition, (LEVELS, 9, rows, cols), 1 in sum over the nine."""
    nodes = start.shape[1:]
    strictness = functional.softplus(stated.strictness).reshape(LEVELS, 1, -1, *nodes)
    alike = stated.logits.reshape(LEVELS, 9, *nodes) - (strictness * unlike(channels, start)).sum(dim=2)
    return alike.softmax(dim=1)


def answer(raw: Tensor, held: Evidence, start: Tensor, law: Law, channels: Tensor) -> Answer:
    """Add the evidence as the network says and fit. raw: (STATED, rows, cols), its output; channels: its input.

    The weights are attention: the network gives each node's logits, and by how much those that move differently count
    less. What was found is a field of motion; around it, evidence is added again, as residuals of ground whose motion
    varies, and the network says how much of them counts. A node has a match if any window has one.
    """
    stated = stated_by(raw)
    weights = attention(stated, channels, start)
    surface, pixels = surfaces(added(held, start, weighted(weights.flatten(0, 1)), REACH_NODES))
    found = fit(surface, pixels.detach() / _alone(weights), law)
    logits = stated.again.reshape(AGAIN, LEVELS, 9, *start.shape[1:])
    for weights, share in zip(logits.softmax(dim=2), torch.sigmoid(stated.share).flatten(1), strict=True):
        again = _around(held, start, found, law, weights)
        found = found._replace(
            offset=torch.lerp(found.offset, again.offset, share), sigma=torch.lerp(found.sigma, again.sigma, share)
        )
    seen = torch.expm1(4 * channels[4 : 6 * len(PRIOR_PX) : 6]).amax(dim=0).flatten()
    found = found._replace(sigma=found.sigma.detach(), contrast=torch.maximum(found.contrast, seen))
    placed = _placed(found, start)
    return placed._replace(log_sigma=placed.log_sigma + stated.factor.clamp(-LARGEST_FACTOR, LARGEST_FACTOR))


def _around(held: Evidence, start: Tensor, first: Fitted, law: Law, weights: Tensor) -> Fitted:
    """Match each square at the offset found for it, add these matches, and step once from what was found."""
    inner = slice(APART_PX, -APART_PX)
    surface = held.products[inner, inner].flatten(2).permute(2, 0, 1).contiguous()
    of_squares = match(surface, first.offset, first.correlation.detach(), law)
    both = (held.energy[0] * held.energy[1]).clamp_min(1e-18).sqrt().flatten()
    planes = torch.stack(
        [of_squares.height, *of_squares.slopes, *(both * of_squares.information), both * of_squares.norm]
    )
    planes = torch.cat([planes.reshape(-1, *start.shape[1:]), held.energy])
    whole = slice(None)
    sums = weighted(weights.flatten(0, 1))(planes, whole, whole).flatten(1)
    total = (sums[6] * sums[7]).clamp_min(1e-18).sqrt()
    matched = Matched(sums[0] / total, sums[1:3] / total, sums[3:5] / total, sums[5] / total)
    pixels = NODE_PX**2 * total.detach() ** 2 / sums[8].detach().clamp_min(1e-9) / _alone(weights)
    return stepped(matched, first.offset, pixels, LONGEST_STEP_PX)


def _alone(weights: Tensor) -> Tensor:
    """Return 1 over the number of squares that are added, if they were independent, (nodes,)."""
    return (weights.detach() ** 2).sum(dim=1).prod(dim=0).flatten()


def published(raw: Tensor, held: Evidence, start: Tensor) -> Answer:
    """Return the published form's answers at the nodes. raw: (4, rows, cols), its output for every pixel."""
    found = at_nodes(raw)
    return Answer(found[:2] + start, found[2:], torch.full_like(held.known, torch.inf))


def _placed(found: Fitted, start: Tensor) -> Answer:
    shape = start.shape[1:]
    log_sigma = found.sigma.clamp(1e-4, 1e2).log().reshape(2, *shape)
    return Answer(found.offset.reshape(2, *shape) + start, log_sigma, found.contrast.reshape(shape))
