"""`offsets-foreign`: offset trackers on hard scenes absent from training; figures over all families and for each.

A metric whose name begins with a family is measured on that family's pairs only. Nodes without coherence cannot be
measured; they count only in `noise_known_share`.
"""

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.offsets import baselines
from lab.offsets.evaluate import AT, EDGE_NODES, SEARCH_FIELDS_PX, STATISTICS, all_errors
from lab.offsets.foreign_families import FAMILIES
from lab.offsets.foreign_imaging import imaged
from lab.results import Compared, alone
from lab.simulation.sar.pairs import SarPair
from lab.simulation.seeds import Purpose, generator
from ml.offsets.infer import WEIGHTS
from ml.offsets.resampling import at_nodes
from ml.statistics.intervals import Float64, Interval, bootstrap_over

NAME, VERSION = "offsets-foreign", "1"
SIZE, SIZE_PX = 6, 192  # pairs of each family, and their pixels squared
FROZEN_SHA256 = {  # pairs of each family -> hash of their content
    1: "642b288a3cd3cd6e40ba8002d9d8f0bd180c8abf42545484c058750a98e0c327",
    6: "91569fb74e4289c7681bd3592e73ecfcc1f2cb246c6074ba194d840dba2cf80c",
}
NAMES = tuple(FAMILIES)
LEAST_COHERENCE = 0.1
METRICS = ("epe", "rmse", "outlier_share", "within_68", "within_95", "known_share")
MEASURABLE = 9  # additional column after those of lab.offsets.evaluate.Nodes


def make_pair(job: int) -> SarPair:
    """Make a pair; families alternate."""
    family, number = NAMES[job % len(NAMES)], job // len(NAMES)
    rng = generator(Purpose.BENCHMARK, f"{NAME} {family}", number)
    return imaged(rng, FAMILIES[family](rng), SIZE_PX)


def measure(methods: Sequence[str], job: int) -> dict[str, Float64]:
    """Measure a pair. Returns method -> (nodes, 10): columns of `all_errors`, then 1 if the ground is coherent."""
    pair = make_pair(job)
    inner = slice(EDGE_NODES, -EDGE_NODES)
    coherent = at_nodes(torch.from_numpy(pair.gamma))[inner, inner].flatten().numpy() >= LEAST_COHERENCE
    found = all_errors(methods, pair, SEARCH_FIELDS_PX)
    return {name: np.column_stack([rows, coherent]) for name, rows in found.items()}


def compare(methods: Sequence[str], size: int) -> Compared:
    """Measure methods on a number of pairs of each family. Returns method -> metric name -> interval over pairs."""
    measured = over_seeds(partial(measure, methods), size * len(NAMES))
    return {method: _of_families([pair[method] for pair in measured]) for method in methods}


def _of_families(rows: list[Float64]) -> dict[str, Interval]:
    metrics = _metrics(rows)
    for index, family in enumerate(NAMES):
        metrics |= {f"{family}_{name}": value for name, value in _metrics(rows[index :: len(NAMES)]).items()}
    return metrics


def _metrics(rows: list[Float64]) -> dict[str, Interval]:
    held = [pair[pair[:, MEASURABLE] == 1] for pair in rows]
    metrics = {name: bootstrap_over(held, STATISTICS[name]) for name in METRICS}
    if noise := [left for pair in rows if len(left := pair[pair[:, MEASURABLE] == 0])]:
        metrics["noise_known_share"] = bootstrap_over(noise, lambda values: float(values[:, AT.known].mean()))
    return metrics


def truth_sha256(size: int) -> str:
    """Draw the pairs again and return the hash of their content."""
    return scenes_sha256(VERSION, size, over_seeds(_drawn, size * len(NAMES)))


def _drawn(job: int) -> bytes:
    return digest(make_pair(job))


def digest(pair: SarPair) -> bytes:
    """Return the hash of a pair, to a thousandth, 32 bytes."""
    seen = hashlib.sha256()
    for values in (pair.power, pair.dx_px, pair.dy_px, pair.gamma):
        seen.update(np.rint(values * 1_000).astype("<i8").tobytes())
    return seen.digest()


BENCHMARK = Benchmark(
    NAME,
    VERSION,
    SIZE,
    f"pairs of each of {len(NAMES)} families",
    baselines.VERSIONS,
    partial(alone, compare),
    truth_sha256,
    WEIGHTS,
)
