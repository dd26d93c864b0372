"""Training of the offsets network on crops of prepared scenes; initial offsets have errors like a coarse search's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lab.offsets.dataset import UNLIKE, make_hard_scene, planes, prepared
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import constant_shift, moving
from lab.simulation.seeds import Purpose, generator
from lab.training import Batch
from ml.networks.box_mean import box_mean
from ml.networks.cc_res_siamnet import NODE_PX, CCResSiamNet, Residuals
from ml.offsets import coarse
from ml.offsets.resampling import gathered, in_parts, surroundings, whole

HUBER_SHARE = 0.08  # share of the training after which only the likelihood counts
HUBER_PX = 0.1
FARTHEST_PX = 3.0  # larger residuals are clipped to this
STRAY_PX = 12.0  # largest target offset of images with nothing in common
SEARCHES_PX = (6, 24)
NEAR_WEIGHT = 0.5  # weight of the narrow windows' answers in the loss
TEMPER = 0.25  # of the likelihood, Seitzer et al. 2022 (arXiv:2203.09168), so that hard nodes are learnt, too
SPREADS = 3.0  # sigmas beyond which errors have less weight
BIAS_WEIGHT = 0.1  # weight of the mean error of a crop
WINDOW_NODES = 16  # nodes that share a window of 32 px
GAMMAS = (0.5, 0.7, 0.9)
VARYING = 20  # validation scenes whose motion varies
SEEN = ("texture", "beyond", "part", "known")  # entries of a batch that the network gets
COARSE_SHARE = 0.4  # share of starts like a coarse search's; the others are like the network's answers
ALWAYS_PX = 0.8  # largest common error of a simulated answer
OFF_BY = (0.25, 0.6, 0.15)  # shares of starts with errors of up to 0, 1, 2 whole pixels


@dataclass(frozen=True)
class Settings:
    """Settings that --config can change.

    real: folder of OPERA RTC-S1 chips, '' for none; hard_scenes: number of scenes from lab.simulation.sar.hard_scenes.
    real_share, hard_share: of a batch; unrelated_pairs: share of crops whose two images are unrelated; searched: share
    of crops that start from an actual search, as those of unrelated pairs do; begin: folder of the weights from which
    training continues, '' for none.
    """

    width: int = 16
    features: int = 8
    nodes: int = 64
    cross: bool = True
    attention: bool = True
    scenes: int = 8000
    crop_px: int = 112
    calibration_pairs: int = 112
    batch: int = 8
    real: str = ""
    real_share: float = 0.2
    hard_scenes: int = 4000
    hard_share: float = 0.4
    unrelated_pairs: float = 0.05
    searched: float = 0.3
    begin: str = ""
    learning_rate: float = 3e-3


class Crop(NamedTuple):
    """Training crop. texture: (2, px, px), the secondary gathered by the start; known: (1, nodes, nodes).

    All others: (2, nodes, nodes). frame: mean of the start around each node; target: relative to frame.
    """

    texture: Tensor
    beyond: Tensor
    part: Tensor
    target: Tensor
    frame: Tensor
    known: Tensor


def loss_of(answer: Tensor, target: Tensor, known: Tensor, progress: float) -> Tensor:
    """Return the tempered Gaussian negative log-likelihood with linear tails; early in training mainly Huber's loss.

    answer: (n, 4, nodes, nodes): offsets and log sigmas; known: weights.
    """
    error, log_sigma = answer[:, :2] - target.clamp(-FARTHEST_PX, FARTHEST_PX), answer[:, 2:]
    z = error * torch.exp(-log_sigma)
    squared = 2 * functional.huber_loss(z, torch.zeros_like(z), reduction="none", delta=SPREADS)
    likelihood = (0.5 * squared + log_sigma) * torch.exp(2 * TEMPER * log_sigma.detach())
    weight = known.expand_as(error)
    total = weight.sum().clamp_min(1.0)
    value = (likelihood * weight).sum() / total
    if progress < HUBER_SHARE:
        huber = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=HUBER_PX)
        return 0.1 * value + 5 * (huber * weight).sum() / total
    return value


def bias_of(answer: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return Huber's loss of each crop's mean error, in units of what independent errors of windows would give.

    A single window errs least if its estimate is biased toward the initial offset where the images show little. When
    windows are averaged, this bias does not average out, so it is penalised here.
    """
    error = answer[:, :2] - target.clamp(-FARTHEST_PX, FARTHEST_PX)
    weight = known * torch.exp(-2 * answer[:, 2:].detach())
    total = weight.sum(dim=(2, 3)).clamp_min(1e-6)
    z = (weight * error).sum(dim=(2, 3)) / total * (total / WINDOW_NODES).sqrt()
    return functional.huber_loss(z, torch.zeros_like(z), delta=SPREADS)


