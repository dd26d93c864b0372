"""`python -m ml.lab.offsets.calibrate`: sigma of the shipped weights anew; training ends with the same.

What is added to the logarithm of sigma, so that 68 % of errors lie within one: measured through the whole method.

On pairs that neither training nor a benchmark draws (Purpose.VALIDATION), coarse start included, in bins of the sigma
that the network reports.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.lab.offsets.training_task import at_nodes
from ml.networks.cc_res_siamnet import CCResSiamNet
from ml.offsets.network import (
    LEAST_KNOWN,
    UNKNOWN_SIGMA_PX,
    Answer,
    Calibration,
    Tracker,
    answered,
    chosen,
    log_local_scatter,
    shipped,
    without_file,
)
from ml.offsets.network import NAME as NETWORK_NAME
from ml.runtime.checkpoints import WEIGHTS, read_card, write_card
from ml.runtime.code_version import code_version
from ml.simulation.sar.hard_scenes import hard_pair
from ml.simulation.sar.pairs import SarPair
from ml.simulation.sar.recipes import KINDS, constant_shift, moving
from ml.simulation.seeds import Purpose, generator
from ml.statistics.intervals import Float64

NAME = "offsets-calibration"
Indices = NDArray[np.intp]
SIZE_PX = 192
SEARCH_PX = 24
EDGE_NODES = 4
BINS = 9
FOLDED = np.log(1.8)  # pixels a cell: power whose cells are smaller is sampled below its band
WITHIN_ONE, WITHIN_TWO = 0.6827, 0.95


def calibration_of(network: CCResSiamNet, iterations: int, pairs: int) -> dict[str, dict[str, list[float]]]:
    """The fields of ml.offsets.network.Calibration, for chosen windows and for one of 32 px at every node."""
    tracker = Tracker(network, iterations, Calibration(), Calibration(), next(network.parameters()).device)
    of_choice, of_window = [], []
    for scene in range(pairs):
        pair = validation_pair(scene)
        answer = answered(without_file(pair.power), tracker, SEARCH_PX)
        of_choice.append(_errors(chosen(answer, tracker), answer, pair))
        of_window.append(_errors(answer.own, answer, pair))
    return {
        "calibration": tables_of(np.concatenate(of_choice)),
        "calibration_of_window": tables_of(np.concatenate(of_window)),
    }


def tables_of(rows: Float64) -> dict[str, list[float]]:
    """rows: (n, 4): log sigma, error over sigma, log local scatter, log of pixels a cell.

    First whether power is sampled below its band, then the others in turn, each of what those before leave.
    """
    folded = rows[:, 3] < FOLDED
    groups = {
        3: [group for group in (np.flatnonzero(folded), np.flatnonzero(~folded)) if len(group)],
        0: np.array_split(np.argsort(rows[:, 0], kind="stable"), BINS),
        2: np.array_split(np.argsort(rows[:, 2], kind="stable"), BINS),
    }
    left, tables = rows[:, 1], {}
    for column, bins in groups.items():
        tables[column] = _table(rows[:, column], left, bins)
        left = left / np.exp(np.interp(rows[:, column], *tables[column]))
    parts = (*tables[0], *tables[2], *tables[3])
    return {name: [round(value, 4) for value in part] for name, part in zip(Calibration._fields, parts, strict=True)}


def _table(at: Float64, errors: Float64, bins: Sequence[Indices]) -> tuple[list[float], list[float]]:
    """Medians of bins, and half of what 68 % and half of what 95 % of their errors need."""
    middles, add = [], []
    for inside in bins:
        size = np.abs(errors[inside])
        needed = [np.log(np.quantile(size, WITHIN_ONE)), np.log(np.quantile(size, WITHIN_TWO) / 1.96)]
        middles.append(float(np.median(at[inside])))
        add.append(float(np.mean(needed)))
    return middles, add


def validation_pair(scene: int) -> SarPair:
    """Even ground at any coherence, a hard scene, every kind of motion, a hard scene, in turn."""
    rng = generator(Purpose.VALIDATION, NAME, scene)
    makers: tuple[Callable[[], SarPair], ...] = (
        lambda: constant_shift(rng, float(rng.uniform(0.4, 0.95)), SIZE_PX),
        lambda: hard_pair(rng, SIZE_PX),
        lambda: moving(rng, KINDS[(scene // 4) % len(KINDS)], SIZE_PX),
        lambda: hard_pair(rng, SIZE_PX),
    )
    return makers[scene % len(makers)]()


def _errors(estimate: Tensor, answer: Answer, pair: SarPair) -> Float64:
    """(n, 4) of known nodes, see `tables_of`. estimate: see `chosen`."""
    truth = np.stack([at_nodes(torch.from_numpy(part)).numpy() for part in (pair.dx_px, pair.dy_px)])
    offset, log_sigma = estimate[:2].numpy(), estimate[2:].numpy()
    columns = [log_sigma, (offset - truth) / np.exp(log_sigma), log_local_scatter(answer.own).numpy()]
    columns.append(np.full_like(log_sigma, np.log(answer.cell_px)))
    known = (answer.known >= LEAST_KNOWN) & (answer.own[2:] <= np.log(UNKNOWN_SIGMA_PX)).all(dim=0)
    known[:EDGE_NODES] = known[-EDGE_NODES:] = known[:, :EDGE_NODES] = known[:, -EDGE_NODES:] = False
    return np.stack([part[:, known.numpy()].ravel() for part in columns], axis=1).astype(np.float64)


def main() -> None:
    """Write the card of the shipped weights anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=140)
    args = parser.parse_args()
    card = read_card(NETWORK_NAME)
    network = shipped(torch.device("cpu")).network
    settings = card.settings | calibration_of(network, card.settings["iterations"], args.pairs)
    about = {"calibrated": f"{args.pairs} pairs, commit {code_version()}"}
    write_card(WEIGHTS, replace(card, settings=settings, training=card.training | about))


if __name__ == "__main__":
    main()
