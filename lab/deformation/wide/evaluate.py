"""Benchmarks of wide motion: share of bowls of 10-50 km found, and false alarms per 10,000 km².

Only regions that another frame of the same ground confirms count, found or false. The threshold of every method is
tuned to 0.1 false alarms per 10,000 km² on scenes without bowls of one pair of frames and applied to the other pair.
"""

import hashlib
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from lab.benchmark import Benchmark, over_seeds
from lab.deformation.wide.detectors import METHODS, At, Detector, Found
from lab.deformation.wide.scenes import DIAMETERS_KM, RATES_MM_YR, Bowl, Noise, bowl_scene, still_scene
from ml.deformation.gridding.points import Float64
from ml.deformation.wide.cells import WideCells
from ml.deformation.wide.search import SIGNIFICANT_IN_TWO
from ml.statistics.intervals import Interval, bootstrap

VERSION = "2"
SIZE = 96  # four frames, twelve bowls, two places
THRESHOLDS = np.arange(3.5, 25.1, 0.25)
MOST_FALSE = 0.1  # per 10,000 km²
DRAWN_MM_YR = 2.0
MATCHING_IOU = 0.2
AS_SHIPPED = "wide-shipped"  # the service's search, with its own threshold


class Still(NamedTuple):
    """A scene without motion. false: (thresholds,), regions; km2: known area."""

    frame: str
    false: Float64
    km2: float


class Moving(NamedTuple):
    """One bowl, by threshold: found or not; if found, IoU with the true outline, and peak over true peak."""

    frame: str
    case: tuple[float, float]
    found: Float64
    overlap: Float64
    peak_ratio: Float64


def measure_still(noise: Noise, method: str, number: int) -> Still:
    """Count false regions of a method in a still scene."""
    scene = still_scene(noise, noise.frames[number])
    cells, at = _run(method)(scene.points, scene.others)
    km2 = np.count_nonzero(cells.known) * cells.cell_km**2
    return Still(scene.frame, np.array([len(at(threshold)) for threshold in THRESHOLDS], dtype=np.float64), km2)


def measure_bowl(noise: Noise, method: str, number: int) -> Moving:
    """Measure a method on a scene with a bowl."""
    scene = bowl_scene(noise, number)
    assert scene.bowl is not None  # noqa: S101 (each has one)
    cells, at = _run(method)(scene.points, scene.others)
    rate = _rate_on(cells, scene.bowl)
    best = [_best(at, threshold, rate) for threshold in THRESHOLDS]
    found = np.array([overlap >= MATCHING_IOU for overlap, _ in best], dtype=np.float64)
    overlap, ratio = np.array(best).T
    case = (scene.bowl.diameter_km, scene.bowl.peak_mm_yr)
    return Moving(scene.frame, case, found, overlap, ratio / scene.bowl.peak_mm_yr)


def _run(method: str) -> Detector:
    return METHODS["wide" if method == AS_SHIPPED else method]


def _rate_on(cells: WideCells, bowl: Bowl) -> Float64:
    """Return the true rate of each cell (rows, cols); 0 where it is unknown."""
    rows, cols = cells.rate_mm_yr.shape
    col, row = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    x, y = (np.asarray(each, dtype=np.float64) for each in cells.transform @ (col, row))
    return np.where(cells.known, bowl.rate_mm_yr(x, y), 0.0)


def _best(at: At, threshold: float, rate: Float64) -> tuple[float, float]:
    """Return the largest IoU, on known cells, of a region of the bowl's sign with ground at 2 mm/yr, and its peak."""
    truth = rate <= -DRAWN_MM_YR

    def iou(found: Found) -> float:
        mask = found.mask & (rate != 0)
        return float((mask & truth).sum() / max((mask | truth).sum(), 1))

    sinking = [(iou(found), found.peak_mm_yr) for found in at(threshold) if found.peak_mm_yr < 0]
    return max(sinking, default=(0.0, np.nan))


def evaluate(noise: Noise, method: str, size: int) -> dict[str, Interval]:
    """Return all figures of a method, at thresholds tuned on the other frames."""
    stills = over_seeds(partial(measure_still, noise, method), len(noise.frames), processes=1)
    bowls = over_seeds(partial(measure_bowl, noise, method), size, processes=1)
    threshold: dict[str, int] = {}
    for tuned, reported in (noise.folds, noise.folds[::-1]):
        index = _shipped() if method == AS_SHIPPED else _tuned([one for one in stills if one.frame in tuned])
        threshold |= dict.fromkeys(reported, index)
    false = np.array([one.false[threshold[one.frame]] / one.km2 * 1e4 for one in stills])
    found = np.array([one.found[threshold[one.frame]] for one in bowls])
    rate = np.array([one.case[1] for one in bowls])
    diameter = np.array([one.case[0] for one in bowls])
    seen = [one for one, is_found in zip(bowls, found, strict=True) if is_found]
    metrics = {"found": bootstrap(found), "false_alarms_per_10000km2": bootstrap(false)}
    metrics |= {f"found_{-each:g}mm": bootstrap(found[rate == each]) for each in RATES_MM_YR if (rate == each).any()}
    metrics |= {
        f"found_{each:g}km": bootstrap(found[diameter == each]) for each in DIAMETERS_KM if (diameter == each).any()
    }
    if seen:
        metrics["iou"] = bootstrap(np.array([one.overlap[threshold[one.frame]] for one in seen]))
        metrics["peak_ratio"] = bootstrap(np.array([one.peak_ratio[threshold[one.frame]] for one in seen]))
    metrics |= {
        f"threshold_{number}": Interval(*[float(THRESHOLDS[threshold[fold[0]]])] * 3)
        for number, fold in enumerate(noise.folds)
    }
    return metrics


def _tuned(stills: list[Still]) -> int:
    """Return the index of the lowest threshold from which on there are few enough false alarms; else the highest."""
    false = sum(one.false for one in stills) / sum(one.km2 for one in stills) * 1e4
    above = np.flatnonzero(false > MOST_FALSE)
    return min(int(above[-1]) + 1 if above.size else 0, len(THRESHOLDS) - 1)


def _shipped() -> int:
    return int(np.argmin(np.abs(THRESHOLDS - SIGNIFICANT_IN_TWO)))


@cache
def truth_sha256(noise: Noise, size: int) -> str:
    """Return the hash of all rates and bowls."""
    digest = hashlib.sha256(f"{VERSION} {size}".encode())
    for scene in [still_scene(noise, frame) for frame in noise.frames] + [bowl_scene(noise, n) for n in range(size)]:
        for array in (scene.points.x, scene.points.y, scene.points.velocity_mm_yr):
            digest.update(np.round(array, 1).astype(np.float32).tobytes())
    return digest.hexdigest()


VERSIONS = dict.fromkeys((*METHODS, AS_SHIPPED), "2")
BENCHMARKS = tuple(
    Benchmark(noise.value, VERSION, SIZE, "scenes", VERSIONS, partial(evaluate, noise), partial(truth_sha256, noise))
    for noise in Noise
)
