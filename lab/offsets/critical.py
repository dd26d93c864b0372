"""`offsets-critical`, `offsets-textured`: images sampled at their resolution or coarser, of ground moved by one shift.

The ground of the former is even, that of the latter has texture, parcels and bright points. Interpolated peaks are
drawn to whole pixels there. Kinds alternate: critically sampled single looks; intensity sampled once per resolution
cell, in single looks; the same a little finer, in four looks. `bias_01` to `bias_10` are the mean errors, over both
axes, of shifts whose fraction lies in that tenth of (-0.5, 0.5). `pull` is the amplitude of a sine of the fraction
fitted to the errors, px, `pull_share` the slope of a line; both are below 0 toward whole pixels.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from ground_motion.statistics.intervals import Float64, Interval, bootstrap_over
from lab.benchmark import by_method
from lab.offsets.evaluate import AT, SEARCH_CONSTANT_PX, all_errors, benchmark, intervals, known
from lab.results import Compared
from lab.simulation.sar.ground import Points, smooth_field
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import even_ground, fingerprint, one_shift
from lab.simulation.sar.system import System
from lab.simulation.seeds import Purpose, generator

NAME, TEXTURED, VERSION = "offsets-critical", "offsets-textured", "1"
SIZE, SIZE_PX = 100, 256  # Number of shifts, and side of the images.
KINDS = {
    "critical": System(10.0, (2.0, 2.0), 1, sampled=True),
    "aliased": System(10.0, (1.0, 1.0), 1, sampled=True),
    "four-looks": System(10.0, (1.2, 1.2), 4, sampled=True),
}
GAMMA, TEXTURED_GAMMA = (0.5, 0.95), (0.7, 0.95)
PARCEL_PX, POINTS_DB = 9.0, (10.0, 30.0)
TENTHS = 10


def make_pair(rng: np.random.Generator, kind: str) -> SarPair:
    """Draw a pair of one kind, of any coherence in GAMMA, moved by one shift."""
    return one_shift(rng, KINDS[kind], even_ground(KINDS[kind], SIZE_PX, float(rng.uniform(*GAMMA))))


def make_textured(rng: np.random.Generator, kind: str) -> SarPair:
    """Draw a pair of one kind whose ground has texture, brighter parcels and up to 0.2 % bright points."""
    system = KINDS[kind]
    ground = even_ground(system, SIZE_PX, float(rng.uniform(*TEXTURED_GAMMA)))
    shape, (rows, cols) = ground.gamma.shape, system.fine
    length = float(np.exp(rng.uniform(np.log(1.5), np.log(8.0))))
    log = rng.uniform(0.2, 0.8) * smooth_field(rng, shape, (length * rows, length * cols))
    log += rng.uniform(0.0, 1.0) * (smooth_field(rng, shape, (PARCEL_PX * rows, PARCEL_PX * cols)) > 0.3)
    count = int(SIZE_PX**2 * rng.uniform(0.0, 0.002))
    row, col = (rng.uniform(0, n, count).astype(np.float32) for n in shape)
    power = (10 ** (rng.uniform(*POINTS_DB, count) / 10)).astype(np.float32)
    points = Points(row, col, power, np.full(count, 0.98, dtype=np.float32))
    return one_shift(rng, system, ground._replace(power=ground.power * np.exp(log).astype(np.float32), points=points))


RECIPES = {NAME: (make_pair, GAMMA), TEXTURED: (make_textured, TEXTURED_GAMMA)}


def _errors(name: str, methods: Sequence[str], scene: int) -> dict[str, Float64]:
    kind = tuple(KINDS)[scene % len(KINDS)]
    pair = RECIPES[name][0](generator(Purpose.BENCHMARK, name, scene), kind)
    return all_errors(methods, pair, SEARCH_CONSTANT_PX)


def compare(name: str, methods: Sequence[str], size: int) -> Compared:
    """Measure methods on a number of shifts. Returns method -> metric name -> interval over pairs."""
    return {method: _metrics(rows) for method, rows in by_method(partial(_errors, name), methods, size).items()}


def _metrics(rows: list[Float64]) -> dict[str, Interval]:
    means = [  # mean error and fraction of the shift for each axis, (2, 2); empty if nothing is known
        np.column_stack([held[:, :2].mean(axis=0), held[0, AT.off_x : AT.off_y + 1]]) if len(held) else np.empty((0, 2))
        for held in map(known, rows)
    ]
    metrics = intervals(rows, ("rmse", "within_68", "within_95", "known_share"))
    for name, statistic in (("pull", pull), ("pull_share", pull_share), ("chip_rmse", _chip_rmse)):
        metrics[name] = bootstrap_over(means, statistic)
    for index in range(TENTHS):
        if np.isfinite(_bias(index, np.concatenate(means))):
            metrics[f"bias_{index + 1:02d}"] = bootstrap_over(means, partial(_bias, index))
    for index, kind in enumerate(tuple(KINDS)[: len(rows)]):
        metrics |= intervals(rows[index :: len(KINDS)], ("rmse", "within_68", "within_95"), f"{kind}_{{}}")
        metrics[f"{kind}_pull"] = bootstrap_over(means[index :: len(KINDS)], pull)
    return metrics


def _bias(tenth: int, means: Float64) -> float:
    inside = np.clip(((means[:, 1] + 0.5) * TENTHS).astype(int), 0, TENTHS - 1) == tenth
    return float(means[inside, 0].mean()) if inside.any() else np.nan


def pull(means: Float64) -> float:
    """Return the amplitude, px, of the sine of the shift's fraction in the mean errors: below 0 toward whole pixels."""
    wave = np.sin(2 * np.pi * means[:, 1])
    return float((wave * means[:, 0]).sum() / max(float((wave**2).sum()), 1e-9))


def pull_share(means: Float64) -> float:
    """Return the slope of the mean errors over the shift's fraction: below 0 toward whole pixels."""
    return float((means[:, 0] * means[:, 1]).sum() / max(float((means[:, 1] ** 2).sum()), 1e-9))


def _chip_rmse(means: Float64) -> float:
    return float(np.sqrt((means[:, 0] ** 2).mean())) if len(means) else np.nan


def _sha256(name: str, size: int) -> str:
    """Return a hash of a benchmark's pairs."""
    make, gamma = RECIPES[name]
    return fingerprint(name, partial(make, kind="aliased"), (VERSION, size, KINDS, gamma, SIZE_PX))


BENCHMARKS = tuple(
    benchmark(name, VERSION, SIZE, "shifts", partial(compare, name), partial(_sha256, name)) for name in RECIPES
)
