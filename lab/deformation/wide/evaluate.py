"""`deformation-wide`: share of bowls of 10-50 km that the service finds, and false alarms per 10,000 km².

Only regions that another frame of the same ground confirms count, found or false.
"""

import hashlib
from functools import cache
from typing import NamedTuple

import numpy as np
from rasterio.features import geometry_mask

from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.wide.cells import WideCells
from ground_motion.methods.deformation.wide.regions import WideRegion, draw_regions
from ground_motion.methods.deformation.wide.search import SIGNIFICANT_IN_TWO, fit_wide, scene, shows
from ground_motion.readers.records import Reference
from ground_motion.statistics.intervals import Interval, bootstrap
from lab.benchmark import Benchmark, Measured, over_seeds
from lab.deformation.wide.scenes import DIAMETERS_KM, FRAMES, NAME, RATES_MM_YR, Scene, bowl_scene, still_scene

VERSION = "2"
SIZE = 96  # Size of the benchmark: four frames, twelve bowls, two places.
DRAWN_MM_YR = 2.0
MATCHING_IOU = 0.2
METHODS = {"wide": Measured("2")}


class Moving(NamedTuple):
    """One bowl: diameter and peak rate, and the region that fits best: its IoU with the truth, peak over true peak."""

    diameter_km: float
    rate_mm_yr: float
    overlap: float
    peak_ratio: float


def regions_of(moving: Scene) -> tuple[WideCells, list[WideRegion]]:
    """Return a scene's cells, and the regions that the service shows in public."""
    search = fit_wide(moving.points, Reference.GNSS, significant=SIGNIFICANT_IN_TWO)
    beside = [scores for other in moving.others if (scores := scene(other, Reference.GNSS).scores)]
    drawn = draw_regions(search.bowls, search.cells, search.still, search.beside)
    return search.cells, [one for one in drawn if any(shows(scores, one.bowls[0]) for scores in beside)]


def measure_still(number: int) -> float:
    """Return false regions per 10,000 km² in a scene without motion."""
    cells, found = regions_of(still_scene(FRAMES[number]))
    return len(found) / (np.count_nonzero(cells.known) * cells.cell_km**2) * 1e4


def measure_bowl(number: int) -> Moving:
    """Measure the search on a scene with a bowl."""
    moving = bowl_scene(number)
    assert moving.bowl is not None  # noqa: S101 (each has one)
    cells, found = regions_of(moving)
    shape = cells.rate_mm_yr.shape
    truth = cells.known & (moving.bowl.rate_mm_yr(*middles(cells.transform, shape)) <= -DRAWN_MM_YR)

    def iou(region: WideRegion) -> float:
        mask = geometry_mask([region.outline], shape, cells.transform, invert=True) & cells.known
        return float((mask & truth).sum() / max((mask | truth).sum(), 1))

    sinking = [(iou(one), one.peak_mm_yr) for one in found if one.peak_mm_yr < 0]
    overlap, peak_mm_yr = max(sinking, default=(0.0, np.nan))
    return Moving(moving.bowl.diameter_km, moving.bowl.peak_mm_yr, overlap, peak_mm_yr / moving.bowl.peak_mm_yr)


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Return all figures of the search as shipped."""
    false = np.array(over_seeds(measure_still, len(FRAMES)))
    diameter, rate, overlap, ratio = np.array(over_seeds(measure_bowl, size)).T
    found = overlap >= MATCHING_IOU
    metrics = {"found": bootstrap(found.astype(np.float64)), "false_alarms_per_10000km2": bootstrap(false)}
    cases = [(f"{-each:g}mm", rate == each) for each in RATES_MM_YR]
    cases += [(f"{each:g}km", diameter == each) for each in DIAMETERS_KM]
    metrics |= {f"found_{name}": bootstrap(found[those].astype(np.float64)) for name, those in cases if those.any()}
    if found.any():
        metrics |= {"iou": bootstrap(overlap[found]), "peak_ratio": bootstrap(ratio[found])}
    return metrics


@cache
def truth_sha256(size: int) -> str:
    """Return the hash of all rates and bowls."""
    digest = hashlib.sha256(f"{VERSION} {size}".encode())
    for one in [*map(still_scene, FRAMES), *map(bowl_scene, range(size))]:
        for array in (one.points.x, one.points.y, one.points.velocity_mm_yr):
            digest.update(np.round(array, 1).astype(np.float32).tobytes())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, SIZE, "scenes", METHODS, evaluate, truth_sha256)
