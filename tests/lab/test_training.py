"""The training loop, on a line that is learnt in a second."""

import json
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from ground_motion.core.errors import InputError
from lab.train_command import read_settings
from lab.training import SETTLED, Schedule, learning_rate_at, train

CPU = torch.device("cpu")


class Line:
    """y = 3 x - 1, seen with noise."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def batch(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        x = rng.normal(size=(32, 1)).astype(np.float32)
        self.seen.append(float(x[0, 0]))
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(3 * x - 1)}

    def loss(self, network: nn.Module, batch: dict[str, torch.Tensor], progress: float) -> torch.Tensor:
        return (network(batch["x"]) - batch["y"]).float().square().mean()

    def validate(self, network: nn.Module) -> dict[str, float]:
        return {"weight": network.weight.item(), "training": float(network.training)}


def _learn(folder, steps: int, task: Line | None = None) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    schedule = Schedule(minutes=10, steps=steps, learning_rate=0.05, averaged_steps=10)
    return train(nn.Linear(1, 1), task or Line(), schedule, folder, CPU, report=lambda line: None)


def test_the_loop_learns_and_keeps_a_log(tmp_path):
    done = _learn(tmp_path, 300)
    assert done.weights["weight"].item() == pytest.approx(3, abs=0.05)
    assert done.weights["bias"].item() == pytest.approx(-1, abs=0.05)
    assert done.steps == 300
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 300
    assert last["training"] == 0.0, "validated in training mode"


class Normalised(nn.Linear):
    """A line whose output is normalised."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.normal = nn.BatchNorm2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.normal(super().forward(x)[..., None, None])[..., 0, 0]


def test_normalisations_are_measured_over_many_batches_after_training(tmp_path):
    torch.manual_seed(0)
    network = Normalised()
    done = train(network, Line(), Schedule(minutes=10, steps=5), tmp_path, CPU, report=lambda line: None)
    assert done.weights["normal.num_batches_tracked"] == SETTLED
    spread = done.weights["normal.running_var"].sqrt() / done.weights["weight"].abs()  # of x, which is 1
    assert spread.item() == pytest.approx(1, abs=0.02)  # about 0.04 off over the last ten batches


class Spoilt(Line):
    """Some losses are infinite: from a step on, or of every third batch."""

    def __init__(self, always_from: int | None = None) -> None:
        super().__init__()
        self.always_from, self.calls = always_from, 0

    def loss(self, network: nn.Module, batch: dict[str, torch.Tensor], progress: float) -> torch.Tensor:
        self.calls += 1
        bad = self.calls % 3 == 0 if self.always_from is None else self.calls > self.always_from
        return super().loss(network, batch, progress) * (torch.inf if bad else 1.0)


def test_a_step_without_a_finite_gradient_is_left_out_and_too_many_end_the_run(tmp_path):
    done = _learn(tmp_path, 400, Spoilt())
    assert done.weights["weight"].item() == pytest.approx(3, abs=0.05)
    (tmp_path / "broken").mkdir()
    with pytest.raises(FloatingPointError, match="20 steps in a row"):
        _learn(tmp_path / "broken", 400, Spoilt(always_from=50))


def test_a_cut_run_goes_on_with_the_batches_that_were_due_and_a_finished_one_stays(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole, cut, rest = Line(), Line(), Line()
    _learn(tmp_path / "whole", 60, whole)
    _learn(tmp_path / "cut", 25, cut)
    done = _learn(tmp_path / "cut", 60, rest)
    assert done.steps == 60
    assert rest.seen[:35] == whole.seen[25:60]
    assert cut.seen[:25] == whole.seen[:25]
    assert torch.equal(done.weights["weight"], _learn(tmp_path / "cut", 60).weights["weight"])


def test_the_learning_rate_rises_shortly_and_falls_to_nearly_nothing():
    rates = [learning_rate_at(share) for share in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0, abs=1e-3)
    assert np.argmax(rates) == 2
    assert rates[-1] == pytest.approx(0.01)
    assert all(later <= sooner for sooner, later in pairwise(rates[2:]))


@dataclass(frozen=True)
class Settings:
    width: int = 8


def test_settings_come_from_a_file_and_unknown_ones_are_named(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"width": 4}')
    assert read_settings(Settings, path) == replace(Settings(), width=4)
    path.write_text('{"widht": 4}')
    with pytest.raises(InputError, match=r"'widht'.*Choose among width"):
        read_settings(Settings, path)
    path.write_text("[1]")
    with pytest.raises(InputError, match="is no setting"):
        read_settings(Settings, path)
