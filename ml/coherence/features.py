"""Features of two detected images for the network: statistics that do not change when the images are swapped.

The log ratio of two dates is free of texture; if the looks are known, its variance gives the coherence. The correlation
of the log powers and the moments of Guarnieri and Prati are two further estimates, each with its own errors. If the
track has earlier images, the estimates are repeated after division by their temporal mean, which removes texture, and
the log ratios of successive images show how coherent the place was before. The mean of few images adds speckle of its
own; the number of images is therefore a channel, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ml.networks.box_mean import box_mean
from ml.networks.window_head import Window

WIDE_PX = 20  # window of the mean that is taken off, px
WINDOWS_PX = (6, 14, 30)
FACTS = 10
INPUTS = 12 + 4 * len(WINDOWS_PX) + 3 + FACTS
DETAILS = 4
PLANES = 8
HISTORY = 4 + 5 * len(WINDOWS_PX) + 2
WINDOW_FACTS = 7  # of a wanted window
SCATTERERS = None  # instead of a window: no sample, but the coherence of the scatterers themselves
STRIP_ROWS, STRIP_MARGIN = 256, 32  # px, multiples of 4; no window reaches beyond the margin
LARGEST = 8.0  # natural logarithm of power against the image's median


class Seen(NamedTuple):
    """Input channels of the networks. half: (n, INPUTS, rows / 2, cols / 2); detail: (n, DETAILS, rows, cols).

    planes: (n, PLANES, rows, cols), terms that the head sums over the window (see ml.networks.window_head); history:
    (n, HISTORY, rows / 2, cols / 2), 0 where there are no earlier images.
    """

    half: Tensor
    detail: Tensor
    planes: Tensor
    history: Tensor


def shown(log_power: Tensor, past: Tensor, facts: Tensor, kind: torch.dtype) -> Seen:
    """Compute `features` of one pair, in the number type that a network takes; on a CPU strip by strip."""
    rows, cols = log_power.shape[-2:]
    step = STRIP_ROWS if log_power.device.type == "cpu" else rows
    scales = 2, 1, 1, 2
    sizes = zip((INPUTS, DETAILS, PLANES, HISTORY), scales, (kind, kind, torch.float32, kind), strict=True)
    seen = Seen(*(log_power.new_empty((1, n, rows // by, cols // by), dtype=of) for n, by, of in sizes))
    for row in range(0, rows, step):
        first, last = max(0, row - STRIP_MARGIN), min(rows, row + step)
        around = slice(first, last + STRIP_MARGIN)
        strip = _parts(log_power[:, :, around], past[:, :, around], facts)
        for whole, parts, by in zip(seen, strip, scales, strict=True):
            own, at = slice((row - first) // by, (last - first) // by), 0
            for part in parts:
                whole[:, at : at + part.shape[1], row // by : last // by] = part[:, :, own]
                at += part.shape[1]
    return seen


def features(log_power: Tensor, past: Tensor, facts: Tensor) -> Seen:
    """Build the networks' input channels.

    log_power: (n, 2, rows, cols), natural logarithms, relative to each image's median, registered, NaN unknown, of even
    size. past: (n, 3, rows, cols), from `temporal`, NaN without earlier images. facts: (n, FACTS), rows from
    Facts.row().
    """
    return Seen(*(torch.cat(parts, dim=1) for parts in _parts(log_power, past, facts)))


def _parts(log_power: Tensor, past: Tensor, facts: Tensor) -> tuple[list[Tensor], ...]:
    """Compute the channels that `features` joins, a list for each field of Seen."""
    blank = ~torch.isfinite(log_power[:, :1] + log_power[:, 1:])
    log = torch.where(blank, 0.0, log_power).clamp(-LARGEST, LARGEST)
    looks = torch.exp(facts[:, 0])[:, None, None, None]
    level, ratio = (log[:, :1] + log[:, 1:]) / 2, log[:, 1:] - log[:, :1]
    wide = _wide_mean(level, ratio, log)
    m, d = level - wide[:, :1], (ratio - wide[:, 1:2]) * (looks / 2).sqrt()
    unknown = blank.to(log)
    x = _held(log - wide[:, 2:], looks)
    both, held_d = x[:, :1] * x[:, 1:], d.abs().clamp_max(6)
    half = [functional.pixel_unshuffle(torch.cat([m, held_d, both.log1p()], 1), 2)]
    moments = _moments(d, m, x, both)
    half += [_statistics(box_mean(moments, window // 2), looks) for window in WINDOWS_PX]
    half += [_halved(part) for part in (wide[:, :1] / 2, wide[:, 1:2].abs(), unknown)]
    half.append(facts[:, :, None, None].expand(-1, -1, *moments.shape[-2:]))
    flat, history = _history(log_power, past, looks)
    x = x if flat is None else torch.where(torch.isfinite(past[:, :1]), flat, x)
    power, known = torch.exp(log - wide[:, 2:]), 1 - unknown
    planes = [power, power.prod(dim=1, keepdim=True).sqrt(), x[:, :1] * x[:, 1:], x**2, d.abs()]
    return half, [m, held_d, (d**2).clamp_max(16) / 4, unknown], [part * known for part in planes] + [known], [history]


def _history(log_power: Tensor, past: Tensor, looks: Tensor) -> tuple[Tensor | None, Tensor]:
    """Return power over the mean of earlier images, capped, (n, 2, rows, cols), and the channels of `Seen.history`."""
    known = torch.isfinite(log_power).all(dim=1, keepdim=True) & torch.isfinite(past).all(dim=1, keepdim=True)
    if not known.any():
        return None, log_power.new_zeros(log_power.shape[0], HISTORY, log_power.shape[2] // 2, log_power.shape[3] // 2)
    log = torch.where(known, log_power - past[:, :1], 0.0).clamp(-LARGEST, LARGEST)
    step, number = (torch.where(known, part, 0.0) for part in (past[:, 1:2], past[:, 2:]))
    log = log - _wide_mean(log)
    m, d = log.mean(dim=1, keepdim=True), (log[:, 1:] - log[:, :1]) * (looks / 2).sqrt()
    x = _held(log, looks)
    moments = _moments(d, m, x, x[:, :1] * x[:, 1:])
    parts = [functional.pixel_unshuffle(m, 2)]
    parts += [_statistics(box_mean(moments, window // 2), looks) for window in WINDOWS_PX]
    step = _halved(step**2) * looks / 2
    parts += [box_mean(step, window // 2).clamp_min(1e-3).log().clamp(-4, 3) for window in WINDOWS_PX]
    parts += [step.clamp_max(16).sqrt(), _halved(number)]
    return x, torch.cat(parts, dim=1) * _halved(known.to(log))


def _held(log: Tensor, looks: Tensor) -> Tensor:
    """Return power from its logarithm over that of its surroundings, capped where speckle does not reach."""
    return torch.exp(torch.minimum(log, torch.log1p(8 / looks.sqrt())))


def _wide_mean(*parts: Tensor) -> Tensor:
    """Average channels over WIDE_PX, computed at a quarter of the resolution; return them at full resolution."""
    rows, cols = parts[0].shape[-2:]
    quarter = torch.cat([functional.avg_pool2d(part, 4, ceil_mode=True) for part in parts], dim=1)
    quarter = box_mean(quarter, WIDE_PX // 4)
    return functional.interpolate(quarter, size=(rows, cols), mode="bilinear", align_corners=False)


def _moments(d: Tensor, m: Tensor, x: Tensor, both: Tensor) -> Tensor:
    """Compute the terms whose window means are the moments for _statistics, (n, 7, rows / 2, cols / 2)."""
    return torch.cat([_halved(part) for part in (d, d**2, m, m**2, both, x**2)], dim=1)


def _halved(values: Tensor) -> Tensor:
    """Average 2 x 2 px of even sizes: exactly avg_pool2d's result, in less than half its time on a CPU."""
    top, bottom = values[..., ::2, :], values[..., 1::2, :]
    return (top[..., ::2] + top[..., 1::2]).add_(bottom[..., ::2]).add_(bottom[..., 1::2]).div_(4)


