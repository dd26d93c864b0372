"""`python -m lab.offsets.ablation`: what the parts of the network's way are worth, on the benchmarks' first scenes.

Models of inference share one set of weights (kernels of the coarse start; one look or more). Models of training are
folders that `python -m ml train offsets --config …` has made, at equal minutes: --weights NAME=DIR.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from lab.offsets.evaluate import (
    FIELD_STATISTICS,
    SEARCH_CONSTANT_PX,
    SEARCH_FIELDS_PX,
    errors,
    make_constant,
    make_field,
)
from lab.simulation.sar.pairs import SarPair
from lab.workers import over_seeds
from ml.offsets import network
from ml.runtime.checkpoints import WEIGHTS, read_card
from ml.statistics.intervals import Float64, bootstrap_over

GAMMA = 0.7
SHOWN = ("epe", "epe_surest_85", "outlier_share", "known_share", "within_68")
KERNELS_PX = {1: (32,), 3: (32, 48, 64), 7: (16, 24, 32, 48, 64, 96, 128)}

AblationModel = Callable[[network.Tracker], network.Tracker]


def _with_kernels(kernels: tuple[int, ...], tracker: network.Tracker) -> network.Tracker:
    return replace(tracker, kernels=kernels)


ABLATION_MODELS: dict[str, AblationModel] = {
    "as shipped": lambda tracker: tracker,
    "one window of 32 px": lambda tracker: replace(tracker, choose=False),
    "one look": lambda tracker: replace(tracker, iterations=1),
    "three looks": lambda tracker: replace(tracker, iterations=3),
} | {f"start from {n} kernels": partial(_with_kernels, sizes) for n, sizes in KERNELS_PX.items()}


def measured(folder: Path, model: str, scene: int) -> tuple[Float64, Float64]:
    """Errors (see lab.offsets.evaluate.Nodes) on a scene of the fields and on one of even ground."""
    device = torch.device("cpu")
    tracker = ABLATION_MODELS[model](network.tracker_of(read_card(network.NAME, folder), folder, device))
    field, even = make_field(scene), make_constant(GAMMA, scene)
    return _errors(tracker, field, SEARCH_FIELDS_PX), _errors(tracker, even, SEARCH_CONSTANT_PX)


def _errors(tracker: network.Tracker, pair: SarPair, search: int) -> Float64:
    estimate = network.track(network.without_file(pair.power), tracker, search)
    return errors({name: band.numpy() for name, band in estimate._asdict().items()}, pair)


def rows(models: list[tuple[str, Path, str]], pairs: int) -> Iterator[str]:
    """Lines of a table. models: name, folder of the weights, model of inference."""
    yield f"| model | {' | '.join(SHOWN)} | sigma_g{round(100 * GAMMA)} |"
    yield "|---" * (len(SHOWN) + 2) + "|"
    for name, folder, model in models:
        fields, even = zip(*over_seeds(partial(measured, folder, model), pairs), strict=True)
        estimate = [bootstrap_over(fields, FIELD_STATISTICS[key]) for key in SHOWN]
        estimate.append(bootstrap_over(even, lambda part: float(np.nanstd(part[:, :2], axis=0).max())))
        yield f"| {name} | " + " | ".join(f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})" for one in estimate) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=28)
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=DIR", help="a model trained otherwise")
    args = parser.parse_args()
    models = [(name, WEIGHTS, name) for name in ABLATION_MODELS]
    models += [(name, Path(folder), "as shipped") for name, folder in (given.split("=", 1) for given in args.weights)]
    for line in rows(models, args.pairs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