def chosen(network: CCResSiamNet, answer: Residuals, frame: Tensor, known: Tensor) -> Tensor:
    """Return offsets and log sigmas after the choice of windows, (n, 4, nodes, nodes), relative to the frame.

    The gradient trains only the choice, not the answers from which it chooses.
    """
    placed = [torch.cat([part[:, :2] + frame, part[:, 2:]], dim=1).detach() for part in answer]
    offset, log_sigma = network.choice(*placed, known)
    return torch.cat([offset - frame, log_sigma], dim=1)


def at_nodes(truth: Tensor) -> Tensor:
    """Return the mean of the four pixels in the middle of each node's square. truth: (..., rows, cols)."""
    first = NODE_PX // 2 - 1
    parts = [truth[..., first + row :: NODE_PX, first + col :: NODE_PX] for row in (0, 1) for col in (0, 1)]
    return torch.stack(parts).mean(dim=0)


def likely_start(rng: np.random.Generator, truth: Tensor) -> Tensor:
    """Draw initial offsets (2, nodes, nodes) near the truth, like those of a coarse search or of the network."""
    return likely_coarse(rng, truth) if rng.random() < COARSE_SHARE else likely_answer(rng, truth)


def likely_answer(rng: np.random.Generator, truth: Tensor) -> Tensor:
    """Draw fractional offsets (2, nodes, nodes) near the truth, with errors like those of the network's first answer.

    All offsets of a crop share an error larger than a real one. If the start held more information than the images, the
    network would learn to smooth the start where the images show little (a prior bias).
    """
    size = int(rng.choice([1, 3, 5, 9]))
    noise = box_mean(torch.from_numpy(rng.standard_normal(truth.shape).astype(np.float32)), size) * size
    wrong = float(np.exp(rng.uniform(np.log(0.01), np.log(0.15)))) * noise
    always = torch.from_numpy(rng.uniform(-ALWAYS_PX, ALWAYS_PX, (2, 1, 1)).astype(np.float32))
    return in_parts(box_mean(truth, int(rng.choice([3, 5]))) + wrong + always)


def likely_coarse(rng: np.random.Generator, truth: Tensor) -> Tensor:
    """Draw whole-pixel offsets (2, nodes, nodes) near the truth, with errors like those of a coarse search."""
    shape = truth.shape
    smooth = box_mean(truth, int(rng.choice([3, 5])))
    noise = box_mean(torch.from_numpy(rng.standard_normal(shape).astype(np.float32)), 3) * 3
    result = smooth + float(np.exp(rng.uniform(np.log(0.02), np.log(0.35)))) * noise
    if rng.random() < 0.15:  # an area where another peak was higher
        row, col = (int(rng.integers(0, n)) for n in shape[1:])
        height, width = (int(rng.integers(1, 6)) for _ in "yx")
        off = torch.from_numpy(rng.uniform(-4, 4, (2, 1, 1)).astype(np.float32))
        result[:, row : row + height, col : col + width] += off
    # Or the whole neighbourhood has one error. The residual is then as likely above as below half a pixel, so that an
    # answer biased toward the start gains nothing.
    off_by = int(rng.choice(3, p=OFF_BY))
    result = result + torch.from_numpy(rng.integers(-off_by, off_by + 1, (2, 1, 1)).astype(np.float32))
    return whole(result)


