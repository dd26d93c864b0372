"""Thresholds tuned on the places that a fold may see: of the methods without learning, and of a network where asked.

Each has the lowest threshold at which it flags nothing on turned and thinned copies of the training places' still
fields: there is so little real ground that one area there is more than all methods are allowed. NOISY places are left
out: rates of half a year would put the matched filter's threshold at twice what others need.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ml.deformation.infer import CONFIGS, Config, DeformationResult, detect_all_with
from ml.deformation.nation import NetworkConfig
from ml.deformation.points import PointCloud
from ml.lab.deformation.injected.places import Fold, folds
from ml.lab.deformation.injected.scenes import clouds, scene_of
from ml.lab.deformation.tuning import THRESHOLDS, raised, results
from ml.lab.workers import over_seeds
from ml.rasters.areas import DEFAULT_THRESHOLDS, SortedPoints, areas_in, count_within
from ml.simulation.seeds import Purpose

NOISY = frozenset({"amsterdam"})
COPIES = 20  # scenes of each training place
TRIED = np.linspace(0.4, 2.5, 43)  # of the shipped threshold
RAISED = np.linspace(-4.0, 4.0, 41)  # a network's: by so many logits of its score


def tuned(method: str, fold: Fold, copies: int = COPIES, processes: int = 2) -> Config:
    """A method of THRESHOLDS with the lowest threshold of TRIED from which on it flags nothing; else the highest."""
    base, threshold = CONFIGS[method](), THRESHOLDS[method]
    values = [{threshold: float(part * getattr(base, threshold))} for part in TRIED]
    configs = [replace(base, **value) for value in values]  # type: ignore[arg-type]
    names = [name for name in fold.training if name not in NOISY]
    lowest = over_seeds(partial(_lowest_quiet, configs, threshold, names), copies, processes=processes)
    return configs[min(max(lowest), len(configs) - 1)]


def tuned_by_place(method: str, processes: int = 2) -> dict[str, Config]:
    """Of each place, the configuration that was tuned without it."""
    return {
        name: config for fold in folds() for config in [tuned(method, fold, processes=processes)] for name in fold.test
    }


def raised_by(fold: Fold, copies: int = COPIES, processes: int = 2) -> float:
    """By how many logits of its score the shipped network's threshold is raised, lowered where negative: the least of
    RAISED from which on it flags nothing, else the highest.
    """
    names = [name for name in fold.training if name not in NOISY]
    lowest = over_seeds(partial(_lowest_raised, names), copies, processes=processes)
    return float(RAISED[min(max(lowest), len(RAISED) - 1)])


def raised_by_place(processes: int = 2) -> dict[str, float]:
    """Of each place, what was tuned without it."""
    return {name: by for fold in folds() for by in [raised_by(fold, processes=processes)] for name in fold.test}


def _lowest_raised(names: Sequence[str], number: int) -> int:
    """As `_lowest_quiet`, of the network."""
    lowest = 0
    for name in names:
        tracks = clouds(scene_of(name, number, Purpose.VALIDATION))[:1]
        detected = detect_all_with(tracks, NetworkConfig())
        loud = (at for at in reversed(range(len(RAISED))) if _flags(raised(detected, RAISED[at]), tracks[0]))
        lowest = max(lowest, next(loud, -1) + 1)
    return lowest


def _lowest_quiet(configs: Sequence[Config], threshold: str, names: Sequence[str], number: int) -> int:
    """From which configuration on, counted from 0, the first track of one scene of each place has nothing flagged."""
    lowest = 0
    for name in names:
        tracks = clouds(scene_of(name, number, Purpose.VALIDATION))[:1]
        detected = results(tracks, configs[lowest:], threshold)
        loud = (at for at in reversed(range(len(detected))) if _flags(detected[at], tracks[0]))
        lowest += next(loud, -1) + 1
        if lowest == len(configs):
            break
    return lowest


def _flags(result: DeformationResult, points: PointCloud) -> bool:
    """Whether any area holds enough points; how it is drawn does not matter here."""
    held = SortedPoints(points.x, points.y, points.velocity_mm_yr)
    return any(
        count_within(area.polygon, [held]) >= DEFAULT_THRESHOLDS.fewest_points
        for area in areas_in(result.bands(), result.transform)
    )
