"""`python -m lab.coherence.training.validate FOLDER …`: compare networks on validation pairs.

The pairs show simulated ground, and real texture of places not trained on (textures.KEPT): as it is, averaged over 2 x
2 px, without stated looks, and with four earlier images (networks without that input skip this case). Change and events
(events.judged) are measured on simulated series.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from lab.coherence.change import evaluate as change_evaluate
from lab.coherence.change import events
from lab.coherence.evaluate import EDGE_PX, EVERY_PX, make_even, make_structured
from lab.coherence.real.evaluate import averaged_by
from lab.coherence.training.processing import measured_looks
from lab.coherence.training.scenes import textured_pair
from lab.coherence.training.task import EARLIER
from lab.coherence.training.textures import KEPT, textures_of
from lab.results import write
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator
from ml.coherence import TRUTHS
from ml.coherence.features import temporal
from ml.coherence.network import NAME, CoherenceNetwork, from_card, untrained
from ml.coherence.registration import facts_of
from ml.runtime.checkpoints import load, read_card
from ml.statistics.intervals import Float64, Interval, bootstrap, bootstrap_over

SIZE = 32
SEED = "coherence-kept"  # not those used for validation in training
Make = Callable[[int], SarPair]


class Case(NamedTuple):
    """One kind of pair. make: scene number -> pair; looks_given: else estimated; history: use the earlier images."""

    make: Make
    looks_given: bool = True
    history: bool = False


def kept_pair(scene: int, earlier: int = 0) -> SarPair:
    """Make a pair on real texture of places not used for training."""
    return textured_pair(generator(Purpose.VALIDATION, SEED, scene), 128, textures_of(KEPT), earlier)


def averaged_pair(scene: int) -> SarPair:
    """Make a pair like kept_pair, averaged over 2 x 2 px."""
    pair = kept_pair(scene)
    if pair.sample_gamma is None or pair.mean_power is None:
        raise ValueError("the pair lacks one of its truths")
    weight = np.sqrt(pair.power.prod(axis=0))
    power, mean = averaged_by(2, pair.power), averaged_by(2, pair.mean_power)
    gamma, sample = (averaged_by(2, part * weight) / averaged_by(2, weight) for part in (pair.gamma, pair.sample_gamma))
    return pair._replace(power=power, gamma=gamma, sample_gamma=sample, looks=measured_looks(power, mean))


CASES = {
    "structured": Case(lambda scene: make_structured(0.0, scene, Purpose.VALIDATION, True)),
    "structured, 1 px off": Case(lambda scene: make_structured(1.0, scene, Purpose.VALIDATION, True)),
    "homogeneous": Case(lambda scene: make_even(0.0, scene, Purpose.VALIDATION, True)),
    "real texture": Case(kept_pair),
    "real texture, looks estimated": Case(kept_pair, looks_given=False),
    "real texture, averaged": Case(averaged_pair),
    "real texture, before a history": Case(lambda scene: kept_pair(scene, EARLIER)),
    "real texture, with a history": Case(lambda scene: kept_pair(scene, EARLIER), history=True),
}


def rows_of(network: CoherenceNetwork, case: Case, pair: SarPair) -> dict[str, Float64]:
    """Return for each truth of TRUTHS an array (pixels, 3): estimate, truth, sigma."""
    power = torch.from_numpy(pair.power)
    past = None
    if case.history and pair.earlier is not None:
        past = temporal(torch.log(torch.from_numpy(pair.earlier).clamp_min(1e-9)))
    by_truth = network.estimate(power, facts_of([power], pair.looks if case.looks_given else None), past)
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    rows = {}
    for truth, true in zip(TRUTHS, (pair.gamma, pair.sample_gamma), strict=True):
        if true is None:
            raise ValueError(f"the pair has no coherence of {truth}")
        columns = by_truth[truth].coherence.numpy(), true, by_truth[truth].sigma.numpy()
        table = np.column_stack([part[picked].ravel() for part in columns]).astype(np.float64)
        rows[truth] = table[np.isfinite(table).all(axis=1)]
    return rows


STATISTICS: dict[str, Callable[[Float64], float]] = {
    "rmse": lambda rows: float(np.sqrt(((rows[:, 0] - rows[:, 1]) ** 2).mean())),
    "bias": lambda rows: float((rows[:, 0] - rows[:, 1]).mean()),
    "r": lambda rows: float(np.corrcoef(rows[:, 0], rows[:, 1])[0, 1]),
    "within_68": lambda rows: float((np.abs(rows[:, 0] - rows[:, 1]) <= rows[:, 2]).mean()),
}


def opened(folder: Path) -> CoherenceNetwork:
    """Load the network of a folder. Raises InputError if its files are missing or damaged."""
    card = read_card(NAME, folder)
    unet = untrained(card.network)
    load(card, unet, folder)
    return from_card(card, unet)


def measured(networks: Sequence[CoherenceNetwork], case: Case, size: int) -> list[dict[str, list[Float64]]]:
    """Return, for each network, truth -> `rows_of` of each pair. Networks that take no history skip a case with one."""
    results: list[dict[str, list[Float64]]] = [{truth: [] for truth in TRUTHS} for _ in networks]
    for scene in range(size):
        pair = case.make(scene)
        for network, result in zip(networks, results, strict=True):
            if case.history and network.unet.optional is None:
                continue
            for truth, rows in rows_of(network, case, pair).items():
                result[truth].append(rows)
    return results


def scatterers_of(network: CoherenceNetwork, pairs: Iterable[tuple[Float32, Float32]]) -> tuple[Float32, Float32]:
    """Estimate the coherence of the scatterers and its sigma, (pairs, rows, cols) each, from pairs of GRDH images."""
    power = [torch.from_numpy(np.stack(images)) for images in pairs]
    by_pair = [network.estimate(pair, facts_of([pair], GRDH.equivalent_looks))[TRUTHS[0]] for pair in power]
    coherence, sigma = (np.stack([part.numpy() for part in parts]) for parts in zip(*by_pair, strict=True))
    return coherence, sigma


def change_of(network: CoherenceNetwork, size: int) -> dict[str, Interval]:
    """Measure as in benchmark `change`, on validation series; coherence is that of the scatterers (`scatterers_of`)."""
    rows = []
    for scene in range(size):
        series = change_evaluate.make_series(scene, Purpose.VALIDATION)
        rows.append(change_evaluate.outcome(series, *scatterers_of(network, pairwise(series.power))))
    table = np.array(rows)
    return {"auc_change": bootstrap(table[:, 0]), "false_alarm_share": bootstrap(table[:, 1])}


def main() -> None:
    """Write and print every figure of each network, truth and case."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.coherence.training.validate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of weights and card")
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help="pairs of a case (default: %(default)s)")
    parser.add_argument("--series", type=int, default=SIZE, metavar="N", help="series of events (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    networks = [opened(folder) for folder in args.folders]
    metrics: dict[str, dict[str, Interval]] = {}
    hashes: dict[str, str] = {}
    for name, case in CASES.items():
        for network, by_truth in zip(networks, measured(networks, case, args.size), strict=True):
            for truth, groups in by_truth.items():
                if groups:
                    figures = {key: bootstrap_over(groups, statistic) for key, statistic in STATISTICS.items()}
                    key = f"{network.weights_sha256[:8]}, {truth}, {name}"
                    metrics[key], hashes[key] = figures, network.weights_sha256
    for network in networks:
        key = f"{network.weights_sha256[:8]}, change"
        metrics[key], hashes[key] = change_of(network, args.size), network.weights_sha256
        key = f"{network.weights_sha256[:8]}, events"
        metrics[key] = events.judged(partial(scatterers_of, network), args.series)
        hashes[key] = network.weights_sha256
    write(
        args.json,
        "lab.coherence.training.validate",
        metrics,
        {},
        size=args.size,
        series=args.series,
        weights_sha256=hashes,
    )


if __name__ == "__main__":
    main()
