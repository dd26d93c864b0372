"""Benchmarks: frozen scenes with a known truth, the scores of methods on them, and parallel measurement."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from ground_motion.runtime.methods import Method
from ground_motion.statistics.intervals import Float64, Interval
from lab.results import Compared, also_used, recorded

T = TypeVar("T")
PROCESSORS = len(os.sched_getaffinity(0))


class Measured(NamedTuple):
    """A method of the laboratory alone. weights: name of its card, if it is a network."""

    version: str
    weights: str = ""


class Benchmark(NamedTuple):
    """A benchmark. size: the number of tiles, pairs or glaciers (`of` says which) on which published figures are based.

    methods: by name. evaluate: (method, size) -> {metric: interval}. truth_sha256: size -> hash of the
    generated truth. Its scenes use seeds that training never uses (lab.simulation.seeds). compare: (methods, size) ->
    {method: {metric: interval}}, if methods can be measured on the same scenes.
    """

    name: str
    version: str
    size: int
    of: str
    methods: Mapping[str, Method | Measured]
    evaluate: Callable[..., dict[str, Interval]]
    truth_sha256: Callable[[int], str]
    compare: Callable[[Sequence[str], int], Compared] | None = None


def scenes_sha256(version: str, size: int, digests: Sequence[bytes]) -> str:
    """Return one hash for all scenes of a benchmark, from their digests."""
    return hashlib.sha256(f"{version} {size}".encode() + b"".join(digests)).hexdigest()


def over_seeds(measure: Callable[[int], T], n: int, first: int = 0, processes: int = PROCESSORS) -> list[T]:
    """Return measure(seed) for n seeds from `first` on, in order. Processes are spawned, as torch breaks on fork."""
    if n <= processes or processes == 1:
        return [measure(seed) for seed in range(first, first + n)]
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        pairs = pool.map(partial(recorded, measure), range(first, first + n), chunksize=max(1, n // 50))
        values, used = zip(*pairs, strict=True)
    also_used(set().union(*used))
    return list(values)


def by_method(
    measure: Callable[[Sequence[str], int], Mapping[str, Float64]], methods: Sequence[str], scenes: int
) -> dict[str, list[Float64]]:
    """Measure methods on the same scenes. Returns method -> rows of each scene. measure: (methods, scene) -> rows."""
    measured = over_seeds(partial(measure, methods), scenes)
    return {method: [scene[method] for scene in measured] for method in methods}


def auc(scores: Float64, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve (Mann-Whitney); ties count half."""
    n, ranks = int(positive.sum()), rankdata(scores)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (positive.size - n)))
