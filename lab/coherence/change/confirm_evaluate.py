"""Frozen benchmark of confirmation: series as in `change`, with two more images after the event.

A method is an estimator of coherence, then the robust z of pairs one or two steps apart, then `ml.coherence.confirm`.
"""

import hashlib
from datetime import date, timedelta
from functools import partial

import numpy as np
from scipy import ndimage

from lab.benchmark import Benchmark, over_seeds
from lab.coherence.change.evaluate import EDGE_PX, GUARD_PX, PREDECESSORS, estimates_of
from lab.simulation.sar.series import ImageSeries, change_series
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator
from ml.coherence import VERSIONS
from ml.coherence.change import coherence_change
from ml.coherence.confirm import Confirmed, Evidence, confirmed
from ml.coherence.infer import WEIGHTS
from ml.statistics.intervals import Interval, bootstrap

NAME, VERSION = "change-confirmed", "1"
AFTER = 2  # images after the first that shows the event: three in all
STEPS_APART = (1, 2)
REPEAT = timedelta(days=12)
BEGIN = date(2020, 1, 1)
DETECTED_SHARE = 0.5  # of the event's pixels that must be confirmed for it to count as detected


def make_series(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> ImageSeries:
    """Make series number `scene`, with an event and the images after it."""
    return change_series(generator(purpose, NAME, scene), PREDECESSORS, after=AFTER)


def evidence_of(method: str, power: Float32) -> list[Evidence]:
    """Return the coherence change of every pair of images one or two steps apart that has enough predecessors.

    power: (dates, rows, cols).
    """
    evidence = []
    for apart in STEPS_APART:
        pairs = zip(power[:-apart], power[apart:], strict=True)
        coherence, sigma = estimates_of(method, pairs, GRDH.equivalent_looks)
        for index in range(PREDECESSORS - apart, len(coherence)):
            past = slice(max(0, index - PREDECESSORS), index)
            change = coherence_change(coherence[past], sigma[past], coherence[index])
            days = BEGIN + index * REPEAT, BEGIN + (index + apart) * REPEAT
            evidence.append(change.evidence(*days))
    return evidence


def outcome(event: Confirmed, series: ImageSeries) -> tuple[float, float, float, float]:
    """Return shares, 0-1: event confirmed, event detected (0 or 1), event dated right, confirmed cells elsewhere."""
    inner = (slice(EDGE_PX, -EDGE_PX),) * 2
    place = series.event[inner] > 0.5
    reported = np.isfinite(event.confidence[inner])
    onset = (BEGIN + (series.step + 1) * REPEAT - date(1970, 1, 1)).days
    right = float((event.onset_day[inner][place & reported] == onset).mean()) if (place & reported).any() else 0.0
    share = float(reported[place].mean())
    elsewhere = ~ndimage.binary_dilation(place, iterations=GUARD_PX)
    return share, float(share >= DETECTED_SHARE), right, float(reported[elsewhere].mean())


def _outcome(method: str, scene: int) -> tuple[float, float, float, float]:
    series = make_series(scene)
    return outcome(confirmed(evidence_of(method, series.power)), series)


def evaluate(method: str, series: int) -> dict[str, Interval]:
    """Measure a method on the given number of series. Returns metric name -> interval over series."""
    table = np.array(over_seeds(partial(_outcome, method), series))
    names = ("confirmed_share", "found_share", "right_onset_share", "false_confirmed_share")
    return {name: bootstrap(table[:, index]) for index, name in enumerate(names)}


def truth_sha256(series: int, purpose: Purpose = Purpose.BENCHMARK) -> str:
    """Return a hash of the series: settings and truth of the first two. purpose: VALIDATION for choosing thresholds."""
    digest = hashlib.sha256(repr((NAME, VERSION, series, PREDECESSORS, AFTER, GUARD_PX, EDGE_PX)).encode())
    for scene in range(2):
        made = make_series(scene, purpose)
        digest.update(f"{made.gamma.mean():.3f} {np.argwhere(made.event > 0.5)[0]}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 60, "series of eleven images", VERSIONS, evaluate, truth_sha256, WEIGHTS)
