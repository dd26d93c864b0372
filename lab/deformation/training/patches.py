"""The paper's way: patches of an over-wrapped field are classified, and the window slides.

Anantrasirichai et al., arXiv:2005.03221 and the group's code: stride a quarter of the patch, last row and column
clamped, results merged under Gaussians of a sixth of the patch. A patch of which less than half lies within REACH_M of
a point is left out (theirs: less than half valid). First trained on dense synthetic interferograms, then adapted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lab.deformation.patch_classifier import PATCH, PatchClassifier
from lab.deformation.training.compose import Recipe, Sample, TilePool, sample, tile_pool
from lab.deformation.training.dataset import HELD_BACK, fill
from lab.train_command import TrainingRecipe
from lab.training import Batch, TrainingTask
from ml.deformation.features.overwrap import GAINS, overwrapped, wrap
from ml.deformation.gridding.interpolation import FILLS
from ml.deformation.points import Float32
from ml.runtime.checkpoints import Card
from ml.simulation.velocity.nuisance import turbulence_field

STRIDE = PATCH // 4
LEAST_KNOWN = 0.5
MOVING_MM_YR, FEWEST_CELLS = 2.0, 3


def starts(size: int) -> NDArray[np.intp]:
    """Where patches begin along an axis of `size` ≥ PATCH cells: every STRIDE, the last clamped to the edge."""
    return np.unique(np.append(np.arange(0, size - PATCH + 1, STRIDE), size - PATCH))


def gaussian() -> Float32:
    """Weight of each cell of a patch in the merge, (PATCH, PATCH): σ = PATCH / 6."""
    away = (np.arange(PATCH) - (PATCH - 1) / 2) / (PATCH / 6)
    profile = np.exp(-0.5 * away**2)
    return np.outer(profile, profile).astype(np.float32)


def slide(phase_rad: Float32, reached: NDArray[np.bool_], classify: Callable[[Tensor], Tensor]) -> Float32:
    """Merged probability, (rows, cols), NaN where no patch was looked at. phase_rad: (rows, cols), no NaN.

    classify: (n, 1, PATCH, PATCH) to probabilities (n,).
    """
    places = [
        (row, col)
        for row in starts(phase_rad.shape[0])
        for col in starts(phase_rad.shape[1])
        if reached[row : row + PATCH, col : col + PATCH].mean() >= LEAST_KNOWN
    ]
    total, weights, window = np.zeros((2, *phase_rad.shape), dtype=np.float32)[0], np.zeros_like(phase_rad), gaussian()
    if places:
        cut = np.stack([phase_rad[row : row + PATCH, col : col + PATCH] for row, col in places])
        for (row, col), p in zip(places, classify(torch.from_numpy(cut)[:, None]).tolist(), strict=True):
            total[row : row + PATCH, col : col + PATCH] += p * window
            weights[row : row + PATCH, col : col + PATCH] += window
    return np.where(weights > 0, total / np.maximum(weights, 1e-12), np.nan).astype(np.float32)


@dataclass(frozen=True)
class Settings:
    """dense_share: of the training, from its start, on synthetic interferograms; the rest adapts."""

    tiles: int = 3_000
    batch: int = 64
    dense_share: float = 0.35
    fill: str = "soft-impute"
    name: str = "deformation-patches"


class PatchTrainingTask(TrainingTask):
    """phase: (n, 1, PATCH, PATCH) rad; moving: (n,) 0 or 1. Which kind of batch is decided by its draw, not by time."""

    def __init__(self, pool: TilePool, held_back: TilePool, settings: Settings) -> None:
        self.pool, self.held_back, self.settings = pool, held_back, settings
        self.recipe = Recipe(nothing=0.2)

    def batch(self, rng: np.random.Generator) -> Batch:
        dense, n = dense_patches(rng, self.settings.batch), self.settings.batch
        adapted = self._adapted(rng, self.pool, n)
        return {"dense": dense[0], "dense_moving": dense[1], "phase": adapted[0], "moving": adapted[1]}

    def _adapted(self, rng: np.random.Generator, pool: TilePool, n: int) -> tuple[Tensor, Tensor]:
        """n patches, eight of each sample and at one gain each."""
        phases: list[Float32] = []
        moving: list[bool] = []
        while len(phases) < n:
            one = sample(rng, pool, 1, self.recipe)
            filled = FILLS[self.settings.fill](one.tracks[0].velocity_mm_yr)
            for _ in range(8):
                row, col = aimed(rng, one)
                window = slice(row, row + PATCH), slice(col, col + PATCH)
                phases.append(overwrapped(filled[window], float(rng.choice(GAINS))))
                moving.append(moves_in_the_middle(one.rate_mm_yr[window], one.reached[window]))
        return torch.from_numpy(np.stack(phases[:n]))[:, None], torch.tensor(moving[:n], dtype=torch.float32)

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        phase, moving = (
            (batch["dense"], batch["dense_moving"])
            if progress < self.settings.dense_share
            else (batch["phase"], batch["moving"])
        )
        return functional.binary_cross_entropy_with_logits(network(phase).float(), moving)

    def validate(self, network: nn.Module) -> dict[str, float]:
        rng, device = np.random.default_rng(7), next(network.parameters()).device
        phase, moving = self._adapted(rng, self.held_back, 512)
        with torch.no_grad():
            p = torch.sigmoid(network(phase.to(device)).float()).cpu()
        return {"accuracy_held_back": float(((p > 0.5) == (moving > 0.5)).float().mean())}


def aimed(rng: np.random.Generator, one: Sample) -> tuple[int, int]:
    """Where a patch of a sample begins: half of them around something that moves, where there is any."""
    highest = np.array(one.rate_mm_yr.shape) - PATCH
    places = np.argwhere((np.abs(one.rate_mm_yr) >= MOVING_MM_YR) & one.reached)
    if len(places) and rng.random() < 0.5:
        middle = places[rng.integers(len(places))] - PATCH // 2 + rng.integers(-PATCH // 4, PATCH // 4 + 1, 2)
        row, col = np.clip(middle, 0, highest)
    else:
        row, col = rng.integers(0, highest + 1)
    return int(row), int(col)


def moves_in_the_middle(rate_mm_yr: Float32, reached: NDArray[np.bool_]) -> bool:
    """Whether enough of the middle half of a patch moves."""
    inner = slice(PATCH // 4, -PATCH // 4)
    return int(((np.abs(rate_mm_yr) >= MOVING_MM_YR) & reached)[inner, inner].sum()) >= FEWEST_CELLS


def dense_patches(rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
    """Synthetic interferograms as the paper's pre-training: turbulent delay, half with a bowl; (n, 1, …), (n,)."""
    delay = turbulence_field(rng, 128, 100.0).astype(np.float32)
    row, col = np.mgrid[:PATCH, :PATCH].astype(np.float32)
    phases, moving = np.empty((n, 1, PATCH, PATCH), dtype=np.float32), rng.random(n) < 0.5
    for i, moves in enumerate(moving):
        top, left = rng.integers(0, 128 - PATCH, 2)
        phase = rng.uniform(0.5, 2.5) * delay[top : top + PATCH, left : left + PATCH] * rng.choice([-1, 1])
        if moves:
            middle, radius = rng.uniform(PATCH / 4, 3 * PATCH / 4, 2), rng.uniform(2, 12)
            square = (row - middle[0]) ** 2 + (col - middle[1]) ** 2
            phase = phase + rng.choice([-1, 1]) * rng.uniform(3, 25) * np.exp(-square / radius**2)
        phases[i, 0] = wrap(phase.astype(np.float32))
    return torch.from_numpy(phases), torch.from_numpy(moving.astype(np.float32))


def prepare(settings: Settings, folder: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Tiles simulated where they are missing, and everything that the loop needs."""
    cache = fill(folder, settings.tiles)
    kept = settings.tiles - max(1, round(settings.tiles * HELD_BACK))
    task = PatchTrainingTask(tile_pool(cache, 0, kept), tile_pool(cache, kept, settings.tiles), settings)
    card = Card("deformation-patches", settings.name, "1", {}, {"fill": settings.fill, "despiked": True})
    return PatchClassifier(), task, card


RECIPE = TrainingRecipe(Settings, prepare, minutes=4.0, learning_rate=2e-3)
