"""Frozen benchmark of change: after six earlier pairs, coherence falls from 0.7 to 0.2 over 30 x 30 px.

A method is an estimator of coherence followed by the robust z of `ml.coherence.change`.
"""

import hashlib
from collections.abc import Iterable
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage

from lab.benchmark import Benchmark, auc, over_seeds
from lab.simulation.sar.series import EVENT_FROM, EVENT_PX, EVENT_TO, ImageSeries, change_series
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator
from ml.coherence import VERSIONS, WINDOW_PX
from ml.coherence.change import coherence_change, of_scatterers
from ml.coherence.infer import WEIGHTS, estimate_coherence
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Interval, bootstrap

NAME, VERSION = "change", "1"
PREDECESSORS = 6
REPORTED_SIGMA = -4.5
GUARD_PX = WINDOW_PX // 2  # around the event, where up to half of a pixel's window lies in the event
EDGE_PX = 8


def make_series(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> ImageSeries:
    """Make a series of the benchmark."""
    return change_series(generator(purpose, NAME, scene), PREDECESSORS)


def estimates_of(method: str, pairs: Iterable[tuple[Float32, Float32]], looks: float | None) -> tuple[Float32, Float32]:
    """Estimate coherence and sigma of the scatterers, (pairs, rows, cols), from images. looks: None if unknown."""
    estimates = []
    for pair in pairs:
        bands = estimate_coherence(ImagePair(*pair), method, torch.device("cpu"), looks=looks).bands
        estimates.append(tuple(bands[name] for name in of_scatterers(bands)))
    values, sigmas = zip(*estimates, strict=True)
    return np.stack(values), np.stack(sigmas)


def outcome(series: ImageSeries, coherence: Float32, sigma: Float32) -> tuple[float, float]:
    """Return the AUC of the event's pixels against all others, and the share of pixels reported one step too early.

    coherence, sigma: (steps, rows, cols) of the series.
    """
    past, past_sigma = coherence[:PREDECESSORS], sigma[:PREDECESSORS]
    inner = (slice(EDGE_PX, -EDGE_PX),) * 2
    event = series.event[inner] > 0.5
    counted = event | ~ndimage.binary_dilation(event, iterations=GUARD_PX)
    at_event = coherence_change(past, past_sigma, coherence[series.step]).change_sigma[inner]
    before = coherence_change(past, past_sigma, coherence[series.step - 1]).change_sigma[inner]
    reported = float((before <= REPORTED_SIGMA).mean())
    return auc(-at_event[counted].astype(np.float64), event[counted]), reported


def _outcome(method: str, scene: int) -> tuple[float, float]:
    series = make_series(scene)
    return outcome(series, *estimates_of(method, pairwise(series.power), GRDH.equivalent_looks))


def evaluate(method: str, series: int) -> dict[str, Interval]:
    """Measure a method on the given number of series. Returns metric name -> interval over series."""
    table = np.array(over_seeds(partial(_outcome, method), series))
    return {"auc_change": bootstrap(table[:, 0]), "false_alarm_share": bootstrap(table[:, 1])}


def truth_sha256(series: int) -> str:
    """Return a hash of the series: settings, and the truth of the first two."""
    settings = NAME, VERSION, series, PREDECESSORS, EVENT_FROM, EVENT_TO, EVENT_PX, GUARD_PX, EDGE_PX
    digest = hashlib.sha256(repr(settings).encode())
    for scene in range(2):
        made = make_series(scene)
        digest.update(f"{made.gamma.mean():.3f} {np.argwhere(made.event > 0.5)[0]}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 100, "series of nine images", VERSIONS, evaluate, truth_sha256, WEIGHTS)
