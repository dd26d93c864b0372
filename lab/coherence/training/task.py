"""Training of the coherence network on pairs simulated in advance, some averaged to coarser pixels.

Some pairs show simulated ground, others real texture (`textures`); some pairs of real texture have earlier images too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.coherence.evaluate import EDGE_PX, EVERY_PX, make_even, make_structured
from lab.coherence.training import textures
from lab.coherence.training.scenes import coherence_pair, textured_pair
from lab.simulation.sar.cache import PairCache, fill
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from lab.training import Batch, TrainingRecipe
from ml.coherence import TRUTHS
from ml.coherence.features import Facts, features, history_features, temporal
from ml.coherence.network import NAME, CoherenceNetwork, Estimate, Settings, estimates, registered, untrained
from ml.coherence.registration import facts_of
from ml.networks.residual_unet import ResidualUNet
from ml.runtime.checkpoints import WEIGHTS, Card, load, read_card

CHUNK = 256  # pairs in one folder
POOLS = ((1, 2), (2, 1), (2, 2), (1, 4), (4, 1), (2, 4))
Float16 = NDArray[np.float16]
Place = tuple[int, int]  # chunk, pair
LOOKS_SPREAD = 0.05  # standard deviation of the logarithm of a stated number of looks
WRONG_SHARE, MOST_WRONG = 0.35, 0.3  # share of wrong stated numbers; largest error of their logarithm
NOMINAL_SHARE = 0.2  # share of stated numbers that count dependent looks or pixels
MOST_NOMINAL = 0.5  # largest excess of the logarithm if no pixels were averaged
EARLIER = 4  # images before a pair of a history
SINGLE_SHARE = 0.4  # share of the averaged pairs that have a single look before
VALIDATION_SCENES = 24
SIGMA_PARTS = 8  # groups of validation errors by reported sigma
VERSION = "2"


@dataclass(frozen=True)
class CoherenceSettings:
    """Settings that --config can change.

    pairs, textured, history: number of pairs simulated in advance on simulated ground, on real texture, and on real
    texture with EARLIER images; rounded to whole chunks; size: of a pair, px. first_chunk: number of the first chunk
    (the shipped weights were trained on earlier ones). mixed_share: textures mixed from two places; unseen_share:
    grounds with edges of coherence that power does not show. batch: pairs per step, doubled in pooled steps. Shares of
    steps: pooled (averaged to coarser pixels), with_history (with earlier images). Shares of pairs: textured_share (in
    steps without history), looks_stated_share. sample_weight: of sample coherence against gamma. from_shipped: begin
    with the shipped weights. widths, blocks: per level.
    """

    pairs: int = 1536
    textured: int = 1536
    history: int = 0
    first_chunk: int = 6
    textured_share: float = 0.45
    mixed_share: float = 0.35
    unseen_share: float = 0.35
    with_history: float = 0.0
    from_shipped: bool = True
    size: int = 128
    batch: int = 10
    widths: tuple[int, ...] = (48, 64, 96, 128)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    pooled: float = 0.25
    looks_stated_share: float = 0.6
    sample_weight: float = 0.7
    learning_rate: float = 5e-4


class Sample(NamedTuple):
    """Training sample. log_power, truth, past: (2, rows, cols); facts: Facts.row(); past: None without a history."""

    log_power: Tensor
    truth: Tensor
    facts: list[float]
    past: Tensor | None = None


class CoherenceTrainingTask:
    """Training for gamma and sample coherence at the same time, with validation pairs.

    textured: index of the first cache with real texture. A cache whose pairs have earlier images has `earlier`.
    """

    def __init__(self, caches: Sequence[PairCache], settings: CoherenceSettings, textured: int | None = None) -> None:
        self.caches, self.settings = caches, settings
        places = [(chunk, pair) for chunk, cache in enumerate(caches) for pair in range(len(cache.looks))]
        self.kept: dict[Place, tuple[Float16, Float16, Facts]] = {}
        self.textured = len(caches) if textured is None else textured
        self.grounds = [
            [place for place in places if place[0] < self.textured],
            [place for place in places if place[0] >= self.textured],
        ]
        self.with_history = [place for place in places if caches[place[0]].earlier is not None]
        self.single = [[one for one in places if caches[one[0]].looks[one[1]] < 1.01] for places in self.grounds]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw half, detail and truth, (n, 2, rows, cols), NaN where unknown; in some batches `optional`, a history."""
        history = bool(self.with_history) and rng.random() < self.settings.with_history
        pooled = not history and rng.random() < self.settings.pooled
        pool = POOLS[int(rng.integers(len(POOLS)))] if pooled else (1, 1)
        count = self.settings.batch * (2 if pooled else 1)
        samples = [self._sample(rng, self._place(rng, history, pooled), pool, history) for _ in range(count)]
        rows = min(sample.log_power.shape[-2] for sample in samples)
        cols = min(sample.log_power.shape[-1] for sample in samples)
        log = torch.stack([sample.log_power[..., :rows, :cols] for sample in samples])
        truth = torch.stack([sample.truth[..., :rows, :cols] for sample in samples])
        facts = torch.tensor([sample.facts for sample in samples])
        seen = features(log, facts)
        truth = torch.where(torch.isfinite(log).all(dim=1, keepdim=True), truth, torch.nan)
        batch = {"half": seen.half, "detail": seen.detail, "truth": truth}
        if history:
            past = torch.stack([sample.past for sample in samples if sample.past is not None])
            batch["optional"] = history_features(log, past, facts)
        return batch

    def _place(self, rng: np.random.Generator, history: bool, pooled: bool) -> Place:
        """Choose a prepared pair, with a history or by kind of ground; if it is to be pooled, often a single look."""
        if history:
            return self.with_history[int(rng.integers(len(self.with_history)))]
        ground = int(rng.random() < self.settings.textured_share) if self.grounds[1] else 0
        single = pooled and self.single[ground] and rng.random() < SINGLE_SHARE
        places = self.single[ground] if single else self.grounds[ground]
        return places[int(rng.integers(len(places)))]

    def _sample(self, rng: np.random.Generator, place: Place, pool: tuple[int, int], history: bool) -> Sample:
        log, truth, facts = self._prepared(place, pool) if pool != (1, 1) else self._of_place(place)
        if rng.random() < self.settings.looks_stated_share:
            gain = independent(self._of_place(place)[2].lags, pool)
            looks = float(self.caches[place[0]].looks[place[1]])
            facts = facts._replace(looks=_stated_looks(rng, looks, pool, gain), looks_known=True)
        flips = rng.integers(0, 2, 3)
        if flips[2]:
            facts = facts.transposed()
        images = torch.from_numpy(_turned(log.astype(np.float32), flips))
        if rng.random() < 0.1:
            _blanked(rng, images)
        past = self._past(rng, place, flips) if history else None
        return Sample(images, torch.from_numpy(_turned(truth.astype(np.float32), flips)), facts.row(), past)

    def _past(self, rng: np.random.Generator, place: Place, flips: np.ndarray[Any, Any]) -> Tensor:
        """Return the temporal features (`temporal`) of two or more earlier images of a pair."""
        earlier = self.caches[place[0]].earlier
        if earlier is None:
            raise ValueError(f"the pairs of chunk {place[0]} have no history")
        images = earlier[place[1]][: int(rng.integers(2, EARLIER + 1))].astype(np.float32)
        return temporal(torch.from_numpy(_turned(images, flips)))

    def _of_place(self, place: Place) -> tuple[Float16, Float16, Facts]:
        """Return a prepared pair, kept after its first use, since computing facts takes as long as a training step."""
        if place not in self.kept:
            self.kept[place] = self._prepared(place, (1, 1))
        return self.kept[place]

    def _prepared(self, place: Place, pool: tuple[int, int]) -> tuple[Float16, Float16, Facts]:
        """Return registered log power and truth, (2, rows, cols) each, and the facts, with the looks not given."""
        cache, pair = self.caches[place[0]], place[1]
        power = np.exp(cache.log_power[pair].astype(np.float32))
        truth = np.stack([cache.gamma[pair], cache.sample_gamma[pair]]).astype(np.float32)
        weight = np.sqrt(power.prod(axis=0, keepdims=True))  # truth of a coarse pixel is the mean weighted by power
        truth = _pooled(truth * weight, pool) / _pooled(weight, pool)
        images = torch.from_numpy(_pooled(power, pool))
        facts = facts_of([images], None)
        return registered(images, facts).numpy().astype(np.float16), truth.astype(np.float16), facts

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss: squared error trains the mean; the likelihood of its errors trains sigma."""
        first, second = estimates(network(batch["half"], batch["detail"], batch.get("optional")))
        gamma, sample = batch["truth"].unbind(1)
        return _loss(first, gamma) + self.settings.sample_weight * _loss(second, sample)

    @cached_property
    def scenes(self) -> dict[str, list[SarPair]]:
        """Make validation scenes: structured, even, both misregistered by 1 px, and real texture of KEPT places."""
        n, purpose = VALIDATION_SCENES, Purpose.VALIDATION
        scenes = {
            "structured": [make_structured(0.0, scene, purpose, True) for scene in range(n)],
            "structured_1px": [make_structured(1.0, scene, purpose, True) for scene in range(n // 2)],
            "even": [make_even(0.0, scene, purpose, True) for scene in range(n)],
            "even_1px": [make_even(1.0, scene, purpose, True) for scene in range(8)],
        }
        if self.settings.textured:
            kept = textures.textures_of(textures.KEPT)
            rngs = [generator(purpose, "coherence-textured", scene) for scene in range(2 * n)]
            scenes["textured"] = [textured_pair(rng, self.settings.size, kept) for rng in rngs]
        return scenes

    @cached_property
    def facts(self) -> dict[str, list[Facts]]:
        """Return the facts of the scenes, looks given."""
        return {
            name: [facts_of([torch.from_numpy(pair.power)], pair.looks) for pair in pairs]
            for name, pairs in self.scenes.items()
        }

    def errors(self, network: nn.Module) -> dict[str, dict[str, list[Float32]]]:
        """Return truth -> kind of ground -> (pixels, 2) of each scene: error, and the network's uncalibrated sigma."""
        ready = CoherenceNetwork(_unet(network), Settings(), "")
        by_kind = {
            name: [_errors(ready, pair, facts) for pair, facts in zip(pairs, self.facts[name], strict=True)]
            for name, pairs in self.scenes.items()
        }
        return {truth: {name: [one[truth] for one in rows] for name, rows in by_kind.items()} for truth in TRUTHS}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the RMSE against gamma, and against the sample coherence."""
        figures = {}
        for by_kind, prefix in zip(self.errors(network).values(), ("rmse", "rmse_sample"), strict=True):
            for name, rows in by_kind.items():
                square = np.mean([float((one[:, 0] ** 2).mean()) for one in rows])
                figures[f"{prefix}_{name}"] = float(square**0.5)
        return figures


def independent(lags: Sequence[float], pool: tuple[int, int]) -> float:
    """Return how many independent pixels a mean over pool (rows, cols) is worth. lags: correlations as in Facts."""
    worth = 1.0
    for n, (one, two) in zip(pool, (lags[:2], lags[2:]), strict=True):
        shared = sum((1 - lag / n) * rho for lag, rho in ((1, one), (2, two)) if lag < n)
        worth *= n / (1 + 2 * shared)
    return worth


def _stated_looks(rng: np.random.Generator, looks: float, pool: tuple[int, int], gain: float) -> float:
    """Draw the looks that a product might state: nearly right, wrong, or too high because dependent pixels are counted.

    looks: before pixels were averaged; gain: the number of independent pixels in a mean.
    """
    wrong = rng.random() < WRONG_SHARE
    extra = float(rng.uniform(-MOST_WRONG, MOST_WRONG) if wrong else rng.normal(0, LOOKS_SPREAD))
    most = np.log(pool[0] * pool[1]) if pool != (1, 1) else MOST_NOMINAL
    nominal = most if rng.random() < NOMINAL_SHARE else 0.0
    extra += float(max(np.log(gain), rng.uniform(0, 1) * nominal))
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
    """Average values (n, rows, cols) over pool (rows, cols)."""
    n, rows, cols = values.shape
    return np.asarray(
        values.reshape(n, rows // pool[0], pool[0], cols // pool[1], pool[1]).mean(axis=(2, 4)), dtype=np.float32
    )


def _turned(values: Float32, flips: np.ndarray[Any, Any]) -> Float32:
    """Apply one of the eight symmetries of a square to (n, rows, cols). flips: 0 or 1 for rows, columns, transpose."""
    values = values[:, :: 1 - 2 * flips[0], :: 1 - 2 * flips[1]]
    return np.ascontiguousarray(values.transpose(0, 2, 1) if flips[2] else values)


def _blanked(rng: np.random.Generator, images: Tensor) -> None:
    """Blank part of an image, as at a coast or a swath's edge."""
    rows, cols = images.shape[-2:]
    row, col = (int(rng.integers(0, size)) for size in (rows, cols))
    images[int(rng.integers(2)), row : row + rows // 3, col : col + cols // 3] = torch.nan


def _errors(ready: CoherenceNetwork, scene: SarPair, facts: Facts) -> dict[str, Float32]:
    measured = ready.estimate(torch.from_numpy(scene.power), facts)
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    rows = {}
    for truth, true in zip(TRUTHS, (scene.gamma, scene.sample_gamma), strict=True):
        if true is None:
            raise ValueError(f"the scene has no coherence of {truth}")
        values, sigma = (part.numpy()[picked].ravel() for part in measured[truth])
        rows[truth] = np.column_stack([values - true[picked].ravel(), sigma]).astype(np.float32)
    return rows


def prepare(settings: CoherenceSettings, cache: Path, seed: int) -> tuple[nn.Module, CoherenceTrainingTask, Card]:
    """Simulate missing pairs and make the network. Raises InputError without the real data for textures."""
    cut = textures.textures_of(textures.TAUGHT) if settings.textured or settings.history else ()
    unseen = settings.unseen_share
    real = partial(textured_pair, textures=cut, mixed_share=settings.mixed_share, unseen_share=unseen)
    kinds: dict[str, tuple[int, Callable[..., SarPair], int]] = {
        "simulated": (settings.pairs, partial(coherence_pair, unseen_share=unseen), 0),
        "textured": (settings.textured, real, 0),
        "history": (settings.history, partial(real, earlier=EARLIER), EARLIER),
    }
    chunks = [
        fill(cache / f"{kind}-{at:02d}", CHUNK, settings.size, f"coherence-{kind}-{at}", recipe, earlier)
        for kind, (pairs, recipe, earlier) in kinds.items()
        for at in range(settings.first_chunk, settings.first_chunk - (-pairs // CHUNK))
    ]
    arguments: dict[str, Any] = {"widths": settings.widths, "blocks": settings.blocks}
    arguments |= {"residual": True, "history": True}
    network = untrained(arguments)
    if settings.from_shipped:
        begin_with(network, WEIGHTS)
    card = Card("coherence", NAME, VERSION, arguments, {"symmetric": True, "register": True})
    return network, CoherenceTrainingTask(chunks, settings, -(-settings.pairs // CHUNK)), card


def begin_with(network: nn.Module, folder: Path) -> None:
    """Load a folder's weights into a network; parameters missing there keep their values. Raises InputError as load."""
    card = read_card(NAME, folder)
    begun = untrained(card.network)
    load(card, begun, folder)
    network.load_state_dict(begun.state_dict(), strict=False)


def finish(network: nn.Module, task: Any, truths: Sequence[str] = TRUTHS) -> dict[str, Any]:
    """Return the factor and power by which each truth's sigma covers 68 % of the validation errors, as settings."""
    settings: dict[str, Any] = {}
    errors = task.errors(network)
    for truth in truths:
        name = {TRUTHS[0]: "sigma", TRUTHS[1]: "sample_sigma"}[truth]
        factor, power = stretch(np.concatenate([rows for scenes in errors[truth].values() for rows in scenes]))
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
