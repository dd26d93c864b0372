"""How far simulated chips are from real ones: their statistics, and whether a small network can distinguish them.

The classifier two-sample test (Lopez-Paz and Oquab 2017): 0.5 is indistinguishable, 1 is another world. Split by place:
the network is tested on a place, and on simulated places, that it never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from lab.simulation.sar.system import Float32
from ml.statistics.intervals import Float64, Interval, bootstrap_over

PATCH_PX = 32
ROUNDS, BATCH = 150, 64
LAGS = ((0, 1), (1, 0), (0, 2), (2, 0), (0, 4), (4, 0), (0, 8), (8, 0), (0, 16), (16, 0))


class Place(NamedTuple):
    """Images of one place: name, log power (dates, rows, cols) of one polarisation, in the order of dates."""

    name: str
    log_power: Float32


def statistics(images: Float32) -> dict[str, float]:
    """Of log power (n, rows, cols): spread, skewness, tails, correlation over distances, looks of what is even."""
    x = images - images.mean(axis=(1, 2), keepdims=True)
    spread = float(x.std())
    figures = {"spread": spread, "skewness": float((x**3).mean() / spread**3)}
    figures |= {f"quantile {q:g}": float(np.quantile(x, q)) for q in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)}
    for rows, cols in LAGS:
        first, second = x[:, rows:, cols:], x[:, : x.shape[1] - rows, : x.shape[2] - cols]
        figures[f"lag {rows},{cols}"] = float((first * second).mean() / (x**2).mean())
    local = ndimage.uniform_filter(x**2, (0, 5, 5)) - ndimage.uniform_filter(x, (0, 5, 5)) ** 2
    figures["looks of the evenest tenth"] = 1 / float(np.quantile(local, 0.1) * 25 / 24)
    return figures


def of_speckle(first: Float32, second: Float32) -> dict[str, float]:
    """Of two dates (n, rows, cols) of log power: correlation, and how speckle's difference correlates over a pixel."""
    means = [part.mean(axis=(1, 2), keepdims=True) for part in (first, second)]
    a, b = first - means[0], second - means[1]
    figures = {"date to date": float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))}
    change = a - b
    change = change - ndimage.uniform_filter(change, (0, 15, 15))
    for rows, cols in LAGS[:2]:
        one, other = change[:, rows:, cols:], change[:, : a.shape[1] - rows, : a.shape[2] - cols]
        figures[f"change, lag {rows},{cols}"] = float((one * other).mean() / (change**2).mean())
    return figures


def two_sample_auc(
    real: Sequence[Place], simulated: Float32, seed: int = 0, rounds: int = ROUNDS
) -> tuple[Interval, dict[str, float]]:
    """AUC of a network that separates real from simulated chips, each real place left out once; interval over chips.

    simulated: (chips, rows, cols) of log power, all of different places; a third is kept for each test. Returns the AUC
    over all places and the AUC of each.
    """
    torch.manual_seed(seed)
    parts = np.array_split(simulated, len(real))
    groups: list[Float64] = []
    by_place = {}
    for index, place in enumerate(real):
        others = np.concatenate([one.log_power for at, one in enumerate(real) if at != index])
        made = np.concatenate([part for at, part in enumerate(parts) if at != index])
        network = _trained(others, made, seed, rounds)
        own = [_scored(network, chip, 1.0) for chip in place.log_power]
        own += [_scored(network, chip, 0.0) for chip in parts[index]]
        by_place[place.name] = _auc(np.concatenate(own))
        # Scores of different networks have no common scale: ranks within the test do.
        order = np.argsort(np.argsort(np.concatenate(own)[:, 0])) / sum(len(one) for one in own)
        ends = np.cumsum([0, *(len(one) for one in own)])
        groups += [np.column_stack([order[a:b], one[:, 1]]) for a, b, one in zip(ends[:-1], ends[1:], own, strict=True)]
    return bootstrap_over(groups, _auc, rounds=200), by_place


def _network() -> torch.nn.Sequential:
    """Some 5,000 parameters that see 10 px at a time and then average over the patch."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 16, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(24, 1),
    )


def _patches(rng: np.random.Generator, images: Float32, count: int) -> torch.Tensor:
    """(count, 1, PATCH_PX, PATCH_PX), mean taken off, turned over at random along both axes."""
    rows, cols = (size - PATCH_PX + 1 for size in images.shape[1:])
    which, row, col = rng.integers(0, len(images), count), rng.integers(0, rows, count), rng.integers(0, cols, count)
    cut = np.stack(
        [
            images[n, r : r + PATCH_PX, c : c + PATCH_PX][:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            for n, r, c in zip(which, row, col, strict=True)
        ]
    )
    return torch.from_numpy(cut - cut.mean(axis=(1, 2), keepdims=True)).float()[:, None]


def _trained(real: Float32, made: Float32, seed: int, rounds: int) -> torch.nn.Sequential:
    rng, network = np.random.default_rng(seed), _network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    label = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    for _ in range(rounds):
        batch = torch.cat([_patches(rng, real, BATCH), _patches(rng, made, BATCH)])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(batch)[:, 0], label)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network.eval()


def _scored(network: torch.nn.Sequential, chip: Float32, label: float) -> Float64:
    """(patches, 2): score and label of the patches that tile a chip."""
    rows, cols = (range(0, size - PATCH_PX + 1, PATCH_PX) for size in chip.shape)
    cut = np.stack([chip[r : r + PATCH_PX, c : c + PATCH_PX] for r in rows for c in cols])
    with torch.no_grad():
        score = network(torch.from_numpy(cut - cut.mean(axis=(1, 2), keepdims=True)).float()[:, None])[:, 0]
    return np.column_stack([score.numpy(), np.full(len(cut), label)]).astype(np.float64)


def _auc(rows: NDArray[np.float64]) -> float:
    positive = rows[:, 1] > 0.5
    ranks = np.argsort(np.argsort(rows[:, 0])) + 1.0
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / max(n * (len(rows) - n), 1))
