"""Combination of several kernels' offsets into one with its sigma; removal of offsets unlike their neighbours.

The rule over kernels follows Jung and co-workers' multi-kernel offset tracking as used by Kim, Jung, Lu 2025 (doi
10.1016/j.rse.2024.114577); the filter is autoRIFT's normalised displacement coherence (Lei et al. 2021).
"""

import torch
import torch.nn.functional as functional

from ground_motion.statistics.robust import MAD_TO_SIGMA

FLOOR_PX = 0.05  # Kernels disagree if they differ by at least this.
NEIGHBOURS, MIN_NEIGHBOURS = 5, 8
STRIP_ROWS = 128
NEAR_SHARE = 0.2  # Offsets within this share of the search range are near.
SPREADS = 4.0


def consensus(values: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Choose the smallest kernel that agrees with the rest. values (px, small to large) and known: (kernels, n).

    Returns arrays (n,): offset, NaN if fewer than two agree; standard deviation over kernels; share that agree.
    """
    held = torch.where(known, values, torch.nan)
    centre = held.nanmedian(dim=0).values
    distance = (held - centre).abs()
    spread = MAD_TO_SIGMA * distance.nanmedian(dim=0).values
    agrees = distance <= (2 * spread).clamp_min(FLOOR_PX)
    share = agrees.to(values.dtype).mean(dim=0)
    smallest = agrees.to(torch.uint8).argmax(dim=0)  # argmax returns the first True.
    chosen = values.gather(0, smallest[None])[0]
    return torch.where(agrees.sum(dim=0) >= 2, chosen, torch.nan), spread, share


def agrees_with_neighbours(offset: torch.Tensor, search: int) -> torch.Tensor:
    """Return (rows, cols): whether an offset (2, rows, cols), px, NaN unknown, is supported by its neighbours.

    At least 8 neighbours in its 5 x 5 window must differ from it by at most a fifth of the search range, and it must
    lie within 4 standard deviations (from the median absolute deviation) of the window's median.
    """
    rows, cols = offset.shape[1:]
    margin = NEIGHBOURS // 2
    if rows > 2 * STRIP_ROWS:  # A frame's neighbours would fill the memory.
        parts = []
        for row in range(0, rows, STRIP_ROWS):
            first = max(0, row - margin)
            part = agrees_with_neighbours(offset[:, first : row + STRIP_ROWS + margin], search)
            parts.append(part[row - first :][:STRIP_ROWS])
        return torch.cat(parts)
    padded = functional.pad(offset, (margin,) * 4, value=torch.nan)
    around = functional.unfold(torch.nan_to_num(padded, nan=1e9)[None], NEIGHBOURS)
    around = around.reshape(2, NEIGHBOURS**2, rows, cols)
    around = torch.where(around > 1e8, torch.nan, around)
    near = ((around - offset[:, None]).abs() <= NEAR_SHARE * search).all(dim=0)
    supported = near.sum(dim=0) >= MIN_NEIGHBOURS + 1  # The node itself counts too.
    median = around.nanmedian(dim=1).values
    spread = (MAD_TO_SIGMA * (around - median[:, None]).abs().nanmedian(dim=1).values).clamp_min(2 * FLOOR_PX)
    return supported & ((offset - median).abs() <= SPREADS * spread).all(dim=0) & torch.isfinite(offset).all(dim=0)
