"""The network of coherence: images and a wanted window in, coherence and its sigma out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ground_motion.methods.coherence import MIX, SICA, WIDEST_PX
from ground_motion.methods.coherence.baseline import MIN_SIGMA, Estimate
from ground_motion.methods.coherence.features import IMAGES, INPUTS, WINDOW_FACTS, Facts, features, window_facts
from ground_motion.methods.coherence.registration import RESAMPLED_PX, resample
from ground_motion.networks.coherence_heads import ALL_ROWS, NEAR, LinearMix, SicaHead, Window, WindowHead
from ground_motion.networks.residual_unet import WIDTHS, ResidualUNet
from ground_motion.runtime.checkpoints import load, read_card
from ground_motion.runtime.device import low_precision, ready

NAME = "coherence"
STRIP_ROWS = 128  # Head and registration process this many rows at once on a CPU.
CARD_ROWS = 1024  # The head processes this many rows at once on a GPU, whose memory holds its hidden layers.
MAX_SIGMA = 0.5


def estimate_of(maps: Tensor) -> Estimate:
    """Return the estimate in the head's output (n, 2, rows, cols), sigma not yet calibrated."""
    sigma = torch.exp(maps[:, 1].clamp(-6, 2)).clamp(MIN_SIGMA, MAX_SIGMA)
    return Estimate(torch.sigmoid(maps[:, 0]), sigma)


class CoherenceNet(nn.Module):
    """Features of each pixel from a U-Net, if there is one, and a head that estimates over any window."""

    def __init__(self, head: WindowHead | LinearMix | SicaHead, unet: ResidualUNet | None = None) -> None:
        super().__init__()
        self.head, self.unet = head, unet
        self.stride = unet.stride if unet else 1

    def pixel_features(self, image: Tensor) -> Tensor:
        """Return features of each pixel, (n, channels, rows, cols). image: of `Seen`."""
        return torch.as_tensor(self.unet(image[:, : self.unet.inputs])) if self.unet else image[:, :0]

    def answer(
        self,
        features: Tensor,
        planes: Tensor,
        facts: Tensor,
        windows: Sequence[Window | None],
        own: slice = ALL_ROWS,
    ) -> list[Estimate]:
        """Return the estimate for each window, or of the scatterers. facts: (n, FACTS); own: rows to return."""
        wanted = [(window, window_facts(facts, window)) for window in windows]
        return [estimate_of(maps) for maps in self.head(features, planes, torch.exp(facts[:, 0]), wanted, own)]


def network_of(name: str, widths: Sequence[int] = WIDTHS) -> CoherenceNet:
    """Return an untrained network. name: NAME, MIX or SICA; widths: of the U-Net, which MIX does not have."""
    if name == MIX:
        return CoherenceNet(LinearMix())
    if name == SICA:
        return CoherenceNet(SicaHead(widths[0]), ResidualUNet(IMAGES, widths))
    return CoherenceNet(WindowHead(widths[0], WINDOW_FACTS), ResidualUNet(INPUTS, widths))


def register(power: Tensor, facts: Facts) -> Tensor:
    """Return log power (2, rows, cols) minus each image's level, the secondary resampled onto the reference."""
    rows, far = power.shape[1], RESAMPLED_PX
    step = STRIP_ROWS if power.device.type == "cpu" else rows
    level = torch.tensor(facts.level, device=power.device)[:, None, None]
    log_power = torch.empty_like(power)
    for row in range(0, rows, step):
        first, last = max(0, row - far), min(rows, row + step)
        part = resample(power[:, first : last + far], facts.shift_px)[:, row - first : last - first]
        log_power[:, row:last] = torch.log(part.clamp_min(1e-9)).sub_(level)
    return log_power


@dataclass(frozen=True)
class Settings:
    """Calibration of sigma, kept with the weights: the calibrated sigma is factor * sigma^power.

    sigma_*: of the coherence over a window; scatterers_*: of the scatterers' coherence.
    """

    sigma_factor: float = 1.0
    sigma_power: float = 1.0
    scatterers_factor: float = 1.0
    scatterers_power: float = 1.0

    def calibrate(self, sigma: Tensor, window: Window | None) -> Tensor:
        """Calibrate the network's own sigma. window: over which coherence was estimated, None for the scatterers."""
        own = (self.sigma_factor, self.sigma_power) if window else (self.scatterers_factor, self.scatterers_power)
        return (own[0] * sigma ** own[1]).clamp(MIN_SIGMA, MAX_SIGMA)


