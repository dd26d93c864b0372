"""Training loop of all networks: limited in time, resumable, with the same batches for the same seed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ground_motion.runtime.checkpoints import Card, load, read_card
from ground_motion.runtime.device import low_precision

Batch = Mapping[str, Tensor]
MAX_SKIPPED = 20  # Most steps in a row that may be skipped because their gradient is not finite.
SETTLED = 300  # Normalisations are measured over this many batches after training.
WARM_UP = 0.02  # The learning rate rises during this share of the training.


class TrainingTask(Protocol):
    """What the training loop needs of a network's task: batches, loss and validation."""

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return one batch, on the CPU; images are (n, channels, rows, cols). Called in a separate thread."""

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss, a scalar. progress: 0 at the start of the training, 1 at its end."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return figures on validation scenes."""


class TrainingRecipe(NamedTuple):
    """Steps by which `python -m ml train` trains the network of a task.

    settings: frozen dataclass of settings that --config can change. prepare: (settings, folder for simulated data,
    seed) -> network, training task, and a card still without training and figures. finish: (trained network, task) ->
    settings of the card that are found on validation scenes (calibration, thresholds).
    """

    settings: type
    prepare: Callable[[Any, Path, int], tuple[nn.Module, TrainingTask, Card]]
    minutes: float
    learning_rate: float = 2e-3
    finish: Callable[[nn.Module, TrainingTask], dict[str, Any]] = lambda network, task: {}


def begin_from(folder: Path, card: Card, network: nn.Module) -> None:
    """Load the weights in a folder from which training continues; note their hash on the card. InputError: no files."""
    before = read_card(card.name, folder)
    load(before, network, folder)
    card.training["begun_from"] = before.weights_sha256


@dataclass(frozen=True)
class Schedule:
    """Length of a training. minutes: computing time, resumed parts included; steps: upper limit, None for no limit."""

    minutes: float
    steps: int | None = None
    seed: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    largest_gradient: float = 1.0
    averaged_steps: float = 200.0  # The kept weights are averaged over about this many steps.
    checkpoint_s: float = 60.0
    validate_s: float = 300.0


class Trained(NamedTuple):
    """Result of a training. weights: averaged over steps; figures: of the last validation."""

    weights: dict[str, Tensor]
    seconds: float
    steps: int
    figures: dict[str, float]


def train(
    network: nn.Module,
    task: TrainingTask,
    schedule: Schedule,
    folder: Path,
    device: torch.device,
    report: Callable[[str], None] = print,
) -> Trained:
    """Train until the time or the steps are used up. folder: for log.jsonl and checkpoint.pt, from which it resumes."""
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    follow = get_ema_multi_avg_fn(1 - 1 / schedule.averaged_steps)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(network, multi_avg_fn=follow)
    optimiser = torch.optim.AdamW(network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay)
    state = _State(network, averaged, optimiser, folder / "checkpoint.pt")
    state.resume(device)
    clock, reported, saved, checked, running = time.monotonic(), 0.0, state.seconds, state.seconds, math.nan
    before, step_before, skipped, steps = state.seconds, state.step, 0, schedule.steps or math.inf
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(_batch, task, schedule.seed, state.step)
        while (progress := max(state.step / steps, state.seconds / (60 * schedule.minutes))) < 1:
            batch = _placed(coming.result(), device)
            coming = ahead.submit(_batch, task, schedule.seed, state.step + 1)
            value = _step(network, optimiser, task, batch, schedule, progress, device)
            skipped = skipped + 1 if math.isnan(value) else 0
            if skipped == MAX_SKIPPED:
                raise FloatingPointError(
                    f"{skipped} steps in a row had no finite gradient: step {state.step} in {folder}"
                )
            if not skipped:
                averaged.update_parameters(network)
                running = value if math.isnan(running) else 0.98 * running + 0.02 * value
            state.step += 1
            state.seconds = before + time.monotonic() - clock
            if state.seconds - reported >= 30:
                reported = state.seconds
                rate = (state.step - step_before) / (state.seconds - before)
                report(f"step {state.step}, {progress:.0%}, loss {running:.4f}, {rate:.1f} steps/s")
            if state.seconds - checked >= schedule.validate_s:
                _note(folder, state, running, task.validate(averaged.module.eval()), report)
                checked = state.seconds
            if state.seconds - saved >= schedule.checkpoint_s:
                state.save()
                saved = state.seconds
        coming.cancel()
    state.save()
    _settle(averaged.module, task, schedule, state.step, device)
    figures = task.validate(averaged.module.eval())
    _note(folder, state, running, figures, report)
    weights = {key: value.detach().cpu() for key, value in averaged.module.state_dict().items()}
    return Trained(weights, state.seconds, state.step, figures)


