"""`deformation-injected`: every figure of a detector on real still fields, with and without motion added.

Cross-validated over places: methods without learning run in each place with the threshold tuned on the other places
(`thresholds`); a network runs with the shipped weights, or with separate weights for each fold. Intervals are 95 %
bootstraps over kilometres of real ground, of which there are few. Names that begin with `both_` are for two tracks
together, in places with two.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.injected.places import PLACES
from lab.deformation.injected.scenes import NAME, SHAPES, Motion, Scene, clouds, digest, motion_in, scene, with_motion
from lab.deformation.injected.scoring import Block, Found, Still, score_motion, score_still
from lab.deformation.injected.thresholds import raised, raised_by_place, tuned_by_place
from lab.deformation.measures.scoring import ShapeError
from lab.deformation.measures.shapes import shape_metrics
from ml.deformation import VERSIONS
from ml.deformation.gridding.points import Float64, PointCloud
from ml.deformation.infer import CONFIGS, WEIGHTS, Config, DeformationResult, detect_all_with
from ml.deformation.nation import NetworkConfig
from ml.statistics.intervals import Interval, bootstrap_over

VERSION = "1"
SIZE = 120
TUNED = "model-tuned"
FROZEN_SHA256 = {
    8: "24830f05c6e2302146307c6ac83bc98e73809af90fcb36fc438bf2c841135ba7"
}  # size -> hash of the content of the scenes
BY_PLACE = ("pd_3mm_800m", "pd_4mm_300m", "pd_3mm_2000m")


class Entrant(NamedTuple):
    """A method with its configuration by place. raised: logits added to a network's threshold, by place."""

    method: str
    configs: Mapping[str, Config]
    raised: Mapping[str, float] = {}

    def detect(self, place: str, tracks: Sequence[PointCloud]) -> DeformationResult:
        """Run the method on some tracks of a place."""
        result = detect_all_with(tracks, self.configs[place])
        return raised(result, self.raised[place]) if place in self.raised else result


def entrant(method: str, processes: int = 2) -> Entrant:
    """Return the entrant for a method; TUNED is the shipped network with thresholds tuned like the other methods'.

    InputError without the real data.
    """
    if method == TUNED:
        return Entrant(method, {place.name: NetworkConfig() for place in PLACES}, raised_by_place(processes))
    if method not in WEIGHTS:
        return Entrant(method, tuned_by_place(method, processes))
    return Entrant(method, {place.name: CONFIGS[method]() for place in PLACES})


class MethodScores(NamedTuple):
    """Scores of one method on a scene, on one track or all: without motion, and with each shape in turn."""

    still: Still
    found: list[Found]


class SceneScores(NamedTuple):
    """Scores of every entrant on one scene. one: with the first track; both: with two tracks, None if there is one."""

    one: list[MethodScores]
    both: list[MethodScores] | None


def measure_scene(entrants: Sequence[Entrant], number: int) -> SceneScores:
    """Score some methods on one scene."""
    still = scene(number)
    motions, moving = _with_shapes(still)

    def view(entrant: Entrant, n_tracks: int) -> MethodScores:
        def detected(seen: Scene) -> tuple[DeformationResult, list[PointCloud]]:
            tracks = clouds(seen)[:n_tracks]
            return entrant.detect(seen.place, tracks), tracks

        result, tracks = detected(still)
        found = []
        for key, seen in moving.items():
            of_motion, its_tracks = detected(seen)
            found.append(score_motion(key, of_motion, seen, its_tracks, motions[key]))
        return MethodScores(score_still(result, still, tracks), found)

    n_tracks = len(still.tracks)
    both = [view(one, n_tracks) for one in entrants] if n_tracks > 1 else None
    return SceneScores([view(one, 1) for one in entrants], both)


def _with_shapes(still: Scene) -> tuple[dict[str, Motion], dict[str, Scene]]:
    """Return each shape's motion that fits into a scene, with the scene that contains it."""
    motions = {key: motion for key in SHAPES if (motion := motion_in(still, key)) is not None}
    return motions, {key: with_motion(still, motion) for key, motion in motions.items()}


def measure(entrants: Sequence[Entrant], size: int = SIZE, processes: int = 2) -> list[SceneScores]:
    """Run every method on the first scenes."""
    return over_seeds(partial(measure_scene, entrants), size, processes=processes)


def figures_of(scores: Sequence[SceneScores], i: int) -> dict[str, Interval]:
    """Return every figure of method i; see `_metrics`."""
    one = [scene.one[i] for scene in scores]
    both = [scene.both[i] for scene in scores if scene.both is not None]
    together = {f"both_{key}": value for key, value in _metrics(both).items()} if both else {}
    return _metrics(one) | _by_place(one) | together


