"""Training of the coherence networks: ours, that of Sica et al. 2026, and the linear mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ground_motion.core.errors import InputError
from ground_motion.methods.coherence import NETWORK, SAMPLE_WINDOW, SICA, CoherenceMethod
from ground_motion.methods.coherence.baseline import Estimate
from ground_motion.methods.coherence.features import SCATTERERS, features, no_history
from ground_motion.methods.coherence.network import CoherenceNet, network_of
from ground_motion.networks.coherence_heads import SicaHead
from ground_motion.runtime.checkpoints import Card, load, read_card
from ground_motion.runtime.methods import methods
from lab.coherence.evaluate import EARLIER, EDGE_PX, EVERY_PX, make_even, make_history
from lab.coherence.training import textures
from lab.coherence.training.samples import (
    Drawing,
    Sample,
    Samples,
    coherence_loss,
    coherence_over,
    facts_in,
    sample_of,
    stated_looks,
)
from lab.coherence.training.scenes import coherence_pair, textured_pair
from lab.simulation.kept import Draw, kept
from lab.simulation.sar.pairs import SarPair, Window
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from lab.training import Batch, TrainingRecipe, TrainingTask, begin_from

SCENES, SCENE_PX = 16, 112  # Number and side of the validation scenes of each kind of ground.
WINDOWS = (SAMPLE_WINDOW, (3, 3), (3, 11))  # Windows used in validation.
NARROW_PX, WIDE_PX = (3, 5, 7), (3, 5, 7, 9, 11, 13, 15)  # sides of windows in training
SIGMA_PARTS = 8  # Validation errors are grouped by reported sigma into this many parts.
KINDS: dict[str, Callable[[int], SarPair]] = {
    "structured": lambda n: make_history(0.0, n, Purpose.VALIDATION),
    "even": lambda n: make_even(0.0, n, Purpose.VALIDATION),
    "textured": lambda n: textured_pair(
        generator(Purpose.VALIDATION, "coherence-kept", n), SCENE_PX, textures.textures_of(textures.KEPT), EARLIER
    ),
    "simulated": lambda n: coherence_pair(
        generator(Purpose.VALIDATION, "coherence-validation", n), SCENE_PX, EARLIER, 0.35
    ),
}  # Networks are validated on these grounds, with real texture from KEPT places only.


@dataclass(frozen=True)
class CoherenceSettings(Drawing):
    """Settings that --config can change.

    method: one with weights. batch: samples per step; windows: number of windows per step, shared by its samples, in
    addition to the scatterers; looks_stated_share: share of samples with stated looks; begin: folder of weights to
    continue from; unet: of those of Sica et al., with whose U-Net ours begins; '' for none.
    """

    method: str = NETWORK

    batch: int = 32
    windows: int = 3
    looks_stated_share: float = 0.6
    begin: str = ""
    unet: str = ""
    learning_rate: float = 1.5e-3


def drawn_window(rng: np.random.Generator) -> Window:
    """Draw a window, rows x columns: often that of maps, square, or long along one axis."""
    kind = rng.random()
    if kind < 0.25:
        return SAMPLE_WINDOW
    side = int(rng.choice(WIDE_PX))
    if kind < 0.6:
        return side, side
    other = int(rng.choice(NARROW_PX))
    return (side, other) if rng.random() < 0.5 else (other, side)


class CoherenceTrainingTask:
    """Batches of kept samples, and validation on scenes of other places and draws."""

    def __init__(self, settings: CoherenceSettings, cache: Path) -> None:
        self.settings, self.cache = settings, cache
        drawing = Drawing(**{field.name: getattr(settings, field.name) for field in fields(Drawing)})
        self.samples = Samples(drawing, cache)

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw samples (images by name, facts) and the windows wanted of them."""
        windows = torch.tensor([drawn_window(rng) for _ in range(self.settings.windows)])
        return self.samples.batch(rng, self.settings.batch, self.settings.looks_stated_share) | {"windows": windows}

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss: squared error trains the mean; the likelihood of its errors trains sigma."""
        windows = _wanted(network, [(high, wide) for high, wide in batch["windows"].tolist()])
        truths = truth_of(batch, windows)
        found = answers(network, batch, batch["past"], windows)
        return torch.stack([coherence_loss(one, truth) for one, truth in zip(found, truths, strict=True)]).mean()

    @cached_property
    def scenes(self) -> Sample:
        """Make validation samples, SCENES of each of KINDS in turn."""
        about = f"validation of {SCENES} scenes of {', '.join(KINDS)}"
        arrays = kept(self.cache / "validation", SCENES * len(KINDS), scene, about)
        return Sample(*(arrays[name] for name in Sample._fields))

    def errors(self, network: nn.Module) -> dict[str, Float32]:
        """Return kind of ground, window and history -> (pixels, 2): error, and the network's uncalibrated sigma."""
        device = next(network.parameters()).device
        windows = _wanted(network, WINDOWS)
        picked, found = (..., *(slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2), {}
        for number, kind in enumerate(KINDS):
            samples = Sample(*(array[number * SCENES : (number + 1) * SCENES] for array in self.scenes))
            facts = torch.tensor(  # Only odd scenes state the looks.
                [
                    facts_in(numbers, stated_looks(np.random.default_rng(n), numbers, log) if n % 2 else None).row()
                    for n, (numbers, log) in enumerate(zip(samples.numbers, samples.log_power, strict=True))
                ]
            )
            batch = {name: part.to(device) for name, part in (samples.tensors() | {"facts": facts}).items()}
            truths = truth_of(batch, windows)
            for past in (no_history(batch["gamma"]).expand(SCENES, -1, -1, -1), batch["past"]):
                history = "_history" if torch.isfinite(past).any() else ""
                with torch.no_grad():
                    estimates = answers(network, batch, past, windows)
                for window, (values, sigma), truth in zip(windows, estimates, truths, strict=True):
                    table = torch.stack([values - truth, sigma], dim=-1)[picked[0], picked[1], picked[2], :]
                    rows = table.reshape(-1, 2).cpu().numpy()
                    found[f"{kind}{history}_{_named(window)}"] = rows[np.isfinite(rows).all(axis=1)]
        return found

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the RMSE by kind of ground, window and history."""
        errors = self.errors(network)
        return {f"rmse_{name}": float((rows[:, 0] ** 2).mean() ** 0.5) for name, rows in errors.items()}


def scene(number: int) -> Draw:
    """Make a validation sample."""
    kind, n = divmod(number, SCENES)
    return sample_of([*KINDS.values()][kind](n), size=SCENE_PX)._asdict()


def truth_of(batch: Batch, windows: Sequence[Window | None]) -> list[Tensor]:
    """Return the wanted coherence for each window, (n, rows, cols), NaN where an image is unknown."""
    known = torch.isfinite(batch["log_power"]).all(dim=1)
    moments = batch["moments"].float()
    truths = [coherence_over(moments, window) if window else batch["gamma"].float() for window in windows]
    return [torch.where(known, truth, torch.nan) for truth in truths]


def answers(network: nn.Module, batch: Batch, past: Tensor, windows: Sequence[Window | None]) -> list[Estimate]:
    """Apply a network to a batch for each wanted window. past: (n, 3, rows, cols), see features.temporal."""
    log_power = batch["log_power"].float()
    if not isinstance(network, CoherenceNet):
        raise TypeError(f"{type(network).__name__} is no network of coherence")
    seen = features(log_power, past.float(), batch["facts"])
    return network.answer(network.pixel_features(seen.image), seen.planes, batch["facts"], windows)


def _wanted(network: nn.Module, windows: Sequence[Window]) -> list[Window | None]:
    """Return the windows to estimate, SCATTERERS first; the network of Sica et al. has only SAMPLE_WINDOW."""
    return [SAMPLE_WINDOW] if isinstance(network.head, SicaHead) else [SCATTERERS, *windows]


def _named(window: Window | None) -> str:
    return "scatterers" if window is None else f"{window[0]}x{window[1]}"


def prepare(settings: CoherenceSettings, cache: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Draw missing samples, make the network. InputError for settings that do not fit, or without textures."""
    networks = {name: row.weights for name, row in methods("coherence").items() if row.weights}
    if settings.method not in networks:
        raise InputError("--config", f"method is {settings.method!r}", f"Choose among {', '.join(networks)}")
    name = networks[settings.method]
    card, net = Card("coherence", name, CoherenceMethod.find(settings.method).version, {}), network_of(name)
    if settings.begin:
        begin_from(Path(settings.begin), card, net)
    if settings.unet and (settings.begin or settings.method != NETWORK):
        raise InputError("--config", "unet is given", f"Use it with {NETWORK} and without begin")
    if settings.unet and net.unet:
        card.training["unet_from"] = take_unet(net.unet, Path(settings.unet))
    task = CoherenceTrainingTask(settings, cache)
    _ = task.scenes
    return net, task, card


def take_unet(unet: nn.Module, folder: Path) -> str:
    """Copy the layers of Sica et al. in a folder into a U-Net, whose further inputs get no weight; return the hash."""
    sica, card = network_of(SICA), read_card(SICA, folder)
    load(card, sica, folder)
    taken = sica.unet.state_dict() if sica.unet else {}
    for name, part in unet.state_dict().items():
        if part.dim() > 1:
            part.zero_()
            part[:, : taken[name].shape[1]] = taken[name]
        else:
            part.copy_(taken[name])
    return card.weights_sha256


def finish(network: nn.Module, task: Any) -> dict[str, Any]:
    """Fit the sigma that covers 68 % of the validation errors; return the card's settings."""
    errors = task.errors(network)
    settings: dict[str, Any] = {}
    for name, of_scatterers in (("sigma", False), ("scatterers", True)):
        rows = [one for key, one in errors.items() if key.endswith("scatterers") == of_scatterers]
        if not rows:
            continue  # Sica et al. estimate no coherence of the scatterers
        factor, power = stretch(np.concatenate(rows))
        settings |= {f"{name}_factor": round(factor, 3), f"{name}_power": round(power, 3)}
    return settings


def stretch(rows: Float32) -> tuple[float, float]:
    """Fit factor and power such that factor * sigma^power covers 68 % of errors. rows: (pixels, 2), error and sigma.

    Where sigma is one number, the power is 1.
    """
    if np.ptp(rows[:, 1]) < 1e-6:
        return float(np.quantile(np.abs(rows[:, 0]) / rows[:, 1], 0.68)), 1.0
    parts = np.array_split(rows[np.argsort(rows[:, 1])], SIGMA_PARTS)
    reported = np.log([np.median(part[:, 1]) for part in parts])
    measured = np.log([np.quantile(np.abs(part[:, 0]), 0.68) for part in parts])
    power, factor = np.polyfit(reported, measured, 1)
    return float(np.exp(factor)), float(power)


RECIPE = TrainingRecipe(CoherenceSettings, prepare, minutes=65.0, finish=finish)
