"""Training of both forms of the offsets network on the crops of lab.offsets.crops.

The form `weights` learns how evidence is added, by the model's likelihood; the published form learns offsets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ground_motion.methods.offsets.resampling import node_means
from ground_motion.methods.offsets.tracking import Answer, answer, fit_windows, published_answer
from ground_motion.networks.cc_res_siamnet import OFFSETS
from lab.offsets.crops import Crop, Crops, Settings, crop_at, likely_start
from lab.offsets.dataset import UNLIKE, bands_of, planes
from lab.offsets.evaluate import GAMMAS
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import constant_shift, moving
from lab.simulation.seeds import Purpose, generator
from lab.training import Batch

HUBER_SHARE = 0.08  # Only the likelihood counts after this share of the training.
HUBER_PX = 0.1
MAX_RESIDUAL_PX = 3.0  # larger residuals are clipped to this
TEMPER = 0.5  # Exponent of the likelihood at the start (Seitzer et al. 2022, arXiv:2203.09168); it learns hard nodes.
SPREADS = 3.0  # sigmas beyond which errors have less weight
VALIDATION_PAIRS, VALIDATION_PX = 8, 192
COMPARED_PX = 64.0  # Validation compares the network with an autocorrelation model of this window.


def loss_of(found: Answer, crop: Crop, progress: float) -> Tensor:
    """Return the Gaussian negative log-likelihood with linear tails; early in training mainly Huber's loss.

    The likelihood is tempered at first; by the end it is not, so that sigma becomes the size of the errors.
    """
    error = found.offset - crop.start - (crop.truth - crop.start).clamp(-MAX_RESIDUAL_PX, MAX_RESIDUAL_PX)
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


class OffsetTrainingTask:
    """Batches of prepared crops, and validation on separate pairs."""

    def __init__(self, settings: Settings, cache: Path) -> None:
        self.settings = settings
        self.crops = Crops(settings, cache)
        self._drawn: dict[int, list[Crop]] = {}  # Crops of a batch until its loss, because they cannot be stacked.
        self._numbers = count()
        self._validation: dict[str, list[Crop]] | None = None

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw a batch of crops; keep their models and evidence under the batch's number until its loss."""
        crops = [self.crops.at(int(at)) for at in rng.integers(self.settings.crops, size=self.settings.batch)]
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
            return published_answer(raw, crop.start)
        return answer(raw, crop.held, crop.start, crop.autocorrelation, crop.channels)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return errors, px, and coverage by sigma on even ground and under varying motion, also of the model alone."""
        self._validation = self._validation or _validation(self.settings.form)
        device, inner, figures = next(network.parameters()).device, slice(4, -4), {}
        for name, crops in self._validation.items():
            errors, scaled, alone = [], [], []
            for crop in crops:
                raw = network(crop.texture[None].to(device), crop.channels[None].to(device))[0].float().cpu()
                found = self.answer_of(raw, crop)
                of_law = fit_windows(crop.held, crop.start, crop.autocorrelation, COMPARED_PX)
                error = (found.offset - crop.truth)[:, inner, inner]
                errors.append(error.flatten())
                scaled.append((error * torch.exp(-found.log_sigma[:, inner, inner])).abs().flatten())
                alone.append((of_law.offset - crop.truth)[:, inner, inner].flatten())
            for label, parts in ((name, errors), (f"{name}_law", alone)):
                figures[f"{label}_mae"] = float(torch.cat(parts).clamp(-1, 1).abs().mean())
            figures[f"{name}_within_68"] = float((torch.cat(scaled) < 1).float().mean())
        return figures


def _validation(form: str) -> dict[str, list[Crop]]:
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
            start = likely_start(rng, node_means(seen[2:4]))
            crop = crop_at(seen[:2], seen[2:4], start, bands_of(seen, torch.from_numpy(pair.power)), form, 0, 0)
            held.setdefault(name, []).append(crop)
    return held
