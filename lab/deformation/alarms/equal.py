"""`deformation-equal`: share of bowls found by each method, all methods at the same number of false alarms.

False alarms are counted together on still tiles, on surrogates of real still ground and on that ground itself. For each
place the threshold is the lowest at which all other places together have at most a given number of false alarms per
1,000 km²; each tile is a place of its own. Bowls are those of the table, in further tiles and in copies of the real
ground. One track is searched. Intervals of false alarms are Poisson's, exact; those of shares are bootstraps over tiles
and kilometres of real ground.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from ground_motion.methods.deformation.null.surrogates import surrogate
from ground_motion.rasters.areas import CLASSES
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.alarms.levels import LEVELS, view_of
from lab.deformation.injected.places import PLACES
from lab.deformation.injected.scenes import bowl_in, digest, fields, scene, searched_km2, with_bowl
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, TILE_KM2, bowl_tile, cloud, still_tile
from lab.deformation.measures.scoring import heart_of
from lab.results import poisson
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import CELL_M

NAME, VERSION = "deformation-equal", "3"
SIZE = 60  # Number of stable tiles; the numbers of other scenes are shares of it.
AIM = 0.5  # false alarms per 1,000 km²
CURVE = (0.25, 0.5, 1.0, 2.0)  # On the ground of SIZE, 6,800 km², 0.25 allows one alarm and 0.5 three.
SHAPES = ("pd_3mm_800m", "pd_3mm_2000m", "pd_4mm_300m")
STILL_FIRST = 100_000  # Number of the first stable tile; tiles with bowls are numbered from 0.
Thresholds = Callable[[str], float]  # Name of a place -> threshold.
FAMILIES = ("still", "surrogates", "real")  # kinds of ground without motion
FROZEN_SHA256 = "9ca693a3597c275bdad652f9d47567df9a736d711f5e555d0a61342dd7191215"  # of `truth_sha256(SIZE)`


class Ground(NamedTuple):
    """Ground without motion: its family and place, its area, and the areas flagged at each of LEVELS."""

    family: str
    place: str
    km2: float
    alarms: NDArray[np.int64]


class Bowl(NamedTuple):
    """A bowl: name of its share, place, unit for the bootstrap, and the highest level at which it is found."""

    key: str
    place: str
    unit: tuple[object, ...]
    limit: float


class Job(NamedTuple):
    """One scene to measure: its kind, its number among those, and the shape of its bowl."""

    kind: str
    number: int
    name: str = ""


def jobs(size: int) -> list[Job]:
    """Return all scenes of a size; every kind is spread over the list, so that processes end together."""
    some = max(1, 2 * size // 3)
    listed = [Job("still", n) for n in range(size)]
    listed += [Job("surrogates", n) for n in range(4 * size // 3)]
    listed += [Job("real", n) for n in range(len(fields()))]
    listed += [Job(kind, n, shape) for kind in ("bowl", "injected") for n in range(some) for shape in SHAPES]
    return [listed[i] for i in np.random.default_rng(0).permutation(len(listed))]


def measure_job(method: str, purpose: Purpose, listed: Sequence[Job], at: int) -> Ground | Bowl | None:
    """Measure a method on one scene; None where no bowl fits."""
    kind, number, name = listed[at]
    if kind == "bowl":
        tile = bowl_tile(NATIONAL, name, number, purpose)
        heart = heart_of(tile, BOWLS[name].radius_m)
        sign = CLASSES[int(tile.sources[0].peak_mm_yr > 0)]
        limit = view_of(method, [cloud(tile.tracks[0])]).limit(sign, *heart)
        return Bowl(name, f"bowl {number}", (number,), limit)
    if kind == "injected":
        still = scene(number, purpose)
        bowl = bowl_in(still, name, BOWLS[name], purpose)
        if bowl is None:
            return None
        view = view_of(method, [with_bowl(still.points, bowl)])
        limit = view.limit(CLASSES[int(bowl.rate_mm_yr > 0)], *bowl.heart(CELL_M))
        return Bowl(f"injected_{name}", still.place, still.block(bowl.x, bowl.y), limit)
    place, points, km2 = scene_without_motion(purpose, listed[at])
    return Ground(kind, place, km2, view_of(method, [points]).counts())


def scene_without_motion(purpose: Purpose, job: Job) -> tuple[str, PointCloud, float]:
    """Return the place, the points and the area, km², of a scene without motion."""
    if job.kind == "still":
        tile = still_tile(NATIONAL, STILL_FIRST + job.number, purpose)
        return f"still {job.number}", cloud(tile.tracks[0]), TILE_KM2
    known = fields()
    place, points = known[job.number % len(known)]
    if job.kind == "surrogates":
        rng = generator(purpose, "deformation-surrogates", job.number)
        points = points._replace(velocity_mm_yr=surrogate(rng, points, cell_m=50.0))
    return place, points, searched_km2(points)


def level_at(ground: Iterable[Ground], per_1000km2: float) -> float:
    """Return the lowest of LEVELS that keeps false alarms within a number per 1,000 km²; the highest if none does."""
    held = [*ground]
    alarms, km2 = sum(one.alarms for one in held), sum(one.km2 for one in held)
    few = np.flatnonzero(alarms <= per_1000km2 * km2 / 1000)
    return float(LEVELS[few[0] if few.size else -1])


def thresholds(ground: Sequence[Ground], per_1000km2: float) -> Thresholds:
    """Return levels for each place, chosen on the ground of the others, at a number of false alarms per 1,000 km²."""
    return cache(lambda place: level_at((one for one in ground if one.place != place), per_1000km2))


def figures_of(measured: Iterable[Ground | Bowl | None]) -> dict[str, Interval]:
    """Return false alarms by family at AIM and shares of bowls found there, then those shares along the CURVE."""
    seen = [*measured]
    ground = [one for one in seen if isinstance(one, Ground)]
    bowls = [one for one in seen if isinstance(one, Bowl)]
    levels = {rate: thresholds(ground, rate) for rate in CURVE}
    aimed = levels[AIM]
    metrics = {"false_alarms_per_1000km2": _alarms(ground, aimed)}
    for family in FAMILIES:
        if own := [one for one in ground if one.family == family]:
            metrics[f"{family}_false_alarms_per_1000km2"] = _alarms(own, aimed)
    metrics |= _shares(bowls, aimed)
    for rate in (rate for rate in CURVE if rate != AIM):
        metrics |= {f"{key}_at_{rate:g}": share for key, share in _shares(bowls, levels[rate]).items()}
    ends = [aimed(place) for place in {one.place for one in ground}]
    return metrics | {"threshold_raised_by": Interval(level_at(ground, AIM), min(ends), max(ends))}


def _alarms(ground: Sequence[Ground], levels: Thresholds) -> Interval:
    alarms = sum(int(one.alarms[np.searchsorted(LEVELS, levels(one.place))]) for one in ground)
    return poisson(alarms, sum(one.km2 for one in ground))


def _shares(bowls: Sequence[Bowl], levels: Thresholds) -> dict[str, Interval]:
    """Return the share of each shape found, and its mean over shapes, in tiles and in real ground."""
    shares: dict[str, Interval] = {}
    for prefix in ("", "injected_"):
        keys = [f"{prefix}{shape}" for shape in SHAPES]
        units: dict[tuple[object, ...], list[tuple[int, bool]]] = defaultdict(list)
        for bowl in bowls:
            if bowl.key in keys:
                units[bowl.unit].append((keys.index(bowl.key), bowl.limit >= levels(bowl.place)))
        rows = [np.array(values, dtype=np.float64) for values in units.values()]
        if any(np.isfinite(bowl.limit) for bowl in bowls if bowl.key in keys):  # Else the method does not judge it.
            shares |= {key: bootstrap_over(rows, partial(share_of, shape)) for shape, key in enumerate(keys)}
            shares[f"{prefix}pd_mean"] = bootstrap_over(rows, _mean_share)
    return shares


def share_of(shape: int, rows: Float64, column: int = 1) -> float:
    """Return the share of bowls of a shape that are found, NaN without any. rows: the shape, then found or not."""
    found = rows[rows[:, 0] == shape, column]
    return float(found.mean()) if found.size else np.nan


def _mean_share(rows: Float64) -> float:
    return float(np.mean([share_of(shape, rows) for shape in range(len(SHAPES))]))


def evaluate(method: str, size: int, purpose: Purpose = Purpose.BENCHMARK) -> dict[str, Interval]:
    """Measure a method on all scenes of a size."""
    listed = jobs(size)
    return figures_of(over_seeds(partial(measure_job, method, purpose, listed), len(listed)))


def truth_sha256(size: int) -> str:
    """Return the hash of the first scenes of each kind, which a change of the simulator or of the places changes."""
    scenes = [scene_without_motion(Purpose.BENCHMARK, Job(kind, n))[1] for kind in FAMILIES for n in range(len(PLACES))]
    scenes += [cloud(bowl_tile(NATIONAL, shape, 0).tracks[0]) for shape in SHAPES]
    for still in map(scene, range(len(PLACES))):
        bowls = (bowl_in(still, shape, BOWLS[shape]) for shape in SHAPES)
        scenes += [with_bowl(still.points, bowl) for bowl in bowls if bowl]
    return scenes_sha256(VERSION, size, [*map(digest, scenes)])


BENCHMARK = Benchmark(NAME, VERSION, SIZE, "still tiles", methods("deformation"), evaluate, truth_sha256)
