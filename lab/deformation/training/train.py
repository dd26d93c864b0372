"""Training of the deformation network: `python -m ml train deformation`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ground_motion.methods.deformation.features.channels import CHANNELS, channels
from ground_motion.methods.deformation.kinds import KINDS
from ground_motion.networks.deformation_unet import THRESHOLDS_MM_YR, DeformationUnet
from ground_motion.runtime.checkpoints import Card
from ground_motion.runtime.device import low_precision
from lab.deformation.training.compose import Recipe, Sample, TilePool, pools, sample
from lab.deformation.training.dataset import NOTHING
from lab.training import Batch, TrainingRecipe, TrainingTask

SHIPPED = "deformation"


@dataclass(frozen=True)
class Settings:
    """Settings that --config can change.

    widths, means: of the network. places: real still ground (`injected.places`) used for errors. start: file of initial
    weights; empty for none.
    """

    tiles: int = 3_000
    batch: int = 8
    both_share: float = 0.4
    widths: tuple[int, ...] = (64, 96, 128, 160)
    means: bool = True
    places: tuple[str, ...] = ()
    start: str = ""
    learning_rate: float = 1.5e-3


class DeformationTrainingTask(TrainingTask):
    """Batches of one track or of two; image: (n · tracks, CHANNELS, rows, cols), all others (n, rows, cols)."""

    def __init__(self, pool: TilePool, held_back: TilePool, settings: Settings) -> None:
        self.pool, self.held_back, self.settings = pool, held_back, settings
        self.recipe = Recipe(places=tuple(settings.places))

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw a batch of one track or of two."""
        n_tracks = 2 if rng.random() < self.settings.both_share else 1
        n = self.settings.batch if n_tracks == 1 else max(1, self.settings.batch * 3 // 4)
        return as_batch([sample(rng, self.pool, n_tracks, self.recipe) for _ in range(n)])

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss of a batch."""
        out = network(batch["image"], int(batch["tracks"]))
        return loss_of(out.float(), batch)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the loss on tiles held back; `lab.deformation.calibration` measures which bowls are found."""
        rng, device = np.random.default_rng(7), next(network.parameters()).device
        losses = []
        for _ in range(6):
            batch = as_batch([sample(rng, self.held_back, 1, self.recipe) for _ in range(16)])
            with torch.no_grad(), low_precision(device):
                out = network(batch["image"].to(device), int(batch["tracks"]))
            losses.append(float(loss_of(out.float().cpu(), batch)))
        return {"loss_held_back": float(np.mean(losses))}


def as_batch(samples: list[Sample]) -> dict[str, Tensor]:
    """Stack samples of equal size and number of tracks as tensors."""
    return {
        "image": torch.cat([channels(one.tracks) for one in samples]),
        "tracks": torch.tensor(len(samples[0].tracks)),
        "rate": torch.from_numpy(np.stack([one.rate_mm_yr for one in samples])),
        "kind": torch.from_numpy(np.stack([one.kind for one in samples]).astype(np.int64)),
        "reached": torch.from_numpy(np.stack([one.reached for one in samples])),
        "wrong": torch.from_numpy(np.stack([one.wrong for one in samples])),
    }


def loss_of(out: Tensor, batch: Batch) -> Tensor:
    """Return the loss: cross-entropy of thresholds and kinds, overlap of moving cells, rate. out: (n, c, rows, cols).

    Cells of small objects, and unwrapping errors, which look like these, have more weight than those of large ones.
    """
    n, rate, reached = len(THRESHOLDS_MM_YR), batch["rate"], batch["reached"].float()
    speed = rate.abs()
    moving = (speed >= THRESHOLDS_MM_YR[0]).float() * reached
    weight = reached * (1 + _more_if_small(moving) + _more_if_small(batch["wrong"].float() * reached * (1 - moving)))
    targets = torch.stack([(speed >= threshold).float() for threshold in THRESHOLDS_MM_YR], dim=1)
    cross = functional.binary_cross_entropy_with_logits(out[:, :n], targets, reduction="none")
    total = reached.sum().clamp_min(1)
    crossed = (cross.sum(dim=1) * weight).sum() / total
    p, wanted = torch.sigmoid(out[:, 1]) * reached, targets[:, 1] * reached
    overlap = (2 * (p * wanted).sum(dim=(1, 2)) + 1) / ((p + wanted).sum(dim=(1, 2)) + 1)
    holds = (wanted.sum(dim=(1, 2)) > 0).float()
    dice = ((1 - overlap) * holds).sum() / holds.sum().clamp_min(1)
    named = (batch["kind"] != NOTHING) & (speed >= 1.5) & batch["reached"]
    kind = batch["kind"].masked_fill(~named, -100)
    naming = functional.cross_entropy(out[:, n : n + len(KINDS)], kind, reduction="none", ignore_index=-100)
    naming = (naming * weight).sum() / (weight * named).sum().clamp_min(1)
    wrong = functional.smooth_l1_loss(out[:, -1], torch.arcsinh(rate / 2), reduction="none", beta=0.3)
    return crossed + 0.05 * dice + 0.1 * naming + 0.5 * (wrong * weight).sum() / total


def _more_if_small(cells: Tensor) -> Tensor:
    """Return extra weights for the given cells (n, rows, cols; 1 or 0); larger in small objects."""
    area = cells.sum(dim=(1, 2), keepdim=True)
    return cells * ((400 / area.clamp_min(1)).sqrt().clamp(1, 6) - 1)


def prepare(settings: Settings, folder: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Simulate missing tiles; return the network, the training task and the card."""
    task = DeformationTrainingTask(*pools(folder, settings.tiles), settings)
    arguments: dict[str, Any] = {
        "channels": CHANNELS,
        "widths": list(settings.widths),
        "kinds": len(KINDS),
        "means": settings.means,
    }
    card = Card("deformation", SHIPPED, "1", arguments, {})
    network = DeformationUnet(**arguments)
    if settings.start:
        network.load_state_dict(load_file(settings.start))
    return network, task, card


RECIPE = TrainingRecipe(Settings, prepare, minutes=40.0, learning_rate=1.5e-3)
