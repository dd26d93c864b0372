"""What is added to the logarithm of sigma, so that 68 % of errors lie within one: found through the whole way.

On pairs that neither training nor a benchmark draws (Purpose.VALIDATION), coarse start included, in bins of the sigma
that the network says.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ml.intervals import Float64
from ml.networks.cc_res_siamnet import CCResSiamNet
from ml.offsets.lesson import at_nodes
from ml.offsets.network import (
    LEAST_KNOWN,
    UNKNOWN_SIGMA_PX,
    Calibration,
    Tracker,
    answered,
    log_restless,
    without_file,
)
from ml.simulation.sar.pairs import SarPair
from ml.simulation.sar.recipes import KINDS, constant_shift, moving
from ml.simulation.seeds import Purpose, generator

NAME = "offsets-calibration"
SIZE_PX = 192
SEARCH_PX = 24
EDGE_NODES = 4
BINS = 9
WITHIN_ONE, WITHIN_TWO = 0.6827, 0.95


def calibration_of(network: CCResSiamNet, iterations: int, pairs: int) -> dict[str, list[float]]:
    """The fields of ml.offsets.network.Calibration."""
    tracker = Tracker(network, iterations, Calibration(), next(network.parameters()).device)
    return tables_of(np.concatenate([_errors(tracker, scene) for scene in range(pairs)]))


def tables_of(rows: Float64) -> dict[str, list[float]]:
    """rows: (n, 3): log sigma, error over sigma, log restlessness. The second table is of what the first leaves."""
    by_sigma = _table(rows[:, 0], rows[:, 1])
    left = rows[:, 1] / np.exp(np.interp(rows[:, 0], *by_sigma))
    by_restless = _table(rows[:, 2], left)
    parts = (*by_sigma, *by_restless)
    return {name: [round(value, 4) for value in part] for name, part in zip(Calibration._fields, parts, strict=True)}


def _table(at: Float64, errors: Float64) -> tuple[list[float], list[float]]:
    """Bins of equal count: their medians, and half of what 68 % and half of what 95 % of the errors ask for."""
    middles, add = [], []
    for inside in np.array_split(np.argsort(at, kind="stable"), BINS):
        size = np.abs(errors[inside])
        asked = [np.log(np.quantile(size, WITHIN_ONE)), np.log(np.quantile(size, WITHIN_TWO) / 1.96)]
        middles.append(float(np.median(at[inside])))
        add.append(float(np.mean(asked)))
    return middles, add


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
    answer = answered(without_file(pair.power), tracker, SEARCH_PX)
    truth = np.stack([at_nodes(torch.from_numpy(part)).numpy() for part in (pair.dx_px, pair.dy_px)])
    log_sigma = answer[2:4].numpy()
    columns = [log_sigma, (answer[:2].numpy() - truth) / np.exp(log_sigma), log_restless(answer).numpy()]
    known = (answer[4].numpy() >= LEAST_KNOWN) & (log_sigma <= np.log(UNKNOWN_SIGMA_PX)).all(axis=0)
    known[:EDGE_NODES] = known[-EDGE_NODES:] = known[:, :EDGE_NODES] = known[:, -EDGE_NODES:] = False
    return np.stack([part[:, known].ravel() for part in columns], axis=1).astype(np.float64)
