"""Paper 1's detector: gaps filled by matrix completion, slow motion wrapped into fringes, windows judged by a CNN.

Anantrasirichai et al. 2020, arXiv:2005.03221, and 2019, arXiv:1909.02321. Despiked rates on cells become a displacement
over YEARS. Windows overlap by three quarters; each is wrapped as if it had moved by 1, 2, 4, 8 and 16 times as much,
and judged at each gain by a ResNet-18. The probability of a window is the mean over gains, and overlapping windows are
merged by Gaussian weights. The threshold was chosen on validation tiles (`lab.deformation.gains`). Unlike the paper,
the network is a ResNet-18, and windows have 64 pixels, not 227. Areas are outlined as those of `whitening` and `gls`:
where the ground itself moves.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ground_motion.methods.deformation.features.channels import still_rate_of
from ground_motion.methods.deformation.filters.baseline import (
    DeformationMaps,
    LocalRate,
    cell_noise,
    local_rate,
    logistic,
    split_by_sign,
)
from ground_motion.methods.deformation.gridding.cells import RobustGrid, distance_to_points_m
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.networks.resnet import ResNet18
from ground_motion.runtime.checkpoints import load, read_card
from ground_motion.runtime.device import low_precision, ready

NAME = "overwrapped-cnn"
GAINS = (1, 2, 4, 8, 16)
WAVELENGTH_MM, YEARS = 55.5, 5.0  # The wavelength is Sentinel-1's, the years those of a national product's release.
WINDOW, STEP = 64, 16  # Side of a window and step between windows, cells.
SIGMA = WINDOW / 6  # The Gaussian weights have this sigma in cells.
NEAR_M, MIN_SHARE = 500.0, 0.5  # Cells this near to points are valid; windows with fewer valid cells are not judged.
RANK, ROUNDS, SHRINK = 8, 15, 3.0  # The matrix completion has this rank, number of rounds and ridge.
BATCH = 64
UNSEEN = -30.0  # Logit of cells that no window has covered.


@dataclass(frozen=True)
class OverwrappedConfig(LocalRate):
    """Settings of the detector: those of `LocalRate`, and the name of the card that holds gains and threshold."""

    weights: str = NAME


def overwrap(velocity_mm_yr: Tensor, gain: float) -> Tensor:
    """Return the phase of gain times the displacement in YEARS (+ toward the satellite), rad in [−π, π).

    At gain 1 half a wavelength, 27.75 mm, is one fringe.
    """
    phase = velocity_mm_yr * (gain * 4 * math.pi * YEARS / WAVELENGTH_MM)
    return (phase + math.pi) % (2 * math.pi) - math.pi


def complete(velocity_mm_yr: Tensor) -> Tensor:
    """Fill the unknown cells (NaN) of windows (n, rows, cols): fields of low rank that fit the known cells.

    Alternating ridge regressions of rank RANK from a fixed start. Hastie et al. 2015, JMLR 16; see arXiv 2005.03221.
    """
    known, field = velocity_mm_yr.isfinite(), velocity_mm_yr.nan_to_num(nan=0.0)
    start = np.random.default_rng(0).standard_normal((velocity_mm_yr.shape[2], RANK), dtype=np.float32)
    columns = torch.linalg.qr(torch.from_numpy(start).to(field.device))[0].expand(len(field), -1, -1)
    ridge, low = SHRINK * torch.eye(RANK, device=field.device), torch.zeros_like(field)
    for _ in range(ROUNDS):
        whole = torch.where(known, field, low)
        rows = torch.linalg.solve(columns.mT @ columns + ridge, columns.mT @ whole.mT).mT
        whole = torch.where(known, field, rows @ columns.mT)
        columns = torch.linalg.solve(rows.mT @ rows + ridge, rows.mT @ whole).mT
        low = rows @ columns.mT
    return torch.where(known, field, low)


def overwrapped_cnn(grid: RobustGrid, config: OverwrappedConfig, device: torch.device | None) -> DeformationMaps:
    """Flag cells of one track where the ground moves in a window that shows motion."""
    device = device or torch.device("cpu")
    card = read_card(config.weights)
    network = ResNet18(**card.network)
    load(card, network)
    score, rate = score_track(ready(network, device), grid, device, tuple(card.settings["gains"]), config)
    probability = logistic(np.nan_to_num(score, nan=UNSEEN) - card.settings["score_at_half"])
    noise = max(cell_noise(grid.velocity_mm_yr), 0.1)
    return split_by_sign(np.where(np.isnan(score), 0, probability), rate, [still_rate_of(grid)], noise)


def score_track(
    network: ResNet18, grid: RobustGrid, device: torch.device, gains: tuple[int, ...], config: LocalRate
) -> tuple[Float32, Float32]:
    """Return `scores`, NaN where the ground itself does not move, and the rate of each cell's neighbourhood, mm/yr."""
    still = np.float32(still_rate_of(grid))
    rate = local_rate(grid.velocity_mm_yr - still, grid.n_points, grid.cell_m, config)
    moves = np.abs(rate) >= config.smallest_rate_mm_yr
    return np.where(moves, scores(network, grid, device, gains), np.float32(np.nan)), rate