def _statistics(means: Tensor, looks: Tensor) -> Tensor:
    """Compute from moments (n, 7, …) log variances of ratio and level relative to speckle's, and two correlations."""
    of_ratio = (means[:, 1:2] - means[:, :1] ** 2).clamp_min(1e-3)
    of_level = (means[:, 3:4] - means[:, 2:3] ** 2).clamp_min(1e-4) * 2 * looks
    correlation = (of_level - of_ratio) / (of_level + of_ratio)
    second = means[:, 4:5] / (means[:, 5:6] * means[:, 6:7]).sqrt().clamp_min(1e-9)
    guarnieri_prati = ((looks + 1) * second - looks).clamp(-1, 1)
    return torch.cat([of_ratio.log().clamp(-4, 3), of_level.log().clamp(-4, 5) / 2, correlation, guarnieri_prati], 1)


def temporal(log_power: Tensor, level: Sequence[float] | None = None) -> Tensor:
    """Compute statistics of earlier images in each pixel, (3, rows, cols), NaN where there is no ratio to an image.

    Logarithm of their mean power, root mean square of the log ratios of successive images, log(1 + their number); each
    image is first divided by its median power. log_power: (1 + n, rows, cols), natural logarithms, NaN unknown: the
    reference, then the earlier images, registered onto it, the last one first; level: median log power of each whole
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

    def transposed(self) -> Facts:
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
