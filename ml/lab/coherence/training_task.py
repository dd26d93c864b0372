"""How the network of coherence is trained: on pairs simulated ahead, or made coarser, each with facts of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.coherence.features import Facts, features
from ml.coherence.network import NAME, TRUTHS, CoherenceNetwork, Estimate, Settings, estimates, made, registered
from ml.coherence.registration import facts_of
from ml.lab.coherence.evaluate import EDGE_PX, EVERY_PX, make_even, make_structured
from ml.lab.coherence.scenes import coherence_pair
from ml.lab.train_command import TrainingRecipe
from ml.lab.training import Batch
from ml.networks.residual_unet import ResidualUNet
from ml.runtime.checkpoints import Card
from ml.simulation.sar.cache import PairCache, fill
from ml.simulation.sar.pairs import SarPair
from ml.simulation.sar.system import Float32
from ml.simulation.seeds import Purpose

CHUNK = 1024  # pairs that are simulated into one folder
POOLS = ((1, 2), (2, 1), (2, 2), (1, 4), (4, 1), (2, 4))
Float16 = NDArray[np.float16]
LOOKS_SPREAD = 0.05  # of what a product states, in logarithms
NOMINAL_SHARE = (
    0.15  # of the stated numbers count looks that are not independent: up to MOST_NOMINAL too many, in logarithms
)
MOST_NOMINAL = 0.5
SINGLE_SHARE = 0.4  # of the pairs that are made coarser have a single look before
VALIDATION_SCENES = 24
SIGMA_PARTS = 8  # of the errors of validation, by the sigma that was reported
VERSION = "1"


@dataclass(frozen=True)
class CoherenceSettings:
    """pairs: simulated ahead, in whole chunks, of size px; batch: pairs in a step, twice as many where they are made
    coarser (pooled: the share of such steps). looks_stated_share: of pairs. sample_weight: of the second
    truth against the first. The others are for ablation models: symmetric features; the secondary registered first;
    misregistered, structured pairs in training; residual blocks; widths and blocks of the levels.
    """

    pairs: int = 6144
    size: int = 128
    batch: int = 10
    symmetric: bool = True
    register: bool = True
    misregistered: bool = True
    structured: bool = True
    residual: bool = True
    widths: tuple[int, ...] = (48, 64, 96, 128)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    pooled: float = 0.25
    looks_stated_share: float = 0.6
    sample_weight: float = 0.3


class CoherenceTrainingTask:
    """Teaches gamma and sample coherence at once; validates on pairs of validation."""

    def __init__(self, caches: Sequence[PairCache], settings: CoherenceSettings) -> None:
        self.caches, self.settings = caches, settings
        places = [(chunk, pair) for chunk, cache in enumerate(caches) for pair in range(len(cache.looks))]
        self.kept: dict[tuple[int, int], tuple[Float16, Float16, Facts]] = {}
        self.places = [place for place in places if self._wanted(*place)]
        self.single = [(chunk, pair) for chunk, pair in self.places if caches[chunk].looks[pair] < 1.01]

    def _wanted(self, chunk: int, pair: int) -> bool:
        cache = self.caches[chunk]
        still = self.settings.misregistered or abs(float(cache.dx_px[pair, -1, -1])) < 0.02
        return still and (self.settings.structured or float(np.std(cache.gamma[pair], dtype=np.float32)) < 0.01)

    def batch(self, rng: np.random.Generator) -> Batch:
        """half, detail, truth (n, 2, rows, cols) with NaN where there is none."""
        pooled = rng.random() < self.settings.pooled
        pool = POOLS[int(rng.integers(len(POOLS)))] if pooled else (1, 1)
        count = self.settings.batch * (2 if pooled else 1)
        samples = [self._sample(rng, pool) for _ in range(count)]
        rows = min(sample[0].shape[-2] for sample in samples)
        cols = min(sample[0].shape[-1] for sample in samples)
        log = torch.stack([sample[0][..., :rows, :cols] for sample in samples])
        truth = torch.stack([sample[1][..., :rows, :cols] for sample in samples])
        facts = torch.tensor([sample[2] for sample in samples])
        seen = features(log, facts, self.settings.symmetric)
        truth = torch.where(torch.isfinite(log).all(dim=1, keepdim=True), truth, torch.nan)
        return {"half": seen.half, "detail": seen.detail, "truth": truth}

    def _sample(self, rng: np.random.Generator, pool: tuple[int, int]) -> tuple[Tensor, Tensor, list[float]]:
        pooled = pool != (1, 1)
        places = self.single if pooled and self.single and rng.random() < SINGLE_SHARE else self.places
        place = places[int(rng.integers(len(places)))]
        log, truth, facts = self._prepared(place, pool) if pooled else self._of_place(place)
        if rng.random() < self.settings.looks_stated_share:
            facts = facts._replace(
                looks=_stated_looks(rng, float(self.caches[place[0]].looks[place[1]]), pool), looks_known=True
            )
        flips = rng.integers(0, 2, 3)
        if flips[2]:
            facts = facts.transposed()
        images = torch.from_numpy(_turned(log.astype(np.float32), flips))
        if rng.random() < 0.1:
            _blanked(rng, images)
        return images, torch.from_numpy(_turned(truth.astype(np.float32), flips)), facts.row()

    def _of_place(self, place: tuple[int, int]) -> tuple[Float16, Float16, Facts]:
        """Kept once it was worked out: facts cost as much as a step."""
        if place not in self.kept:
            self.kept[place] = self._prepared(place, (1, 1))
        return self.kept[place]

    def _prepared(self, place: tuple[int, int], pool: tuple[int, int]) -> tuple[Float16, Float16, Facts]:
        """Registered log power and truth, (2, rows, cols) each, and facts, looks not given."""
        cache, pair = self.caches[place[0]], place[1]
        power = np.exp(cache.log_power[pair].astype(np.float32))
        truth = np.stack([cache.gamma[pair], cache.sample_gamma[pair]]).astype(np.float32)
        weight = np.sqrt(power.prod(axis=0, keepdims=True))  # what a coarse pixel holds, as its power has it
        truth = _pooled(truth * weight, pool) / _pooled(weight, pool)
        images = torch.from_numpy(_pooled(power, pool))
        facts = facts_of([images], None, self.settings.register)
        return registered(images, facts).numpy().astype(np.float16), truth.astype(np.float16), facts

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """The mean follows the square error alone; sigma follows the likelihood of the errors that are left."""
        first, second = estimates(network(batch["half"], batch["detail"]))
        gamma, sample = batch["truth"].unbind(1)
        return _loss(first, gamma) + self.settings.sample_weight * _loss(second, sample)

    def share(self, other: CoherenceTrainingTask) -> None:
        """Take over what another task on the same pairs has worked out: scenes, and facts where it registers too."""
        self.scenes = other.scenes
        if self.settings.register == other.settings.register:
            self.kept = other.kept

    @cached_property
    def scenes(self) -> list[SarPair]:
        """Of validation: structured, even, and both misregistered by 1 px."""
        n = VALIDATION_SCENES
        makers = [(make_structured, 0.0, n), (make_structured, 1.0, n // 2), (make_even, 0.0, n), (make_even, 1.0, 8)]
        return [make(shift, scene, Purpose.VALIDATION, True) for make, shift, count in makers for scene in range(count)]

    def errors(self, network: nn.Module, truth: str = TRUTHS[0]) -> list[Float32]:
        """(pixels, 2) of every scene: error of one of TRUTHS and the network's own sigma; looks given."""
        ready = CoherenceNetwork(_unet(network), Settings(self.settings.symmetric, self.settings.register), "")
        return [_errors(ready, scene, truth) for scene in self.scenes]

    def validate(self, network: nn.Module) -> dict[str, float]:
        """RMSE against gamma."""
        n = VALIDATION_SCENES
        names = ["structured"] * n + ["structured_1px"] * (n // 2) + ["even"] * n + ["even_1px"] * 8
        measured = self.errors(network)
        squares = {
            name: [float((rows[:, 0] ** 2).mean()) for rows, own in zip(measured, names, strict=True) if own == name]
            for name in dict.fromkeys(names)
        }
        return {f"rmse_{name}": float(np.mean(values) ** 0.5) for name, values in squares.items()}


def _stated_looks(rng: np.random.Generator, looks: float, pool: tuple[int, int]) -> float:
    """The number of looks as products state it: nearly their number, or that of pixels averaged, independent or not."""
    extra = float(rng.normal(0, LOOKS_SPREAD))
    if pool != (1, 1):
        extra += float(rng.uniform(0.6, 1)) * float(np.log(pool[0] * pool[1]))
    elif rng.random() < NOMINAL_SHARE:
        extra += float(rng.uniform(0, MOST_NOMINAL))
    return looks * float(np.exp(extra))


def _unet(network: nn.Module) -> ResidualUNet:
    if not isinstance(network, ResidualUNet):
        raise TypeError(f"{type(network).__name__} is no ResidualUNet")
    return network


def _loss(estimate: Estimate, truth: Tensor) -> Tensor:
    known = torch.isfinite(truth)
    error = (estimate.coherence - truth)[known]
    sigma = estimate.sigma[known]
    return 20 * (error**2).mean() + 0.2 * (torch.log(sigma) + error.detach() ** 2 / (2 * sigma**2)).mean()


def _pooled(values: Float32, pool: tuple[int, int]) -> Float32:
    """Means over pool (rows, cols) of values (n, rows, cols)."""
    n, rows, cols = values.shape
    return np.asarray(
        values.reshape(n, rows // pool[0], pool[0], cols // pool[1], pool[1]).mean(axis=(2, 4)), dtype=np.float32
    )


def _turned(values: Float32, flips: np.ndarray[Any, Any]) -> Float32:
    """One of the eight ways to lay (n, rows, cols) down."""
    values = values[:, :: 1 - 2 * flips[0], :: 1 - 2 * flips[1]]
    return np.ascontiguousarray(values.transpose(0, 2, 1) if flips[2] else values)


def _blanked(rng: np.random.Generator, images: Tensor) -> None:
    """Part of an image is not there: beyond a coast, a swath's edge."""
    rows, cols = images.shape[-2:]
    row, col = (int(rng.integers(0, size)) for size in (rows, cols))
    images[int(rng.integers(2)), row : row + rows // 3, col : col + cols // 3] = torch.nan


def _errors(ready: CoherenceNetwork, scene: SarPair, truth: str) -> Float32:
    power = torch.from_numpy(scene.power)
    measured = ready.estimate(power, facts_of([power], scene.looks, ready.settings.register))[truth]
    true = dict(zip(TRUTHS, (scene.gamma, scene.sample_gamma), strict=True))[truth]
    if true is None:
        raise ValueError(f"the scene has no coherence of {truth}")
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    values, sigma = (part.numpy()[picked].ravel() for part in measured)
    return np.column_stack([values - true[picked].ravel(), sigma]).astype(np.float32)


def prepare(settings: CoherenceSettings, cache: Path, seed: int) -> tuple[nn.Module, CoherenceTrainingTask, Card]:
    """Simulate what is missing, make the network."""
    chunks = [
        fill(cache / f"{chunk:02d}", CHUNK, settings.size, f"coherence-{chunk}", processes=1, recipe=coherence_pair)
        for chunk in range(-(-settings.pairs // CHUNK))
    ]
    arguments = {"widths": settings.widths, "blocks": settings.blocks, "residual": settings.residual}
    card = Card(
        "coherence",
        NAME,
        VERSION,
        arguments,
        {"symmetric": settings.symmetric, "register": settings.register},
    )
    return made(arguments), CoherenceTrainingTask(chunks, settings), card


def finish(network: nn.Module, task: Any, truths: Sequence[str] = TRUTHS) -> dict[str, Any]:
    """How the sigma of each truth must be stretched for 68 % of the errors of validation to lie within it."""
    settings: dict[str, Any] = {}
    for truth in truths:
        name = {TRUTHS[0]: "sigma", TRUTHS[1]: "sample_sigma"}[truth]
        factor, power = stretch(np.concatenate(task.errors(network, truth)))
        settings |= {f"{name}_factor": round(factor, 3), f"{name}_power": round(power, 3)}
    return settings


def stretch(rows: Float32) -> tuple[float, float]:
    """Factor and power of sigma, small and large ones alike. rows: (pixels, 2), error and sigma."""
    parts = np.array_split(rows[np.argsort(rows[:, 1])], SIGMA_PARTS)
    reported = np.log([np.median(part[:, 1]) for part in parts])
    measured = np.log([np.quantile(np.abs(part[:, 0]), 0.68) for part in parts])
    power, factor = np.polyfit(reported, measured, 1)
    return float(np.exp(factor)), float(power)


RECIPE = TrainingRecipe(CoherenceSettings, prepare, minutes=40.0, learning_rate=2e-3, finish=finish)
