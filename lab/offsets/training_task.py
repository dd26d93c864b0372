"""Training of both forms of the offsets network on crops of prepared scenes that start as a coarse search leaves them.

The form `weights` learns how evidence is added: its loss is the likelihood of what the law then gives. The published
form learns the offsets themselves, for every pixel, from the same crops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.offsets.dataset import UNLIKE, Scenes, band_from, bands_of, make_hard_scene, planes, prepared
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import constant_shift, moving
from lab.simulation.seeds import Purpose, generator
from lab.training import Batch
from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import NODE_PX, OFFSETS, WEIGHTS
from ml.offsets.evidence import KEPT_LAGS, Evidence, evidence
from ml.offsets.law import Band, Law, law_from
from ml.offsets.resampling import at_nodes, gathered, whole
from ml.offsets.tracking import Answer, answer, over_windows, prior, published

HUBER_SHARE = 0.08  # share of the training after which only the likelihood counts
HUBER_PX = 0.1
FARTHEST_PX = 3.0  # larger residuals are clipped to this
STRAY_PX = 12.0  # largest target offset of images with nothing in common
FARTHEST_START_PX = 40  # of crops
TEMPER = 0.5  # of the likelihood at the start (Seitzer et al. 2022, arXiv:2203.09168): hard nodes are learnt, too
SPREADS = 3.0  # sigmas beyond which errors have less weight
GAMMAS = (0.5, 0.7, 0.9)
VALIDATION_PAIRS, VALIDATION_PX = 8, 192
COMPARED_PX = 64.0  # window of the law beside which validation sets the network
OFF_BY = (0.35, 0.55, 0.1)  # shares of starts with errors of up to 0, 1, 2 whole pixels
LAWS_KEPT = 20_000


@dataclass(frozen=True)
class Settings:
    """Settings that --config can change.

    form: of ml.networks.cc_res_siamnet; real: folder of OPERA RTC-S1 chips, '' for none; scenes, hard_scenes: their
    numbers; real_share, hard_share: of a batch; unrelated_pairs: share of crops whose two images are unrelated; begin:
    folder of the weights from which training continues, '' for none.
    """

    form: str = WEIGHTS
    scenes: int = 3000
    hard_scenes: int = 2000
    crop_px: int = 160
    batch: int = 6
    real: str = ""
    real_share: float = 0.2
    hard_share: float = 0.4
    unrelated_pairs: float = 0.06
    begin: str = ""
    learning_rate: float = 1.5e-3


class Crop(NamedTuple):
    """Training crop: the network's input, the evidence and its start (2, nodes, nodes), px, the true offsets, the law.

    texture: (2, px, px), the secondary gathered by the start; channels: (PRIOR, nodes, nodes); truth: as start.
    """

    texture: Tensor
    channels: Tensor
    held: Evidence
    start: Tensor
    truth: Tensor
    law: Law


def loss_of(found: Answer, crop: Crop, progress: float) -> Tensor:
    """Return the Gaussian negative log-likelihood with linear tails; early in training mainly Huber's loss.

    The likelihood is tempered at first: at its end sigma is what the errors are.
    """
    error = found.offset - crop.start - (crop.truth - crop.start).clamp(-FARTHEST_PX, FARTHEST_PX)
    log_sigma = found.log_sigma.clamp(-6.0, 3.0)
    z = error * torch.exp(-log_sigma)
    squared = 2 * functional.huber_loss(z, torch.zeros_like(z), reduction="none", delta=SPREADS)
    temper = TEMPER * (1 - progress)
    likelihood = (0.5 * squared + log_sigma) * torch.exp(2 * temper * log_sigma.detach())
    weight = crop.held.known * torch.isfinite(error)
    total = 2 * weight.sum().clamp_min(1.0)
    value = (likelihood.nan_to_num() * weight).sum() / total
    if progress < HUBER_SHARE:
        huber = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=HUBER_PX)
        return 0.1 * value + 5 * (huber.nan_to_num() * weight).sum() / total
    return value


def likely_start(rng: np.random.Generator, truth: Tensor) -> Tensor:
    """Draw whole-pixel offsets (2, nodes, nodes) near the truth, with errors like those of a coarse search."""
    smooth = box_mean(truth, int(rng.choice([3, 5])))
    noise = box_mean(torch.from_numpy(rng.standard_normal(truth.shape).astype(np.float32)), 3) * 3
    result = smooth + float(np.exp(rng.uniform(np.log(0.02), np.log(0.35)))) * noise
    if rng.random() < 0.15:  # an area where another peak was higher
        row, col = (int(rng.integers(0, n)) for n in truth.shape[1:])
        height, width = (int(rng.integers(1, 6)) for _ in "yx")
        off = torch.from_numpy(rng.uniform(-4, 4, (2, 1, 1)).astype(np.float32))
        result[:, row : row + height, col : col + width] += off
    # Or the whole neighbourhood has one error.
    off_by = int(rng.choice(3, p=OFF_BY))
    result = result + torch.from_numpy(rng.integers(-off_by, off_by + 1, (2, 1, 1)).astype(np.float32))
    return whole(result).clamp(-FARTHEST_START_PX, FARTHEST_START_PX)


@lru_cache(maxsize=LAWS_KEPT)
def _law(bands: tuple[Band, Band]) -> Law:
    return law_from(bands, torch.device("cpu"))


def crop_at(images: Tensor, truth: Tensor, start: Tensor, bands: np.ndarray, row: int = 0, col: int = 0) -> Crop:
    """Cut a crop whose nodes are those of `start`, its corner at (row, col).

    images: (2, rows, cols), texture, 0 unknown; truth: (2, rows, cols), px; bands: (2, BAND).
    """
    rows, cols = (n * NODE_PX for n in start.shape[1:])
    law = _law((band_from(bands[0].tolist()), band_from(bands[1].tolist())))
    far = FARTHEST_START_PX + KEPT_LAGS
    reference = images[0, row : row + rows, col : col + cols].contiguous()
    wide = functional.pad(images[1], (far,) * 4)[row : row + rows + 2 * far, col : col + cols + 2 * far]
    with torch.no_grad():
        held = evidence(reference, wide, start, far)
        channels = prior(held, start, law)
    target = at_nodes(truth[:, row : row + rows, col : col + cols])
    return Crop(torch.stack([reference, gathered(images[1], start, row, col)]), channels, held, start, target, law)


def turned(
    rng: np.random.Generator, images: Tensor, truth: Tensor, bands: np.ndarray
) -> tuple[Tensor, Tensor, np.ndarray]:
    """Flip and transpose a pair at random, with its truth and bands."""
    if rng.random() < 0.5:
        images, truth = images.flip(2), truth.flip(2) * torch.tensor([-1.0, 1.0])[:, None, None]
    if rng.random() < 0.5:
        images, truth = images.flip(1), truth.flip(1) * torch.tensor([1.0, -1.0])[:, None, None]
    if rng.random() < 0.5:
        images, truth, bands = images.transpose(1, 2), truth.transpose(1, 2).flip(0), bands[::-1]
    return images, truth, bands


class OffsetTrainingTask:
    """Batches from prepared scenes, and validation on separate pairs."""

    def __init__(self, settings: Settings, cache: Path) -> None:
        self.settings = settings
        self.scenes = prepared(cache, settings.scenes)
        self.hard = prepared(cache, settings.hard_scenes, make=make_hard_scene) if settings.hard_share else self.scenes
        self.real: Scenes | None = None
        self._drawn: dict[int, list[Crop]] = {}  # what of a batch cannot be stacked, until its loss is computed
        self._numbers = count()
        self._validation: dict[str, list[Crop]] | None = None

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw a batch of crops; keep their laws and evidence here, under the batch's number, until its loss."""
        crops, size = [], self.settings.crop_px
        for _ in range(self.settings.batch):
            source, kind = self.scenes, rng.random()
            if self.real is not None and kind < self.settings.real_share:
                source = self.real
            elif kind > 1 - self.settings.hard_share:
                source = self.hard
            scene, bands = _drawn(rng, source)
            if rng.random() < self.settings.unrelated_pairs:
                scene[1] = _drawn(rng, source)[0][1]
                scene[2:4] = torch.from_numpy(rng.uniform(-STRAY_PX, STRAY_PX, (2, 1, 1)))
            images, truth, bands = turned(rng, scene[:2], scene[2:4], bands)
            row, col = (int(rng.integers(0, n - size + 1)) for n in images.shape[1:])
            start = likely_start(rng, at_nodes(torch.nan_to_num(truth[:, row : row + size, col : col + size])))
            crops.append(crop_at(images, truth, start, bands, row, col))
        number = next(self._numbers)
        self._drawn[number] = crops
        inputs = {"texture": torch.stack([crop.texture for crop in crops])}
        return inputs | {"channels": torch.stack([crop.channels for crop in crops]), "number": torch.tensor(number)}

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean loss of the batch's crops."""
        crops = self._drawn.pop(int(batch["number"]))
        raw = network(batch["texture"], batch["channels"])
        with torch.autocast(raw.device.type, enabled=False):
            found = [self.answer_of(one.float().cpu(), crop) for one, crop in zip(raw, crops, strict=True)]
            stage = max(progress, HUBER_SHARE) if self.settings.begin else progress
            return torch.stack([loss_of(one, crop, stage) for one, crop in zip(found, crops, strict=True)]).mean()

    def answer_of(self, raw: Tensor, crop: Crop) -> Answer:
        """Return the offsets that follow from the network's output for one crop."""
        if self.settings.form == OFFSETS:
            return published(raw, crop.held, crop.start)
        return answer(raw, crop.held, crop.start, crop.law, crop.channels)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return errors, px, and coverage by sigma on even ground and under varying motion, beside the law alone."""
        self._validation = self._validation or _validation()
        with torch.no_grad():
            return self._figures(network, self._validation)

    def _figures(self, network: nn.Module, validation: dict[str, list[Crop]]) -> dict[str, float]:
        device, inner, figures = next(network.parameters()).device, slice(4, -4), {}
        for name, crops in validation.items():
            errors, scaled, alone = [], [], []
            for crop in crops:
                raw = network(crop.texture[None].to(device), crop.channels[None].to(device))[0].float().cpu()
                found, of_law = self.answer_of(raw, crop), over_windows(crop.held, crop.start, crop.law, COMPARED_PX)
                error = (found.offset - crop.truth)[:, inner, inner]
                errors.append(error.flatten())
                scaled.append((error * torch.exp(-found.log_sigma[:, inner, inner])).abs().flatten())
                alone.append((of_law.offset - crop.truth)[:, inner, inner].flatten())
            for label, parts in ((name, errors), (f"{name}_law", alone)):
                figures[f"{label}_mae"] = float(torch.cat(parts).clamp(-1, 1).abs().mean())
            figures[f"{name}_within_68"] = float((torch.cat(scaled) < 1).float().mean())
        return figures


def _drawn(rng: np.random.Generator, source: Scenes) -> tuple[Tensor, np.ndarray]:
    at = int(rng.integers(len(source.planes)))
    return torch.from_numpy(np.array(source.planes[at], dtype=np.float32)), source.bands[at]


def _validation() -> dict[str, list[Crop]]:
    """Make validation crops: even ground of some coherences, and varying motion."""
    held: dict[str, list[Crop]] = {}
    for scene in range(VALIDATION_PAIRS):
        made: dict[str, Callable[[np.random.Generator], SarPair]] = {
            f"g{round(100 * gamma)}": partial(constant_shift, gamma=gamma, size=VALIDATION_PX) for gamma in GAMMAS
        }
        made["varying"] = partial(moving, kind=UNLIKE[scene % len(UNLIKE)], size=VALIDATION_PX)
        for name, make in made.items():
            rng = generator(Purpose.VALIDATION, f"offsets-validation-{name}", scene)
            pair = make(rng)
            seen = torch.from_numpy(planes(pair).astype(np.float32))
            start = likely_start(rng, at_nodes(seen[2:4]))
            crop = crop_at(seen[:2], seen[2:4], start, bands_of(torch.from_numpy(pair.power)))
            held.setdefault(name, []).append(crop)
    return held
