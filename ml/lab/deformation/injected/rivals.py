"""Thresholds of the methods without learning, tuned on the places that a fold may see.

Each has the lowest threshold that keeps LEVEL on turned and thinned copies of the training places' still fields. NOISY
places are left out: rates of half a year would put the matched filter's threshold at twice what others need.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ml.deformation.infer import CONFIGS, Config, DeformationResult
from ml.deformation.points import Float64, PointCloud
from ml.lab.deformation.injected.places import Fold, folds
from ml.lab.deformation.injected.scenes import clouds, scene_of
from ml.lab.deformation.injected.scoring import ground_of
from ml.lab.deformation.tuning import THRESHOLDS, results
from ml.lab.workers import over_seeds
from ml.rasters.areas import DEFAULT_THRESHOLDS, SortedPoints, areas_in, count_within
from ml.simulation.seeds import Purpose

LEVEL = 0.45  # false alarms per 1,000 km², as the network's thresholds
NOISY = frozenset({"amsterdam"})
COPIES = 30  # scenes of each training place
TRIED = np.linspace(0.4, 2.5, 43)  # of the shipped threshold


def tuned(method: str, fold: Fold, copies: int = COPIES, processes: int = 2) -> Config:
    """A method of THRESHOLDS with the lowest threshold of TRIED from which on it keeps LEVEL; else the highest."""
    base, threshold = CONFIGS[method](), THRESHOLDS[method]
    values = [{threshold: float(part * getattr(base, threshold))} for part in TRIED]
    configs = [replace(base, **value) for value in values]  # type: ignore[arg-type]
    counts = np.sum(
        over_seeds(
            partial(_alarms, configs, threshold, [name for name in fold.training if name not in NOISY]),
            copies,
            processes=processes,
        ),
        axis=0,
    )
    per_1000_km2 = counts[:-1] / counts[-1] * 1000
    too_many = np.flatnonzero(per_1000_km2 > LEVEL)
    return configs[min(int(too_many[-1]) + 1, len(configs) - 1) if too_many.size else 0]


def tuned_by_place(method: str, processes: int = 2) -> dict[str, Config]:
    """Of each place, the configuration that was tuned without it."""
    return {
        name: config for fold in folds() for config in [tuned(method, fold, processes=processes)] for name in fold.test
    }


def _alarms(configs: Sequence[Config], threshold: str, names: Sequence[str], number: int) -> Float64:
    """False alarms of each configuration, and at last square kilometres, in one scene of each place; first tracks."""
    total = np.zeros(len(configs) + 1)
    for name in names:
        scene = scene_of(name, number, Purpose.VALIDATION)
        tracks = clouds(scene)[:1]
        detected = results(tracks, configs, threshold)
        total[:-1] += [_flagged(result, tracks[0]) for result in detected]
        total[-1] += sum(ground_of(scene, tracks).values())
    return total


def _flagged(result: DeformationResult, points: PointCloud) -> int:
    """How many areas hold enough points; how they are drawn does not matter here."""
    areas = areas_in(result.bands(), result.transform)
    held = SortedPoints(points.x, points.y, points.velocity_mm_yr)
    counts = [count_within(area.polygon, *held.near(area.polygon)[:2]) for area in areas]
    return sum(count >= DEFAULT_THRESHOLDS.fewest_points for count in counts)
