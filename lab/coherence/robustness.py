"""`python -m lab.coherence.robustness PAIRS`: estimators of coherence away from what the benchmarks hold.

Patches, gradients and texture alone (what the design's figures stand on), looks and pixels that no training pair had,
shifts, looks that are not given, and the other truth. Scenes of numbers that training never draws.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine

from lab.coherence.evaluate import EDGE_PX, EVERY_PX, WINDOWS
from lab.simulation.sar.ground import Likely, structured
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.recipes import GAIN_DB, any_system
from lab.simulation.sar.system import GRDH, RTC, System
from lab.simulation.seeds import Purpose, generator
from ml.coherence.infer import NETWORK, WINDOW_PX, estimate_coherence
from ml.coherence.network import TRUTHS
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64, bootstrap_over

SIZE = 128
WHOLE = Likely(layover=0.0)
PLAIN = Likely(relief=0.0, layover=0.0, water=0.0, roads=0.0, town=0.0, change=0.0)


class Case(NamedTuple):
    """system: drawn for each pair; likely: the ground; shift_px: misregistration; looks_known: or estimated; truth: of
    TRUTHS.
    """

    system: Callable[[np.random.Generator], System]
    likely: Likely = WHOLE
    shift_px: float = 0.0
    looks_known: bool = True
    truth: str = TRUTHS[0]


def _wide_response(rng: np.random.Generator) -> System:
    rows, cols = rng.uniform(3.5, 4.5, 2).tolist()
    return dataclasses.replace(any_system(rng), resolution_px=(rows, cols))


CASES = {
    "patches, gradients, texture, GRDH": Case(lambda rng: GRDH, PLAIN),
    "the same, 1 px off": Case(lambda rng: GRDH, PLAIN, 1.0),
    "everything, GRDH": Case(lambda rng: GRDH),
    "everything, GRDH, looks not given": Case(lambda rng: GRDH, looks_known=False),
    "everything, GRDH, 1.5 px off": Case(lambda rng: GRDH, shift_px=1.5),
    "everything, 30 m": Case(lambda rng: RTC),
    "everything, any pixel of training": Case(any_system),
    "1 look": Case(lambda rng: dataclasses.replace(any_system(rng), looks=1)),
    "12 looks, never trained on": Case(lambda rng: dataclasses.replace(any_system(rng), looks=12)),
    "responses of 3.5-4.5 px, never trained on": Case(_wide_response),
    "against the sample coherence, GRDH": Case(lambda rng: GRDH, truth=TRUTHS[1]),
}


def pair_of(name: str, scene: int) -> SarPair:
    """A pair of a case."""
    case, rng = CASES[name], generator(Purpose.BENCHMARK, f"robustness {name}", scene)
    system = case.system(rng)
    ground = structured(rng, padded(SIZE), system, case.likely)
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)[:, None, None] * np.float32(case.shift_px)
    field = np.zeros((2, *ground.gamma.shape), dtype=np.float32) + way
    return simulate_pair(rng, system, ground, field, float(rng.uniform(-GAIN_DB, GAIN_DB)), sample=True)


def errors(name: str, method: str, pair: SarPair) -> Float64:
    """(pixels, 2): error against the case's truth, and that truth."""
    case = CASES[name]
    images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
    looks = pair.looks if case.looks_known else None
    window = WINDOWS.get(method, WINDOW_PX)
    bands = estimate_coherence(images, method, torch.device("cpu"), window, looks, case.truth).bands
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    truth = pair.gamma if case.truth == TRUTHS[0] else pair.sample_gamma
    if truth is None:
        raise ValueError(f"{name}: no sample coherence was made")
    return np.column_stack([(bands["coherence"] - truth)[picked].ravel(), truth[picked].ravel()]).astype(np.float64)


def _rmse(rows: Float64) -> float:
    return float(np.sqrt((rows[:, 0] ** 2).mean()))


def _correlation(rows: Float64) -> float:
    return float(np.corrcoef(rows[:, 0] + rows[:, 1], rows[:, 1])[0, 1])


def main(arguments: Sequence[str]) -> int:
    """Print RMSE and correlation with the truth, 95 % intervals over pairs."""
    pairs = int(arguments[0]) if arguments else 40
    for name in CASES:
        made = [pair_of(name, scene) for scene in range(pairs)]
        for method in (NETWORK, "guarnieri-prati", "posterior-mean"):
            groups = [errors(name, method, pair) for pair in made]
            rmse, r = (bootstrap_over(groups, statistic, rounds=200) for statistic in (_rmse, _correlation))
            figures = (
                f"RMSE {rmse.value:.3f} ({rmse.low:.3f}-{rmse.high:.3f}), r {r.value:.2f} ({r.low:.2f}-{r.high:.2f})"
            )
            print(f"{name:42s} {method:16s} {figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
