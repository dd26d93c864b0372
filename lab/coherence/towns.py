"""`python -m lab.coherence.towns PAIRS`: towns at one look and at four, as cut from complex images.

Registered, as complex pairs are. The correlation of the network's estimate with the coherence of the scatterers and
with the complex sample coherence, beside the best that Guarnieri and Prati's estimator reaches with any window: chosen
on these very pairs, in its favour.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from affine import Affine

from lab.coherence.evaluate import EDGE_PX, EVERY_PX
from lab.coherence.real.evaluate import averaged_by
from lab.coherence.training.scenes import city, single_look_pair
from lab.simulation.sar.ground import Ground, Likely, structured
from lab.simulation.sar.pairs import SAMPLE_WINDOW_PX, SarPair, padded
from lab.simulation.sar.system import Float32, System
from lab.simulation.seeds import Purpose, generator
from ml.coherence.infer import NETWORK, WINDOW_PX, estimate_coherence
from ml.coherence.network import TRUTHS
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64, bootstrap_over

SIZE = 128
TOWN = dataclasses.replace(Likely(), layover=0.0, town=1.0)
GUARNIERI_PRATI, WINDOWS = "guarnieri-prati", (5, 7, 9, 13, 17, 21, 29)


def _town(rng: np.random.Generator, size: int, system: System) -> Ground:
    return structured(rng, padded(size), system, TOWN)


GROUNDS: dict[str, Callable[[np.random.Generator, int, System], Ground]] = {
    "a town of the benchmark": _town,
    "a city of the training's kind": lambda rng, size, system: city(rng, size, system),
}


def pair_of(ground: str, averaged: int, scene: int) -> SarPair:
    """A pair of so many pixels averaged on each axis; its looks are as many as pixels were averaged, as is usual."""
    rng = generator(Purpose.BENCHMARK, f"towns {ground}", scene)
    pair = single_look_pair(rng, averaged * SIZE, GROUNDS[ground], averaged * SAMPLE_WINDOW_PX, 0.0)
    weight = np.sqrt(pair.power.prod(axis=0))
    coarse = partial(averaged_by, averaged)
    gamma, sample = (coarse(part * weight) / coarse(weight) for part in (pair.gamma, _known(pair.sample_gamma)))
    return SarPair(coarse(pair.power), coarse(pair.dx_px), coarse(pair.dy_px), gamma, sample, float(averaged**2))


def _known(values: Float32 | None) -> Float32:
    if values is None:
        raise ValueError("no sample coherence was made")
    return values


def answers(pair: SarPair, method: str, truth: str = TRUTHS[0], window: int = WINDOW_PX) -> Float64:
    """(pixels, 3): the estimate, coherence of the scatterers, sample coherence; of known pixels."""
    images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
    estimate = estimate_coherence(images, method, torch.device("cpu"), window, pair.looks, truth).bands["coherence"]
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    rows = np.column_stack([part[picked].ravel() for part in (estimate, pair.gamma, _known(pair.sample_gamma))])
    return rows[np.isfinite(rows).all(axis=1)].astype(np.float64)


def _correlation(column: int, rows: Float64) -> float:
    return float(np.corrcoef(rows[:, 0], rows[:, column])[0, 1])


def _estimate(groups: Sequence[Float64], column: int) -> str:
    r = bootstrap_over(groups, partial(_correlation, column), rounds=200)
    return f"{r.value:.2f} ({r.low:.2f}-{r.high:.2f})"


def main(arguments: Sequence[str]) -> int:
    """Print the correlations with both truths, 95 % intervals over pairs."""
    pairs = int(arguments[0]) if arguments else 20
    for ground in GROUNDS:
        for averaged in (1, 2):
            made = [pair_of(ground, averaged, scene) for scene in range(pairs)]
            print(f"{ground}, looks: {averaged**2}; r with the scatterers', with the sample coherence", flush=True)
            for truth in TRUTHS:
                groups = [answers(pair, NETWORK, truth) for pair in made]
                print(f"  {NETWORK:16s} ({truth:10s}) {_estimate(groups, 1)}; {_estimate(groups, 2)}", flush=True)
            tried = {window: [answers(pair, GUARNIERI_PRATI, window=window) for pair in made] for window in WINDOWS}
            for column, name in ((1, "scatterers"), (2, "sample")):
                all_of = {window: _correlation(column, np.concatenate(groups)) for window, groups in tried.items()}
                best = max(WINDOWS, key=all_of.__getitem__)
                print(
                    f"  {GUARNIERI_PRATI} {best:2d} px (best for {name}) {_estimate(tried[best], column)}", flush=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