def cut(rng: np.random.Generator, images: Tensor, truth: Tensor, size: int, search: int = 0) -> Crop:
    """Cut a crop at a random place. images: (2, rows, cols), texture, 0 unknown; truth: (2, rows, cols), px.

    search: 0 to simulate the initial offsets, else the reach, px, of an actual search that finds them.
    """
    rows, cols = images.shape[1:]
    row, col = int(rng.integers(0, rows - size + 1)), int(rng.integers(0, cols - size + 1))
    if search:  # on whole nodes
        row, col = row // NODE_PX * NODE_PX, col // NODE_PX * NODE_PX
    target = at_nodes(truth[:, row : row + size, col : col + size])
    if search:
        start = _searched(rng, images, search)[:, row // NODE_PX :, col // NODE_PX :]
        start = start[:, : target.shape[1], : target.shape[2]]
    else:
        start = likely_start(rng, torch.nan_to_num(target))
    second = gathered(images[1], start, row, col)
    both = torch.stack([images[0, row : row + size, col : col + size], second])
    near = surroundings(start)
    known = functional.avg_pool2d((both != 0).all(dim=0).float()[None, None], NODE_PX)[0]
    return Crop(both, start - near, start - start.floor(), target - near, near, known)


def _searched(rng: np.random.Generator, images: Tensor, search: int) -> Tensor:
    """Return offsets found by an actual search, which takes the highest correlation even where there is no match.

    Either whole pixels, as in the first pass, or fractions, smoothed like the neighbours that replace unsure estimates.
    """
    nodes = coarse.on_nodes(coarse.coarse(images, search))
    if rng.random() < 0.5:
        return whole(nodes)
    return in_parts(box_mean(nodes, int(rng.choice([1, 3, 5, 9]))))


def turned(rng: np.random.Generator, images: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Flip and transpose at random; if the motion is the same everywhere, the two dates may also be exchanged."""
    if rng.random() < 0.5:
        images, truth = images.flip(2), truth.flip(2) * torch.tensor([-1.0, 1.0])[:, None, None]
    if rng.random() < 0.5:
        images, truth = images.flip(1), truth.flip(1) * torch.tensor([1.0, -1.0])[:, None, None]
    if rng.random() < 0.5:
        images, truth = images.transpose(1, 2), truth.transpose(1, 2).flip(0)
    if rng.random() < 0.5 and float(np.nanmax(truth.std(dim=(1, 2)).numpy())) < 1e-3:
        images, truth = images.flip(0), -truth
    return images, truth


class OffsetTrainingTask:
    """Batches from prepared scenes, and validation on separate pairs."""

    def __init__(self, settings: Settings, cache: Path) -> None:
        self.settings = settings
        self.scenes = prepared(cache, settings.scenes)
        self.hard = prepared(cache, settings.hard_scenes, make=make_hard_scene) if settings.hard_share else self.scenes
        self.real: NDArray[np.float16] | None = None
        self.held = [(gamma, scene) for gamma in GAMMAS for scene in range(8)]
        self._validation: list[tuple[float, Crop]] | None = None

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw crops and stack their fields: see Crop."""
        crops = []
        for _ in range(self.settings.batch):
            source, kind = self.scenes, rng.random()
            if self.real is not None and kind < self.settings.real_share:
                source = self.real
            elif kind > 1 - self.settings.hard_share:
                source = self.hard
            scene, kind = _drawn(rng, source), rng.random()
            if unrelated_pairs := kind < self.settings.unrelated_pairs:
                scene[1] = _drawn(rng, source)[1]
                scene[2:4] = torch.from_numpy(rng.uniform(-STRAY_PX, STRAY_PX, (2, 1, 1)))
            images, truth = turned(rng, scene[:2], scene[2:4])
            search = int(rng.choice(SEARCHES_PX)) if unrelated_pairs or kind > 1 - self.settings.searched else 0
            crops.append(cut(rng, images, truth, self.settings.crop_px, search))
        return _together(crops)

    def loss(self, network: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the sum of the losses of the two windows' answers, of the choice between them, and of their bias."""
        answer = network(*(batch[name] for name in SEEN))
        usable, target = (batch["known"] > 0.5).float(), batch["target"]
        trained = 1.0 if self.settings.begin else progress
        with torch.autocast(target.device.type, enabled=False):
            choice = chosen(cast(CCResSiamNet, network), answer, batch["frame"], batch["known"])
            parts = ((answer.own, 1.0), (answer.near, NEAR_WEIGHT), (choice, 1.0))
            losses = [weight * loss_of(part, target, usable, trained) for part, weight in parts]
            losses += [BIAS_WEIGHT * weight * bias_of(part, target, usable) for part, weight in parts]
        return torch.stack(losses).sum()

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return errors per axis and coverage by sigma on even ground, and end-point errors for varying motion."""
        if self._validation is None:
            self._validation = [(gamma, _held_out(gamma, scene)) for gamma, scene in self.held]
            self._varying = [_held_out(None, scene) for scene in range(VARYING)]
        result = {}
        for gamma in GAMMAS:
            own, near, choice = _errors(network, [crop for of, crop in self._validation if of == gamma])
            percent = round(100 * gamma)
            for name, (error, z) in (("sigma", own), ("near_sigma", near), ("choice_sigma", choice)):
                result[f"{name}_g{percent}"] = float(error.std(dim=(0, 2, 3)).max())
                result[f"{name}_within_68_g{percent}".replace("sigma_", "")] = float((z.abs() < 1).float().mean())
        for name, (error, _) in zip(("own", "near", "choice"), _errors(network, self._varying), strict=True):
            result[f"{name}_epe"] = float(error.norm(dim=1).mean())
        return result


def _errors(network: nn.Module, crops: list[Crop]) -> list[tuple[Tensor, Tensor]]:
    """Return (errors in px, errors over sigma) of the 32 px window, the narrow one and the choice; edges left out."""
    device, inner = next(network.parameters()).device, slice(3, -3)
    batch = {name: part.to(device) for name, part in _together(crops).items()}
    with torch.no_grad():
        answer = network(*(batch[name] for name in SEEN))
        parts = (*answer, chosen(cast(CCResSiamNet, network), answer, batch["frame"], batch["known"]))
    errors = []
    for part in parts:
        error = (part[:, :2] - batch["target"])[..., inner, inner].cpu()
        errors.append((error, error * torch.exp(-part[:, 2:])[..., inner, inner].cpu()))
    return errors


def _drawn(rng: np.random.Generator, source: NDArray[np.float16]) -> Tensor:
    return torch.from_numpy(np.array(source[int(rng.integers(len(source)))], dtype=np.float32))


def _held_out(gamma: float | None, scene: int) -> Crop:
    """Make a validation crop: even ground of coherence gamma, or varying motion if gamma is None."""
    of = "varying" if gamma is None else str(round(100 * gamma))
    rng = generator(Purpose.VALIDATION, f"offsets-lesson-{of}", scene)  # names seed streams: they stay as they are
    pair: SarPair = moving(rng, UNLIKE[scene % len(UNLIKE)]) if gamma is None else constant_shift(rng, gamma)
    held = torch.from_numpy(planes(pair).astype(np.float32))
    return cut(rng, held[:2], held[2:4], 128)


def _together(crops: list[Crop]) -> dict[str, Tensor]:
    return {name: torch.stack(parts).contiguous() for name, *parts in zip(Crop._fields, *crops, strict=True)}
