"""CC-ResSiamNet: a Siamese residual U-Net on two image chips, whose branches are connected at every scale.

After Kim, Jung and Lu 2024 (doi 10.1016/j.rse.2024.114577): residual encoders that share their weights,
cross-connections between them, attention where the decoder meets the encoders, two channels of offsets; what several
windows find enters as additional channels (offsets.tracking). Two forms of it are used: `offsets` is the published
one, plain correlation in, offsets and their log sigmas for every pixel out; `weights` is given the results of the fit
and states for every node how evidence is to be added over the nodes around it (offsets.evidence). No layer uses
statistics of the image: results of a tile equal those of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ground_motion.networks.blocks import Down, Residual, Up

NODE_PX = 8  # pixels per node
OFFSETS, WEIGHTS = "offsets", "weights"
# What the network states for a node: shares of three windows; for each of ADDITIONS, logits of nine weights at three
# levels by which offsets are smoothed and evidence is added; for both, by level and window, how strictly ground that
# moves differently is left out; log factors of sigma; and the correction of the first field of motion, px.
ADDITIONS = 2
STATED = {"share": 3, "smooth": 27 * ADDITIONS, "add": 27 * ADDITIONS, "strictness": 18, "factor": 2, "right": 2}
OUTPUTS = {OFFSETS: 4, WEIGHTS: sum(STATED.values())}  # dx, dy and log sigmas; or the stated weights
# Before training, wider levels are stricter, and offsets are smoothed over less ground than evidence is added over.
STRICTNESS = (-5.0, -8.0, -8.0, -3.0, -3.0, -8.0, -3.0, -3.0, -2.0)
SMOOTHED, ADDED, WINDOW = (0.0, 1.0, 6.0), (0.0, 0.0, 2.0), (0.0, 2.0, 0.0)  # Initial logits by level and window.
DEEP = 3  # residual blocks at the scale of nodes
MIN_LOG_SIGMA = -5.5  # natural logarithm, px


class CCResSiamNet(nn.Module):
    """Siamese network. form: OFFSETS or WEIGHTS; widths: channels at the four scales; prior: inputs per node.

    The scales are 1/2 to 1/16 of the image for offsets, 1/4 to 1/32 for weights.
    """

    def __init__(self, form: str, prior: int, widths: Sequence[int] = (24, 32, 48, 64)) -> None:
        super().__init__()
        self.form, stride = form, 2 if form == OFFSETS else 4
        self.scales = [stride * 2**level for level in range(len(widths))]
        self.last = stride if form == OFFSETS else NODE_PX  # Pixels per cell of the output.
        self.stem = nn.Conv2d(1, widths[0], 2 * stride, stride, padding=stride // 2)
        self.encode = nn.ModuleList(Residual(width) for width in widths)
        self.cross = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths)
        self.join = nn.ModuleList(nn.Conv2d(3 * width, width, 1) for width in widths)
        self.down = nn.ModuleList(Down(width, to) for width, to in pairwise(widths))
        wanted = [level for level, scale in enumerate(self.scales[:-1]) if scale >= self.last]
        self.up = nn.ModuleDict({str(level): Up(widths[level + 1], widths[level]) for level in wanted})
        self.gate = nn.ModuleDict({str(level): nn.Conv2d(2 * widths[level], widths[level], 1) for level in wanted})
        self.above = nn.ModuleDict({str(level): nn.Conv2d(widths[level + 1], widths[level], 1) for level in wanted})
        self.decode = nn.ModuleDict({str(level): Residual(widths[level]) for level in wanted})
        at_nodes = widths[self.scales.index(NODE_PX)]
        self.enter = nn.Conv2d(prior, at_nodes, 1)
        self.deep = nn.Sequential(*(Residual(at_nodes) for _ in range(DEEP - 1)))
        width = widths[self.scales.index(self.last)]
        self.answer = nn.Conv2d(width, OUTPUTS[form] * (stride**2 if form == OFFSETS else 1), 1)
        nn.init.zeros_(self.answer.weight)
        start = torch.zeros(self.answer.out_channels)
        if form == WEIGHTS:
            start[:3] = torch.tensor(WINDOW)
            start[3 + 4 : 3 + 54 * ADDITIONS : 9] = torch.tensor(SMOOTHED * ADDITIONS + ADDED * ADDITIONS)
            start[-22:-4] = torch.tensor(STRICTNESS * 2)
        self.answer.bias = nn.Parameter(start)

    def forward(self, texture: Tensor, prior: Tensor) -> Tensor:
        """Return offsets and log sigmas, (n, 4, rows, cols), or what is STATED, (n, values, nodes, nodes).

        texture: (n, 2, rows, cols), multiples of the coarsest scale, 0 unknown; prior: (n, prior, nodes, nodes).
        """
        n = len(texture)
        both = self.stem(torch.cat([texture[:, :1], texture[:, 1:]]))
        seen = []
        for level, scale in enumerate(self.scales):
            both = self.encode[level](both)
            both = both + self.cross[level](torch.relu(both.roll(n, 0)))
            seen.append(self.join[level](torch.cat([both[:n], both[n:], both[:n] * both[n:]], dim=1)))
            if scale != self.scales[-1]:
                both = self.down[level](torch.relu(both))
        x = seen[-1]
        for level in map(int, reversed(list(self.decode.keys()))):
            x = self._decode(level, x, seen[level], prior)
        raw = self.answer(torch.relu(x))
        if self.form == WEIGHTS:
            return raw  # type: ignore[no-any-return]
        offset, log_sigma = functional.pixel_shuffle(raw, self.last).chunk(2, dim=1)
        return torch.cat([offset, MIN_LOG_SIGMA + functional.softplus(log_sigma - MIN_LOG_SIGMA - 2.0)], dim=1)

    def _decode(self, level: int, x: Tensor, seen: Tensor, prior: Tensor) -> Tensor:
        """Double the resolution; attention from the coarser scale weights the encoders' features."""
        at = str(level)
        coarse = functional.interpolate(self.above[at](x), scale_factor=2, mode="nearest")
        seen = seen * torch.sigmoid(self.gate[at](torch.cat([seen, coarse], dim=1)))
        x = self.up[at](x, seen)
        if self.scales[level] == NODE_PX:
            x = self.deep(x + self.enter(prior))
        return self.decode[at](x)  # type: ignore[no-any-return]
