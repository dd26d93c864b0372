"""`deformation-held`: real ground alone, each product at the thresholds of its own surrogates, as shipped.

Real still ground, its surrogates and copies of it with bowls (`deformation-equal`) are each searched as a product of
their own. False areas found stand beside the number that was expected. The matched filter is given the lowest threshold
at which it has no false area on all that ground, which no user could choose; bowls are paired.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from ground_motion.methods.deformation.product import detect_product
from ground_motion.rasters.areas import CLASSES
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.alarms.equal import SHAPES, Job, jobs, poisson, scene_without_motion
from lab.deformation.alarms.levels import LEVELS, View, points_in, view_of
from lab.deformation.injected.scenes import bowl_in, digest, fields, scene, with_bowl
from lab.deformation.measures.benchmark_tiles import BOWLS
from lab.results import exact
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import CELL_M

NAME, VERSION = "deformation-held", "1"
SIZE = 60  # These are the real scenes of `deformation-equal` of this size.
FILTER = "matched-filter"


class Ground(NamedTuple):
    """Ground without motion: false areas found and expected, and those of the filter at each of LEVELS."""

    family: str
    km2: float
    found: int
    expected: float
    filtered: NDArray[np.int64]


class Bowl(NamedTuple):
    """A bowl: its shape, its block of ground, whether it is found, and the filter's highest level that finds it."""

    shape: int
    unit: tuple[object, ...]
    found: bool
    limit: float


def measure_job(listed: list[Job], at: int, purpose: Purpose = Purpose.BENCHMARK) -> Ground | Bowl | None:
    """Measure one scene of real ground; None where no bowl fits."""
    job = listed[at]
    if job.kind != "injected":
        _, points, km2 = scene_without_motion(purpose, job)
        view, expected = _shipped(points)
        return Ground(job.kind, km2, len(view.flagged(0.0)), expected, view_of(FILTER, [points]).counts())
    still = scene(job.number, purpose)
    bowl = bowl_in(still, job.name, BOWLS[job.name], purpose)
    if bowl is None:
        return None
    points = with_bowl(still.points, bowl)
    sign, heart = CLASSES[int(bowl.rate_mm_yr > 0)], bowl.heart(CELL_M)
    found = _shipped(points)[0].limit(sign, *heart) >= 0
    limit = view_of(FILTER, [points]).limit(sign, *heart)
    return Bowl(SHAPES.index(job.name), still.block(bowl.x, bowl.y), found, limit)


def _shipped(points: PointCloud) -> tuple[View, float]:
    """Return what is shown of a product, and how many false areas are expected in it, NaN where that is not known."""
    result, null = detect_product([points], "model")
    expected = null and null.expected_false_areas
    return View(result, 1.0, points_in(result, [points])), np.nan if expected is None else expected


def figures_of(measured: Iterable[Ground | Bowl | None]) -> dict[str, Interval]:
    """Return false areas by kind of ground, found and expected, and shares of bowls found, of both."""
    seen = [*measured]
    ground = [one for one in seen if isinstance(one, Ground)]
    metrics = {}  # type: ignore[var-annotated]
    for family in ("real", "surrogates"):
        own = [one for one in ground if one.family == family]
        km2 = sum(one.km2 for one in own)
        metrics |= {
            f"{family}_km2": exact(km2),
            f"{family}_false_areas": exact(sum(one.found for one in own)),
            f"{family}_false_areas_per_1000km2": poisson(sum(one.found for one in own), km2),
            f"{family}_expected_per_1000km2": exact(1000 * float(np.nansum([one.expected for one in own])) / km2),
        }
    silent = np.flatnonzero(sum(one.filtered for one in ground) == 0)
    level = float(LEVELS[silent[0] if silent.size else -1])
    blocks: dict[tuple[object, ...], list[tuple[int, bool, bool]]] = defaultdict(list)
    for bowl in seen:
        if isinstance(bowl, Bowl):
            blocks[bowl.unit].append((bowl.shape, bowl.found, bowl.limit >= level))
    rows = [np.array(values, dtype=np.float64) for values in blocks.values()]
    for number, shape in enumerate(SHAPES):
        metrics[f"injected_{shape}"] = bootstrap_over(rows, partial(_found, number, 1))
    for name, weights in (("pd_mean", (1, 0)), ("filter_pd_mean", (0, 1)), ("ahead_of_filter", (1, -1))):
        metrics[f"injected_{name}"] = bootstrap_over(rows, partial(_mean, weights))
    return metrics | {"filter_level": exact(level)}


def _found(shape: int, column: int, rows: Float64) -> float:
    found = rows[rows[:, 0] == shape, column]
    return float(found.mean()) if found.size else np.nan


def _mean(weights: tuple[int, int], rows: Float64) -> float:
    """Return the weighted sum of both methods' shares of bowls found, each a mean over shapes."""
    shares = [[_found(shape, column, rows) for shape in range(len(SHAPES))] for column in (1, 2)]
    return float(np.dot(weights, np.mean(shares, axis=1)))


def _listed(size: int) -> list[Job]:
    return [job for job in jobs(size) if job.kind in ("real", "surrogates", "injected")]


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Measure the shipped way on all scenes of a size; `method` is the default one, the only one with a null."""
    listed = _listed(size)
    return figures_of(over_seeds(partial(measure_job, listed), len(listed)))


def truth_sha256(size: int) -> str:
    """Return the hash of the places, of which all scenes are made."""
    return scenes_sha256(VERSION, size, [digest(points) for _, points in fields()])


SHIPPED = {name: row for name, row in methods("deformation").items() if row.network}
BENCHMARK = Benchmark(NAME, VERSION, SIZE, "scenes", SHIPPED, evaluate, truth_sha256)
