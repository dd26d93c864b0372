"""The ablation models: small networks that differ in one thing each, trained alike, measured, never served.

Their weights are not shipped. Each is trained from its recipe here, and read from the folder that a command names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from lab.deformation.patch_classifier import PatchClassifier
from lab.deformation.training.disturbances import GROUPS
from lab.deformation.training.patches import slide
from ml.deformation.baseline import DeformationMaps
from ml.deformation.features.channels import channels, phases, shown
from ml.deformation.features.overwrap import GAINS, merge
from ml.deformation.gridding.cells import RobustGrid
from ml.deformation.infer import DeformationResult
from ml.deformation.network import REACH_M, DeformationNetwork, Lattice, calibrated, on_lattice
from ml.deformation.points import Float32
from ml.networks.deformation_unet import STRIDE
from ml.rasters.areas import by_sign
from ml.runtime.checkpoints import load, read_card

PATCHES = "deformation-patches"
FASTEST = 7.0  # arcsinh of half the rate


@dataclass(frozen=True)
class AblationConfig:
    """weights: name of the card, in folder; gains: at which rates are wrapped, none for rates as they are; merge: mean
    or max.
    """

    weights: str
    gains: tuple[int, ...] = ()
    merge: str = "mean"
    folder: Path | None = None

    @property
    def place(self) -> Path:
        """The folder of the weights. ValueError, with the command that trains them, where none was given."""
        if self.folder is None:
            raise ValueError(missing_weights(self.weights))
        return self.folder

    @property
    def label(self) -> str:
        """Under which the card keeps the threshold of this use of the weights."""
        if len(self.gains) == 1:
            return f"gain-{self.gains[0]}"
        return self.merge if self.gains else "1"


def _ablation_models() -> dict[str, AblationConfig]:
    """Every ablation model by the name of its method."""
    fills = ("none", "nearest", "idw", "soft-impute")
    models = {
        f"unet-{fill}{end}": AblationConfig(f"deformation-unet-{fill}{end}") for end in ("", "-raw") for fill in fills
    }
    models |= {
        f"unet-{what}": AblationConfig(f"deformation-unet-{what}") for what in ("means", "points", "heights", "around")
    }
    models |= {f"unet-{what}": AblationConfig(f"deformation-unet-{what}") for what in TRANSFER}
    models |= {f"unet-gain-{gain}": AblationConfig("deformation-unet-wrapped", (gain,)) for gain in GAINS}
    for how in ("mean", "max"):
        models[f"unet-gains-{how}"] = AblationConfig("deformation-unet-wrapped", GAINS, how)
        models[f"patches-{how}"] = AblationConfig(PATCHES, GAINS, how)
    return models


UNET = {"widths": [32, 32, 48, 48], "both_share": 0}
CHANNELS_SEEN = {"means": 6, "points": 7, "heights": 10, "around": 16}  # how many of the network's channels
TRANSFER: dict[str, dict[str, Any]] = {  # all channels, and what else of their settings
    "all": {},
    "beside-gains": {"beside": GAINS},
    "without-whitening": {"channels": CHANNELS_SEEN["around"]},
    "without-disturbances": {"without": tuple(GROUPS)},
    **{f"without-{group}": {"without": (group,)} for group in GROUPS},
}
TRANSFER_STEPS = 600
ABLATION_MODELS = _ablation_models()


def recipe_of(weights: str) -> tuple[str, dict[str, Any], int]:
    """How weights are trained: what `python -m ml train` is given as task, as --config and as --steps."""
    if weights == PATCHES:
        return PATCHES, {}, 1600
    what = weights.removeprefix("deformation-unet-")
    if what == "wrapped":
        return "deformation", UNET | {"name": weights, "wrapped": True, "means": False, "channels": 6}, 3000
    if what in TRANSFER:
        return "deformation", UNET | {"name": weights, **TRANSFER[what]}, TRANSFER_STEPS
    if what in CHANNELS_SEEN:
        return "deformation", UNET | {"name": weights, "channels": CHANNELS_SEEN[what]}, 500
    fill, raw = what.removesuffix("-raw"), what.endswith("-raw")
    settings = UNET | {"name": weights, "fill": fill, "means": False, "channels": 6}
    return "deformation", settings | ({"despiked": False} if raw else {}), 500


def missing_weights(weights: str) -> str:
    """What to do where the folder of an ablation model's weights is not given."""
    task, settings, steps = recipe_of(weights)
    config = " --config F.json" if settings else ""
    holding = f", F.json holding {json.dumps(settings)}" if settings else ""
    return (
        f"the weights {weights!r} of an ablation model are not shipped: train it first with "
        f"`python -m ml train {task}{config} --steps {steps} --out DIR`{holding}; set its threshold with "
        f"`python -m lab.deformation.calibration ablation --folder DIR`; then give --weights DIR"
    )


