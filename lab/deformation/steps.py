"""`python -m lab.deformation.steps`: unwrapping errors that are undone, real motion that is not, alarms saved.

Made series (`step_series`) and, where GROUND_MOTION_DATA is, errors put into the real series of Ustica. Intervals are
over draws: a draw has its own dates, noise and motion. The detector's limits were set on other draws of the same maker
(`Purpose.VALIDATION`); on real series nothing was set.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.errors import InputError
from lab.deformation.benchmark_tiles import NATIONAL, cloud, still_tile
from lab.deformation.injected.places import place, residual_tracks
from lab.deformation.step_series import (
    DAYS_PER_YEAR,
    MOTIONS,
    Errors,
    draw_days,
    draw_errors,
    draw_noise,
    draw_places,
    region_around,
)
from lab.real_data import folder
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import SIDE_M
from ml.deformation.infer import detect_deformation, flagged_areas
from ml.deformation.points import PointCloud
from ml.deformation.series.neighbours import agreed
from ml.deformation.series.summary import SeriesSummary, summarise
from ml.runtime.checkpoints import read_card
from ml.runtime.code_version import code_version
from ml.statistics.intervals import Interval, bootstrap_over

NOISES_MM = (2, 3, 4, 5, 6)
POINTS = 200
METHODS = ("matched-filter", "model")
KINDS = ("released", "corrected")
Figures = dict[str, Interval]
Float64 = NDArray[np.float64]


class Counts(NamedTuple):
    """Errors put in, those undone, and steps undone that were none."""

    put_in: int
    undone: int
    invented: int


def compare(summary: SeriesSummary, errors: Errors) -> Counts:
    """An error counts as undone where it is undone at its image or within two of it, by its number of cycles."""
    steps = summary.steps
    undone = steps.cycles != 0
    point, date, cycles = steps.point[undone], steps.date[undone], steps.cycles[undone]
    same = (np.abs(errors.at[point] - date[:, None]) <= 2) & (errors.cycles[point] == cycles[:, None])
    found = np.zeros(errors.at.shape, dtype=bool)
    row, slot = np.nonzero(same & (errors.at[point] > 0))
    found[point[row], slot] = True
    return Counts(int((errors.at > 0).sum()), int(found.sum()), int((~same.any(axis=1)).sum()))


def changed_share(summary: SeriesSummary) -> float:
    """Share of the points of which a step was undone."""
    return float(np.unique(summary.steps.point[summary.steps.cycles != 0]).size / summary.rate_mm_yr.size)


def on_errors(rng: np.random.Generator, sigma_mm: float, snow: bool) -> Counts:
    """Errors of single points on steady motion."""
    days = draw_days(rng, snow)
    years = days / DAYS_PER_YEAR
    errors = draw_errors(rng, POINTS, days, snow)
    values = draw_noise(rng, POINTS, years, sigma_mm) + MOTIONS["linear"](rng, POINTS, years)
    return compare(summarise((values + errors.added_mm(days.size)).astype(np.float32), days), errors)


def on_region(rng: np.random.Generator, sigma_mm: float) -> Counts:
    """One error of a region, with neighbours."""
    days, (x, y) = draw_days(rng, False), draw_places(rng, 4 * POINTS, 2_000.0)
    years = days / DAYS_PER_YEAR
    inside = region_around(rng, x, y)
    at, cycles = rng.integers(1, days.size), rng.choice([-1, 1])
    errors = Errors(np.where(inside, at, 0)[:, None], np.where(inside, cycles, 0)[:, None])
    values = draw_noise(rng, x.size, years, sigma_mm) + rng.uniform(-5, 5) * years
    return compare(agreed(summarise((values + errors.added_mm(days.size)).astype(np.float32), days), x, y), errors)


def on_motion(rng: np.random.Generator, motion: str, sigma_mm: float, snow: bool) -> tuple[float, float]:
    """Shares of the points of a moving place that are changed: each by itself, and with neighbours."""
    days, (x, y) = draw_days(rng, snow), draw_places(rng, POINTS, 1_000.0)
    years = days / DAYS_PER_YEAR
    values = draw_noise(rng, POINTS, years, sigma_mm) + MOTIONS[motion](rng, POINTS, years)
    alone = summarise(values.astype(np.float32), days)
    return changed_share(alone), changed_share(agreed(alone, x, y))


def share_of(counts: list[Counts], part: str) -> Interval:
    """Of the errors put in; interval over draws."""
    rows = [np.array([[getattr(one, part), one.put_in]], dtype=np.float64) for one in counts]
    return bootstrap_over(rows, lambda total: float(total[:, 0].sum() / max(total[:, 1].sum(), 1)))


def mean_of(values: list[float]) -> Interval:
    """Interval over draws."""
    return bootstrap_over([np.array([[value]]) for value in values], lambda rows: float(rows.mean()))


def made_series(purpose: Purpose, draws: int) -> Figures:
    """Errors found by noise, and real motion changed by its kind."""
    figures: Figures = {}
    for sigma in NOISES_MM:
        for name, snow in (("any_date", False), ("winters", True)):
            rngs = [generator(purpose, f"steps {name} {sigma}", draw) for draw in range(draws)]
            counts = [on_errors(rng, sigma, snow) for rng in rngs]
            figures[f"undone_{name}_{sigma}mm"] = share_of(counts, "undone")
            figures[f"invented_{name}_{sigma}mm"] = share_of(counts, "invented")
        rngs = [generator(purpose, f"steps region {sigma}", draw) for draw in range(draws)]
        figures[f"undone_region_{sigma}mm"] = share_of([on_region(rng, sigma) for rng in rngs], "undone")
    for motion in MOTIONS:
        for name, snow in (("any_date", False), ("winters", True)):
            rngs = [generator(purpose, f"steps {motion} {name}", draw) for draw in range(draws)]
            shares = [on_motion(rng, motion, rng.uniform(2, 6), snow) for rng in rngs]
            figures[f"changed_alone_{motion}_{name}"] = mean_of([alone for alone, _ in shares])
            figures[f"changed_{motion}_{name}"] = mean_of([together for _, together in shares])
    return figures


def real_series(purpose: Purpose, draws: int) -> Figures:
    """Ustica: points changed as they are, and errors of regions, put into the real series, that are undone."""
    figures: Figures = {}
    for number, track in enumerate(residual_tracks(place("ustica")), 1):
        if track.years is None or track.displacement_mm is None:
            raise InputError(folder(), "the tracks of Ustica have no series", "Fetch the real data of this place")
        days, (x, y) = np.rint(track.years * DAYS_PER_YEAR).astype(np.int64), track.points[:2]
        untouched = agreed(summarise(track.displacement_mm, days), x, y)
        figures[f"changed_ustica_{number}"] = mean_of([changed_share(untouched)])
        counts = []
        for draw in range(draws):
            rng = generator(purpose, f"steps ustica {number}", draw)
            inside = region_around(rng, x, y)
            at, cycles = rng.integers(1, days.size), rng.choice([-1, 1])
            near = np.flatnonzero(np.hypot(x - x[inside].mean(), y - y[inside].mean()) < 1_000)
            errors = Errors(np.where(inside, at, 0)[near, None], np.where(inside, cycles, 0)[near, None])
            values = (track.displacement_mm[near] + errors.added_mm(days.size)).astype(np.float32)
            counts.append(compare(agreed(summarise(values, days), x[near], y[near]), errors))
        figures[f"undone_ustica_{number}"] = share_of(counts, "undone")
        figures[f"invented_ustica_{number}"] = share_of(counts, "invented")
    return figures


def stepped_tile(purpose: Purpose, number: int) -> tuple[PointCloud, PointCloud]:
    """A still tile with unwrapping errors over three regions: as released, and corrected by its series.

    Five years, an image every 12 days, 3 mm of noise each; the tile's own errors of rates are in the series, too.
    """
    rng = generator(purpose, "steps tile", number)
    points = cloud(still_tile(NATIONAL, number, purpose).tracks[0])
    days = np.arange(0, int(5 * DAYS_PER_YEAR), 12)
    years = days / DAYS_PER_YEAR
    errors = Errors(np.zeros((points.x.size, 3), np.intp), np.zeros((points.x.size, 3), np.intp))
    for slot in range(3):
        inside = region_around(rng, points.x, points.y)
        errors.at[inside, slot] = rng.integers(days.size // 6, days.size - days.size // 6)
        errors.cycles[inside, slot] = rng.choice([-1, 1])
    noise = rng.normal(0, 3, (points.x.size, days.size)) + errors.added_mm(days.size)
    row = (years - years.mean()) / ((years - years.mean()) ** 2).sum()
    released = points._replace(velocity_mm_yr=(points.velocity_mm_yr + noise @ row).astype(np.float32))
    series = (noise + np.outer(points.velocity_mm_yr, years)).astype(np.float32)
    summary = agreed(summarise(series, days), points.x, points.y)
    return released, released._replace(velocity_mm_yr=released.velocity_mm_yr - summary.step_mm_yr)


def alarms(purpose: Purpose, tiles: int) -> Figures:
    """Areas flagged on still tiles with unwrapping errors over regions, per 1,000 km²: as released, and corrected."""
    flagged: dict[str, list[float]] = {f"alarms_{kind}_{method}": [] for method in METHODS for kind in KINDS}
    for number in range(tiles):
        released, mended = stepped_tile(purpose, number)
        for method in METHODS:
            for kind, points in zip(KINDS, (released, mended), strict=True):
                areas = flagged_areas(detect_deformation(points, method), [points])
                flagged[f"alarms_{kind}_{method}"].append(len(areas) / (SIDE_M / 1000) ** 2 * 1000)
    return {name: mean_of(values) for name, values in flagged.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=20, help="of made series, each kind and noise")
    parser.add_argument("--tiles", type=int, default=10, help="still tiles with unwrapping errors over regions")
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    purpose = Purpose[args.purpose]
    figures = made_series(purpose, args.draws) | alarms(purpose, args.tiles)
    try:
        figures |= real_series(purpose, args.draws)
    except InputError as error:
        print(f"real series are left out: {error}")
    for name, one in figures.items():
        print(f"{name:42s} {one.value:7.3f} ({one.low:.3f} to {one.high:.3f})")
    if args.json:
        record = {
            "task": "deformation",
            "benchmark": "series-steps",
            "method": "series",
            "weights_sha256": read_card("deformation").weights_sha256,
            "commit": code_version(),
            "command": shlex.join(["python", "-m", "lab.deformation.steps", *sys.argv[1:]]),
            "note": "The weights matter to the alarms of the network only.",
            "metrics": {name: one._asdict() for name, one in figures.items()},
        }
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
