"""Texture of an image for the network: amplitude minus the mean of its surroundings, in units of their spread.

The logarithm is not used: it would add harmonics beyond the band of a detected image, and these would alias.
"""

import math

import torch
from torch import Tensor

from ground_motion.runtime.box_mean import box, inside

WINDOW_PX = 21
MARGIN_PX = 3 * (WINDOW_PX // 2)  # Three windows follow one another, so a texture depends on pixels this far away.
MIN_SHARE = 0.5  # This share of a window must be known.
MAX_BRIGHTNESS = 4.0  # Amplitude is clipped at this multiple of the surroundings' geometric mean.
MAX_TEXTURE = 5.0
TRACE = 1e-6  # Ground without contrast gets this texture, because 0 means unknown.


def texture(log: Tensor) -> Tensor:
    """Convert log power (n, rows, cols), natural logarithms, NaN unknown, to texture without NaN: unknown is 0."""
    whole, complete = inside(log, WINDOW_PX), bool(torch.isfinite(log.sum()))
    known = None if complete else torch.isfinite(log)
    share = whole if known is None else box(known.to(log.dtype), WINDOW_PX)
    least = share.clamp_min(1e-3)
    held = log if known is None else torch.where(known, log, 0.0)
    high_passed = torch.addcdiv(held, box(held, WINDOW_PX), least, value=-1)
    amplitude = high_passed.mul_(0.5).clamp_max_(math.log(MAX_BRIGHTNESS)).exp_()
    if known is not None:
        amplitude *= known
    # Subtract the overall mean, so that squares keep their digits.
    centred = amplitude.addcdiv_(box(amplitude, WINDOW_PX), least, value=-1)
    if known is not None:
        centred *= known
    sharpness = box(centred**2, WINDOW_PX).div_(least).clamp_min_(1e-4).rsqrt_()
    seen = centred.mul_(sharpness).clamp_(-MAX_TEXTURE, MAX_TEXTURE)
    seen.masked_fill_(seen == 0, TRACE)
    return seen if known is None else seen.mul_(known & (share >= MIN_SHARE * whole))


def halve(images: Tensor) -> Tensor:
    """Average squares of 2 x 2 pixels; NaN where at least half of a square is unknown. images: 0 unknown."""
    known = images != 0
    mean = _pool(images)
    return mean if known.all() else torch.where(_pool(known.to(images.dtype)) > 0.5, mean, torch.nan)


def _pool(images: Tensor) -> Tensor:
    rows = images[:, 0::2] + images[:, 1::2]
    return (rows[..., 0::2] + rows[..., 1::2]).mul_(0.25)
