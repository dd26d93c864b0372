"""Recipe of `python -m ml train offsets`: either form of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ground_motion.methods.offsets import OffsetsMethod
from ground_motion.methods.offsets.network import Tracker, track
from ground_motion.methods.offsets.tracking import PRIOR
from ground_motion.networks.cc_res_siamnet import OFFSETS, CCResSiamNet
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.checkpoints import Card
from lab.offsets.crops import Settings
from lab.offsets.evaluate import GAMMAS, SEARCH_FIELDS_PX, errors, known, make_constant, make_field
from lab.offsets.training_task import OffsetTrainingTask
from lab.simulation.seeds import Purpose
from lab.training import TrainingRecipe, TrainingTask, begin_from

VERSION = "15"
CALIBRATED = 21  # Number of pairs with varying motion, and of pairs of even ground.


def prepare(settings: Settings, cache: Path, seed: int) -> tuple[nn.Module, TrainingTask, Card]:
    """Make the network, its training task and its model card. Raises InputError if required real images are missing."""
    task = OffsetTrainingTask(settings, cache)
    network = CCResSiamNet(settings.form, PRIOR[settings.form])
    name = OffsetsMethod.find("cc-res-siamnet" if settings.form == OFFSETS else "model").weights
    card = Card("offsets", name, VERSION, {"form": settings.form, "prior": PRIOR[settings.form]}, {})
    if settings.begin:
        begin_from(Path(settings.begin), card, network)
    return network, task, card


def finish(network: nn.Module, task: object) -> dict[str, float]:
    """Return the factor of sigma that covers 68 % of the errors on validation pairs of even and of varying motion."""
    if not isinstance(network, CCResSiamNet):
        raise TypeError(f"{type(network).__name__} is no CCResSiamNet")
    tracker = Tracker(network.eval(), torch.device("cpu"))
    pairs = [make_field(scene, Purpose.VALIDATION) for scene in range(CALIBRATED)]
    pairs += [make_constant(gamma, scene, Purpose.VALIDATION) for gamma in GAMMAS for scene in range(CALIBRATED // 3)]
    scaled = []
    for pair in pairs:
        found = track(ImagePair(*pair.power).source(), tracker, SEARCH_FIELDS_PX)
        rows = known(errors({name: band.numpy() for name, band in found._asdict().items()}, pair))
        scaled.append(np.abs(rows[:, :2] / rows[:, 2:4]).ravel())
    return {"sigma": round(float(np.mean([np.quantile(part, 0.68) for part in scaled if part.size])), 3)}


RECIPE = TrainingRecipe(Settings, prepare, minutes=40.0, finish=finish)
