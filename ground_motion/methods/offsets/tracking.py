"""Offsets of a pair's nodes: how evidence is added over nodes, and the fit of the autocorrelation model to the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets.autocorrelation import (
    LAGS_PX,
    MAX_FROM_START_PX,
    MAX_STEP_PX,
    Autocorrelation,
    Fitted,
    Matched,
    best_tabulated,
    fit,
    match,
    take_step,
)
from ground_motion.methods.offsets.correlate import peaks_of
from ground_motion.methods.offsets.evidence import (
    APART_PX,
    LEVELS,
    LagProducts,
    Part,
    add_by_weights,
    add_evidence,
    nine,
    parts_of,
    surfaces,
)
from ground_motion.methods.offsets.resampling import node_means
from ground_motion.networks.cc_res_siamnet import ADDITIONS, NODE_PX, OFFSETS, STATED, WEIGHTS
from ground_motion.runtime.box_mean import box_mean
from ground_motion.runtime.device import map_in_threads

PRIOR_PX = (24, 56, 104)  # The network gets the offsets of windows of these sides.
KERNELS_PX = (16, 24, 32, 48, 64, 96, 128)  # The published form gets the correlation peaks of windows of these sides.
PRIOR = {WEIGHTS: 6 * len(PRIOR_PX) + 3, OFFSETS: 3 * len(KERNELS_PX) + 3}  # Number of input channels of each form.
MAX_CORRECTION_PX = 1.0  # The network corrects the first field of motion by at most this.
MAX_LOG_FACTOR = 2.5  # The network corrects log sigma by at most this.
NEAR_NODES = 5
MAX_UNLIKE = 50.0
MIN_CONTRAST = 4.5  # Least height of a match, in standard deviations of chance matches.
MIN_KNOWN = 1e-3


class Answer(NamedTuple):
    """Offsets (2, rows, cols), px, dx and dy, and their log sigmas; correlation, contrast (rows, cols), see Fitted."""

    offset: Tensor
    log_sigma: Tensor
    correlation: Tensor
    contrast: Tensor


def fit_windows(held: LagProducts, start: Tensor, model: Autocorrelation, size_px: float) -> Answer:
    """Fit offsets to windows of one size around each node.

    Coherent speckle of few looks scatters more than Gaussian noise; validation pairs gave the factor 1 + A^2 / looks.
    """
    (found,) = _fit_sizes(held, start, [size_px], partial(fit, model=model))
    wider = 1 + found.correlation**2 / model.looks
    return found._replace(log_sigma=found.log_sigma + wider.log())


def _fit_sizes(
    held: LagProducts, start: Tensor, sizes_px: Sequence[float], fitting: Callable[[Tensor, Tensor], Fitted]
) -> Iterator[Answer]:
    """Yield the answers of windows of each size. fitting: (surfaces, numbers of pixels) -> offsets from the start."""
    found = start.new_empty(len(sizes_px), 6, *start.shape[1:])

    def fit_part(here: Part) -> None:
        for of_size, window in zip(found, add_evidence(held, start, sizes_px, here), strict=True):
            placed = _place(fitting(*surfaces(window)), start[:, *here])
            of_size[:, *here] = torch.cat([*placed[:2], torch.stack(placed[2:])])

    map_in_threads(fit_part, parts_of(held.known.shape), start.device)
    for of_size in found:
        yield Answer(of_size[:2], of_size[2:4], of_size[4], of_size[5])


def windows_of(channels: Tensor, start: Tensor) -> Answer:
    """Return the answers of windows of PRIOR_PX, these first. channels: of `prior`; start: (2, rows, cols), px."""
    parts = channels[: 6 * len(PRIOR_PX)].reshape(len(PRIOR_PX), 6, *start.shape[1:])
    return Answer(parts[:, :2] + start, parts[:, 2:4], parts[:, 5], torch.expm1(4 * parts[:, 4]))


def prior(held: LagProducts, start: Tensor, model: Autocorrelation) -> Tensor:
    """Return the network's channels at each node, (PRIOR[WEIGHTS], rows, cols).

    They are the results of several windows, the share known, and the start less its mean over the nodes around.
    """
    channels = []
    for found in _fit_sizes(held, start, PRIOR_PX, partial(_fit_once, model=model)):
        contrast = found.contrast.clamp_min(0).log1p() / 4
        channels += [found.offset - start, found.log_sigma.clamp(-5.0, 1.0), torch.stack([contrast, found.correlation])]
    return torch.cat([*channels, held.known[None], _deviation(start)])


def _deviation(start: Tensor) -> Tensor:
    return (start - box_mean(start, NEAR_NODES)).clamp(-2.0, 2.0)


def correlation_channels(held: LagProducts, start: Tensor) -> Tensor:
    """Return the input of the published form of the network at each node, (PRIOR[OFFSETS], rows, cols).

    Each window of KERNELS_PX gives three channels by plain amplitude correlation: the offset from the start (x, y), px,
    and the height of the peak; all are 0 without a peak. Then follow the share of pixels that are known in both images,
    and the start less its mean over the nodes around.
    """
    found = _fit_sizes(held, start, KERNELS_PX, _peaks)
    channels = [torch.cat([window.offset - start, window.correlation[None]]) for window in found]
    return torch.cat([*channels, held.known[None], _deviation(start)])


def _peaks(surface: Tensor, pixels: Tensor) -> Fitted:
    """Find offsets and correlation as offsets.baseline does, by the peak between whole lags; 0 at their edge."""
    peaks = peaks_of(surface.permute(2, 0, 1), pixels > 0, LAGS_PX)
    offset = torch.stack([peaks.dx_px, peaks.dy_px]) * peaks.known
    return Fitted(offset, torch.ones_like(offset), peaks.height * peaks.known, peaks.known.to(offset.dtype))


def _fit_once(surface: Tensor, pixels: Tensor, model: Autocorrelation) -> Fitted:
    """Fit offsets as `fit` does, by one step of Fisher's scoring from the best of tabulated shifts."""
    near = best_tabulated(surface, model)
    return take_step(match(surface, near, model), near, pixels, model)


