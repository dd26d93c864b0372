"""Choice of a window at each node: a learnt consensus of offsets from windows of 8 to 96 px.

Multi-kernel offset tracking uses the smallest kernel that agrees with the others. Here the choice is learnt. The
candidates at a node are its own offsets, from narrow windows and from one of 32 px; sigma-weighted means of its
neighbours over wider windows; and means over only those neighbours that agree with it. The result is a mixture of
candidates and thus within their range. Averages are wide on still ground, and do not cross edges of motion.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDE_NODES = (3, 5, 9)  # windows over neighbours' answers: 48, 64 and 96 px
ALIKE_NODES = (5, 9)  # likewise, over neighbours that agree
REACH_NODES = 8  # reach of a node: half of the widest window, and three layers of 3 x 3
CANDIDATES = 2 + len(WIDE_NODES) + len(ALIKE_NODES)
OWN = 1  # index of the candidate from the window of 32 px
LEAST_LOG_SIGMA = -5.5  # natural logarithm, px, that a network can report
NOTHING = 1e-9  # added to weights, against division by zero


class WindowChoice(nn.Module):
    """Network that weights the candidates at each node, separately for each axis, and predicts the result's sigma."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.enter = nn.Conv2d(4 * CANDIDATES + 3, width, 1)
        self.first, self.second, self.third = (nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.answer = nn.Conv2d(width, 2 * CANDIDATES + 2, 1)
        preferred = torch.zeros(2 * CANDIDATES + 2)
        preferred[[OWN, CANDIDATES + OWN]] = 2.0
        self.answer.load_state_dict({"weight": torch.zeros_like(self.answer.weight), "bias": preferred})

    def forward(self, own: Tensor, near: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Choose each node's window.

        own, near: (n, 4, nodes, nodes): dx and dy in px, relative to one zero for all nodes, and their log sigmas.

        known: (n, 1, nodes, nodes), share of known pixels; where it is 0, own and near must be finite but mean nothing.
        Returns offsets and log sigmas, (n, 2, nodes, nodes) each.
        """
        held, log_sigma = candidates(own, near, known)
        apart = held - own[:, :2, None]
        spread = torch.asinh(apart * torch.exp(-own[:, 2:, None]))
        seen = torch.cat([spread.flatten(1, 2), log_sigma.flatten(1, 2), own[:, 2:], known], dim=1)
        hidden = functional.relu(self.enter(seen))
        hidden = functional.relu(hidden + self.second(functional.relu(self.first(hidden))))
        hidden = functional.relu(hidden + self.third(hidden))
        raw = self.answer(hidden)
        weights = raw[:, : 2 * CANDIDATES].unflatten(1, (2, CANDIDATES)).softmax(dim=2)
        log_sigma_out = (weights * log_sigma).sum(dim=2) + raw[:, 2 * CANDIDATES :]
        offset = own[:, :2] + (weights * apart).sum(dim=2)
        return offset, LEAST_LOG_SIGMA + functional.softplus(log_sigma_out - LEAST_LOG_SIGMA)


def candidates(own: Tensor, near: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return offsets and log sigmas of the candidates, (n, 2, CANDIDATES, nodes, nodes) each.

    The sigma of a mean is the mean of the sigmas, as if all errors were the same; what averaging gains is learnt.
    """
    precision = torch.exp(-2 * own[:, 2:]) * (known > 0) + NOTHING
    means = [_mean(own, precision, size) for size in WIDE_NODES]
    means += [_agreeing(own, precision, size) for size in ALIKE_NODES]
    offsets = [near[:, :2], own[:, :2], *(mean for mean, _ in means)]
    sigmas = [near[:, 2:], own[:, 2:], *(log for _, log in means)]
    return torch.stack(offsets, dim=2), torch.stack(sigmas, dim=2)


def _mean(own: Tensor, precision: Tensor, size: int) -> tuple[Tensor, Tensor]:
    def box(values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, size, 1, size // 2, count_include_pad=False)

    total = box(precision)
    return box(precision * own[:, :2]) / total, -0.5 * total.log()


def _agreeing(own: Tensor, precision: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the neighbours' mean offset and its log sigma; weights: precision, and likelihood of the same motion."""
    reach, (rows, cols) = size // 2, own.shape[-2:]
    held = torch.cat([own[:, :2], torch.exp(2 * own[:, 2:]), precision], dim=1)
    wide = functional.pad(held, (reach,) * 4)
    total, weights = torch.zeros_like(precision), torch.zeros_like(precision)
    inside = functional.avg_pool2d(torch.ones_like(precision[:, :1]), size, 1, reach) * size**2
    for y in range(size):
        for x in range(size):
            there = wide[..., y : y + rows, x : x + cols]
            apart = (there[:, :2] - own[:, :2]).square() / (there[:, 2:4] + held[:, 2:4])
            weight = there[:, 4:] * torch.exp(-0.5 * apart.sum(dim=1, keepdim=True))
            total, weights = total + weight * there[:, :2], weights + weight
    weights = weights + NOTHING
    return (total + NOTHING * own[:, :2]) / weights, -0.5 * (weights / inside).log()
