"""What the network sees of an image: the logarithm of power against its surroundings, in units of their spread."""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW_PX = 21
LEAST_SHARE = 0.5  # of a window that must be known
LARGEST = 6.0


def texture(log: Tensor) -> Tensor:
    """(n, rows, cols), natural logarithms of power, NaN unknown, to the same without NaN: unknown is 0."""
    known = torch.isfinite(log)
    weight = known.to(log.dtype)
    held = torch.where(known, log, 0.0)
    share = _box(weight)
    mean = _box(held) / share.clamp_min(1e-3)
    # About the mean of the whole, so that squares keep their digits.
    centred = torch.where(known, log - mean, 0.0)
    spread = (_box(centred**2) / share.clamp_min(1e-3)).clamp_min(1e-4).sqrt()
    usable = known & (share >= LEAST_SHARE * _box(torch.ones_like(weight[:1])))
    return torch.where(usable, (centred / spread).clamp(-LARGEST, LARGEST), 0.0)


def _box(values: Tensor) -> Tensor:
    """Mean over a window, beyond the edge counted as 0. values: (n, rows, cols)."""
    margin = WINDOW_PX // 2
    flat = functional.avg_pool2d(values[:, None], (1, WINDOW_PX), 1, (0, margin))
    return functional.avg_pool2d(flat, (WINDOW_PX, 1), 1, (margin, 0))[:, 0]