class CoherenceNetwork(NamedTuple):
    """A coherence network with its settings, ready for inference."""

    net: CoherenceNet
    settings: Settings
    weights_sha256: str

    def estimate(
        self,
        power: Tensor,
        facts: Facts,
        windows: Sequence[Window | None],
        earlier: Tensor | None = None,
        within: tuple[slice, slice] | None = None,
    ) -> list[Estimate]:
        """Estimate coherence, once for each window; NaN where an image is unknown.

        Args:
            power: (2, rows, cols), linear.
            facts: Facts of the pair.
            windows: Windows of the estimates; None in place of one gives that of the scatterers.
            earlier: (3, rows, cols), from `temporal`.
            within: Rows and columns to return, by default all.
        """
        log_power, stride = register(power.float(), facts), self.net.stride
        rows, cols = log_power.shape[-2:]
        pad = (0, -cols % stride, 0, -rows % stride)
        of_pair = torch.tensor([facts.row()], device=power.device)
        whole = functional.pad(log_power, pad, value=torch.nan)[None]
        before = None if earlier is None else functional.pad(earlier, pad, value=torch.nan)[None]
        own, far = within or (slice(0, rows), slice(0, cols)), WIDEST_PX // 2 + 1
        rows_around, cols_around = (
            slice(max(0, part.start - far), min(size, part.stop + far))
            for part, size in zip(own, (rows, cols), strict=True)
        )
        with torch.inference_mode(), low_precision(power.device):  # Low precision changes coherence by 0.002 at most.
            seen = features(whole, before, of_pair)
            of_pixels = self.net.pixel_features(seen.image)
        of_pixels, planes = (part[:, :, rows_around, cols_around] for part in (of_pixels, seen.planes))
        answered = self._apply_head(of_pixels, planes, of_pair, windows)
        known = torch.where(torch.isfinite(log_power[0, *own] + log_power[1, *own]), 1.0, torch.nan)
        down, right = (
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip(own, (rows_around, cols_around), strict=True)
        )
        found = []
        for window, estimate in zip(windows, answered, strict=True):
            values, sigma = (part[0, down, right] for part in estimate)
            found.append(Estimate(values * known, self.settings.calibrate(sigma, window) * known))
        return found

    def _apply_head(
        self, features: Tensor, planes: Tensor, facts: Tensor, windows: Sequence[Window | None]
    ) -> list[Estimate]:
        """Apply the head strip by strip."""
        rows, far = planes.shape[2], max(self.net.head.far_px, *(max(window or NEAR) // 2 for window in windows))
        on_cpu = planes.device.type == "cpu"
        step = STRIP_ROWS if on_cpu else CARD_ROWS
        answered = [Estimate(*planes.new_empty(2, 1, *planes.shape[2:])) for _ in windows]
        with torch.inference_mode(), low_precision(planes.device) if on_cpu else nullcontext():
            for row in range(0, rows, step):
                first, last = max(0, row - far), min(rows, row + step)
                around, own = slice(first, last + far), slice(row - first, last - first)
                parts = self.net.answer(features[:, :, around], planes[:, :, around], facts, windows, own)
                for whole, part in zip(answered, parts, strict=True):
                    for band, values in zip(whole, part, strict=True):
                        band[:, row:last] = values
        return answered


@lru_cache(maxsize=4)
def load_shipped(device: torch.device, name: str = NAME) -> CoherenceNetwork:
    """Load a shipped network. name: NAME, MIX or SICA. Raises InputError if its files are missing or damaged."""
    card = read_card(name)
    net = network_of(name, **card.network)
    load(card, net)
    ready(net, device)
    if net.unet:
        net.unet.fold()
    return CoherenceNetwork(net, Settings(**card.settings), card.weights_sha256)
