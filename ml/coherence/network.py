"""The residual U-Net of coherence: images in, coherence and its sigma out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ml.coherence import TRUTHS
from ml.coherence.features import DETAILS, HISTORY, INPUTS, STRIP_ROWS, Facts, history_features, shown
from ml.coherence.registration import RESAMPLED_PX, resampled
from ml.networks.residual_unet import ResidualUNet
from ml.runtime.checkpoints import Card, load, read_card
from ml.runtime.device import input_type, low_precision, ready

NAME = "coherence"
OUTPUTS = 4  # logit of gamma, its log sigma, logit of the sample coherence, its log sigma
LEAST_SIGMA, MOST_SIGMA = 0.01, 0.5


class Estimate(NamedTuple):
    """Coherence 0-1 and its sigma, (n, rows, cols) or (rows, cols)."""

    coherence: Tensor
    sigma: Tensor


def estimates(maps: Tensor) -> tuple[Estimate, Estimate]:
    """Split the output (n, OUTPUTS, rows, cols) into estimates of each of TRUTHS, sigma not yet calibrated."""
    pairs = (maps[:, 0], maps[:, 1]), (maps[:, 2], maps[:, 3])
    first, second = (
        Estimate(torch.sigmoid(mean), torch.exp(log.clamp(-6, 2)).clamp(LEAST_SIGMA, MOST_SIGMA)) for mean, log in pairs
    )
    return first, second


def registered(power: Tensor, facts: Facts) -> Tensor:
    """Return log power (2, rows, cols) minus each image's level, the secondary resampled onto the reference."""
    rows, far = power.shape[1], RESAMPLED_PX
    step = STRIP_ROWS if power.device.type == "cpu" else rows
    level = torch.tensor(facts.level, device=power.device)[:, None, None]
    log_power = torch.empty_like(power)
    for row in range(0, rows, step):
        first, last = max(0, row - far), min(rows, row + step)
        part = resampled(power[:, first : last + far], facts.shift_px)[:, row - first : last - first]
        log_power[:, row:last] = torch.log(part.clamp_min(1e-9)).sub_(level)
    return log_power


@dataclass(frozen=True)
class Settings:
    """Settings of the coherence network's inference, kept with its weights.

    The calibrated sigma is sigma_factor * sigma^sigma_power; sample_*: the same for the sample coherence.
    """

    symmetric: bool = True
    register: bool = True
    sigma_factor: float = 1.0
    sigma_power: float = 1.0
    sample_sigma_factor: float = 1.0
    sample_sigma_power: float = 1.0

    def calibrated(self, sigma: Tensor, truth: str) -> Tensor:
        """Calibrate the network's own sigma of one of TRUTHS."""
        factor, power = {
            TRUTHS[0]: (self.sigma_factor, self.sigma_power),
            TRUTHS[1]: (self.sample_sigma_factor, self.sample_sigma_power),
        }[truth]
        return (factor * sigma**power).clamp(LEAST_SIGMA, MOST_SIGMA)


class CoherenceNetwork(NamedTuple):
    """A coherence network with its settings, ready for inference."""

    unet: ResidualUNet
    settings: Settings
    weights_sha256: str

    def halo_px(self) -> int:
        """Return the halo of a tile, px: about half the nominal reach, beyond which nothing has a visible effect."""
        return self.unet.reach_px // 2 + 4 * self.unet.stride

    def estimate(
        self, power: Tensor, facts: Facts, past: Tensor | None = None, within: tuple[slice, slice] | None = None
    ) -> dict[str, Estimate]:
        """Estimate both TRUTHS' coherence from power (2, rows, cols), linear; NaN where an image is unknown.

        past: from features.temporal, (2, rows, cols), if the track has earlier images; within: rows and columns to
        return, by default all: the margin around them is not computed at full resolution.
        """
        log_power, stride = registered(power.float(), facts), self.unet.stride
        rows, cols = log_power.shape[-2:]
        pad = (0, -cols % stride, 0, -rows % stride)
        row = torch.tensor([facts.row()], device=power.device)
        whole = (functional.pad(log_power, pad, value=torch.nan) if any(pad) else log_power)[None]
        seen, history = shown(whole, row, self.settings.symmetric, input_type(power.device)), None
        if past is not None:
            history = history_features(whole, functional.pad(past, pad, value=torch.nan)[None], row)
        own = within or (slice(0, rows), slice(0, cols))
        half_rows, half_cols = (slice(part.start // 2, -(-part.stop // 2)) for part in own)
        with torch.inference_mode(), low_precision(power.device):  # which changes coherence by 0.002 at most
            both = estimates(self.unet(seen.half, seen.detail, history, (half_rows, half_cols)))
        down, right = (slice(part.start % 2, part.start % 2 + part.stop - part.start) for part in own)
        blank = torch.where(torch.isfinite(log_power[0, *own] + log_power[1, *own]), 1.0, torch.nan)
        by_truth = {}
        for truth, pair_estimate in zip(TRUTHS, both, strict=True):
            values, sigma = (part[0, down, right] for part in pair_estimate)
            by_truth[truth] = Estimate(values * blank, self.settings.calibrated(sigma, truth) * blank)
        return by_truth


def untrained(arguments: dict[str, Any]) -> ResidualUNet:
    """Build an untrained network from a card's arguments; `history` adds input channels for earlier images."""
    others = {name: value for name, value in arguments.items() if name != "history"}
    return ResidualUNet(INPUTS, DETAILS, OUTPUTS, optionals=HISTORY if arguments.get("history") else 0, **others)


def from_card(card: Card, unet: nn.Module) -> CoherenceNetwork:
    """Load a network's weights and settings from its card."""
    if not isinstance(unet, ResidualUNet):
        raise TypeError(f"{type(unet).__name__} is no ResidualUNet")
    return CoherenceNetwork(unet.eval(), Settings(**card.settings), card.weights_sha256)


@lru_cache(maxsize=1)
def card_shipped() -> Card:
    """Return the card of the shipped network."""
    return read_card(NAME)


@lru_cache(maxsize=2)
def shipped(device: torch.device) -> CoherenceNetwork:
    """Load the shipped network. Raises InputError if its files are missing or damaged."""
    card = card_shipped()
    unet = untrained(card.network)
    load(card, unet)
    return from_card(card, ready(unet, device))
