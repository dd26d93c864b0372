"""Inputs of the coherence networks: two detected images, the history of their ground, and facts of the pair.

The U-Net sees the images themselves. The head sums terms of classical estimates over the wanted window; if the track
has earlier images, capped powers are divided by the mean of these, which removes texture. The log ratios of successive
images show how coherent the place was before. The mean of few images adds speckle of its own; the number of images is
therefore an input, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ground_motion.networks.coherence_heads import Window
from ground_motion.runtime.box_mean import box_mean

WIDE_PX = 20  # Side of the window whose mean is subtracted, px.
FACTS = 10
IMAGES = 2
INPUTS = IMAGES + 1 + 3 + FACTS  # The images come first.
PLANES = 8
WINDOW_FACTS = 7  # This many facts describe the window that is wanted.
SCATTERERS = None  # In place of a window, it asks for the coherence of the scatterers themselves.
MAX_LOG_POWER = 8.0  # natural logarithm of power against the image's median
BELS = 1 / math.log(10)  # A unit of natural logarithm has this many bels.


class Seen(NamedTuple):
    """Inputs of the networks.

    image: (n, INPUTS, rows, cols): power of both images in bels; 1 where either is unknown; mean level against earlier
    images, their log ratios by speckle's, log(1 + their number), 0 without any; the facts, the same in each pixel.
    planes: (n, PLANES, rows, cols), terms that the head sums over the window (see networks.coherence_heads).
    """

    image: Tensor
    planes: Tensor


def features(log_power: Tensor, past: Tensor | None, facts: Tensor) -> Seen:
    """Build the networks' inputs, the image in the precision of autocast.

    log_power: (n, 2, rows, cols), natural logarithms, relative to each image's median, registered, NaN unknown. past:
    (n, 3, rows, cols), from `temporal`, NaN or None without earlier images. facts: (n, FACTS), rows from Facts.row().
    """
    blank = ~torch.isfinite(log_power[:, :1] + log_power[:, 1:])
    log = torch.where(blank, 0.0, log_power).clamp_(-MAX_LOG_POWER, MAX_LOG_POWER)
    looks = torch.exp(facts[:, 0])[:, None, None, None]
    wide = _wide_mean(log)
    per_sigma = (looks / 2).sqrt()  # Speckle's log ratio has the sigma sqrt(2 / looks).
    known = (~blank).to(log)
    shown, history = [BELS * torch.nan_to_num(log_power), 1 - known], []
    relative = log - wide
    ratio = (relative[:, 1:] - relative[:, :1]) * per_sigma
    power = torch.exp(relative)
    if past is not None:
        seen_before = torch.isfinite(past[:, :1]) & ~blank
        before = torch.where(seen_before, past, 0.0)
        against = torch.where(seen_before, log - before[:, :1], 0.0).clamp_(-MAX_LOG_POWER, MAX_LOG_POWER)
        relative = torch.where(seen_before, against - _wide_mean(against), relative)
        history = [BELS * against.mean(dim=1, keepdim=True), (before[:, 1:2] * per_sigma).clamp_max(4), before[:, 2:]]
    # Power over that of its surroundings is capped where speckle does not reach.
    x = torch.exp(torch.minimum(relative, torch.log1p(8 / looks.sqrt())))
    planes = [power, power.prod(dim=1, keepdim=True).sqrt(), x[:, :1] * x[:, 1:], x**2, ratio.abs()]
    image = _write_planes([*shown, *history], facts)
    return Seen(image, torch.cat([part * known for part in planes] + [known], dim=1))


def _write_planes(planes: Sequence[Tensor], facts: Tensor) -> Tensor:
    """Write planes (zeros for a missing history) and facts as channels of each pixel."""
    place, (rows, cols) = facts.device.type, planes[0].shape[2:]
    low = torch.get_autocast_dtype(place) if torch.is_autocast_enabled(place) else facts.dtype
    row = functional.pad(facts, (INPUTS - FACTS, 0)).to(low)[:, None, None].repeat(1, 1, cols, 1)
    image = row.expand(-1, rows, -1, -1).contiguous().permute(0, 3, 1, 2)  # (n, INPUTS, rows, cols), channels last
    at = 0
    for part in planes:
        image[:, at : at + part.shape[1]] = part
        at += part.shape[1]
    return image


def _wide_mean(values: Tensor) -> Tensor:
    """Average over WIDE_PX, computed at a quarter of the resolution; return the mean at full resolution."""
    quarter = box_mean(functional.avg_pool2d(values, 4, ceil_mode=True), WIDE_PX // 4)
    return functional.interpolate(quarter, size=values.shape[-2:], mode="bilinear", align_corners=False)


def temporal(log_power: Tensor, level: Sequence[float] | None = None) -> Tensor:
    """Compute statistics of earlier images in each pixel, (3, rows, cols), NaN where no successive images are known.

    Logarithm of their mean power, root mean square of the log ratios of successive images, log(1 + their number); each
    image is first divided by its median power. log_power: (1 + n, rows, cols), natural logarithms, NaN unknown: the
    reference, then the earlier images, registered onto it, latest first; level: median log power of each whole
    image, needed for a tile; by default computed from log_power.
    """
    if level is None:
        level = torch.nanmedian(log_power.flatten(1), dim=1).values.tolist()
    log = log_power - torch.tensor(level, device=log_power.device)[:, None, None]
    step = (log[1:] - log[:-1]).square().nanmean(dim=0).sqrt()
    number = torch.isfinite(log[1:]).sum(dim=0)
    past = torch.stack([torch.log(torch.exp(log[1:]).nanmean(dim=0)), step, torch.log1p(number.to(log))])
    return torch.where(torch.isfinite(step), past, torch.nan)


def no_history(log_power: Tensor) -> Tensor:
    """Return what `temporal` gives without earlier images: (3, rows, cols), all NaN. log_power: (..., rows, cols)."""
    return log_power.new_full((3, *log_power.shape[-2:]), torch.nan)


def window_facts(facts: Tensor, window: Window | None) -> Tensor:
    """Return the inputs that describe a window to the head, (n, WINDOW_FACTS). window: None for the scatterers.

    facts: (n, FACTS). Two functions of the number of independent samples and 1 (for the scatterers 0, 0, 0), logarithms
    of both sides, logarithm of the looks, and whether a product states them.
    """
    shared = (1 + 2 * facts[:, 3:5].sum(dim=1)) * (1 + 2 * facts[:, 5:7].sum(dim=1))
    rows, cols = (torch.full_like(shared, side) for side in window or (1, 1))
    cells = (rows * cols * torch.exp(facts[:, 0]) / shared).clamp_min(1.0)
    sample = [cells.log() / 4, cells.rsqrt(), torch.ones_like(cells)] if window else [torch.zeros_like(cells)] * 3
    return torch.stack([*sample, rows.log() / 2, cols.log() / 2, facts[:, 0], facts[:, 1]], dim=1)


class Facts(NamedTuple):
    """Facts that hold for a whole pair.

    looks: equivalent number; looks_known: whether a product states it; own_looks: the number estimated from the images;
    lags: correlation of the speckle over (1 row, 2 rows, 1 column, 2 columns); shift_px: rows and columns by which the
    secondary is displaced; peak: correlation of the images at that shift; level: median log power of each image.
    """

    looks: float
    looks_known: bool
    own_looks: float
    lags: tuple[float, float, float, float]
    shift_px: tuple[float, float]
    peak: float
    level: tuple[float, float]

    def transpose(self) -> Facts:
        """Return the facts of the same pair with rows and columns exchanged."""
        return self._replace(lags=(*self.lags[2:], *self.lags[:2]), shift_px=self.shift_px[::-1])

    def row(self) -> list[float]:
        """Return the facts as network inputs, (FACTS,); the shift is reduced to its fraction of a pixel."""
        part = [abs(by - round(by)) * 2 for by in self.shift_px]
        return [
            math.log(self.looks),
            float(self.looks_known),
            math.log(self.own_looks / self.looks),
            *self.lags,
            *part,
            self.peak,
        ]
