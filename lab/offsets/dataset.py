"""Training data of the offsets network: simulated pairs of many kinds with their true motion, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets.autocorrelation import SCALES_PX, Band, learned_bands, looks_of
from ground_motion.methods.offsets.evidence import KEPT_LAGS, evidence, surfaces_of
from ground_motion.methods.offsets.resampling import node_means, whole
from ground_motion.methods.offsets.texture import texture
from ground_motion.networks.cc_res_siamnet import NODE_PX
from lab.simulation.kept import Draw, kept
from lab.simulation.sar import motion, opera_like
from lab.simulation.sar.ground import Likely
from lab.simulation.sar.hard_scenes import hard_pair
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.recipes import (
    KINDS,
    MAX_MISREGISTRATION_PX,
    any_system,
    even_ground,
    moving,
    one_shift,
    training_pair,
)
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator

SIZE_PX, MIN_POWER = 160, 1e-6
BAND = 4 + len(SCALES_PX)  # numbers that describe a band
LEARNING_WINDOW_PX = 40.0  # Bands are learned from windows of this side.
NAME = "offsets-training"
PLANES = ("texture, reference", "texture, secondary", "dx_px", "dy_px", "gamma")
KINDS_OF_SCENE = ("even", "varied", "moving", "country", "anything")
SHARES = (0.40, 0.12, 0.36, 0.04, 0.08)  # Expensive kinds are rare.
UNLIKE = ("fractional", "glacier", "landslide", "fault", "bowl")  # kinds of motion that vary in space


def make_scene(scene: int, purpose: Purpose = Purpose.TRAINING, size: int = SIZE_PX) -> SarPair:
    """Make one scene; kinds alternate in the proportion of SHARES. Raises ValueError for Purpose.BENCHMARK."""
    if purpose is Purpose.BENCHMARK:
        raise ValueError("training and choosing never see what a benchmark draws")
    rng = generator(purpose, NAME, scene)
    at = (scene * 0.618034) % 1.0  # Spread evenly, whatever the number of scenes.
    kind = KINDS_OF_SCENE[int(np.searchsorted(np.cumsum(SHARES)[:-1], at, side="right"))]
    if kind == "anything":
        return training_pair(rng, size, sample=False)
    if kind == "moving":
        wide = Likely(gamma=(0.3, 0.98) if rng.random() < 0.7 else (0.02, 0.98))
        return moving(rng, KINDS[int(rng.integers(len(KINDS)))], size, wide)
    if kind == "even":  # One shift with any coherence, mostly of GRDH: only speckle shows it.
        gamma = float(rng.uniform(0.0, 0.98) if rng.random() < 0.2 else rng.uniform(0.35, 0.97))
        system = GRDH if rng.random() < 0.6 else any_system(rng)
        return one_shift(rng, system, even_ground(system, size, gamma))
    if kind == "country":  # land with 30 m pixels, as in OPERA's products
        system, ground = opera_like.OPERA, opera_like.open_land(rng, padded(size))
        field = motion.zero(rng, padded(size), system.fine)
    else:  # even ground whose motion varies in space: only speckle shows where it changes
        system = any_system(rng)
        ground = even_ground(system, size, float(rng.uniform(0.4, 0.97)))
        field = motion.MOTIONS[UNLIKE[int(rng.integers(len(UNLIKE)))]](rng, padded(size), system.fine)
    shift = rng.uniform(-MAX_MISREGISTRATION_PX, MAX_MISREGISTRATION_PX, (2, 1, 1)).astype(np.float32)
    gain_db = float(rng.normal(0, 0.7)) if kind == "country" else 0.0
    return simulate_pair(rng, system, ground, field + shift, gain_db)


def make_hard_scene(scene: int, size: int = SIZE_PX) -> SarPair:
    """Make one scene of lab.simulation.sar.hard_scenes."""
    return hard_pair(generator(Purpose.TRAINING, f"{NAME}-hard", scene), size)


class Scenes(NamedTuple):
    """Prepared scenes: planes (n, 5, size, size), see PLANES; bands (n, 2, BAND), see `bands_of`."""

    planes: NDArray[np.float16]
    bands: Float32


def prepared(folder: Path, scenes: int, size: int = SIZE_PX, make: Callable[..., SarPair] = make_scene) -> Scenes:
    """Return prepared scenes, memory-mapped, made if missing. ValueError if the folder has others of size or number."""
    return Scenes(**kept(folder, scenes, partial(_prepared, make, size), f"scenes of {size} px"))


def _prepared(make: Callable[..., SarPair], size: int, scene: int) -> Draw:
    pair = make(scene, size=size)
    seen = planes(pair)
    return Scenes(seen, bands_of(torch.from_numpy(seen.astype(np.float32)), torch.from_numpy(pair.power)))._asdict()


def bands_of(seen: Tensor, power: Tensor) -> Float32:
    """Learn what a pair shares, from where its ground lies: the fields of Band for rows and columns, (2, BAND).

    seen: PLANES of the pair, (5, rows, cols); power: (2, rows, cols), linear.
    """
    images, start = seen[:2], whole(node_means(seen[2:4]).nan_to_num())
    nodes = start.shape[1:]
    far = int(start.abs().max()) + KEPT_LAGS
    rows, cols = (n * NODE_PX for n in nodes)
    wide = functional.pad(images[1, :rows, :cols], (far,) * 4)
    held = evidence(images[0, :rows, :cols].contiguous(), wide, start, far)
    looks = median(looks_of(image) for image in power)
    bands = learned_bands([images], looks, *surfaces_of(held, start, LEARNING_WINDOW_PX))
    return np.array([[*band[:4], *(band.textures or [0.0] * len(SCALES_PX))] for band in bands], dtype=np.float32)


def band_from(fields: Sequence[float]) -> Band:
    """Return the band with these fields."""
    half, shoulder, looks, shared, *textures = fields
    return Band(half, shoulder, looks, shared, tuple(textures) if any(textures) else ())


def planes(pair: SarPair) -> NDArray[np.float16]:
    """Return the PLANES of a pair, (5, rows, cols)."""
    seen = texture(torch.from_numpy(np.log(np.maximum(pair.power, np.float32(MIN_POWER))))).numpy()
    parts: list[Float32] = [seen[0], seen[1], pair.dx_px, pair.dy_px, pair.gamma]
    return np.stack(parts).astype(np.float16)
