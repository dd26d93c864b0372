"""`python -m lab.offsets.calibrate`: calibrate sigma of the shipped weights again, as at the end of training.

The result is a correction that is added to log sigma, so that 68 % of the errors of the whole method lie within one
sigma. It is measured on pairs that neither training nor a benchmark uses (Purpose.VALIDATION), starting from a coarse
search, in bins of the network's sigma.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.offsets.training_task import at_nodes
from lab.simulation.sar.hard_scenes import hard_pair
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import KINDS, constant_shift, moving
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from ml.networks.cc_res_siamnet import CCResSiamNet
from ml.offsets.averaging import WINDOWS_NODES
from ml.offsets.network import (
    FOLDED_CELL_PX,
    LEAST_KNOWN,
    UNKNOWN_SIGMA_PX,
    Answer,
    Calibration,
    Tracker,
    answered,
    averages,
    chosen,
    log_local_scatter,
    shipped,
    without_file,
)
from ml.offsets.network import NAME as NETWORK_NAME
from ml.runtime.checkpoints import WEIGHTS, read_card, write_card
from ml.runtime.code_version import code_version
from ml.statistics.intervals import Float64

NAME = "offsets-calibration"
Indices = NDArray[np.intp]
SIZE_PX = 192
SEARCH_PX = 24
EDGE_NODES = 4
BINS = 9
WITHIN_ONE, WITHIN_TWO = 0.6827, 0.95
FEWEST = 50  # fewest errors in a bin


class PairAnswer(NamedTuple):
    """The network's answer for a pair, and the pair's true offsets (2, nodes, nodes), px."""

    answer: Answer
    truth: Float32


def calibration_of(network: CCResSiamNet, iterations: int, pairs: int) -> dict[str, dict[str, list[float]]]:
    """Measure the calibration settings of a card; see ml.offsets.network.Tracker and ml.offsets.averaging.Gain."""
    tracker = Tracker(network, iterations, Calibration(), Calibration(), next(network.parameters()).device)
    seen = [
        PairAnswer(answered(without_file(pair.power), tracker, SEARCH_PX), _truth(pair))
        for pair in map(validation_pair, range(pairs))
    ]
    tables = [
        tables_of(np.concatenate([_errors(of(one.answer), one) for one in seen]))
        for of in (lambda answer: chosen(answer, tracker), lambda answer: answer.own)
    ]
    of_choice, of_window = (Calibration(**{name: tuple(part) for name, part in table.items()}) for table in tables)
    tracker = replace(tracker, calibration=of_choice, calibration_of_window=of_window)
    gain = gain_of(np.concatenate([_averaged_errors(one, tracker) for one in seen]))
    return {"calibration": tables[0], "calibration_of_window": tables[1], "gain_of_averages": gain}


def gain_of(rows: Float64) -> dict[str, list[float]]:
    """Return the gain of averages. rows: (n, 3): side of the window in nodes, error over sigma, 1 if power is folded.

    A node that is not averaged keeps its sigma; windows with too few errors are left out and later interpolated.
    """
    table: dict[str, list[float]] = {}
    for folded, suffix in ((0, ""), (1, "_folded")):
        errors = {side: rows[(rows[:, 0] == side) & (rows[:, 2] == folded), 1] for side in WINDOWS_NODES}
        add = {1.0: 0.0} | {float(side): _needed(part) for side, part in errors.items() if len(part) >= FEWEST}
        table |= {f"nodes{suffix}": list(add), f"add{suffix}": list(add.values())}
    return table


def tables_of(rows: Float64) -> dict[str, list[float]]:
    """Return the calibration. rows: (n, 4): log sigma, error over sigma, log local scatter, log of pixels per cell.

    Cells are those of speckle. The first table corrects power sampled below its band; each later table corrects what
    the tables before it leave.
    """
    folded = rows[:, 3] < np.log(FOLDED_CELL_PX)
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
    """Return, for each bin of rows, the median of `at` and the correction by `_needed` for its errors."""
    middles, add = [], []
    for inside in bins:
        middles.append(float(np.median(at[inside])))
        add.append(_needed(errors[inside]))
    return middles, add


def _needed(errors: Float64) -> float:
    """Return the correction of log sigma: mean of those that fit 68 % and 95 % of errors. errors: divided by sigma."""
    size = np.abs(errors)
    return round(float(np.log(np.quantile(size, WITHIN_ONE) * np.quantile(size, WITHIN_TWO) / 1.96) / 2), 4)


def validation_pair(scene: int) -> SarPair:
    """Make a pair; kinds alternate: even ground of any coherence, a hard scene, any kind of motion, a hard scene."""
    rng = generator(Purpose.VALIDATION, NAME, scene)
    makers: tuple[Callable[[], SarPair], ...] = (
        lambda: constant_shift(rng, float(rng.uniform(0.4, 0.95)), SIZE_PX),
        lambda: hard_pair(rng, SIZE_PX),
        lambda: moving(rng, KINDS[(scene // 4) % len(KINDS)], SIZE_PX),
        lambda: hard_pair(rng, SIZE_PX),
    )
    return makers[scene % len(makers)]()


def _truth(pair: SarPair) -> Float32:
    return np.stack([at_nodes(torch.from_numpy(part)).numpy() for part in (pair.dx_px, pair.dy_px)])


def _errors(estimate: Tensor, seen: PairAnswer) -> Float64:
    """Return the columns of `tables_of` for known nodes, (n, 4). estimate: offsets and log sigmas as from `chosen`."""
    answer = seen.answer
    offset, log_sigma = estimate[:2].numpy(), estimate[2:].numpy()
    columns = [log_sigma, (offset - seen.truth) / np.exp(log_sigma), log_local_scatter(answer.own).numpy()]
    columns.append(np.full_like(log_sigma, np.log(answer.cell_px)))
    known = (answer.known >= LEAST_KNOWN) & (answer.own[2:] <= np.log(UNKNOWN_SIGMA_PX)).all(dim=0)
    return _inside(columns, known.numpy())


def _averaged_errors(seen: PairAnswer, tracker: Tracker) -> Float64:
    """Return the columns of `gain_of` for known nodes, (n, 3)."""
    found = averages(seen.answer, tracker, SEARCH_PX)
    errors = (found.offset.numpy() - seen.truth) / found.sigma.numpy()
    folded = float(seen.answer.cell_px < FOLDED_CELL_PX)
    columns = [found.nodes.expand_as(found.sigma).numpy(), errors, np.full_like(errors, folded)]
    return _inside(columns, np.isfinite(errors).all(axis=0))


def _inside(columns: Sequence[Float32], known: NDArray[np.bool_]) -> Float64:
    """Return (n, columns): the values of known nodes away from the edges. columns: (2, nodes, nodes) each."""
    inner = np.zeros_like(known)
    inner[EDGE_NODES:-EDGE_NODES, EDGE_NODES:-EDGE_NODES] = True
    return np.stack([part[:, known & inner].ravel() for part in columns], axis=1).astype(np.float64)


def main() -> None:
    """Calibrate, and write the card of the shipped weights again."""
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
