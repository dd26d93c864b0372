"""`offsets-foreign`: offset trackers on hard scenes absent from training; figures over all families and for each.

A metric with a family's name is of that family. Nodes without coherence count only in `noise_known_share`.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from ground_motion.methods.offsets.resampling import node_means
from ground_motion.statistics.intervals import Float64, Interval
from lab.benchmark import by_method, over_seeds, scenes_sha256
from lab.offsets.evaluate import EDGE_NODES, SEARCH_FIELDS_PX, all_errors, benchmark, intervals
from lab.offsets.foreign_families import FAMILIES
from lab.offsets.foreign_imaging import imaged
from lab.results import Compared
from lab.simulation.sar.pairs import SarPair
from lab.simulation.seeds import Purpose, generator

NAME, VERSION = "offsets-foreign", "1"
SIZE, SIZE_PX = 6, 192  # Pairs of each family, and their side in px.
NAMES = tuple(FAMILIES)
MIN_COHERENCE = 0.1
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
    coherent = node_means(torch.from_numpy(pair.gamma))[inner, inner].flatten().numpy() >= MIN_COHERENCE
    found = all_errors(methods, pair, SEARCH_FIELDS_PX)
    return {name: np.column_stack([rows, coherent]) for name, rows in found.items()}


def compare(methods: Sequence[str], size: int) -> Compared:
    """Measure methods on a number of pairs of each family. Returns method -> metric name -> interval over pairs."""
    compared = {}
    for method, rows in by_method(measure, methods, size * len(NAMES)).items():
        compared[method] = _metrics(rows)
        for index, family in enumerate(NAMES):
            compared[method] |= _metrics(rows[index :: len(NAMES)], f"{family}_{{}}")
    return compared


def _metrics(rows: list[Float64], label: str = "{}") -> dict[str, Interval]:
    metrics = intervals([pair[pair[:, MEASURABLE] == 1] for pair in rows], METRICS, label)
    noise = [left for pair in rows if len(left := pair[pair[:, MEASURABLE] == 0])]
    return metrics | intervals(noise, ["known_share"] if noise else [], label.format("noise_{}"))


def truth_sha256(size: int) -> str:
    """Draw the pairs again and return the hash of their content, to a thousandth."""
    return scenes_sha256(VERSION, size, over_seeds(_digest, size * len(NAMES)))


def _digest(job: int) -> bytes:
    pair, seen = make_pair(job), hashlib.sha256()
    for values in (pair.power, pair.dx_px, pair.dy_px, pair.gamma):
        seen.update(np.rint(values * 1_000).astype("<i8").tobytes())
    return seen.digest()


BENCHMARK = benchmark(NAME, VERSION, SIZE, f"pairs of each of {len(NAMES)} families", compare, truth_sha256)