def learning_rate_at(progress: float) -> float:
    """Return the learning rate as a share of its maximum: a short rise, then a cosine down to a hundredth."""
    if progress < WARM_UP:
        return 0.05 + 0.95 * progress / WARM_UP
    return 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP))))


def _batch(task: TrainingTask, seed: int, step: int) -> Batch:
    return task.batch(np.random.default_rng([seed, step]))


def _placed(batch: Batch, device: torch.device) -> Batch:
    placed = {}
    for key, value in batch.items():
        moved = value.to(device, non_blocking=True)
        placed[key] = moved.contiguous(memory_format=torch.channels_last) if moved.dim() == 4 else moved
    return placed


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    task: TrainingTask,
    batch: Batch,
    schedule: Schedule,
    progress: float,
    device: torch.device,
) -> float:
    """Take one step; return the loss, or NaN if the gradient is not finite: then the weights stay unchanged."""
    network.train()
    for group in optimiser.param_groups:
        group["lr"] = schedule.learning_rate * learning_rate_at(progress)
    optimiser.zero_grad(set_to_none=True)
    with low_precision(device):
        loss = task.loss(network, batch, progress)
    loss.backward()  # type: ignore[no-untyped-call]
    size = nn.utils.clip_grad_norm_(network.parameters(), schedule.largest_gradient)
    if not torch.isfinite(size):
        return math.nan
    optimiser.step()
    return float(loss.detach())


def _settle(network: nn.Module, task: TrainingTask, schedule: Schedule, step: int, device: torch.device) -> None:
    """Measure a network's normalisations over SETTLED batches: those of training reflect the last few only."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # None makes it compute the plain mean.
    network.train()
    with torch.no_grad(), low_precision(device):
        for number in range(SETTLED if layers else 0):
            task.loss(network, _placed(_batch(task, schedule.seed, step + number), device), 1.0)


def _note(
    folder: Path, state: _State, loss: float, figures: Mapping[str, float], report: Callable[[str], None]
) -> None:
    line = {"step": state.step, "seconds": round(state.seconds, 1), "loss": round(loss, 5)}
    line |= {key: round(value, 5) for key, value in figures.items()}
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    report(json.dumps(line))


@dataclass
class _State:
    """State of a training run that is saved, so that an interrupted run can continue."""

    network: nn.Module
    averaged: AveragedModel
    optimiser: torch.optim.Optimizer
    path: Path
    step: int = 0
    seconds: float = 0.0

    def save(self) -> None:
        partial = self.path.with_suffix(".partial")
        parts = {name: getattr(self, name).state_dict() for name in ("network", "averaged", "optimiser")}
        torch.save(parts | {"step": self.step, "seconds": self.seconds}, partial)
        partial.replace(self.path)

    def resume(self, device: torch.device) -> None:
        if not self.path.exists():
            return
        kept = torch.load(self.path, map_location=device, weights_only=True)
        for name in ("network", "averaged", "optimiser"):
            getattr(self, name).load_state_dict(kept[name])
        self.step, self.seconds = kept["step"], kept["seconds"]