def gains(scores: Sequence[SceneScores], i: int, over: int) -> dict[str, Interval]:
    """Return the paired gain of method i over another in the share of each shape found; intervals over kilometres."""
    more: dict[str, Interval] = {}
    for prefix, pairs in (
        ("", [(one.one[i], one.one[over]) for one in scores]),
        ("both_", [(one.both[i], one.both[over]) for one in scores if one.both is not None]),
    ):
        by_key: dict[str, list[tuple[Block, float]]] = defaultdict(list)
        for mine, other in pairs:
            for found, its in zip(mine.found, other.found, strict=True):
                by_key[found.key].append((found.block, found.detected - its.detected))
        more |= {prefix + key: _over_ground(values, np.mean) for key, values in by_key.items()}
    return more


def _metrics(views: Sequence[MethodScores]) -> dict[str, Interval]:
    """Return the figures of one method: false alarms, share of each shape found, and accuracy of outlines."""
    found = [one for view in views for one in view.found]
    stills = [view.still for view in views]
    metrics = _alarms(stills) | _shares(found, SHAPES)
    hits = [one for one in found if one.detected]
    if hits:
        metrics["median_iou"] = _over_ground([(one.block, one.iou) for one in hits], np.median)
    errors: dict[Block, list[ShapeError]] = defaultdict(list)
    for one in hits:
        if one.error is not None:
            errors[one.block].append(one.error)
    return metrics | shape_metrics([*errors.values()])


def _by_place(views: Sequence[MethodScores]) -> dict[str, Interval]:
    metrics: dict[str, Interval] = {}
    for place in dict.fromkeys(view.still.place for view in views):
        its = [view for view in views if view.still.place == place]
        of_place = _alarms([view.still for view in its]) | _shares(
            [one for view in its for one in view.found], BY_PLACE
        )
        metrics |= {f"{place}_{key}": value for key, value in of_place.items()}
    return metrics


def _shares(found: Sequence[Found], keys: Iterable[str]) -> dict[str, Interval]:
    by_key = {key: [(one.block, one.detected) for one in found if one.key == key] for key in keys}
    return {key: _over_ground(values, np.mean) for key, values in by_key.items() if values}


def _over_ground(values: Sequence[tuple[Block, float]], statistic: Callable[[Float64], np.floating]) -> Interval:
    """Return a statistic with its interval over blocks of real ground."""
    of: dict[Block, list[float]] = defaultdict(list)
    for block, value in values:
        of[block].append(value)
    groups = [np.array(group)[:, None] for group in of.values()]
    return bootstrap_over(groups, lambda rows: float(statistic(rows[:, 0])))


def false_alarms(stills: Sequence[Still]) -> dict[str, Interval]:
    """Return false alarms per 1,000 km² of scenes that are all independent, and the area searched, km²."""
    groups = [(sum(still.alarms.values()), sum(still.ground_km2.values())) for still in stills]
    ground = float(sum(km2 for _, km2 in groups))
    return {"false_alarms_per_1000km2": _rate(groups, ground), "ground_km2": Interval(ground, ground, ground)}


def _rate(groups: Sequence[tuple[float, float]], ground_km2: float) -> Interval:
    """Return alarms per 1,000 km² of independent groups, each of alarms and km² searched.

    The upper bound is at least the Poisson bound of the ground, km².
    """
    rows = [np.array([group]) for group in groups]
    rate = bootstrap_over(rows, lambda drawn: float(1000 * drawn[:, 0].sum() / max(drawn[:, 1].sum(), 1e-9)))
    expected = rate.value / 1000 * ground_km2
    most = float(chi2.ppf(0.975, 2 * expected + 2) / 2 / ground_km2 * 1000) if ground_km2 else np.inf
    return rate._replace(high=max(rate.high, most))


def _alarms(stills: Sequence[Still]) -> dict[str, Interval]:
    """Return false alarms per 1,000 km² on all copies, their number on unchanged fields, and the area of real ground.

    The upper bound is at least the Poisson bound of the real ground, with each kilometre counted once.
    """
    alarms: Counter[Block] = Counter()
    copies_km2: Counter[Block] = Counter()
    real_km2: dict[Block, float] = {}
    for still in stills:
        alarms.update(still.alarms)
        copies_km2.update(still.ground_km2)
        if still.as_it_is:
            real_km2 |= still.ground_km2
    ground = sum(real_km2.values())
    untouched = float(sum(sum(still.alarms.values()) for still in stills if still.as_it_is))
    return {
        "false_alarms_per_1000km2": _rate(
            [(alarms[block], copies_km2[block]) for block in copies_km2 | alarms], ground
        ),
        "false_alarms_untouched": Interval(untouched, untouched, untouched),
        "ground_km2": Interval(ground, ground, ground),
    }


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Return every figure of a method."""
    return figures_of(measure([entrant(method)], size), 0)


def truth_sha256(size: int) -> str:
    """Return the hash of all points, heights, rates and series of the scenes with every shape."""
    return scenes_sha256(VERSION, size, over_seeds(_scene_digest, size))


def _scene_digest(number: int) -> bytes:
    still = scene(number)
    scenes = [still, *_with_shapes(still)[1].values()]
    return hashlib.sha256(b"".join(map(digest, scenes))).digest()


BENCHMARK = Benchmark(NAME, VERSION, SIZE, "scenes", VERSIONS, evaluate, truth_sha256, WEIGHTS)
