"""`deformation-held`: real ground alone, each product at the thresholds of its own surrogates, as shipped.

Real still ground, its surrogates and copies of it with bowls (`deformation-equal`) are each searched as a product of
their own. False areas found stand beside the number that was expected. Bowls are put into the ground of frames that
others judge, too; `deformation-places` has what the frames show without bowls. The matched filter gets the lowest
threshold at which it has no false area on each kind of ground, which no user could choose; both search the same bowls.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.methods.deformation.filters.background import against_backgrounds
from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.gridding.points import Float64, PointCloud
from ground_motion.methods.deformation.product import detect_product
from ground_motion.rasters.areas import CLASSES, DEFAULT_THRESHOLDS, outline
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.alarms.equal import SHAPES, Job, jobs, scene_without_motion, share_of
from lab.deformation.alarms.levels import LEVELS, MAX_COUNTED, View, points_in, view_of
from lab.deformation.frames import Frame, Verdict, frames_of, judge, judged_ground
from lab.deformation.injected.scenes import Bowl as Injected
from lab.deformation.injected.scenes import bowl_in, digest, fields, scene, with_bowl
from lab.deformation.measures.benchmark_tiles import BOWLS, TableBowl
from lab.deformation.real_fields import table, tracks_of
from lab.results import exact, poisson
from lab.simulation.seeds import Purpose, generator

NAME, VERSION = "deformation-held", "2"
SIZE = 60  # These are the real scenes of `deformation-equal` of this size.
FILTER = "matched-filter"
FRAMED = {  # Bowls in frames, whose cells are 1.1 km.
    "pd_10mm_4000m": TableBowl(10.0, 4_000.0),
    "pd_20mm_4000m": TableBowl(20.0, 4_000.0),
    "pd_20mm_2500m": TableBowl(20.0, 2_500.0),
}
FRAMED_BOWLS, APART_M = 15, 25_000.0  # Most bowls in a frame, and least distance between them.


class Ground(NamedTuple):
    """Ground without motion: false areas found and expected, and those of the filter at each of LEVELS."""

    family: str
    km2: float
    found: int
    expected: float
    filtered: NDArray[np.int64]


class Bowl(NamedTuple):
    """A bowl: its kind of ground, its shape, its unit for the bootstrap, and whether it is found.

    limit: the filter's highest level that finds it.
    """

    ground: str
    shape: int
    unit: tuple[object, ...]
    found: bool
    limit: float


class Overlapping(NamedTuple):
    """A frame that others overlap: its points, and the rates of this and of the other frames on common cells."""

    name: str
    points: PointCloud
    own: Frame
    beside: list[Frame]


@cache
def overlapping() -> list[Overlapping]:
    """Read all frames that others judge. Raises InputError if files are missing."""
    found = []
    for group in dict.fromkeys(field["group"] for field in table() if "group" in field):
        fields = [field for field in table() if field.get("group") == group]
        tracks = [points for field in fields for points in tracks_of(field)]
        frames = frames_of(tracks)
        for at, (field, points) in enumerate(zip(fields, tracks, strict=True)):
            found.append(Overlapping(field["name"], points, frames[at], frames[:at] + frames[at + 1 :]))
    return found


def measure_job(listed: list[Job], at: int, purpose: Purpose = Purpose.BENCHMARK) -> list[Ground | Bowl | float]:
    """Measure one scene of real ground; a float is the filter's lowest silent level in a frame."""
    job = listed[at]
    if job.kind == "frames":
        return [_silent_level(overlapping()[job.number])]
    if job.kind == "framed":
        return [*_framed(overlapping()[job.number], purpose)]
    if job.kind != "injected":
        _, points, km2 = scene_without_motion(purpose, job)
        view, expected = _shipped(points)
        return [Ground(job.kind, km2, len(view.flagged(0.0)), expected, view_of(FILTER, [points]).counts())]
    still = scene(job.number, purpose)
    bowl = bowl_in(still, job.name, BOWLS[job.name], purpose)
    if bowl is None:
        return []
    points, unit = with_bowl(still.points, bowl), still.block(bowl.x, bowl.y)
    return [_seen(_shipped(points)[0], view_of(FILTER, [points]), bowl, ("injected", SHAPES.index(job.name), unit))]


def _shipped(points: PointCloud) -> tuple[View, float]:
    """Return what is shown of a product, and how many false areas are expected in it, NaN where that is not known."""
    result, null = detect_product([points], "model")
    expected = null and null.expected_false_areas
    return View(result, 1.0, points_in(result, [points])), np.nan if expected is None else expected


def _filtered(points: PointCloud) -> View:
    """Return the filter's view of a frame without its background, which the filter would take for motion."""
    return view_of(FILTER, against_backgrounds([points])[0])


