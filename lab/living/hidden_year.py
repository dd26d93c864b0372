"""`python -m lab.living.hidden_year`: hide the last year of real series, and prolong them pass by pass.

The interferograms of the hidden dates are simulated (`lab.living.passes`); the release itself is the truth. In every
second run a bowl begins to move (`lab.living.bends`). The method is compared with the release's forecast curve, its
bends with PELT. Thresholds of bends were tuned on TUNED, everything else on all of PLACES, with other draws
(Purpose.VALIDATION): passes are new to the method, places are not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.core.geometry import utm_zone_of
from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.living.changes import Clusters, cluster_deviations, clusters_of
from ground_motion.methods.deformation.living.forecast import forecast
from ground_motion.methods.deformation.living.inversion import LivingState, begin, extend
from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.regression import Float32, Float64
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.readers.formats import registry
from ground_motion.readers.records import Declaration, join_batches
from ground_motion.statistics.intervals import Interval, bootstrap_over, proportion
from lab.deformation.injected.places import MAPPINGS
from lab.living.bends import SOON, Reports, draw_bowl, false_reports, reports_after
from lab.living.passes import CASES, Case, Passes, Series
from lab.real_data import folder
from lab.results import code_of, recording, write
from lab.simulation.seeds import Purpose, generator

YEAR = timedelta(days=365)
LAST = timedelta(days=60)  # Dates this near to the end of the year count as "after twelve months".
DRAWS = 6  # Number of simulations of the atmosphere and all other errors.
USUAL_COHERENCE, COHERENCES = 0.7, (0.3, 0.95)  # The coherence where a file states none; limits for those stated.
PLACES = {  # These places have at least four years of data.
    "ustica_ascending": ("egms_ustica/EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip", None),
    "ustica_descending": ("egms_ustica/EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip", None),
    "donana_ascending": ("velocity_real/donana_psbas/Sentinel_Asc.shp", None),
    "donana_descending": ("velocity_real/donana_psbas/Sentinel_Desc.shp", None),
    "offida": ("velocity_real/offida_slope/clusters_offida.shp", "offida.toml"),
}
TUNED = ("ustica_ascending", "donana_ascending")
REPORTED = [place for place in PLACES if place not in TUNED]


class Release(NamedTuple):
    """A series of which the first dates are known. true_mm: (clusters, hidden dates), real deviations, mm."""

    series: Series
    known: int
    state: LivingState
    clusters: Clusters
    true_mm: Float64
    curve_error_mm: Float32


class Year(NamedTuple):
    """A hidden year, prolonged. error_mm, sigma_mm: (points, dates), mm; deviation_mm: (clusters, dates)."""

    error_mm: Float64
    sigma_mm: Float32
    deviation_mm: Float64


def read_series(file: str, mapping: str | None = None) -> Series:
    """Read a real series. Raises InputError if it is missing."""
    declared = Declaration(mapping=MAPPINGS / mapping if mapping else None)
    field = registry.open_velocity_field(folder() / file, declared=declared)
    points = join_batches(list(field.batches()))
    epsg = utm_zone_of(points.longitude, points.latitude)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    coherence = np.clip(np.nan_to_num(points.temporal_coherence, nan=USUAL_COHERENCE), *COHERENCES)
    ground = Ground(np.asarray(x), np.asarray(y), points.height_m)
    return Series(ground, coherence.astype(np.float32), field.header.dates, points.displacement_mm)


def release_of(series: Series) -> Release:
    """Hide the last year of a series."""
    known = sum(day <= series.dates[-1] - YEAR for day in series.dates)
    released, moved = series.dates[:known], series.displacement_mm[:, :known]
    curve, clusters = forecast(released, moved), clusters_of(series.ground)
    expected = np.column_stack([curve.on(day) for day in series.dates[known:]])
    error = expected - series.displacement_mm[:, known:]
    true = np.column_stack([cluster_deviations(clusters, -column) for column in error.T])
    return Release(series, known, begin(series.ground, released, [moved], HALF_WAVE_MM), clusters, true, error)


def prolong(release: Release, moved_mm: Float32, seed: int, case: Case) -> Year:
    """Prolong a release by simulated passes over ground that moved, (points, dates), mm."""
    state, days, known = release.state, release.series.dates, release.known
    passes = Passes(seed, release.series._replace(displacement_mm=moved_mm), known, case)
    errors, sigmas, deviations = [], [], []
    for number in range(known, len(days)):
        state, new = extend(state, days[number], passes.ending_on(number))
        errors.append(new.displacement_mm.astype(np.float64) - moved_mm[:, number])
        sigmas.append(new.sigma_mm)
        deviations.append(cluster_deviations(release.clusters, new.deviation_mm))
    return Year(np.column_stack(errors), np.column_stack(sigmas), np.column_stack(deviations))


def measure(release: Release, place: str, case: Case, draws: int, purpose: Purpose) -> dict[str, Interval]:
    """Measure a case at a place."""
    series, days = release.series, release.series.dates[release.known - 1 :]
    last = np.array([day > days[-1] - LAST for day in days[1:]])
    rows, told, false = [], list[Reports](), list[tuple[int, int]]()
    for draw in range(draws):
        rng = generator(purpose, f"hidden year {place}", draw)
        seed = int(rng.integers(2**31))
        year = prolong(release, series.displacement_mm, seed, case)
        square, z = year.error_mm**2, np.abs(year.error_mm) / year.sigma_mm
        share, within = np.isfinite(square).mean(), (z <= 1).sum() / np.isfinite(z).sum()
        rows.append(np.array([[np.nanmean(square[:, last]), np.nanmean(square), within, share]]))
        false.append(false_reports(days, year.deviation_mm, release.true_mm))
        bowl = draw_bowl(rng, series, release.clusters, release.known, draw)
        if bowl:
            moved = (series.displacement_mm + bowl.share[:, None] * bowl.curve_mm).astype(np.float32)
            told.append(reports_after(days, prolong(release, moved, seed, case).deviation_mm, bowl))
    figures = {
        "rmse_12_months_mm": bootstrap_over(rows, lambda drawn: float(np.sqrt(drawn[:, 0].mean()))),
        "rmse_mm": bootstrap_over(rows, lambda drawn: float(np.sqrt(drawn[:, 1].mean()))),
        "within_one_sigma": bootstrap_over(rows, lambda drawn: float(drawn[:, 2].mean())),
        "share": bootstrap_over(rows, lambda drawn: float(drawn[:, 3].mean())),
        "curve_12_months_mm": Interval(*[float(np.sqrt(np.nanmean(release.curve_error_mm[:, last] ** 2)))] * 3),
    }
    return figures | bend_figures(told, false, release.clusters.tested.size * draws)


def bend_figures(told: Sequence[Reports], false: Sequence[tuple[int, int]], cluster_years: int) -> dict[str, Interval]:
    """Return figures of bends. A bend not reported in the year counts as missed; one that PELT misses is never late."""
    figures = {}
    if told and cluster_years:
        within = [one for one in told if one.control is not None]
        delays = [ours - control for ours, control in within if ours is not None and control is not None]
        figures["told"] = proportion(sum(one.ours is not None for one in told), len(told))
        figures["told_by_pelt"] = proportion(len(within), len(told))
        figures |= {"told_soon": proportion(sum(delay <= SOON for delay in delays), len(within))} if within else {}
        if delays:
            figures["passes_after_pelt"] = Interval(*[float(np.median(delays))] * 3)
        for name, count in zip(("false_share", "false_share_of_pelt"), np.sum(false, axis=0), strict=True):
            figures[name] = proportion(int(count), cluster_years)
    return figures


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the atmosphere at each place")
    parser.add_argument("--places", nargs="+", default=REPORTED, help=f"{', '.join(PLACES)}, or files with series")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    metrics: dict[str, dict[str, Interval]] = {}
    with recording() as used:
        for place in args.places:
            release = release_of(read_series(*PLACES.get(place, (place,))))
            for name in args.cases:
                metrics[f"{place}: {name}"] = measure(release, place, CASES[name], args.draws, Purpose[args.purpose])
    code = code_of(used)
    write(args.json, "lab.living.hidden_year", metrics, {}, task="deformation", benchmark="hidden-year", code=code)


if __name__ == "__main__":
    main()
