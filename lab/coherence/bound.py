"""`python -m lab.coherence.bound`: how far an ideal estimator comes on the pairs of `coherence-structured`.

The posterior mean of coherence under the bivariate gamma density of two powers, prior uniform in 0-1, which is the best
least-squares answer to what it is told. It is told the looks, how many pixels share a cell of speckle, and, by case,
texture: the mean power of every pixel of both images (relief, parcels, single scatterers, season and noise included);
region: which pixels around have the coherence of the middle one to within TOLERANCE (where every edge runs).
What it is not told is what coherence is likely, or what a bright or dark pixel says of it: an estimator that has learnt
that may come closer, and single strong scatterers are not gamma-distributed. So the figures are a scale, not a proof.
The window is the one that is best on the very pairs, in favour of the ideal.
"""

import argparse
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lab.coherence.evaluate import (
    EDGE_PX,
    STRUCTURED,
    estimated,
    make_structured,
    structured_sha256,
)
from lab.results import exact, write
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.system import Float32
from lab.workers import over_seeds
from ml.coherence.infer import NETWORK, WEIGHTS
from ml.coherence.posterior import likelihoods
from ml.rasters.imagery import pixels_per_cell
from ml.statistics.intervals import Float64, Interval, bootstrap

SIZE = 40
WINDOWS = (5, 9, 15, 21, 29, 41, 61)
EVERY_PX = 8  # every second pixel of the benchmark on each axis
TOLERANCE = 0.05
Bools = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


class Told(NamedTuple):
    """What an ideal estimator knows besides the looks and the size of a cell of speckle."""

    texture: bool
    region: bool


CASES = {
    "texture and region": Told(True, True),
    "region": Told(False, True),
    "texture": Told(True, False),
    "neither": Told(False, False),
}


def ideal(pair: SarPair, told: Told, window: int) -> Float32:
    """Estimates (rows, cols) of the pixels that are measured. ValueError for a pair without mean power."""
    if pair.mean_power is None:
        raise ValueError("the pair does not hold its mean power")
    speckle = pair.power / np.maximum(pair.mean_power, 1e-12)
    shared = pixels_per_cell(torch.from_numpy(speckle))
    alike = _alike(pair.gamma, window) if told.region else around(np.ones(pair.gamma.shape, dtype=bool), window)
    count = np.maximum(alike.sum(axis=(-2, -1)), 1)
    if told.texture:
        return _posterior(pair, [around(image, window) for image in speckle], alike, count / shared)
    level = [(around(image, window) * alike).sum(axis=(-2, -1)) / count for image in pair.power]
    over = [around(image, window) / own[..., None, None] for image, own in zip(pair.power, level, strict=True)]
    return _posterior(pair, over, alike, np.maximum(count / shared - 1, 1))  # a mean taken from the cells costs one


def around(values: NDArray[T], window: int) -> NDArray[T]:
    """(picked rows, picked cols, window, window) around the pixels that are measured; beyond the image 0."""
    views = sliding_window_view(np.pad(values, window // 2), (window, window))
    return views[EDGE_PX:-EDGE_PX:EVERY_PX, EDGE_PX:-EDGE_PX:EVERY_PX]


def _alike(gamma: Float32, window: int) -> Bools:
    """Which pixels around have the coherence of the middle one."""
    inside = around(np.ones(gamma.shape, dtype=bool), window)
    middle = around(gamma, 1)
    return np.asarray(inside & (np.abs(around(gamma, window) - middle) <= TOLERANCE))


def _posterior(pair: SarPair, over: list[Float32], alike: Bools, cells: Float64) -> Float32:
    """Posterior mean from powers over their means, each image (rows, cols, window, window), as of so many cells."""
    rows, cols, *size = alike.shape
    ratio = torch.from_numpy(np.stack([np.maximum(part, 1e-4) for part in over]).astype(np.float32))
    weight = alike / np.maximum(alike.sum(axis=(-2, -1)), 1)[..., None, None] * np.maximum(cells, 1)[..., None, None]
    gammas, logs = [], []
    for gamma, log in likelihoods(ratio.reshape(2, rows * cols, -1), max(1.0, round(pair.looks, 1))):
        gammas.append(gamma)
        logs.append((log.numpy().reshape(rows, cols, *size) * weight).sum(axis=(-2, -1)))
    log_density = np.stack(logs)
    density = np.exp(log_density - log_density.max(axis=0))
    return np.asarray(np.tensordot(gammas, density, 1) / density.sum(axis=0), dtype=np.float32)


def squares(names: Sequence[str], scene: int) -> Float64:
    """(names, windows): mean square error of ideals of CASES, and of the network, which has no window."""
    pair = make_structured(0.0, scene)
    truth = around(pair.gamma, 1)[..., 0, 0]
    rows = []
    for name in names:
        if told := CASES.get(name):
            rows.append([_square(ideal(pair, told, window), truth) for window in WINDOWS])
        else:
            network = around(estimated(NETWORK, pair, WINDOWS[0])["coherence"], 1)[..., 0, 0]
            rows.append([_square(network, truth)] * len(WINDOWS))
    return np.array(rows)


def _square(estimate: Float32, truth: Float32) -> float:
    return float(((estimate - truth) ** 2).mean())


def _root(interval: Interval) -> Interval:
    return Interval(*(math.sqrt(value) for value in interval))


def main() -> None:
    """Write and print the root mean square error of each ideal by window, beside the network's on the same pairs."""
    parser = argparse.ArgumentParser(prog="python -m lab.coherence.bound", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help="number of pairs (default: %(default)s)")
    parser.add_argument("--only", choices=[*CASES, NETWORK], help="one estimator (default: all)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    names = [args.only] if args.only else [*CASES, NETWORK]
    tables = np.array(over_seeds(partial(squares, names), args.size))
    methods = {}
    for name, by_window in zip(names, tables.transpose(1, 2, 0), strict=True):
        best = int(by_window.mean(axis=1).argmin())
        methods[name] = {"rmse": _root(bootstrap(by_window[best]))}
        if name != NETWORK:
            methods[name]["window_px"] = exact(float(WINDOWS[best]))
            over = zip(WINDOWS, by_window, strict=True)
            methods[name] |= {f"rmse_{window}px": _root(bootstrap(values)) for window, values in over}
    truth = structured_sha256(args.size)
    about = {"benchmark": STRUCTURED, "truth_sha256": truth, "size": args.size, "tolerance": TOLERANCE}
    write(args.json, "lab.coherence.bound", methods, WEIGHTS, **about)


if __name__ == "__main__":
    main()