def _seen(shipped: View, filtered: View, bowl: Injected, name: tuple[str, int, tuple[object, ...]]) -> Bowl:
    sign, heart = CLASSES[int(bowl.rate_mm_yr > 0)], bowl.heart(shipped.result.transform.a)
    return Bowl(*name, shipped.limit(sign, *heart) >= 0, filtered.limit(sign, *heart))


def _silent_level(frame: Overlapping) -> float:
    """Return the lowest of LEVELS at which the filter has no false area; too many areas count as false."""
    view = _filtered(frame.points)

    def false(level: float) -> bool:
        motions, transform = view.flagged(level), view.result.transform
        if len(motions) > MAX_COUNTED:
            return True
        for motion in motions:
            rows, cols = motion.region.window
            at = transform @ Affine.translation(cols.start, rows.start)
            area = outline(motion.region.mask, at, DEFAULT_THRESHOLDS.smallest_m2)
            if judge(area, frame.own, frame.beside) is Verdict.EXCLUDED:
                return True
        return False

    return float(LEVELS[min(bisect_left(LEVELS, True, key=lambda level: not false(level)), len(LEVELS) - 1)])


def _framed(frame: Overlapping, purpose: Purpose) -> Iterator[Bowl]:
    """Put bowls far apart into the judged ground of a frame; yield each."""
    rng = generator(purpose, f"{NAME} {frame.name}", 0)
    still = judged_ground(frame.own, frame.beside)
    east, north = (axis[still] for axis in middles(frame.own.transform, still.shape))
    bowls: list[Injected] = []
    for at in rng.permutation(east.size):
        apart = [np.hypot(bowl.x - east[at], bowl.y - north[at]) for bowl in bowls]
        if len(bowls) < FRAMED_BOWLS and min(apart, default=np.inf) >= APART_M:
            kind = tuple(FRAMED.values())[len(bowls) % len(FRAMED)]
            bowls.append(Injected(east[at], north[at], float(rng.choice([-1, 1])) * kind.rate_mm_yr, kind.radius_m))
    points = frame.points
    for bowl in bowls:
        points = with_bowl(points, bowl)
    if bowls:
        shipped, filtered = _shipped(points)[0], _filtered(points)
        for number, bowl in enumerate(bowls):
            yield _seen(shipped, filtered, bowl, ("framed", number % len(FRAMED), (frame.name, number)))


def figures_of(measured: Iterable[Iterable[Ground | Bowl | float]]) -> dict[str, Interval]:
    """Return false areas by kind of ground, found and expected, and shares of bowls found, of both methods."""
    seen = [one for of_job in measured for one in of_job]
    ground = [one for one in seen if isinstance(one, Ground)]
    metrics: dict[str, Interval] = {}
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
    levels = {"injected": float(LEVELS[silent[0] if silent.size else -1])}
    levels["framed"] = max((one for one in seen if isinstance(one, float)), default=float(LEVELS[-1]))
    for name, level in levels.items():
        blocks: dict[tuple[object, ...], list[tuple[int, bool, bool]]] = defaultdict(list)
        for bowl in seen:
            if isinstance(bowl, Bowl) and bowl.ground == name:
                blocks[bowl.unit].append((bowl.shape, bowl.found, bowl.limit >= level))
        rows = [np.array(values, dtype=np.float64) for values in blocks.values()]
        if not rows:
            continue
        for number, shape in enumerate(SHAPES if name == "injected" else FRAMED):
            metrics[f"{name}_{shape}"] = bootstrap_over(rows, partial(share_of, number))
        for figure, weights in (("pd_mean", (1, 0)), ("filter_pd_mean", (0, 1)), ("ahead_of_filter", (1, -1))):
            metrics[f"{name}_{figure}"] = bootstrap_over(rows, partial(_mean, weights))
        metrics[f"{name}_filter_level"] = exact(level)
    return metrics


def _mean(weights: tuple[int, int], rows: Float64) -> float:
    """Return the weighted sum of both methods' shares of bowls found, each a mean over shapes."""
    shares = [[share_of(shape, rows, column) for shape in range(len(SHAPES))] for column in (1, 2)]
    return float(np.dot(weights, np.mean(shares, axis=1)))


def _listed(size: int) -> list[Job]:
    frames = [Job(kind, number) for kind in ("framed", "frames") for number in range(len(overlapping()))]
    return [*frames, *(job for job in jobs(size) if job.kind in ("real", "surrogates", "injected"))]


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Measure the shipped way on all scenes of a size; `method` is the default one, the only one with a null."""
    listed = _listed(size)
    return figures_of(over_seeds(partial(measure_job, listed), len(listed)))


def truth_sha256(size: int) -> str:
    """Return the hash of the places, of which all scenes are made."""
    frames = [digest(frame.points) for frame in overlapping()]
    return scenes_sha256(VERSION, size, [*(digest(points) for _, points in fields()), *frames])


SHIPPED = {name: row for name, row in methods("deformation").items() if row.network}
BENCHMARK = Benchmark(NAME, VERSION, SIZE, "scenes", SHIPPED, evaluate, truth_sha256)
