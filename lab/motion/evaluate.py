"""`python -m lab.motion.evaluate`: measure false changes in steady series, and the detection of simulated changes.

The search's critical values were set on series of Purpose.VALIDATION; published figures use Purpose.BENCHMARK.
"""

from __future__ import annotations

import argparse
import time
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.motion.series import SeriesMotion, Trend, series_motion
from ground_motion.statistics.intervals import Interval, bootstrap_over, proportion
from lab.motion.scenes import MOTIONS, NOISES, SimulatedSeries, changing, still
from lab.results import exact, write
from lab.simulation.seeds import Purpose, generator

FIRST = date(2019, 1, 3)
INTERVALS_DAYS = (6, 12)
CHANGING_NOISES = ("white", "coloured")
CHANGES_MM_YR = (2.0, 4.0, 8.0, 16.0)
EXPECTED = {"begins": Trend.BEGAN, "rests": Trend.AT_REST, "faster": Trend.FASTER, "slower": Trend.SLOWER}
SOON = 2  # A detection within this many acquisitions is soon.
Metrics = dict[str, dict[str, Interval]]


class Outcome(NamedTuple):
    """Result of a series. expected: right trend; other: wrong one; late_days: date error; held: in interval, 0 or 1."""

    expected: bool
    other: bool
    late_days: float
    held: float


def motion_of(series: SimulatedSeries) -> SeriesMotion:
    """Fit the motion of a series. ValueError for a series that is too short."""
    dates = [FIRST + timedelta(days=int(day)) for day in series.days]
    motion = series_motion(dates, series.values_mm)
    if motion is None:
        raise ValueError(f"{series.days.size} dates are too few")
    return motion


def false_changes(purpose: Purpose, noise: str, every: int, draws: int) -> dict[str, Interval]:
    """Return shares of steady series with a false change: of the rate, and of any kind."""
    motions = [motion_of(still(generator(purpose, f"motion {noise} {every}", n), noise, every)) for n in range(draws)]
    kinds = [{change.kind for change in motion.changes} for motion in motions]
    return {
        f"false_rate_{every}_days": proportion(sum(bool(kind & {"rate", "curve"}) for kind in kinds), draws),
        f"false_any_{every}_days": proportion(sum(bool(kind - {"unwrapping"}) for kind in kinds), draws),
    }


def outcome(series: SimulatedSeries, expected: Trend) -> Outcome:
    """Compare the change found in a series with the simulated one."""
    motion = motion_of(series)
    if motion.changed is None or series.changed_day is None or motion.trend is not expected:
        return Outcome(False, motion.trend not in (expected, Trend.STEADY), np.nan, np.nan)
    true = FIRST + timedelta(days=round(series.changed_day))
    late = abs((motion.changed.day - true).days)
    return Outcome(True, False, late, float(motion.changed.first <= true <= motion.changed.last))


def found_changes(
    purpose: Purpose, motion: str, noise: str, size: float, every: int, draws: int
) -> dict[str, Interval]:
    """Measure how changes of one size are detected: shares with the right or a wrong trend, and errors of the date."""
    name = f"motion {motion} {noise} {size:g} {every}"
    made = [changing(generator(purpose, name, n), motion, noise, size, every) for n in range(draws)]
    rows = [outcome(one, EXPECTED[motion]) for one in made]
    found, part = [row for row in rows if row.expected], f"{size:g}mm_{every}_days"
    late = [np.array([[one.late_days / every, one.held]]) for one in found]
    figures = {
        f"found_{part}": proportion(len(found), draws),
        f"other_{part}": proportion(sum(row.other for row in rows), draws),
    }
    if len(found) >= draws / 10:
        soon = sum(one.late_days <= SOON * every for one in found)
        figures[f"error_{part}"] = bootstrap_over(late, lambda rows: float(np.median(rows[:, 0])))
        figures[f"soon_{part}"] = proportion(soon, len(found))
        figures[f"held_{part}"] = proportion(int(sum(one.held for one in found)), len(found))
    return figures


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--still", type=int, default=1000, help="steady series of each noise and interval")
    parser.add_argument("--changing", type=int, default=100, help="series of each change, size and interval")
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    purpose, metrics, started = Purpose[args.purpose], Metrics(), time.process_time()
    for noise in NOISES:
        metrics[noise] = {}
        for every in INTERVALS_DAYS:
            metrics[noise] |= false_changes(purpose, noise, every, args.still)
    for motion in MOTIONS:
        for noise in CHANGING_NOISES:
            name = f"{motion}-{noise}"
            metrics[name] = {}
            for size, every in product(CHANGES_MM_YR, INTERVALS_DAYS):
                metrics[name] |= found_changes(purpose, motion, noise, size, every, args.changing)
    changing_kinds = len(MOTIONS) * len(CHANGING_NOISES) * len(CHANGES_MM_YR)
    series = len(INTERVALS_DAYS) * (len(NOISES) * args.still + changing_kinds * args.changing)
    metrics["time"] = {"ms_a_series": exact(1000 * (time.process_time() - started) / series)}
    write(args.json, "lab.motion.evaluate", metrics, {}, task="deformation", benchmark="series-motion")


if __name__ == "__main__":
    main()
