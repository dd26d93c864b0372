"""Heads of coherence networks: each estimates the coherence over given windows from features of every pixel.

A sample coherence is a ratio of sums over its window, dominated by the brightest pixels. The head therefore sums over
that window: the product of both amplitudes times the network's coherence of each pixel, and the terms of classical
estimators. The last layers correct the ratio (`WindowHead`). `SicaHead` and `LinearMix` are what it is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ground_motion.runtime.box_mean import box_mean
from ground_motion.runtime.fused import mix_channels

Window = tuple[int, int]  # rows, columns, px, odd
Wanted = tuple[Window | None, Tensor]  # (window or None for the scatterers' coherence; facts (n, facts) of it)
LEARNED, HIDDEN = 3, 24  # Learned quantities of a pixel, averaged over the window; channels of the correction.
CLASSICAL = 3  # Number of statistics that `classical` returns.
NEAR = (5, 5)  # Window of the sums for the scatterers' coherence, px.
MIN_DISTANCE = 0.02  # A coherence keeps this far from 0 and 1 before its logit is taken.
LOG_SIGMA = -2.0  # Start value before training.
BANK = (3, 5, 7, 9, 13, 21)  # sides of the windows of LinearMix, px
MIN_MIXED, MAX_MIXED = 0.001, 0.999  # A mixed coherence stays between these.
ALL_ROWS = slice(None)


class WindowHead(nn.Module):
    """Last layers of a coherence network. width: of its features; facts: how many numbers describe a window."""

    far_px = max(NEAR) // 2  # half of the widest window over which it always sums

    def __init__(self, width: int, facts: int) -> None:
        super().__init__()
        self.of_pixel = nn.Conv2d(width, 1 + LEARNED, 1)
        self.of_facts = nn.Linear(facts, HIDDEN)
        self.first = nn.Conv2d(width + 1, HIDDEN, 1)
        self.of_ratios = nn.Conv2d(1 + CLASSICAL + LEARNED, HIDDEN, 1, bias=False)
        self.second = nn.Conv2d(HIDDEN, HIDDEN, 1)
        self.last = nn.Conv2d(HIDDEN, 2, 1)
        nn.init.zeros_(self.last.weight)

    def forward(
        self, features: Tensor, planes: Tensor, looks: Tensor, wanted: Sequence[Wanted], own: slice = ALL_ROWS
    ) -> list[Tensor]:
        """Return the logit of the coherence and its log sigma, (n, 2, rows, cols), for each wanted window.

        planes: (n, 8, rows, cols), 0 where unknown: power of both images relative to the surroundings; product of their
        amplitudes; product and both squares of the power, capped, and divided by the mean of earlier images if there
        are any; absolute log ratio times sqrt(looks / 2); 1 where known. looks: (n,). own: rows to return; the others
        only count in the windows of these.
        """
        with torch.autocast(features.device.type, enabled=False):  # Rounded weights would double the error of bfloat16.
            per_pixel = mix_channels(self.of_pixel.weight, features.float(), self.of_pixel.bias)
        seen, learned = torch.sigmoid(per_pixel[:, :1]), per_pixel[:, 1:]
        terms = torch.cat([seen * planes[:, 2:3], learned * planes[:, 7:]], dim=1)
        ratios = {
            size: self._ratios(box_mean(planes, size)[:, :, own], box_mean(terms, size)[:, :, own], looks)
            for size in {window or NEAR for window, _ in wanted}
        }
        seen, before = seen[:, :, own], mix_channels(self.first.weight[:, :-1], features[:, :, own], None)
        return [self._estimate(window, facts, ratios[window or NEAR], seen, before) for window, facts in wanted]

    def _estimate(self, window: Window | None, facts: Tensor, near: Tensor, seen: Tensor, before: Tensor) -> Tensor:
        """Return the logit and log sigma, (n, 2, rows, cols). near: from `_ratios`; before: what the features add."""
        weight = torch.cat([self.of_ratios.weight, self.first.weight[:, -1:]], dim=1)
        shift = self.of_facts(facts).float() + self.first.bias
        x = mix_channels(weight, torch.cat([near, seen], dim=1), shift, add=before, relu=True)
        x = mix_channels(self.second.weight, x, self.second.bias, relu=True)
        begun = torch.logit((near[:, :1] if window else seen).clamp(MIN_DISTANCE, 1 - MIN_DISTANCE))
        begun = torch.cat([begun, torch.full_like(begun, LOG_SIGMA)], dim=1)
        return begun + mix_channels(self.last.weight, x, self.last.bias)

    def _ratios(self, sums: Tensor, own: Tensor, looks: Tensor) -> Tensor:
        """Return what the network sees of a window, (n, 7, …): its coherence, `classical`, means of learned quantities.

        sums, own: means of the planes, and of the product of amplitudes times seen and of learned quantities.
        """
        power = (sums[:, 0:1] * sums[:, 1:2]).clamp_min(1e-12).rsqrt()
        learned = own[:, 1:] / sums[:, 7:8].clamp_min(1e-3)
        return torch.cat([own[:, :1] * power, classical(sums, looks), learned], dim=1)


def classical(sums: Tensor, looks: Tensor) -> Tensor:
    """Return correlation of amplitudes, Guarnieri and Prati's coherence, mean absolute log ratio, (n, CLASSICAL, …).

    sums: means of the planes (see WindowHead) over a window; looks: (n,).
    """
    power = (sums[:, 0:1] * sums[:, 1:2]).clamp_min(1e-12).rsqrt()
    squares = (sums[:, 4:5] * sums[:, 5:6]).clamp_min(1e-12).rsqrt()
    many = looks[:, None, None, None]
    guarnieri_prati = ((many + 1) * sums[:, 3:4] * squares - many).clamp(-1, 1)
    return torch.cat([sums[:, 2:3] * power, guarnieri_prati, sums[:, 6:7] / sums[:, 7:8].clamp_min(1e-3)], dim=1)


class SicaHead(nn.Module):
    """Last layer of the network of Sica, Pulella and Schmitt 2026 (arXiv:2606.07374), whose U-Net is ResidualUNet.

    It has the same coherence for every window and one sigma for all pixels. width: channels of the U-Net.
    """

    far_px = 0  # This form sums over no window.

    def __init__(self, width: int) -> None:
        super().__init__()
        self.last = nn.Conv2d(width, 1, 1)

    def forward(
        self, features: Tensor, planes: Tensor, looks: Tensor, wanted: Sequence[Wanted], own: slice = ALL_ROWS
    ) -> list[Tensor]:
        """Return the logit of the coherence and its log sigma, (n, 2, rows, cols), as WindowHead does."""
        logit = mix_channels(self.last.weight, features[:, :, own], self.last.bias).float()
        return [torch.cat([logit, torch.full_like(logit, LOG_SIGMA)], dim=1) for _ in wanted]


class LinearMix(nn.Module):
    """Linear mixes of classical estimates over several windows, for a window's sample coherence and the scatterers'.

    They have a coefficient for each estimate and no layer: a network that does not beat them is not worth its time.
    """

    far_px = max(BANK) // 2  # half of the widest window over which it always sums

    def __init__(self) -> None:
        super().__init__()
        self.mixes = nn.ModuleList(_mix() for _ in range(2))
        self.log_sigma = nn.Parameter(torch.full((2,), LOG_SIGMA))

    def forward(
        self, features: Tensor, planes: Tensor, looks: Tensor, wanted: Sequence[Wanted], own: slice = ALL_ROWS
    ) -> list[Tensor]:
        """Return the logit of the coherence and its log sigma, (n, 2, rows, cols), as WindowHead does."""
        bank = torch.cat([classical(box_mean(planes, side), looks) for side in BANK], dim=1)
        found = []
        for window, _ in wanted:
            kind = int(window is None)
            gamma = self.mixes[kind](torch.cat([bank, classical(box_mean(planes, window or NEAR), looks)], dim=1))
            sigma = self.log_sigma[kind].expand_as(gamma)
            found.append(torch.cat([torch.logit(gamma.clamp(MIN_MIXED, MAX_MIXED)), sigma], dim=1)[:, :, own])
        return found


def _mix() -> nn.Conv2d:
    mix = nn.Conv2d(CLASSICAL * (1 + len(BANK)), 1, 1)
    with torch.no_grad():
        mix.weight.zero_()
        mix.bias.fill_(0.5)  # type: ignore[union-attr]
    return mix
