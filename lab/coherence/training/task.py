"""Training of the coherence networks: ours, which is told the wanted window, and paper 3's."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lab.coherence.evaluate import EDGE_PX, EVERY_PX, make_even, make_structured
from lab.coherence.training import textures
from lab.coherence.training.samples import Drawing, Sample, Samples, sample_of, tensors
from lab.coherence.training.scenes import coherence_pair, textured_pair
from lab.simulation.sar.pairs import Window
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from lab.training import Batch, TrainingRecipe, TrainingTask
from ml.coherence import SAMPLE_WINDOW, SICA
from ml.coherence.features import SCATTERERS, Facts, Seen, features, no_history
from ml.coherence.network import DECIBELS, NAME, CoherenceNet, Estimate
from ml.networks.sica_residual_unet import SicaResidualUNet
from ml.runtime.checkpoints import Card, load, read_card

VERSION = "6"
VALIDATION_SCENES, VALIDATION_PX, EARLIER = 16, 112, 6
WINDOWS = (SAMPLE_WINDOW, (3, 3), (3, 11))  # of validation
NARROW_PX, WIDE_PX = (3, 5, 7), (3, 5, 7, 9, 11, 13, 15)  # sides of windows in training
SIGMA_PARTS = 8  # groups of validation errors by reported sigma


@dataclass(frozen=True)
class CoherenceSettings(Drawing):
    """Settings that --config can change.

    published: train paper 3's network. batch: samples per step, all of one set of windows; windows: per step, beside
    the scatterers; looks_stated_share: of samples; begin: folder of the weights to continue from, '' for none.
    """

    published: bool = False

    batch: int = 10
    windows: int = 2
    looks_stated_share: float = 0.6
    begin: str = ""
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
        self.settings = settings
        drawing = Drawing(**{field.name: getattr(settings, field.name) for field in fields(Drawing)})
        self.samples = Samples(drawing, cache)

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw what a network sees, facts (n, FACTS), windows, and truth (windows, n, rows, cols), NaN unknown."""
        drawn = [self.samples.at(rng, self.settings.looks_stated_share) for _ in range(self.settings.batch)]
        images, past = (torch.stack(parts) for parts in zip(*(tensors(sample) for sample, _ in drawn), strict=True))
        facts = torch.tensor([one.row() for _, one in drawn])
        windows = (
            [SAMPLE_WINDOW] if self.settings.published else [drawn_window(rng) for _ in range(self.settings.windows)]
        )
        truth = torch.from_numpy(np.stack([[one.coherence(at) for one, _ in drawn] for at in (SCATTERERS, *windows)]))
        truth = torch.where(torch.isfinite(images).all(dim=1), truth, torch.nan)
        if self.settings.published:
            return {"decibels": torch.nan_to_num(DECIBELS * images), "truth": truth[1]}
        seen = features(images, past, facts)._asdict()
        return seen | {"facts": facts, "windows": torch.tensor(windows), "truth": truth}

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss: squared error trains the mean; the likelihood of its errors trains sigma."""
        if self.settings.published:
            known = torch.isfinite(batch["truth"])
            return torch.square((network(batch["decibels"]) - batch["truth"])[known]).mean()
        net = _net(network)
        seen, windows = Seen(*(batch[name] for name in Seen._fields)), batch["windows"].tolist()
        seen_by = net.unet(seen.half, seen.detail, seen.history).float()
        found = net.answer(
            seen_by, seen.planes, batch["facts"], [SCATTERERS, *((high, wide) for high, wide in windows)]
        )
        return torch.stack([_loss(one, truth) for one, truth in zip(found, batch["truth"], strict=True)]).mean()

    @cached_property
    def scenes(self) -> dict[str, list[Sample]]:
        """Make validation samples by kind of ground, of real texture only from KEPT places."""
        purpose, n = Purpose.VALIDATION, VALIDATION_SCENES
        kept = textures.textures_of(textures.KEPT)

        def drawn(name: str, make: Any) -> list[Sample]:
            return [sample_of(make(generator(purpose, name, scene))) for scene in range(n)]

        return {
            "structured": [sample_of(make_structured(0.0, scene, purpose, True)) for scene in range(n)],
            "even": [sample_of(make_even(0.0, scene, purpose, True)) for scene in range(n)],
            "textured": drawn("coherence-kept", lambda rng: textured_pair(rng, VALIDATION_PX, kept, EARLIER)),
            "simulated": drawn("coherence-validation", lambda rng: coherence_pair(rng, VALIDATION_PX, EARLIER, 0.35)),
        }

    def errors(self, net: nn.Module) -> dict[str, Float32]:
        """Return kind of ground, window and history -> (pixels, 2): error, and the network's uncalibrated sigma."""
        if not isinstance(net, CoherenceNet):
            named = f"_{_named(SAMPLE_WINDOW)}"
            return {
                kind + named: np.concatenate([_sica(net, one) for one in samples])
                for kind, samples in self.scenes.items()
            }
        found = {}
        for kind, samples in self.scenes.items():
            histories = (False, True) if np.isfinite(samples[0].past).any() else (False,)
            for history in histories:
                rows = [_errors(net, sample, history) for sample in samples]
                for at, window in enumerate((SCATTERERS, *WINDOWS)):
                    name = f"{kind}{'_history' if history else ''}_{_named(window)}"
                    found[name] = np.concatenate([one[at] for one in rows])
        return found

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the RMSE by kind of ground, window and history."""
        errors = self.errors(network)
        return {f"rmse_{name}": float((rows[:, 0] ** 2).mean() ** 0.5) for name, rows in errors.items()}


def _named(window: Window | None) -> str:
    return "scatterers" if window is None else f"{window[0]}x{window[1]}"


def _net(network: nn.Module) -> CoherenceNet:
    if not isinstance(network, CoherenceNet):
        raise TypeError(f"{type(network).__name__} is no CoherenceNet")
    return network


def _loss(estimate: Estimate, truth: Tensor) -> Tensor:
    known = torch.isfinite(truth)
    error = (estimate.coherence - truth)[known]
    sigma = estimate.sigma[known]
    return 20 * (error**2).mean() + 0.2 * (torch.log(sigma) + error.detach() ** 2 / (2 * sigma**2)).mean()


def _errors(net: CoherenceNet, sample: Sample, history: bool) -> list[Float32]:
    own, *lags, down, right, peak, looks, gain = sample.facts.tolist()
    facts = torch.tensor([Facts(looks * gain, True, own, (*lags,), (down, right), peak, (0.0, 0.0)).row()])
    log, past = tensors(sample)
    seen = features(log[None], past[None] if history else no_history(log)[None], facts)
    picked, rows = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2, []
    with torch.no_grad():
        by_pixel = net.unet(seen.half, seen.detail, seen.history)
        wanted = (SCATTERERS, *WINDOWS)
        for window, found in zip(wanted, net.answer(by_pixel, seen.planes, facts, wanted), strict=True):
            values, sigma = (part[0].numpy()[picked].ravel() for part in found)
            table = np.column_stack([values - sample.coherence(window)[picked].ravel(), sigma]).astype(np.float32)
            rows.append(table[np.isfinite(table).all(axis=1)])
    return rows


def _sica(net: nn.Module, sample: Sample) -> Float32:
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    with torch.no_grad():
        found = net(torch.nan_to_num(DECIBELS * tensors(sample)[0])[None])[0].numpy()
    error = (found - sample.coherence(SAMPLE_WINDOW))[picked].ravel()
    return np.column_stack([error, np.ones_like(error)]).astype(np.float32)


def prepare(settings: CoherenceSettings, cache: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Draw missing samples and make the network. Raises InputError without the real data for textures."""
    if settings.published:
        return SicaResidualUNet(), CoherenceTrainingTask(settings, cache), Card("coherence", SICA, "1", {}, {})
    net = CoherenceNet()
    card = Card("coherence", NAME, VERSION, {}, {})
    if settings.begin:
        before = read_card(NAME, Path(settings.begin))
        load(before, net, Path(settings.begin))
        card.training["begun_from"] = before.weights_sha256
    return net, CoherenceTrainingTask(settings, cache), card


