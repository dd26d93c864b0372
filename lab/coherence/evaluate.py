"""Frozen benchmarks of coherence estimators: ground of one coherence, and structured ground, without and with history.

The truth is the coherence of a pixel's scatterers (lab.simulation.sar.pairs); `rmse_sample` is against that which
complex images give over SAMPLE_WINDOW. Each classical method runs with the window that was best for it on validation
pairs; `resolution_px` shows the resolution lost by it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from ground_motion.methods.coherence import SAMPLE_WINDOW
from ground_motion.methods.coherence.change import scatterer_bands
from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.box_mean import Size
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Float64, bootstrap_over
from lab.benchmark import Benchmark, by_method
from lab.coherence.change import chips
from lab.coherence.change import evaluate as change_evaluate
from lab.coherence.real import evaluate as real_evaluate
from lab.results import Compared, alone
from lab.simulation.sar.pairs import SarPair, sample_coherence
from lab.simulation.sar.recipes import Recipe, gamma_step, homogeneous, joined_fingerprint, structured_pair
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator

HOMOGENEOUS, STRUCTURED, STEP = "coherence-homogeneous", "coherence-structured", "coherence-step"
HISTORY, EARLIER = "coherence-history", 6  # Name of a benchmark, and its number of earlier images.
# px; SAMPLE_WINDOW for networks. Even ground rewards mere averaging; 61 was the widest window tried.
WINDOWS_EVEN = {"guarnieri-prati": 61, "pearson": 61, "posterior-mean": 61}
WINDOWS = {"guarnieri-prati": 17, "pearson": 5, "posterior-mean": 7}
EVERY_PX = 4  # pixels closer than a window hardly differ
EDGE_PX = 8
MISREGISTRATION_PX = 1.0
GOLDEN = 0.6180339887498949  # Steps of this size fill 0-1 evenly, whatever their number.
STEP_FROM, STEP_TO = 0.9, 0.2
SHIFTED = [partial(structured_pair, misregistration_px=shift) for shift in (0.0, MISREGISTRATION_PX)]
EVEN = partial(homogeneous, gamma=0.5, misregistration_px=0.0)


def make_even(misregistration_px: float, scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `coherence-homogeneous`; gamma is uniform in 0-1."""
    gamma = (0.5 + GOLDEN * scene) % 1
    return homogeneous(generator(purpose, HOMOGENEOUS, scene), gamma, misregistration_px, sample=True)


