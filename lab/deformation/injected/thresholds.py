"""Thresholds tuned on the training places of a fold, for methods without learning and optionally for a network.

Each method gets the lowest threshold at which it flags nothing on rotated and thinned copies of the still fields of the
training places, because with so little real ground one flagged area exceeds the allowed false alarm rate. NOISY places
are left out, because rates from half a year would double the matched filter's threshold.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from lab.benchmark import over_seeds
from lab.deformation.injected.places import Fold, folds
from lab.deformation.injected.scenes import clouds, scene_of
from lab.simulation.seeds import Purpose
from ml.deformation.gridding.points import Float32, PointCloud
from ml.deformation.infer import CONFIGS, Config, DeformationResult, detect_all_with, detect_with, strongest
from ml.deformation.nation import NetworkConfig
from ml.rasters.areas import DEFAULT_THRESHOLDS, SortedPoints, areas_in, count_within

THRESHOLDS = {
    "matched-filter": "score_at_half",
    "threshold": "rate_mm_yr",
    "ada": "quality_at_half",
    "getis-ord": "z_at_half",
    "whitening": "score_at_half",
    "gls": "score_at_half",
}
WIDTHS = {"score_at_half": "score_width", "quality_at_half": "quality_width", "z_at_half": "z_width"}
NOISY = frozenset({"amsterdam"})
COPIES = 20  # scenes of each training place
TRIED = np.linspace(0.4, 2.5, 43)  # of the shipped threshold
RAISED = np.linspace(-4.0, 4.0, 41)  # logits added to a network's threshold

Results = list[DeformationResult]
Tried = Callable[[Sequence[PointCloud], int], Results]
T = TypeVar("T")


def results(points: Sequence[PointCloud], configs: Sequence[Config], threshold: str) -> list[DeformationResult]:
    """Run configurations that differ only in `threshold` on the tracks together; one run is mostly enough for all."""
    if threshold not in WIDTHS:
        return [strongest([detect_with(each, config) for each in points]) for config in configs]
    lowest = min(configs, key=lambda config: float(getattr(config, threshold)))
    detected = strongest([detect_with(each, lowest) for each in points])
    at, width = (float(getattr(lowest, name)) for name in (threshold, WIDTHS[threshold]))
    return [raised(detected, (float(getattr(config, threshold)) - at) / width) for config in configs]


def raised(result: DeformationResult, by: float) -> DeformationResult:
    """Return the result for a threshold raised by `by` logits."""

    def lower(p: Float32) -> Float32:
        return np.asarray(p / (p + (1 - p) * np.float32(np.exp(by))), dtype=np.float32)

    maps = result.maps
    return result._replace(
        maps=maps._replace(
            probability=lower(maps.probability), subsidence=lower(maps.subsidence), uplift=lower(maps.uplift)
        )
    )


def tuned(method: str, fold: Fold, copies: int = COPIES, processes: int = 2) -> Config:
    """Return a method's configuration with the lowest threshold of TRIED from which on still fields have no area."""
    base, threshold = CONFIGS[method](), THRESHOLDS[method]
    values = [{threshold: float(part * getattr(base, threshold))} for part in TRIED]
    configs = [replace(base, **value) for value in values]  # type: ignore[arg-type]
    return configs[_least_quiet(partial(_by_config, configs, threshold), len(configs), fold, copies, processes)]


def tuned_by_place(method: str, processes: int = 2) -> dict[str, Config]:
    """Return for each place the configuration tuned on the other places."""
    return _by_place(lambda fold: tuned(method, fold, processes=processes))


def raised_by(fold: Fold, copies: int = COPIES, processes: int = 2) -> float:
    """Return the least value of RAISED, logits, that added to the network's threshold lets it flag nothing."""
    return float(RAISED[_least_quiet(_by_raising, len(RAISED), fold, copies, processes)])


def raised_by_place(processes: int = 2) -> dict[str, float]:
    """Return the logits added to the network's threshold by place, tuned on the other places."""
    return _by_place(lambda fold: raised_by(fold, processes=processes))


def _by_place(tune: Callable[[Fold], T]) -> dict[str, T]:
    return {name: value for fold in folds() for value in [tune(fold)] for name in fold.test}


def _by_config(configs: Sequence[Config], threshold: str, tracks: Sequence[PointCloud], first: int) -> Results:
    return results(tracks, configs[first:], threshold)


def _by_raising(tracks: Sequence[PointCloud], first: int) -> Results:
    detected = detect_all_with(tracks, NetworkConfig())
    return [raised(detected, by) for by in RAISED[first:]]


def _least_quiet(tried: Tried, n: int, fold: Fold, copies: int, processes: int) -> int:
    """Return the first of n trials from which on no area is flagged on the training places' copies; else the last.

    tried: (tracks of a scene, first trial) -> results of that trial and all later ones.
    """
    names = [name for name in fold.training if name not in NOISY]
    lowest = over_seeds(partial(_lowest_quiet, tried, n, names), copies, processes=processes)
    return min(max(lowest), n - 1)


def _lowest_quiet(tried: Tried, n: int, names: Sequence[str], number: int) -> int:
    """Return the first quiet trial for the first track of one scene of each place."""
    lowest = 0
    for name in names:
        tracks = clouds(scene_of(name, number, Purpose.VALIDATION))[:1]
        detected = tried(tracks, lowest)
        loud = (at for at in reversed(range(len(detected))) if _flags(detected[at], tracks[0]))
        lowest += next(loud, -1) + 1
        if lowest == n:
            break
    return lowest


def _flags(result: DeformationResult, points: PointCloud) -> bool:
    """Return whether any flagged area holds enough points, regardless of its outline."""
    held = SortedPoints(points.x, points.y, points.velocity_mm_yr)
    return any(
        count_within(area.polygon, [held]) >= DEFAULT_THRESHOLDS.fewest_points
        for area in areas_in(result.bands(), result.transform)
    )