def unlike(windows: Answer) -> Tensor:
    """Return by how much each of the nine nodes around a node moves differently, (LEVELS, 9, windows, rows, cols).

    The measure is the squared difference of the offsets over its variance, summed over both axes.
    """
    own = torch.cat([windows.offset, windows.log_sigma.exp() ** 2], dim=1)
    levels = []
    for level in range(LEVELS):
        apart = []
        for flat in nine(own.flatten(0, 1), 3**level, "replicate"):
            there = flat.reshape(own.shape)
            apart.append(((there[:, :2] - own[:, :2]) ** 2 / (there[:, 2:] + own[:, 2:])).sum(dim=1))
        levels.append(torch.stack(apart))
    return torch.stack(levels).clamp_max(MAX_UNLIKE)


def answer(raw: Tensor, held: LagProducts, start: Tensor, model: Autocorrelation, channels: Tensor) -> Answer:
    """Add the evidence as the network says. raw: (STATED, rows, cols), its output; channels: what it saw.

    The offsets of three windows, mixed, put right by the network and smoothed, are a first field of motion. Each square
    is compared with the model at this field, so that ground whose motion varies can be added; the sum says how far the
    field is off. Smoothing and adding are done twice, by attention: the network gives logits and says by how much less
    ground that moves differently counts. Its correction of the first field only matters where motion varies, because
    the sum undoes an error common to all nodes.
    """
    stated = dict(zip(STATED, torch.split(raw, list(STATED.values())), strict=True))
    windows = windows_of(channels, start)
    nodes, apart = start.shape[1:], unlike(windows)
    strictness = functional.softplus(stated["strictness"]).reshape(2, LEVELS, 1, -1, *nodes)
    less = (strictness * apart).sum(dim=3)
    smooth, add = (
        (logits.reshape(ADDITIONS, LEVELS, 9, *nodes) - by).softmax(dim=2)
        for logits, by in zip((stated["smooth"], stated["add"]), less, strict=True)
    )
    share = stated["share"].softmax(dim=0)
    offset = (share[:, None] * windows.offset).sum(dim=0) + stated["right"].clamp(-MAX_CORRECTION_PX, MAX_CORRECTION_PX)
    for by, weights in zip(smooth, add, strict=True):
        sums = add_by_weights(torch.cat([offset * held.known, held.known[None]]), by)
        field = (sums[:2] / sums[2].clamp_min(MIN_KNOWN)) - start
        found = step_with_neighbours(held, field.flatten(1), model, weights)
        offset = found.offset.reshape(start.shape) + start
    placed = _place(found._replace(sigma=found.sigma.detach()), start)
    factor = stated["factor"].clamp(-MAX_LOG_FACTOR, MAX_LOG_FACTOR)
    contrast = torch.maximum(placed.contrast, windows.contrast.amax(dim=0))
    return placed._replace(log_sigma=placed.log_sigma + factor, contrast=contrast)


