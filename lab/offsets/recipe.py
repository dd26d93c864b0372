"""Recipe of `python -m ml train offsets`: either form of the network."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from lab.offsets.crops import Settings
from lab.offsets.training_task import OffsetTrainingTask
from lab.training import TrainingRecipe, TrainingTask
from ml.networks.cc_res_siamnet import OFFSETS, CCResSiamNet
from ml.offsets.network import NAMES
from ml.offsets.tracking import PRIOR
from ml.runtime.checkpoints import Card, load, read_card

VERSION = "13"


def prepare(settings: Settings, cache: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Make network, training task and card. Raises InputError if required real chips are missing."""
    task = OffsetTrainingTask(settings, cache)
    network = CCResSiamNet(settings.form, PRIOR)
    name = NAMES["cc-res-siamnet" if settings.form == OFFSETS else "model"]
    card = Card("offsets", name, VERSION, {"form": settings.form, "prior": PRIOR}, {})
    if settings.begin:
        before = read_card(name, Path(settings.begin))
        load(before, network, Path(settings.begin))
        card.training["begun_from"] = before.weights_sha256
    return network, task, card


RECIPE = TrainingRecipe(Settings, prepare, minutes=40.0)