def finish(network: nn.Module, task: Any) -> dict[str, Any]:
    """Return the factors and powers by which sigma covers 68 % of the validation errors, as settings."""
    errors = task.errors(network)
    if not isinstance(network, CoherenceNet):
        return {"sigma": round(float(np.std(np.concatenate([*errors.values()])[:, 0])), 3)}
    settings: dict[str, Any] = {}
    for name, of_scatterers in (("sigma", False), ("scatterers", True)):
        rows = [one for key, one in errors.items() if key.endswith("scatterers") == of_scatterers]
        factor, power = stretch(np.concatenate(rows))
        settings |= {f"{name}_factor": round(factor, 3), f"{name}_power": round(power, 3)}
    return settings


def stretch(rows: Float32) -> tuple[float, float]:
    """Fit factor and power such that factor * sigma^power covers 68 % of errors. rows: (pixels, 2), error and sigma."""
    parts = np.array_split(rows[np.argsort(rows[:, 1])], SIGMA_PARTS)
    reported = np.log([np.median(part[:, 1]) for part in parts])
    measured = np.log([np.quantile(np.abs(part[:, 0]), 0.68) for part in parts])
    power, factor = np.polyfit(reported, measured, 1)
    return float(np.exp(factor)), float(power)


RECIPE = TrainingRecipe(CoherenceSettings, prepare, minutes=65.0, finish=finish)
