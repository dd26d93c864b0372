"""`python -m lab.living.bends`: how soon living series show that ground leaves its forecast, and how often falsely.

The last year of a series is hidden and measured anew by simulated passes, as in `lab.living.hidden_year`. Into some a
bowl is put that begins to move, or speeds up, in the hidden year. Others stay as they are: a report is false there
if the series itself, without any pass, does not bend at least half as much in the same direction.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.living.changes import (
    MIN_DATES,
    MIN_SCORE,
    SEAM_MM,
    Bends,
    Clusters,
    bends,
    cluster_deviations,
    clusters_of,
    noise_covariance,
)
from ground_motion.methods.deformation.living.forecast import forecast
from ground_motion.methods.deformation.living.inversion import begin, extend
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, Float32, Float64
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.statistics.intervals import Interval, bootstrap_over, proportion
from lab.living.hidden_year import PLACES, SIMULATED, YEAR, place_series
from lab.living.passes import Passes, Series
from lab.results import code_of, recording, write
from lab.simulation.seeds import Purpose, generator

ONSET_MM_YR, ACCELERATION_MM_YR2 = 20.0, 20.0
ONSET_YEARS = (0.1, 0.5)  # Onsets begin at these shares of the hidden year; an acceleration begins with it.
RADIUS_M = 400.0  # A bowl's motion falls to 1/e at this radius.
MIN_POINTS = 20  # Least number of points of a place.
SOON = 2  # A detection within this many passes is soon.
KINDS = ("onset", "acceleration")


class Bowl(NamedTuple):
    """Bowl put into a series. share: (points,), of its motion; curve_mm: (dates,), of its middle; cluster: its own."""

    share: Float32
    curve_mm: Float64
    cluster: int


class Followed(NamedTuple):
    """Bends after each hidden date from the MIN_DATES-th on, and those of the series itself after the last one.

    deviation_mm: (clusters, dates), what they were fitted to.
    """

    after: list[Bends]
    true: Bends
    deviation_mm: Float64


def draw_bowl(rng: np.random.Generator, series: Series, clusters: Clusters, known: int, kind: str) -> Bowl:
    """Draw a bowl around a cluster whose cell has MIN_POINTS points."""
    counts = np.bincount(clusters.own, minlength=clusters.tested.max() + 1)[clusters.tested]
    cluster = int(rng.choice(np.flatnonzero(counts >= MIN_POINTS)))
    x, y = (part[0] for part in clusters.cells.centre(clusters.tested[[cluster]]))
    away = np.hypot(series.ground.x_m - x, series.ground.y_m - y)
    begins = rng.uniform(*ONSET_YEARS) if kind == "onset" else 0.0
    since = np.array([(day - series.dates[known - 1]).days / DAYS_PER_YEAR - begins for day in series.dates])
    moved = np.maximum(since, 0)
    curve = ONSET_MM_YR * moved if kind == "onset" else ACCELERATION_MM_YR2 / 2 * moved**2
    return Bowl(np.exp(-((away / RADIUS_M) ** 2)).astype(np.float32), rng.choice([-1, 1]) * curve, cluster)


def follow(series: Series, clusters: Clusters, known: int, passes: Passes) -> Followed:
    """Prolong a series, and fit bends after each date."""
    released, hidden = series.dates[known - 1], series.dates[known:]
    state = begin(series.ground, series.dates[:known], [series.displacement_mm[:, :known]], HALF_WAVE_MM)
    seen: list[Float64] = []
    after = []
    for number in range(known, len(series.dates)):
        state, new = extend(state, series.dates[number], passes.ending_on(number))
        seen.append(cluster_deviations(clusters, new.deviation_mm))
        if len(seen) >= MIN_DATES:
            after.append(bends(released, hidden[: len(seen)], np.column_stack(seen)))
    curve = forecast(series.dates[:known], series.displacement_mm[:, :known])
    true = [
        cluster_deviations(clusters, series.displacement_mm[:, known + at] - curve.on(day))
        for at, day in enumerate(hidden)
    ]
    return Followed(after, bends(released, hidden, np.column_stack(true)), np.column_stack(seen))


def false_reports(followed: Followed) -> int:
    """Count the clusters that are ever reported without a bend of their own."""
    false = np.zeros(followed.true.score.size, dtype=bool)
    for found in followed.after:
        own = followed.true.change_mm_yr * np.sign(found.score)
        false |= (np.abs(found.score) >= MIN_SCORE) & (own < np.abs(found.change_mm_yr) / 2)
    return int(false.sum())


def measure(series: Series, place: str, draws: int, purpose: Purpose) -> dict[str, Interval]:
    """Measure delays of reports, in passes, and false reports at a place."""
    known = sum(day <= series.dates[-1] - YEAR for day in series.dates)
    clusters = clusters_of(series.ground)
    figures = {}
    for kind in KINDS:
        late: list[float] = []
        moved: list[float] = []
        for draw in range(draws):
            rng = generator(purpose, f"bends {kind} {place}", draw)
            bowl = draw_bowl(rng, series, clusters, known, kind)
            shifted = series._replace(
                displacement_mm=series.displacement_mm + (bowl.share[:, None] * bowl.curve_mm).astype(np.float32)
            )
            followed = follow(shifted, clusters, known, Passes(rng, shifted))
            sign, curve = np.sign(bowl.curve_mm[-1]), np.abs(bowl.curve_mm[known:])
            scores = [sign * found.score[bowl.cluster] for found in followed.after]
            first = next((at for at, score in enumerate(scores) if score >= MIN_SCORE), None)
            if first is not None:
                late.append(first - earliest(followed.deviation_mm, curve))
                moved.append(float(curve[MIN_DATES - 1 + first]))
        figures[f"{place} {kind} reported"] = proportion(len(late), draws)
        figures[f"{place} {kind} soon"] = proportion(sum(passes <= SOON for passes in late), draws)
        if late:
            figures[f"{place} {kind} passes_late"] = bootstrap_over(
                [np.array(late)], lambda rows: float(np.median(rows))
            )
            figures[f"{place} {kind} moved_mm"] = bootstrap_over([np.array(moved)], lambda rows: float(np.median(rows)))
    false = [
        false_reports(follow(series, clusters, known, Passes(generator(purpose, f"bends still {place}", draw), series)))
        for draw in range(draws)
    ]
    rate = [np.array([[1000 * count / clusters.tested.size]]) for count in false]
    figures[f"{place} false_per_1000"] = bootstrap_over(rate, lambda rows: float(rows.mean()))
    return figures


def earliest(deviation_mm: Float64, curve_mm: Float64) -> int:
    """Return after how many dates past MIN_DATES somebody who knew the curve of the motion would be sure of it.

    deviation_mm: (clusters, dates), which show the noise; curve_mm: (dates,), motion of the cluster.
    """
    for count in range(MIN_DATES, curve_mm.size):
        known = curve_mm[:count]
        if np.sqrt(known @ np.linalg.solve(noise_covariance(deviation_mm[:, :count]) + SEAM_MM**2, known)) >= MIN_SCORE:
            return count - MIN_DATES
    return curve_mm.size - MIN_DATES


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=20, help="of each kind at each place")
    parser.add_argument("--places", nargs="+", choices=[*PLACES, *SIMULATED], default=["ustica_descending", *SIMULATED])
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    metrics: dict[str, Interval] = {}
    with recording() as used:
        for place in args.places:
            metrics |= measure(place_series(place), place, args.draws, Purpose[args.purpose])
    write(
        args.json,
        "lab.living.bends",
        {"living": metrics},
        {},
        task="deformation",
        benchmark="bends",
        code=code_of(used),
    )


if __name__ == "__main__":
    main()