def step_with_neighbours(held: LagProducts, shift: Tensor, model: Autocorrelation, weights: Tensor) -> Fitted:
    """Match each square with the model at its shift (2, n), px from its start; add these matches; step from there."""
    return take_step(*sum_neighbours(held, shift, model, weights), model, MAX_STEP_PX)


def sum_neighbours(
    held: LagProducts, shift: Tensor, model: Autocorrelation, weights: Tensor
) -> tuple[Matched, Tensor, Tensor]:
    """Match each square with the autocorrelation at its shift (2, n), px from its start; add these matches by weights.

    Returns sums, shifts, numbers of pixels (n,) for `take_step`, without shifts beyond MAX_FROM_START_PX.
    """
    inner = slice(APART_PX, -APART_PX)
    surface = held.products[inner, inner].flatten(2)
    within = (shift.abs() <= MAX_FROM_START_PX).all(dim=0).reshape(held.known.shape)
    shift = shift.clamp(-MAX_FROM_START_PX, MAX_FROM_START_PX)
    of_squares = match(surface, shift, model)
    both = (held.energy[0] * held.energy[1]).clamp_min(1e-18).sqrt().flatten()
    planes = [of_squares.height, *of_squares.slopes, *(both * of_squares.information), both * of_squares.norm]
    planes = [*torch.stack(planes).reshape(-1, *held.known.shape), *held.energy]
    sums = add_by_weights(torch.stack(planes) * within, weights).flatten(1)
    total = (sums[6] * sums[7]).clamp_min(1e-18).sqrt()
    matched = Matched(sums[0] / total, sums[1:3] / total, sums[3:5] / total, sums[5] / total)
    alone = (weights.detach() ** 2).sum(dim=1).prod(dim=0).flatten()  # inverse of a node's effective number of squares
    pixels = NODE_PX**2 * total.detach() ** 2 / sums[8].detach().clamp_min(1e-9) / alone
    return matched, shift, pixels


def shortfall(held: LagProducts, shift: Tensor, correlation: Tensor, model: Autocorrelation) -> Tensor:
    """Return by how much less each node's own ground, 24 px, matches than all that was added, in standard deviations.

    shift: (2, rows, cols), px from the start; correlation: (rows, cols), of all that was added.
    """
    weights = shift.new_zeros(LEVELS, 9, *shift.shape[1:])
    weights[0], weights[1:, 4] = 1 / 9, 1.0
    own, _, pixels = sum_neighbours(held, shift.flatten(1), model, weights)
    return ((correlation.flatten() * own.norm - own.height) * pixels.sqrt()).reshape(correlation.shape)


def published_answer(raw: Tensor, start: Tensor) -> Answer:
    """Return the published form's answers at the nodes, without a correlation, and with the contrast of a sure match.

    raw: (4, rows, cols), its output for every pixel.
    """
    found = node_means(raw)
    return Answer(found[:2] + start, found[2:], torch.zeros_like(start[0]), torch.full_like(start[0], torch.inf))


def _place(found: Fitted, start: Tensor) -> Answer:
    shape = start.shape[1:]
    log_sigma = found.sigma.clamp(1e-4, 1e2).log().reshape(2, *shape)
    offset = found.offset.reshape(2, *shape) + start
    return Answer(offset, log_sigma, found.correlation.reshape(shape), found.contrast.reshape(shape))
