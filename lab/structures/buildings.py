"""`python -m lab.structures.buildings`: accuracy of the ledger of buildings on simulated towns not used for tuning.

The usual way for comparison: points belong to the nearest footprint within 10 m; a building has their mean.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import shapely

from ground_motion.methods.deformation.motion.series import WITHIN_90
from ground_motion.methods.structures.buildings import MIN_POINTS, ledger_of, motion_around
from ground_motion.methods.structures.footprints import GEOLOCATION_M, Float64, candidates_of, footprints_of
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.results import code_of, recording, write
from lab.simulation.seeds import Purpose, generator
from lab.structures.towns import Town, draw_town

BENCHMARK = "buildings"
SIZE_M, YEARS = 1000.0, 5.0
MOVING_MM_YR, RESTING_MM_YR = 5.0, 0.5  # Rates against the ground around.
FALSE = {"1_in_1000": 0.001, "1_in_100": 0.01, "5_in_100": 0.05}  # Shares of stable buildings that may be false alarms.
# Columns of a method's rows, one row for each building.
KNOWN, HELD, ERROR, HALF, ALONG_HELD, ACROSS_HELD, SCORE, DEVIATION = range(8)


def measure(number: int) -> dict[str, Float64]:
    """Return the rows (buildings, 8) of each method for one town."""
    town = draw_town(generator(Purpose.BENCHMARK, BENCHMARK, number), SIZE_M)
    footprints = footprints_of(town.polygons)
    points = (town.x_m, town.y_m, town.measured_mm_yr, town.sigma_mm_yr)
    # Every second product knows its points' heights above the ground.
    heights = town.above_ground_m if number % 2 else np.full(len(town.x_m), np.nan)
    pairs = candidates_of(footprints, town.x_m, town.y_m, heights)
    ledger = ledger_of(footprints, pairs, *points, YEARS, np.random.default_rng(1))
    across = np.column_stack([-footprints.along[:, 1], footprints.along[:, 0]])
    ends = (
        (ledger.along_mm_yr, footprints.along, footprints.length_m),
        (ledger.across_mm_yr, across, footprints.width_m),
    )
    tilts = [
        np.where(ledger.tilt_known, _within(found, (town.slope_mm_yr_m * unit).sum(axis=1) * size), np.nan)
        for found, unit, size in ends
    ]
    low, middle, high = ledger.rate_mm_yr
    model = [ledger.rate_known, _within(ledger.rate_mm_yr, town.rate_mm_yr), middle - town.rate_mm_yr]
    model += [(high - low) / 2, *tilts, 2 * np.abs(ledger.deviation_mm_yr[1]) / np.ptp(ledger.deviation_mm_yr, axis=0)]
    return {
        "model": np.column_stack([*model, town.deviation_mm_yr]),
        "nearest": np.column_stack([*_nearest(town), town.deviation_mm_yr]),
    }


def _within(spread: Float64, true: Float64) -> Float64:
    return np.asarray((spread[0] <= true) & (true <= spread[2]), dtype=np.float64)


def _nearest(town: Town) -> list[Float64]:
    """Return the baseline's columns, without DEVIATION."""
    points = shapely.points(town.x_m, town.y_m)
    (point, house), n = (
        shapely.STRtree(town.polygons).query_nearest(points, GEOLOCATION_M, all_matches=False),
        len(town.polygons),
    )
    count = np.bincount(house, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.bincount(house, town.measured_mm_yr[point], n) / count
        half = WITHIN_90 * np.sqrt(np.bincount(house, town.sigma_mm_yr[point] ** 2, n)) / count
    middles = shapely.get_coordinates(shapely.centroid(town.polygons))
    around = motion_around(middles, np.column_stack([town.x_m, town.y_m]), town.measured_mm_yr)
    error, unknown = rate - town.rate_mm_yr, np.full(n, np.nan)
    held, score = np.abs(error) <= half, np.abs(rate - around) / half
    return [count >= MIN_POINTS, held, error, half, unknown, unknown, score]


def figures_of(rows: list[Float64]) -> dict[str, Interval]:
    """Return a method's figures from its rows of each town, resampled by towns."""

    def share(column: int) -> Interval:
        def mean(part: Float64) -> float:
            values = part[(part[:, KNOWN] == 1) | (column == KNOWN), column]
            return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan

        return bootstrap_over(rows, mean)

    return {
        "known": share(KNOWN),
        "within_90": share(HELD),
        "along_within_90": share(ALONG_HELD),
        "across_within_90": share(ACROSS_HELD),
        "rmse_mm_yr": bootstrap_over(rows, lambda part: float(np.sqrt(np.mean(part[part[:, KNOWN] == 1, ERROR] ** 2)))),
        "half_width_mm_yr": bootstrap_over(rows, lambda part: float(np.median(part[part[:, KNOWN] == 1, HALF]))),
        **{
            f"moving_found_at_{name}": bootstrap_over(rows, partial(_found, false=false))
            for name, false in FALSE.items()
        },
    }


def _found(part: Float64, false: float) -> float:
    """Return the share of moving buildings above the threshold that a share `false` of the resting ones exceeds."""
    scores, away = np.where(part[:, KNOWN] == 1, part[:, SCORE], 0.0), np.abs(part[:, DEVIATION])
    threshold = np.quantile(scores[away < RESTING_MM_YR], 1 - false)
    return float(np.mean(scores[away >= MOVING_MM_YR] > threshold))


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--towns", type=int, default=80)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    with recording() as used:
        towns = [measure(number) for number in range(args.towns)]
    metrics = {method: figures_of([town[method] for town in towns]) for method in ("model", "nearest")}
    module = "lab.structures.buildings"
    write(args.json, module, metrics, {}, task="structures", benchmark=BENCHMARK, code=code_of(used))


if __name__ == "__main__":
    main()