def scores(network: ResNet18, grid: RobustGrid, device: torch.device, gains: tuple[int, ...]) -> Float32:
    """Return log-odds of motion for each cell, (rows, cols), from all windows around it; UNSEEN without a window."""
    rows, cols = grid.velocity_mm_yr.shape
    margin = [max(0, WINDOW - size) for size in (rows, cols)]
    valid = torch.from_numpy(distance_to_points_m(grid.n_points > 0, grid.cell_m) <= NEAR_M).float()
    valid = pad(valid, (0, margin[1], 0, margin[0]))
    velocity = torch.from_numpy(grid.velocity_mm_yr - np.float32(still_rate_of(grid)))
    velocity = pad(velocity, (0, margin[1], 0, margin[0]), value=math.nan)
    at = [
        (row, col)
        for row in _starts(valid.shape[0])
        for col in _starts(valid.shape[1])
        if valid[row : row + WINDOW, col : col + WINDOW].mean() >= MIN_SHARE
    ]
    total, weight = torch.zeros(2, *valid.shape)
    for first in range(0, len(at), BATCH):
        some = at[first : first + BATCH]
        cut = torch.stack([velocity[row : row + WINDOW, col : col + WINDOW] for row, col in some])
        for (row, col), probability in zip(some, judge(network, cut.to(device), gains), strict=True):
            total[row : row + WINDOW, col : col + WINDOW] += probability * GAUSSIAN
            weight[row : row + WINDOW, col : col + WINDOW] += GAUSSIAN
    merged = torch.logit((total / weight.clamp_min(1e-6)).double(), eps=1e-12)
    return torch.where(weight > 0, merged, UNSEEN)[:rows, :cols].float().numpy()


def judge(network: ResNet18, velocity_mm_yr: Tensor, gains: tuple[int, ...]) -> list[float]:
    """Return the mean over gains of the probability that each window (n, WINDOW, WINDOW) shows motion."""
    filled = complete(velocity_mm_yr)
    with torch.inference_mode(), low_precision(filled.device):
        by_gain = [network(overwrap(filled, gain)[:, None] / math.pi).float().sigmoid() for gain in gains]
    means: list[float] = torch.stack(by_gain).mean(dim=0).tolist()
    return means


def _starts(size: int) -> list[int]:
    """Return the first cells of windows; the last window is moved inside."""
    return sorted({min(first, size - WINDOW) for first in range(0, size - WINDOW + STEP, STEP)})


_away = torch.arange(WINDOW) - (WINDOW - 1) / 2
GAUSSIAN = torch.exp(-(_away[:, None] ** 2 + _away**2) / (2 * SIGMA**2))