@lru_cache(maxsize=12)
def _patch_network(name: str, folder: Path) -> PatchClassifier:
    network = PatchClassifier()
    load(read_card(name, folder), network, folder)
    return network.eval()


@lru_cache(maxsize=12)
def _network(name: str, folder: Path) -> DeformationNetwork:
    return DeformationNetwork.load(name, folder)


def detect_ablation(grid_of: Callable[[bool], RobustGrid], config: AblationConfig) -> DeformationResult:
    """One track through an ablation model. grid_of: the track's grid, of despiked points or of points as they are."""
    settings = read_card(config.weights, config.place).settings
    lattice = on_lattice([grid_of(settings["despiked"])])
    score, rate = ablation_score(lattice, config)
    reach = lattice.tracks[0].distance_m <= REACH_M
    logits = torch.from_numpy(np.stack([score, score]))
    logit = calibrated(logits, settings["calibration"][config.label])
    probability = np.where(reach, torch.sigmoid(logit).numpy(), np.nan).astype(np.float32)
    away, toward = by_sign(probability, rate)
    rate *= np.float32(lattice.scale)
    maps = DeformationMaps(probability, away, toward, rate, lattice.still[0].rate_mm_yr, 1.0)
    return DeformationResult(maps, lattice.transform, lattice.epsg)


def ablation_score(lattice: Lattice, config: AblationConfig) -> tuple[Float32, Float32]:
    """Logit of the merged probability, before its threshold, and rate, mm/yr; both (rows, cols)."""
    (track,) = lattice.tracks
    settings = read_card(config.weights, config.place).settings
    reach = track.distance_m <= REACH_M
    if config.weights == PATCHES:
        (filled,) = shown([track], settings["fill"]) or [np.nan_to_num(track.velocity_mm_yr)]
        network = _patch_network(config.weights, config.place)
        wrapped = [shown([track], settings["fill"], gain) or [] for gain in config.gains]
        with torch.inference_mode():
            scores = [slide(phase, reach, lambda x: torch.sigmoid(network(x))) for (phase,) in wrapped]
        return _logit(np.nan_to_num(merge(scores, config.merge))), filled
    scores, rates = [], []
    for gain in config.gains or (None,):
        unet = _network(config.weights, config.place).module
        beside = settings.get("beside", ())
        image = channels([track], shown([track], settings["fill"], gain))[:, : unet.channels - len(beside)]
        if beside:
            image = torch.cat([image, phases([track], beside)], dim=1)
        margin = [-size % STRIDE for size in reach.shape]
        with torch.inference_mode():
            out = unet(functional.pad(image, (0, margin[1], 0, margin[0])), 1)[0]
        out = out[:, : reach.shape[0], : reach.shape[1]]
        scores.append(torch.sigmoid((out[0] + out[1]) / 2).numpy())
        rates.append((2 * torch.sinh(out[-1].clamp(-FASTEST, FASTEST))).numpy())
    return _logit(merge(scores, config.merge)), np.asarray(np.median(rates, axis=0), dtype=np.float32)


def _logit(p: Float32) -> Float32:
    clipped = np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)).astype(np.float32)
