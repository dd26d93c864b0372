"""`python -m lab.structures.buildings`: accuracy of the ledger of buildings on simulated towns not used for tuning.

The usual way for comparison: points belong to the nearest footprint within 10 m; a building has their mean.
`--fit` learns the ledger's constants for tilt, damage and own motion on other towns, and prints them.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ground_motion.methods.deformation.motion.series import WITHIN_90
from ground_motion.methods.deformation.reliability import balanced_regression
from ground_motion.methods.structures import buildings
from ground_motion.methods.structures.footprints import Float64, candidates_of, footprints_of, nearest_of
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.results import code_of, recording, write
from lab.simulation.seeds import Purpose, generator
from lab.structures.towns import draw_town

BENCHMARK = "buildings"
SIZE_M, FIRST_YEARS, MORE_YEARS = 1000.0, 3.0, 6  # Side of a town; products span 3 to 8 years.
MOVING_MM_YR, RESTING_MM_YR = 5.0, 0.5  # Rates against the ground around.
FALSE = {"1_in_1000": 0.001, "1_in_100": 0.01, "5_in_100": 0.05}  # Shares of stable buildings that may be false alarms.
CLASSES = {"negligible": 1, "slight": 2, "moderate": 3}
# Columns of a method's rows, one row for each building; the nearest footprint has the first six.
KNOWN, HELD, ERROR, HALF, SCORE, DEVIATION, DEVIATION_HELD, TILT, TILT_HELD, TILT_SEEN, DAMAGE, TOLD = range(12)
POINTS, SIZE, NOISE, EVIDENCE = range(12, 16)
# Middles of sides and corners, as shares of half the length and half the width.
AROUND = np.array([[-1, 0], [1, 0], [0, -1], [0, 1], [-1, -1], [-1, 1], [1, -1], [1, 1]])


def measure(number: int, purpose: Purpose) -> tuple[Float64, Float64]:
    """Return the rows (buildings, columns) of the ledger and of the nearest footprint for one town."""
    town = draw_town(generator(purpose, BENCHMARK, number), SIZE_M)
    footprints, years = footprints_of(town.polygons), FIRST_YEARS + number % MORE_YEARS
    points = (town.x_m, town.y_m, town.measured_mm_yr, town.sigma_mm_yr)
    # Every second product knows its points' heights above the ground.
    heights = town.above_ground_m if number % 2 else np.full(len(town.x_m), np.nan)
    pairs = candidates_of(footprints, town.x_m, town.y_m, heights)
    ledger = buildings.ledger_of(footprints, pairs, *points, years, np.random.default_rng(1))
    sides_m = np.column_stack([footprints.length_m, footprints.width_m])
    units = np.stack([footprints.along, footprints.along[:, ::-1] * [-1, 1]], axis=1)
    motion = town.own_mm_yr(np.arange(len(footprints.x_m)), np.einsum("ks,ns,nsx->nkx", AROUND, sides_m / 2, units))
    tilt = np.hypot(*((motion[:, [1, 3]] - motion[:, [0, 2]]) / sides_m).T)
    by_settlement = np.searchsorted(buildings.RANKIN_MM, years * np.abs(motion).max(axis=1))
    damage = 1 + np.maximum(by_settlement, np.searchsorted(buildings.RANKIN_MM_M, years * town.steepest_mm_yr_m))
    deviation, rate, (least, _, most) = town.deviation_mm_yr, ledger.rate_mm_yr, ledger.tilt_mm_m_yr
    spreads = ledger.rate_mm_yr, ledger.deviation_mm_yr, np.stack([np.nan_to_num(least), most, most])
    truths = town.rate_mm_yr, deviation, tilt
    held = [(part[0] <= true) & (true <= part[2]) for part, true in zip(spreads, truths, strict=True)]
    tilt_held, seen = np.where(np.isfinite(most), held[2], np.nan), np.isfinite(least)
    rows = [ledger.rate_known, held[0], rate[1] - town.rate_mm_yr, np.ptp(rate, axis=0) / 2, ledger.moving, deviation]
    rows += [held[1], tilt, tilt_held, seen, damage, ledger.damage, ledger.points]
    evidence = np.moveaxis(ledger.evidence, 1, 0).reshape(len(deviation), -1)
    owner, n = nearest_of(footprints, town.x_m, town.y_m) + 1, len(deviation) + 1
    count, total, variance = (np.bincount(owner, part, n)[1:] for part in (None, points[2], points[3] ** 2))
    middles = np.column_stack([footprints.x_m, footprints.y_m])
    around = buildings.motion_around(middles, np.column_stack(points[:2]), town.measured_mm_yr)
    known, of_one = count >= buildings.MIN_POINTS, np.maximum(count, 1)
    error, half = total / of_one - town.rate_mm_yr, WITHIN_90 * np.sqrt(variance) / of_one
    score = np.where(known, np.abs(total / of_one - around) / np.maximum(half, 1e-9), 0.0)
    nearest = [known, np.abs(error) <= half, error, half, score, deviation]
    return np.column_stack([*rows, *ledger.tilt, evidence]), np.column_stack(nearest)


def fit(rows: Float64) -> None:
    """Print what the ledger has learned from rows of many towns: WEIGHTS, TILT_STEPS and TILT_LIMIT."""
    rests, moves = (np.abs(rows[:, DEVIATION]) < RESTING_MM_YR), (np.abs(rows[:, DEVIATION]) >= MOVING_MM_YR)
    terms, known = rows[:, EVIDENCE:].reshape(len(rows), 3, -1), rows[:, POINTS] >= buildings.MIN_POINTS
    cases = ((moves, rests | moves), (rows[:, DAMAGE] >= 2, known), (rows[:, DAMAGE] >= 3, known))
    for task, (is_so, used) in enumerate(cases):
        weights = balanced_regression(terms[used, task], is_so[used], ridge=1e-3)
        weights[0] -= np.quantile(terms[rests, 0] @ weights, 0.99) if task == 0 else 0.0
        print(weights.round(3).tolist())
    rows = rows[np.isfinite(rows[:, TILT_HELD])]
    seen, whole = rows[:, SIZE] > buildings.TILT_SEEN * rows[:, NOISE], np.hypot(rows[:, SIZE], rows[:, NOISE])
    each = 1 / (np.count_nonzero(seen) + 1)  # So far outward, quantiles of few known tilts hold 90 of 100 new ones.
    steps = np.quantile(((rows[:, TILT] - rows[:, SIZE]) / rows[:, NOISE])[seen], [0.05 - each, 0.95 + each])
    print(steps.round(2), np.quantile((rows[:, TILT] / whole)[~seen], 0.9).round(3))


def figures_of(rows: list[Float64]) -> dict[str, Interval]:
    """Return a method's figures from its rows of each town, resampled by towns."""

    def over(figure: Callable[[Float64], float | np.floating]) -> Interval:
        return bootstrap_over(rows, lambda part: float(figure(part[part[:, KNOWN] == 1])))

    def share(column: int) -> Interval:
        return over(lambda part: np.nanmean(part[:, column]))

    figures = {
        "known": bootstrap_over(rows, lambda part: float(part[:, KNOWN].mean())),
        "within_90": share(HELD),
        "rmse_mm_yr": over(lambda part: np.sqrt(np.mean(part[:, ERROR] ** 2))),
        "half_width_mm_yr": over(lambda part: np.median(part[:, HALF])),
    }
    for name, false in FALSE.items():
        figures[f"moving_found_at_{name}"] = bootstrap_over(rows, partial(_found, false=false))
    if rows[0].shape[1] <= TOLD:
        return figures
    return figures | {
        "deviation_within_90": share(DEVIATION_HELD),
        "moving_within_90": over(lambda part: np.mean(part[np.abs(part[:, DEVIATION]) >= MOVING_MM_YR, HELD])),
        "moving_told_within_90": over(lambda part: np.mean(part[part[:, SCORE] > 0, HELD])),
        "tilt_within_90": over(lambda part: np.nanmean(part[part[:, TILT_SEEN] == 1, TILT_HELD])),
        "tilt_limit_within_90": over(lambda part: np.nanmean(part[part[:, TILT_SEEN] == 0, TILT_HELD])),
        "tilt_seen": share(TILT_SEEN),
        "damage_balanced": over(lambda part: np.mean([_recall(part, level) for level in (1, 2, 3)])),
        **{f"damage_{name}_told": over(partial(_recall, level=level)) for name, level in CLASSES.items()},
        **{f"damage_{name}_right": over(partial(_recall, level=level, of=TOLD)) for name, level in CLASSES.items()},
        "damage_told": over(lambda part: np.mean(part[:, TOLD] > 0)),
        "damaged_called_negligible": over(lambda part: np.mean(part[part[:, DAMAGE] > 1, TOLD] == 1)),
    }


