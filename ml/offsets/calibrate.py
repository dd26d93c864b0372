"""What is added to the logarithm of sigma, so that 68 % of errors lie within one: found through the whole way.

On pairs that neither training nor a benchmark draws (Purpose.VALIDATION), coarse start included, in bins of the sigma
that the network says.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from ml.intervals import Float64
from ml.networks.cc_res_siamnet import CCResSiamNet
from ml.offsets.lesson import at_nodes
from ml.offsets.network import Tracker, track, without_file
from ml.simulation.sar.pairs import SarPair
from ml.simulation.sar.recipes import KINDS, constant_shift, moving
from ml.simulation.seeds import Purpose, generator

NAME = "offsets-calibration"
SIZE_PX = 192
SEARCH_PX = 24
EDGE_NODES = 4
BINS = 9
WITHIN_ONE, WITHIN_TWO = 0.6827, 0.95
UNTOUCHED = ((-3.0,), (0.0,))


def calibration_of(network: CCResSiamNet, iterations: int, pairs: int) -> dict[str, list[float]]:
    """log_sigma: as the network says it; add: what makes it true there, flat beyond the ends."""
    tracker = Tracker(network, iterations, UNTOUCHED, next(network.parameters()).device)
    rows = np.concatenate([_errors(tracker, scene) for scene in range(pairs)])
    return table_of(rows)


def table_of(rows: Float64) -> dict[str, list[float]]:
    """rows: (n, 2): log sigma and error over sigma. Half of what 68 % and half of what 95 % of the errors ask for."""
    edges = np.quantile(rows[:, 0], np.linspace(0, 1, BINS + 1))
    at, add = [], []
    for low, high in pairwise(edges):
        inside = np.abs(rows[(rows[:, 0] >= low) & (rows[:, 0] <= high), 1])
        asked = [np.log(np.quantile(inside, WITHIN_ONE)), np.log(np.quantile(inside, WITHIN_TWO) / 1.96)]
        at.append(float(np.median(rows[(rows[:, 0] >= low) & (rows[:, 0] <= high), 0])))
        add.append(float(np.mean(asked)))
    return {"log_sigma": [round(value, 4) for value in at], "add": [round(value, 4) for value in add]}


def validation_pair(scene: int) -> SarPair:
    """Even ground at any coherence, and every kind of motion, in turn."""
    rng = generator(Purpose.VALIDATION, NAME, scene)
    makers: tuple[Callable[[], SarPair], ...] = (
        lambda: constant_shift(rng, float(rng.uniform(0.4, 0.95)), SIZE_PX),
        lambda: moving(rng, KINDS[(scene // 2) % len(KINDS)], SIZE_PX),
    )
    return makers[scene % 2]()


def _errors(tracker: Tracker, scene: int) -> Float64:
    pair = validation_pair(scene)
    found = track(without_file(pair.power), tracker, SEARCH_PX)
    inner = slice(EDGE_NODES, -EDGE_NODES)
    columns: list[NDArray[np.float32]] = []
    for name, sigma, truth in (("dx_px", "sigma_dx_px", pair.dx_px), ("dy_px", "sigma_dy_px", pair.dy_px)):
        error = getattr(found, name).numpy() - at_nodes(torch.from_numpy(truth)).numpy()
        said = getattr(found, sigma).numpy()
        columns.append(np.stack([np.log(said), error / said], axis=-1)[inner, inner].reshape(-1, 2))
    rows = np.concatenate(columns).astype(np.float64)
    return np.asarray(rows[np.isfinite(rows).all(axis=1)])
