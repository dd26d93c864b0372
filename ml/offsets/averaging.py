"""Averages over ground that moves alike: at each node, over the widest window whose answers agree.

The window grows while two conditions hold: its mean differs from that of the window before by at most the node's sigma,
and its answers scatter about the mean by no more than their sigmas predict. It stops growing at an edge of the motion
(after the intersection of confidence intervals of Goldenshluger and Nemirovski 1997).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ml.networks.box_mean import box_mean

WINDOWS_NODES = (5, 9, 13, 17)  # 40, 72, 104 and 136 px over answers whose windows are 32 to 96 px wide themselves
FARTHEST_STEP, LARGEST_SCATTER = 1.0, 1.0  # in sigmas; chosen on validation pairs
LEAST_KNOWN = 0.5  # of the nodes of a window


class Averaged(NamedTuple):
    """Averaged offsets.

    offset: (2, rows, cols), px; sigma: root mean square of the averaged sigmas, px; nodes: windows' sides, 1 if none.
    """

    offset: Tensor
    sigma: Tensor
    nodes: Tensor


class Gain(NamedTuple):
    """What is added to log sigma, by the window's side in nodes; *_folded: if power is sampled below its band."""

    nodes: tuple[float, ...] = (1.0,)
    add: tuple[float, ...] = (0.0,)
    nodes_folded: tuple[float, ...] = (1.0,)
    add_folded: tuple[float, ...] = (0.0,)


NO_GAIN = Gain()


def averaged(offset: Tensor, sigma: Tensor, known: Tensor) -> Averaged:
    """Average nodes where the ground moves alike; unknown nodes do not count and keep their values.

    offset, sigma: (2, rows, cols), px; known: (rows, cols).
    """
    held, given = known.double(), offset.double().nan_to_num()
    precision = held / torch.where(known, sigma, 1.0).double() ** 2
    result, error, nodes = given, sigma.double(), torch.ones_like(known, dtype=torch.float32)
    accepted = known
    for size in WINDOWS_NODES:
        share = box_mean(held, size)
        weight = box_mean(precision, size).clamp_min(1e-12)
        mean = box_mean(precision * given, size) / weight
        scatter = (box_mean(precision * given**2, size) - mean**2 * weight) / share.clamp_min(1e-12)
        alike = (scatter <= LARGEST_SCATTER**2) & ((mean - result).abs() <= FARTHEST_STEP * sigma)
        accepted = accepted & alike.all(dim=0) & (share > LEAST_KNOWN)
        result = torch.where(accepted, mean, result)
        error = torch.where(accepted, (share / weight).sqrt(), error)
        nodes = torch.where(accepted, float(size), nodes)
    return Averaged(torch.where(known, result, offset).float(), error.float(), nodes)


def calibrated(found: Averaged, gain: Gain, folded: bool) -> Tensor:
    """Return the calibrated sigma of the averages, (2, rows, cols), px."""
    table = (gain.nodes_folded, gain.add_folded) if folded else (gain.nodes, gain.add)
    add = np.interp(found.nodes.numpy(), *table)
    return found.sigma * torch.from_numpy(np.exp(add).astype(np.float32))