def make_structured(misregistration_px: float, scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `coherence-structured`, on the same ground for any misregistration."""
    return structured_pair(generator(purpose, STRUCTURED, scene), misregistration_px, sample=True)


def make_history(misregistration_px: float, scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `coherence-history`: structured ground, EARLIER images before it."""
    return structured_pair(generator(purpose, HISTORY, scene), misregistration_px, sample=True, earlier=EARLIER)


def estimated(method: str, pair: SarPair, window: Size) -> dict[str, Float32]:
    """Return the bands that a method estimates for a pair; the method is given the pair's number of looks."""
    images = ImagePair(pair.power[0], pair.power[1], earlier=() if pair.earlier is None else [*pair.earlier])
    return dict(estimate_coherence(images, method, torch.device("cpu"), window, pair.looks).bands)


def errors(bands: dict[str, Float32], pair: SarPair) -> Float64:
    """Return (pixels, 4): error, sigma and truth of the scatterers' coherence; error of SAMPLE_WINDOW's."""
    if pair.moments is None:
        raise ValueError("the pair lacks its moments")
    picked = (slice(EDGE_PX, -EDGE_PX, EVERY_PX),) * 2
    of_ground = [bands[name] for name in scatterer_bands(bands)]
    sample = bands["coherence"] - sample_coherence(pair.moments, SAMPLE_WINDOW)
    estimate, sigma, gamma, error = (part[picked].ravel() for part in (*of_ground, pair.gamma, sample))
    return np.column_stack([estimate - gamma, sigma, gamma, error]).astype(np.float64)


# Each benchmark's pairs, (misregistration in px, scene) -> pair, and the tuned windows of methods, px.
GROUNDS: dict[str, tuple[Callable[[float, int], SarPair], Mapping[str, int]]] = {
    HOMOGENEOUS: (make_even, WINDOWS_EVEN),
    STRUCTURED: (make_structured, WINDOWS),
    HISTORY: (make_history, WINDOWS),
}


def errors_of(name: str, misregistration_px: float, methods: Sequence[str], scene: int) -> dict[str, Float64]:
    """Return for each method the `errors` on one pair, a row for each pixel."""
    make, windows = GROUNDS[name]
    pair = make(misregistration_px, scene)
    return {method: errors(estimated(method, pair, windows.get(method, SAMPLE_WINDOW)), pair) for method in methods}


def _rmse(rows: Float64, column: int = 0) -> float:
    return float(np.sqrt((rows[:, column] ** 2).mean()))


def _bias(rows: Float64) -> float:
    """Return the largest mean error in bins of 0.1 above a coherence of 0.3."""
    bins = np.minimum((rows[:, 2] * 10).astype(int), 9)
    means = [abs(float(rows[bins == index, 0].mean())) for index in range(3, 10) if (bins == index).any()]
    return max(means) if means else np.nan


STATISTICS: dict[str, Callable[[Float64], float]] = {
    "rmse": _rmse,
    "rmse_sample": partial(_rmse, column=3),
    "bias_max": _bias,
    "within_68": lambda rows: float((np.abs(rows[:, 0]) <= rows[:, 1]).mean()),
    "within_95": lambda rows: float((np.abs(rows[:, 0]) <= 1.96 * rows[:, 1]).mean()),
}


def _step_responses(name: str, methods: Sequence[str], scene: int) -> dict[str, Float64]:
    """Return each method's estimate across a step from STEP_FROM to STEP_TO, mean of each column, (cols, 1)."""
    pair, (_, windows), lines = gamma_step(generator(Purpose.BENCHMARK, STEP, scene)), GROUNDS[name], {}
    for method in methods:
        bands = estimated(method, pair, windows.get(method, SAMPLE_WINDOW))
        line = np.mean(bands[scatterer_bands(bands)[0]][EDGE_PX:-EDGE_PX], axis=0)
        lines[method] = np.asarray(line, dtype=np.float64)[:, None]
    return lines


def step_width(cols: int, rows: Float64) -> float:
    """Return the width, px, over which the estimate falls from 90 to 10 % of its step. rows: of `_step_responses`."""
    line = rows.reshape(-1, cols).mean(axis=0)
    quarter = cols // 4
    left, right = line[EDGE_PX:quarter].mean(), line[-quarter:-EDGE_PX].mean()
    line = np.where(np.arange(cols) < EDGE_PX, left, line)  # Ignore the image's edge, which may be NaN.
    share = np.maximum.accumulate((left - line) / (left - right)) + 1e-9 * np.arange(cols)
    at = [float(np.interp(level, share[EDGE_PX:-EDGE_PX], np.arange(cols)[EDGE_PX:-EDGE_PX])) for level in (0.1, 0.9)]
    return at[1] - at[0]


def compare(name: str, methods: Sequence[str], pairs: int) -> Compared:
    """Measure methods on the same pairs of a benchmark. Returns method -> metric name -> interval over pairs."""
    straight, shifted = (
        by_method(partial(errors_of, name, shift_px), methods, pairs) for shift_px in (0.0, MISREGISTRATION_PX)
    )
    steps = by_method(partial(_step_responses, name), methods, max(6, pairs // 5))
    return {
        method: {metric: bootstrap_over(straight[method], statistic) for metric, statistic in STATISTICS.items()}
        | {
            "rmse_misregistered": bootstrap_over(shifted[method], _rmse),
            "resolution_px": bootstrap_over(lines, partial(step_width, len(lines[0]))),
        }
        for method, lines in steps.items()
    }


def _sha256(name: str, version: str, recipes: Sequence[Recipe], own: tuple[float, ...], pairs: int) -> str:
    """Return a hash of a benchmark's pairs. recipes: of the pairs; own: settings of this benchmark only."""
    return joined_fingerprint([(name, recipe) for recipe in recipes], (version, pairs, EVERY_PX, EDGE_PX, *own))


def _simulated(name: str, version: str, size: int, recipes: Sequence[Recipe], *own: float) -> Benchmark:
    """Return a benchmark of simulated pairs. recipes, own: see `_sha256`."""
    sha256, measure = partial(_sha256, name, version, recipes, own), partial(compare, name)
    of = "pairs of each kind"
    return Benchmark(name, version, size, of, methods("coherence"), partial(alone, measure), sha256, measure)


BENCHMARKS = (
    _simulated(HISTORY, "2", 100, [partial(SHIFTED[0], earlier=EARLIER)], EARLIER),
    _simulated(HOMOGENEOUS, "1", 200, [EVEN], MISREGISTRATION_PX, GOLDEN),
    _simulated(STRUCTURED, "1", 200, SHIFTED, MISREGISTRATION_PX),
    *change_evaluate.BENCHMARKS,
    real_evaluate.BENCHMARK,
    chips.BENCHMARK,
)