def _recall(part: Float64, level: int, of: int = DAMAGE) -> float:
    """Return the share of the buildings of a class of damage that get it, of those with one; `of` TOLD: precision."""
    classes = part[(part[:, of] == level) & (part[:, TOLD] > 0)][:, [DAMAGE, TOLD]]
    return float(np.mean((classes == level).all(axis=1)))


def _found(part: Float64, false: float) -> float:
    """Return the share of moving buildings above the threshold that a share `false` of the resting ones exceeds."""
    scores, away = part[:, SCORE], np.abs(part[:, DEVIATION])
    threshold = np.quantile(scores[away < RESTING_MM_YR], 1 - false)
    return float(np.mean(scores[away >= MOVING_MM_YR] > threshold))


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--towns", type=int, default=42)
    parser.add_argument("--fit", action="store_true", help="learn on validation towns, print, and write nothing")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    purpose = Purpose.VALIDATION if args.fit else Purpose.BENCHMARK
    with recording() as used:
        towns = [measure(number, purpose) for number in range(args.towns)]
    if args.fit:
        return fit(np.concatenate([rows for rows, _ in towns]))
    metrics = {
        method: figures_of([town[at][:, : TOLD + 1] for town in towns])
        for at, method in enumerate(("model", "nearest"))
    }
    module = "lab.structures.buildings"
    return write(args.json, module, metrics, {}, task="structures", benchmark=BENCHMARK, code=code_of(used))


if __name__ == "__main__":
    main()
