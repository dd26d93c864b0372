"""Crops of scenes for training, whose nodes start where a coarse search leaves them; drawn once and kept on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.offsets.autocorrelation import Autocorrelation, autocorrelation_from
from ground_motion.methods.offsets.evidence import KEPT_LAGS, LagProducts, evidence
from ground_motion.methods.offsets.resampling import gather, node_means, whole
from ground_motion.methods.offsets.tracking import correlation_channels, prior
from ground_motion.networks.cc_res_siamnet import NODE_PX, OFFSETS, WEIGHTS
from ground_motion.runtime.box_mean import box_mean
from lab.offsets.dataset import BAND, SIZE_PX, Scenes, band_from, make_hard_scene, prepared
from lab.offsets.real_chips import training_scenes
from lab.simulation.kept import Draw, kept
from lab.simulation.sar.system import Float32

STRAY_PX = 12.0  # largest target offset of images with nothing in common
MAX_START_PX = 40  # largest offset from which a crop starts
OFF_BY = (0.35, 0.55, 0.1)  # shares of starts with errors of up to 0, 1, 2 whole pixels
LAWS_KEPT = 20_000
SEED = 420
OF_LEARNING = ("batch", "begin", "learning_rate")  # These settings do not change crops.


@dataclass(frozen=True)
class Settings:
    """Settings that --config can change.

    form: of networks.cc_res_siamnet; real: folder of OPERA RTC-S1 chips, '' for none; scenes, hard_scenes: their
    numbers; crops: number drawn from them; real_share, hard_share: of the crops; unrelated_pairs: share of crops whose
    two images are unrelated; begin: folder of the weights from which training continues, '' for none.
    """

    form: str = WEIGHTS
    scenes: int = 3000
    hard_scenes: int = 2000
    crops: int = 20_000
    crop_px: int = 160
    batch: int = 6
    real: str = ""
    real_share: float = 0.2
    hard_share: float = 0.4
    unrelated_pairs: float = 0.06
    begin: str = ""
    learning_rate: float = 1.5e-3


class Crop(NamedTuple):
    """Training crop: the network's input, evidence, its start (2, nodes, nodes), px, true offsets, and bands (2, BAND).

    texture: (2, px, px), the secondary gathered by the start; channels: (PRIOR[form], nodes, nodes); truth: as start.
    """

    texture: Tensor
    channels: Tensor
    held: LagProducts
    start: Tensor
    truth: Tensor
    bands: Float32

    @property
    def autocorrelation(self) -> Autocorrelation:
        """Return the autocorrelation model, the slowest part of a crop; the published form does without it."""
        return _autocorrelation(self.bands.tobytes())


def likely_start(rng: np.random.Generator, truth: Tensor) -> Tensor:
    """Draw whole-pixel offsets (2, nodes, nodes) near the truth, with errors like those of a coarse search."""
    smooth = box_mean(truth, int(rng.choice([3, 5])))
    noise = box_mean(torch.from_numpy(rng.standard_normal(truth.shape).astype(np.float32)), 3) * 3
    result = smooth + float(np.exp(rng.uniform(np.log(0.02), np.log(0.35)))) * noise
    if rng.random() < 0.15:  # In some areas another peak was higher.
        row, col = (int(rng.integers(0, n)) for n in truth.shape[1:])
        height, width = (int(rng.integers(1, 6)) for _ in "yx")
        off = torch.from_numpy(rng.uniform(-4, 4, (2, 1, 1)).astype(np.float32))
        result[:, row : row + height, col : col + width] += off
    # The whole crop may have one more error in common.
    off_by = int(rng.choice(3, p=OFF_BY))
    result = result + torch.from_numpy(rng.integers(-off_by, off_by + 1, (2, 1, 1)).astype(np.float32))
    return whole(result).clamp(-MAX_START_PX, MAX_START_PX)


@lru_cache(maxsize=LAWS_KEPT)
def _autocorrelation(bands: bytes) -> Autocorrelation:
    fields = np.frombuffer(bands, np.float32).reshape(2, BAND).tolist()
    return autocorrelation_from([band_from(band) for band in fields], torch.device("cpu"))


def crop_at(images: Tensor, truth: Tensor, start: Tensor, bands: Float32, form: str, row: int, col: int) -> Crop:
    """Cut a crop for a form of the network, whose nodes are those of `start`, its corner at (row, col).

    images: (2, rows, cols), texture, 0 unknown; truth: (2, rows, cols), px; bands: (2, BAND).
    """
    rows, cols = (n * NODE_PX for n in start.shape[1:])
    far = MAX_START_PX + KEPT_LAGS
    reference = images[0, row : row + rows, col : col + cols].contiguous()
    wide = functional.pad(images[1], (far,) * 4)[row : row + rows + 2 * far, col : col + cols + 2 * far]
    with torch.no_grad():
        held = evidence(reference, wide, start, far)
        law = None if form == OFFSETS else _autocorrelation(bands.tobytes())
        channels = correlation_channels(held, start) if law is None else prior(held, start, law)
    target = node_means(truth[:, row : row + rows, col : col + cols])
    return Crop(torch.stack([reference, gather(images[1], start, row, col)]), channels, held, start, target, bands)


def turned(rng: np.random.Generator, images: Tensor, truth: Tensor, bands: Float32) -> tuple[Tensor, Tensor, Float32]:
    """Flip and transpose a pair at random, with its truth and bands."""
    if rng.random() < 0.5:
        images, truth = images.flip(2), truth.flip(2) * torch.tensor([-1.0, 1.0])[:, None, None]
    if rng.random() < 0.5:
        images, truth = images.flip(1), truth.flip(1) * torch.tensor([1.0, -1.0])[:, None, None]
    if rng.random() < 0.5:
        images, truth, bands = images.transpose(1, 2), truth.transpose(1, 2).flip(0), bands[::-1]
    return images, truth, bands


class Sources(NamedTuple):
    """Scenes that crops are drawn from."""

    scenes: Scenes
    hard: Scenes
    real: Scenes | None


@lru_cache(maxsize=1)
def sources(settings: Settings, folder: Path) -> Sources:
    """Return the scenes of a folder; those that are missing are made first. InputError if real chips are missing."""
    path = folder / "real.npy"
    if settings.real and not path.exists():
        made = training_scenes(Path(settings.real), SIZE_PX, np.random.default_rng([SEED, 1]))
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path.with_suffix(".bands.npy"), made.bands)
        np.save(path, made.planes)
    real = Scenes(np.load(path, mmap_mode="r"), np.load(path.with_suffix(".bands.npy"))) if settings.real else None
    scenes = prepared(folder / "scenes", settings.scenes)
    hard = prepared(folder / "hard", settings.hard_scenes, make=make_hard_scene) if settings.hard_share else scenes
    return Sources(scenes, hard, real)


def draw(rng: np.random.Generator, settings: Settings, held: Sources) -> Crop:
    """Draw a crop."""
    source, kind, size = held.scenes, rng.random(), settings.crop_px
    if held.real is not None and kind < settings.real_share:
        source = held.real
    elif kind > 1 - settings.hard_share:
        source = held.hard
    scene, bands = _drawn(rng, source)
    if rng.random() < settings.unrelated_pairs:
        scene[1] = _drawn(rng, source)[0][1]
        scene[2:4] = torch.from_numpy(rng.uniform(-STRAY_PX, STRAY_PX, (2, 1, 1)))
    images, truth, bands = turned(rng, scene[:2], scene[2:4], bands)
    row, col = (int(rng.integers(0, n - size + 1)) for n in images.shape[1:])
    start = likely_start(rng, node_means(torch.nan_to_num(truth[:, row : row + size, col : col + size])))
    return crop_at(images, truth, start, bands, settings.form, row, col)


class Crops:
    """Crops on disk in half precision, drawn if missing. ValueError if the folder has crops of other settings."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        sources(settings, folder)
        of_drawing = {name: value for name, value in asdict(settings).items() if name not in OF_LEARNING}
        drawn = partial(_stored, settings, folder)
        self.arrays = kept(folder / "crops", settings.crops, drawn, json.dumps(of_drawing))

    def at(self, number: int) -> Crop:
        """Return one of the crops."""
        parts = {name: torch.from_numpy(array[number].astype(np.float32)) for name, array in self.arrays.items()}
        held, left = LagProducts(*map(parts.pop, LagProducts._fields)), parts.pop("left")
        bands = parts.pop("bands").numpy()
        return Crop(**parts, held=held, truth=parts["start"] + left, bands=bands)


def _stored(settings: Settings, folder: Path, number: int) -> Draw:
    """Draw a crop and return what is kept of it: all its parts, and what its start leaves of the truth."""
    crop = draw(np.random.default_rng([SEED, number]), settings, sources(settings, folder))
    parts = {"texture": crop.texture, "channels": crop.channels, "start": crop.start, "left": crop.truth - crop.start}
    arrays = {name: part.numpy() for name, part in (parts | crop.held._asdict()).items()} | {"bands": crop.bands}
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def _drawn(rng: np.random.Generator, source: Scenes) -> tuple[Tensor, Float32]:
    at = int(rng.integers(len(source.planes)))
    return torch.from_numpy(np.array(source.planes[at], dtype=np.float32)), source.bands[at]
