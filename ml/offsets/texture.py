"""What the network sees of an image: amplitude against its surroundings, in units of their spread.

Not its logarithm: a detected image just fits its band, a logarithm has overtones beyond it, and these alias.
"""

import math

import torch
from torch import Tensor

from ml.rasters.imagery import box, inside

WINDOW_PX = 21
LEAST_SHARE = 0.5  # of a window that must be known
BRIGHTEST = 4.0  # times the surroundings' geometric mean of amplitude: what is brighter is held there
LARGEST = 5.0
TRACE = 1e-6  # of ground without contrast, which is known all the same


def texture(log: Tensor) -> Tensor:
    """(n, rows, cols), natural logarithms of power, NaN unknown, to the same without NaN: unknown is 0."""
    known = torch.isfinite(log)
    weight = known.to(log.dtype)
    whole = inside(log, WINDOW_PX)
    share = whole if bool(known.all()) else box(weight, WINDOW_PX)
    least = share.clamp_min(1e-3)
    held = torch.where(known, log, 0.0)
    amplitude = torch.exp((0.5 * (held - box(held, WINDOW_PX) / least)).clamp_max(math.log(BRIGHTEST))) * weight
    # About the mean of the whole, so that squares keep their digits.
    centred = torch.where(known, amplitude - box(amplitude, WINDOW_PX) / least, 0.0)
    spread = (box(centred**2, WINDOW_PX) / least).clamp_min(1e-4).sqrt()
    usable = known & (share >= LEAST_SHARE * whole)
    seen = (centred / spread).clamp(-LARGEST, LARGEST)
    return torch.where(usable, torch.where(seen == 0, TRACE, seen), 0.0)
