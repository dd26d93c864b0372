"""Steps of `python -m ml train offsets`: the training task, then sigma calibrated on validation scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import nn

from lab.offsets.calibrate import calibration_of
from lab.offsets.dataset import SIZE_PX
from lab.offsets.real_chips import training_scenes
from lab.offsets.training_task import OffsetTrainingTask, Settings
from lab.training import TrainingRecipe, TrainingTask
from ml.networks.cc_res_siamnet import CCResSiamNet
from ml.offsets.network import NAME
from ml.runtime.checkpoints import Card, load, read_card

VERSION = "7"
ITERATIONS = 2


def prepare(settings: Settings, cache: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Make network, training task and card. Raises InputError if required real chips are missing."""
    task = OffsetTrainingTask(settings, cache)
    if settings.real:
        task.real = training_scenes(Path(settings.real), SIZE_PX, np.random.default_rng([seed, 1]))
    arguments = {name: getattr(settings, name) for name in ("width", "features", "nodes", "cross", "attention")}
    card = Card("offsets", NAME, VERSION, arguments, {"iterations": ITERATIONS})
    network = CCResSiamNet(**arguments)
    if settings.begin:
        before = read_card(NAME, Path(settings.begin))
        load(before, network, Path(settings.begin))
        card.training["begun_from"] = before.weights_sha256
    return network, task, card


def finish(network: nn.Module, task: TrainingTask) -> dict[str, Any]:
    """Measure and return the calibrations for the card."""
    settings = cast(OffsetTrainingTask, task).settings
    return dict(calibration_of(cast(CCResSiamNet, network), ITERATIONS, settings.calibration_pairs))


RECIPE = TrainingRecipe(Settings, prepare, minutes=40.0, learning_rate=3e-3, finish=finish)
