"""Frozen benchmarks of change: after six earlier pairs, coherence falls from 0.7 to 0.2 over 30 x 30 px.

A method is an estimator of coherence followed by the robust z of `coherence.change`. In `change-confirmed`, two more
images follow the event, and the robust z of pairs one or two steps apart is followed by `coherence.confirm`.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage

from ground_motion.methods.coherence import WINDOW_PX
from ground_motion.methods.coherence.change import coherence_change, scatterer_bands
from ground_motion.methods.coherence.confirm import EPOCH, Confirmed, PairChange, confirm
from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Interval, bootstrap
from lab.benchmark import Benchmark, auc, over_seeds
from lab.simulation.sar.series import EVENT_FROM, EVENT_PX, EVENT_TO, ImageSeries, change_series
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator

NAME, CONFIRMED, VERSION = "change", "change-confirmed", "1"
PREDECESSORS = 6
AFTER = {NAME: 0, CONFIRMED: 2}  # Number of images after the first one that shows the event.
REPORTED_SIGMA = -4.5
GUARD_PX = WINDOW_PX // 2  # Up to half of a pixel's window lies in the event within this distance.
EDGE_PX = 8
STEPS_APART = (1, 2)
REPEAT = timedelta(days=12)
BEGIN = date(2020, 1, 1)
DETECTED_SHARE = 0.5  # An event counts as detected if this share of its pixels is confirmed.
TRUTHS = {  # settings of each benchmark besides its name and version
    NAME: (PREDECESSORS, EVENT_FROM, EVENT_TO, EVENT_PX, GUARD_PX, EDGE_PX),
    CONFIRMED: (PREDECESSORS, AFTER[CONFIRMED], GUARD_PX, EDGE_PX),
}
INNER = (slice(EDGE_PX, -EDGE_PX),) * 2


def make_series(name: str, scene: int, purpose: Purpose = Purpose.BENCHMARK) -> ImageSeries:
    """Make a series of a benchmark, with an event and the images after it."""
    return change_series(generator(purpose, name, scene), PREDECESSORS, after=AFTER[name])


def estimates_of(method: str, pairs: Iterable[tuple[Float32, Float32]], looks: float | None) -> tuple[Float32, Float32]:
    """Estimate coherence and sigma of the scatterers, (pairs, rows, cols), from images. looks: None if unknown."""
    estimates = []
    for pair in pairs:
        bands = estimate_coherence(ImagePair(*pair), method, torch.device("cpu"), looks=looks).bands
        estimates.append(tuple(bands[name] for name in scatterer_bands(bands)))
    values, sigmas = zip(*estimates, strict=True)
    return np.stack(values), np.stack(sigmas)


def outcome(method: str, scene: int) -> tuple[float, float]:
    """Return the AUC of the event's pixels against all others, and the share of pixels reported one step too early."""
    series = make_series(NAME, scene)
    coherence, sigma = estimates_of(method, pairwise(series.power), GRDH.equivalent_looks)
    past, past_sigma = coherence[:PREDECESSORS], sigma[:PREDECESSORS]
    event = series.event[INNER] > 0.5
    counted = event | ~ndimage.binary_dilation(event, iterations=GUARD_PX)
    at_event, before = (
        coherence_change(past, past_sigma, coherence[step]).change_sigma[INNER]
        for step in (series.step, series.step - 1)
    )
    reported = float((before <= REPORTED_SIGMA).mean())
    return auc(-at_event[counted].astype(np.float64), event[counted]), reported


def evidence_of(method: str, power: Float32) -> list[PairChange]:
    """Return coherence changes of pairs one or two steps apart with predecessors. power: (dates, rows, cols)."""
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


def outcome_of(event: Confirmed, series: ImageSeries) -> tuple[float, float, float, float]:
    """Return shares, 0-1: event confirmed, event detected (0 or 1), event dated right, confirmed cells elsewhere."""
    place = series.event[INNER] > 0.5
    reported = np.isfinite(event.confidence[INNER])
    onset = (BEGIN + (series.step + 1) * REPEAT - EPOCH).days
    right = float((event.onset_day[INNER][place & reported] == onset).mean()) if (place & reported).any() else 0.0
    share = float(reported[place].mean())
    elsewhere = ~ndimage.binary_dilation(place, iterations=GUARD_PX)
    return share, float(share >= DETECTED_SHARE), right, float(reported[elsewhere].mean())


def confirmed_outcome(method: str, scene: int) -> tuple[float, float, float, float]:
    """Return the `outcome_of` confirmation in a series of `change-confirmed`."""
    series = make_series(CONFIRMED, scene)
    return outcome_of(confirm(evidence_of(method, series.power)), series)


def _evaluate(
    outcome: Callable[[str, int], tuple[float, ...]], names: Sequence[str], method: str, series: int
) -> dict[str, Interval]:
    """Measure a method on the given number of series. Returns metric name -> interval over series."""
    table = np.array(over_seeds(partial(outcome, method), series))
    return {name: bootstrap(table[:, index]) for index, name in enumerate(names)}


def truth_sha256(name: str, series: int, purpose: Purpose = Purpose.BENCHMARK) -> str:
    """Return a hash of the series: settings and truth of the first two. purpose: VALIDATION for choosing thresholds."""
    digest = hashlib.sha256(repr((name, VERSION, series, *TRUTHS[name])).encode())
    for scene in range(2):
        made = make_series(name, scene, purpose)
        digest.update(f"{made.gamma.mean():.3f} {np.argwhere(made.event > 0.5)[0]}".encode())
    return digest.hexdigest()


BENCHMARKS = tuple(
    Benchmark(
        name, VERSION, size, of, methods("coherence"), partial(_evaluate, outcome, names), partial(truth_sha256, name)
    )
    for name, size, of, outcome, names in (
        (NAME, 100, "series of nine images", outcome, ("auc_change", "false_alarm_share")),
        (
            CONFIRMED,
            60,
            "series of eleven images",
            confirmed_outcome,
            ("confirmed_share", "found_share", "right_onset_share", "false_confirmed_share"),
        ),
    )
)
