"""Head of a coherence network that is told which window a coherence is wanted for.

A sample coherence is a ratio of sums over its window, dominated by the brightest pixels. So the head sums over the same
window: the product of both amplitudes times the coherence that the network sees in each pixel, and what classical
estimators sum. A last layer corrects the ratio.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml.networks.box_mean import box_mean

Window = tuple[int, int]  # rows, columns, px, odd
LEARNED, HIDDEN = 3, 24  # sums of what the network chooses; channels of the correction
RATIOS = 5
LEAST = 0.02  # of a coherence whose logit is taken


class WindowHead(nn.Module):
    """Head on features (n, width, rows, cols). facts: numbers that describe a window."""

    def __init__(self, width: int, facts: int) -> None:
        super().__init__()
        self.of_pixel = nn.Conv2d(width, 1 + LEARNED, 1)
        self.of_facts = nn.Linear(facts, HIDDEN)
        self.first = nn.Conv2d(width + RATIOS + LEARNED, HIDDEN, 1)
        self.second = nn.Conv2d(HIDDEN, HIDDEN, 1)
        self.last = nn.Conv2d(HIDDEN, 2, 1)
        nn.init.zeros_(self.last.weight)

    def forward(self, features: Tensor, planes: Tensor, facts: Tensor, looks: Tensor, window: Window | None) -> Tensor:
        """Return the logit of the coherence and its log sigma, (n, 2, rows, cols).

        planes: (n, 8, rows, cols), 0 unknown: power of both images, their mean amplitude product, product and squares
        of the powers without texture, absolute log ratio, 1 where known; facts: (n, facts); looks: (n,); window: rows
        and columns, px, or None for the coherence of the scatterers.
        """
        own, learned = torch.split(self.of_pixel(features), [1, LEARNED], dim=1)
        seen = torch.sigmoid(own)
        sums = box_mean(torch.cat([planes, seen * planes[:, 2:3], learned * planes[:, 7:]], dim=1), window or (5, 5))
        power = (sums[:, 0:1] * sums[:, 1:2]).clamp_min(1e-12).sqrt()
        squares = (sums[:, 4:5] * sums[:, 5:6]).clamp_min(1e-12).sqrt()
        known = sums[:, 7:8].clamp_min(1e-3)
        many = looks[:, None, None, None]
        guarnieri_prati = ((many + 1) * sums[:, 3:4] / squares - many).clamp(-1, 1)
        ratio = sums[:, 8:9] / power if window else seen
        ratios = [ratio, seen, sums[:, 2:3] / power, guarnieri_prati, sums[:, 6:7] / known]
        x = self.first(torch.cat([features, *ratios, sums[:, 9:] / known], dim=1))
        x = torch.relu(x + self.of_facts(facts)[:, :, None, None])
        begun = torch.cat([torch.logit(ratio.clamp(LEAST, 1 - LEAST)), torch.zeros_like(ratio)], dim=1)
        return torch.add(begun, self.last(torch.relu(self.second(x))))
