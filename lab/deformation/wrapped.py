"""Training of paper 1's CNN: first on simulated wrapped interferograms, then on over-wrapped velocity fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.overwrapped import (
    GAINS,
    GAUSSIAN,
    NAME,
    WAVELENGTH_MM,
    WINDOW,
    complete,
    overwrap,
)
from ground_motion.networks.resnet import ResNet18
from ground_motion.runtime.checkpoints import Card
from lab.deformation.training.compose import Recipe, TilePool, pools, sample
from lab.deformation.training.disturbances import fractal
from lab.deformation.training.motion_shapes import draw_shape
from lab.simulation.seeds import log_uniform
from lab.simulation.tiles import CELLS
from lab.training import Batch, TrainingRecipe, TrainingTask

MOVES_MM_YR = 2.0
NEAR, FAR = 0.5, 0.1  # merge weight of the moving cell that makes a window positive, and most weight in a negative one
WINDOWS = 4  # Number of windows in one sample.
LOS_MM = 20.0, 300.0  # peak displacement in a simulated interferogram
TURBULENCE_MM, NOISE_RAD = (2.0, 25.0), (0.1, 0.8)  # standard deviations
RANK = 64  # Rank of the stored last stage; logits change by less than a hundredth.


@dataclass(frozen=True)
class Settings:
    """Settings that --config can change. pretraining: share of the training that uses interferograms."""

    tiles: int = 3_000
    batch: int = 64
    pretraining: float = 0.35
    learning_rate: float = 1e-3


class WrappedTask(TrainingTask):
    """Batches of windows. image: (n, 1, WINDOW, WINDOW), phase / π; moves: (n,), 1 or 0."""

    def __init__(self, pool: TilePool, held_back: TilePool, settings: Settings) -> None:
        self.pool, self.held_back, self.settings = pool, held_back, settings

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw interferograms and velocity fields; the loss uses one kind, by the progress of the training."""
        n = self.settings.batch
        return interferograms(rng, n) | of_fields(rng, self.pool, n)

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the cross-entropy of interferograms in the first part of the training, of velocity fields later."""
        kind = "interferogram" if progress < self.settings.pretraining else "field"
        out: Tensor = network(batch[kind])
        return functional.binary_cross_entropy_with_logits(out.float(), batch[f"{kind}_moves"])

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the cross-entropy and the share of right answers on fields of validation tiles."""
        rng, device = np.random.default_rng(7), next(network.parameters()).device
        drawn = of_fields(rng, self.held_back, 512)
        with torch.no_grad():
            out = torch.cat([network(part.to(device)).float().cpu() for part in torch.split(drawn["field"], 64)])
        moves = drawn["field_moves"]
        loss = functional.binary_cross_entropy_with_logits(out, moves)
        return {"loss_held_back": float(loss), "right_held_back": float(((out > 0) == (moves > 0.5)).float().mean())}


def interferograms(rng: np.random.Generator, n: int) -> dict[str, Tensor]:
    """Simulate n wrapped interferograms without gaps, half of them with motion in the middle."""
    row, col = np.mgrid[:WINDOW, :WINDOW].astype(np.float32)
    moves = rng.random(n) < 0.5
    images = []
    for move in moves:
        los_mm = np.float32(log_uniform(rng, *TURBULENCE_MM)) * fractal(rng, row.shape, -rng.uniform(8, 11) / 3)
        los_mm += np.float32(log_uniform(rng, *TURBULENCE_MM)) * (row * rng.normal() + col * rng.normal()) / WINDOW
        if move:
            down, right = rng.uniform(-WINDOW / 6, WINDOW / 6, 2) + WINDOW / 2
            peak_mm = rng.choice([-1, 1]) * log_uniform(rng, *LOS_MM)
            los_mm += np.float32(peak_mm) * draw_shape(rng)(row - np.float32(down), col - np.float32(right))
        phase = los_mm * (4 * math.pi / WAVELENGTH_MM) + log_uniform(rng, *NOISE_RAD) * rng.standard_normal(row.shape)
        images.append((phase + math.pi) % (2 * math.pi) / math.pi - 1)
    return {
        "interferogram": torch.from_numpy(np.stack(images)[:, None].astype(np.float32)),
        "interferogram_moves": torch.from_numpy(moves.astype(np.float32)),
    }


def of_fields(rng: np.random.Generator, pool: TilePool, n: int) -> dict[str, Tensor]:
    """Compose velocity fields, cut n windows out of them, and wrap each window at a random gain."""
    velocities: list[Float32] = []
    moves: list[bool] = []
    while len(velocities) < n:
        one = sample(rng, pool, 1, Recipe(crop=CELLS))
        speed = np.where(one.reached, np.abs(one.rate_mm_yr), 0)
        for row, col in _places(rng, speed):
            cut = (slice(row, row + WINDOW), slice(col, col + WINDOW))
            nearest = float((GAUSSIAN.numpy() * (speed[cut] >= MOVES_MM_YR)).max())
            if not FAR < nearest < NEAR and len(velocities) < n:
                velocities.append(one.tracks[0].velocity_mm_yr[cut])
                moves.append(nearest >= NEAR)
    filled = complete(torch.from_numpy(np.stack(velocities)))
    gains = torch.from_numpy(rng.choice(GAINS, n).astype(np.float32))
    phase = overwrap(filled * gains[:, None, None], 1.0)
    return {"field": phase[:, None] / math.pi, "field_moves": torch.tensor(moves, dtype=torch.float32)}


def _places(rng: np.random.Generator, speed: NDArray[np.floating]) -> NDArray[np.intp]:
    """Draw row and column of each window's corner, (WINDOWS, 2). If ground moves, one window alone is anywhere."""
    most = CELLS - WINDOW
    places = rng.integers(0, most + 1, (WINDOWS, 2))
    moving = np.argwhere(speed >= MOVES_MM_YR)
    if len(moving):
        around = moving[rng.integers(len(moving), size=WINDOWS - 1)] + rng.integers(-8, 9, (WINDOWS - 1, 2))
        places[1:] = np.clip(around - WINDOW // 2, 0, most)
    return places


def prepare(settings: Settings, folder: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Simulate missing tiles; return the network, the training task and the card."""
    task = WrappedTask(*pools(folder, settings.tiles), settings)
    return ResNet18(), task, Card("deformation", NAME, "2", {"rank": RANK}, {})


def finish(network: nn.Module, task: TrainingTask) -> dict[str, Any]:
    """Reduce the network and round it to bfloat16, as it is stored. `lab.deformation.gains` finds the threshold."""
    assert isinstance(network, ResNet18)  # noqa: S101
    network.reduce(RANK)
    network.bfloat16()
    return {"gains": list(GAINS), "score_at_half": 0.0}


RECIPE = TrainingRecipe(Settings, prepare, minutes=120.0, learning_rate=1e-3, finish=finish)
