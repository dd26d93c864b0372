"""`python -m lab.living.hidden_year`: hide the last year of real series, and prolong them pass by pass.

The interferograms of the hidden dates are simulated (`lab.living.passes`); what is right is the release itself. The
numerics were made while looking at these places with other draws of delay and noise (Purpose.VALIDATION): the errors of
the passes are new to them, the places are not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.core.geometry import utm_zone_of
from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.living.forecast import forecast
from ground_motion.methods.deformation.living.inversion import Interferogram, begin, extend
from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.regression import Float32
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.readers.formats import registry
from ground_motion.readers.records import Declaration, join_batches
from ground_motion.readers.velocity.interferograms import invert
from ground_motion.simulation.nation import simulate_nation
from ground_motion.statistics.intervals import Interval, bootstrap_over
from lab.deformation.injected.places import MAPPINGS
from lab.living.passes import REACH, Passes, Series
from lab.real_data import folder
from lab.results import code_of, recording, write
from lab.simulation.seeds import Purpose, generator

YEAR = timedelta(days=365)
LAST = timedelta(days=60)  # Dates this near to the end of the year count as "after twelve months".
DRAWS = 10  # Number of simulations of the atmosphere and all other errors.
USUAL_COHERENCE, COHERENCES = 0.7, (0.3, 0.95)  # The coherence where a file states none; limits for those stated.
SIMULATED_SEED = 63
PLACES = {  # These places have at least four years of data.
    "ustica_ascending": ("egms_ustica/EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip", None),
    "ustica_descending": ("egms_ustica/EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip", None),
    "donana_ascending": ("velocity_real/donana_psbas/Sentinel_Asc.shp", None),
    "donana_descending": ("velocity_real/donana_psbas/Sentinel_Desc.shp", None),
    "offida": ("velocity_real/offida_slope/clusters_offida.shp", "offida.toml"),
}
SIMULATED = {"simulated_ascending": 0, "simulated_descending": 1}  # tracks of the simulated country


class Errors(NamedTuple):
    """Errors of all hidden dates, (points, dates), mm, and standard deviations that the method states."""

    error_mm: Float32
    sigma_mm: Float32


Method = Callable[[Series, int, Passes], Errors]


def place_series(place: str) -> Series:
    """Return the series of one of PLACES or SIMULATED. Raises InputError if it is missing."""
    return simulated_series(SIMULATED[place]) if place in SIMULATED else read_series(*PLACES[place])


def read_series(file: str, mapping: str | None) -> Series:
    """Read a real series. Raises InputError if it is missing."""
    declared = Declaration(mapping=MAPPINGS / mapping if mapping else None)
    field = registry.open_velocity_field(folder() / file, declared=declared)
    points = join_batches(list(field.batches()))
    epsg = utm_zone_of(points.longitude, points.latitude)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    coherence = np.clip(np.nan_to_num(points.temporal_coherence, nan=USUAL_COHERENCE), *COHERENCES)
    ground = Ground(np.asarray(x), np.asarray(y), points.height_m)
    return Series(ground, coherence.astype(np.float32), field.header.dates, points.displacement_mm)


def simulated_series(track: int) -> Series:
    """Return the series of a track of the simulated country."""
    points = simulate_nation(SIMULATED_SEED).region.tracks[track]
    ground = Ground(points.easting_m, points.northing_m, points.height_m.astype(np.float32))
    coherence = np.full(len(points), USUAL_COHERENCE, dtype=np.float32)
    return Series(ground, coherence, points.dates, points.series_mm)


def living(series: Series, known: int, passes: Passes) -> Errors:
    """Prolong a series by `ground_motion.methods.deformation.living`."""
    released = series.until(known)
    state = begin(series.ground, released.dates, [released.displacement_mm], HALF_WAVE_MM)
    errors, sigmas = [], []
    for number in range(known, len(series.dates)):
        state, new = extend(state, series.dates[number], passes.ending_on(number))
        errors.append(new.displacement_mm - series.displacement_mm[:, number])
        sigmas.append(new.sigma_mm)
    return Errors(np.column_stack(errors), np.column_stack(sigmas))


def going_on(series: Series, known: int, passes: Passes) -> Errors:
    """Expect that every point goes on as before; no interferogram is used."""
    released = series.until(known)
    curve = forecast(released.dates, released.displacement_mm)
    hidden = series.dates[known:]
    sigma = [np.hypot(curve.noise_mm, curve.sigma_mm(day)) for day in hidden]
    expected = np.column_stack([curve.on(day) for day in hidden])
    return Errors(expected - series.displacement_mm[:, known:], np.column_stack(sigma))


def least_squares(series: Series, known: int, passes: Passes) -> Errors:
    """Invert the same interferograms as LiCSBAS does: all at once, each referenced by its median, nothing screened."""
    first = known - REACH
    index = {day: number - first for number, day in enumerate(series.dates) if number >= first}
    pairs, changes = [], []
    for number in range(known, len(series.dates)):
        for pair in passes.ending_on(number):
            pairs.append((index[pair.earlier], number - first))
            changes.append(_referenced(pair, series, number))
    anchors = [(at, at + 1) for at in range(REACH - 1)]
    changes += [series.displacement_mm[:, first + b] - series.displacement_mm[:, first + a] for a, b in anchors]
    network = np.array(pairs + anchors)
    moved = invert(np.array(changes), network, len(index), 2 * np.pi / HALF_WAVE_MM).displacement_mm
    values = series.displacement_mm[:, [first]] + moved[:, REACH:]
    return Errors(values - series.displacement_mm[:, known:], np.full_like(values, np.nan))


def _referenced(pair: Interferogram, series: Series, number: int) -> Float32:
    """Return the change of a pair, its median replaced by the true one: the reference is the best there can be."""
    earlier = list(series.dates).index(pair.earlier)
    true = series.displacement_mm[:, number] - series.displacement_mm[:, earlier]
    return np.asarray(pair.change_mm - np.nanmedian(pair.change_mm) + np.nanmedian(true), dtype=np.float32)


METHODS: dict[str, Method] = {"living": living, "going-on": going_on, "least-squares": least_squares}


def measure(series: Series, method: Method, place: str, draws: int, purpose: Purpose) -> dict[str, Interval]:
    """Measure a method at a place: RMSE after twelve months and of all dates, mm; share within one sigma."""
    end = series.dates[-1]
    known = sum(day <= end - YEAR for day in series.dates)
    hidden = series.dates[known:]
    last = np.array([day > end - LAST for day in hidden])
    rows = []
    for draw in range(draws):
        errors = method(series, known, Passes(generator(purpose, f"hidden year {place}", draw), series))
        square = errors.error_mm.astype(np.float64) ** 2
        within = np.abs(errors.error_mm) <= errors.sigma_mm
        stated = np.isfinite(errors.error_mm) & np.isfinite(errors.sigma_mm)
        share = within[stated].mean() if stated.any() else np.nan
        rows.append(np.array([[np.nanmean(square[:, last]), np.nanmean(square), share]]))
    figures = {
        "rmse_12_months_mm": bootstrap_over(rows, lambda all_rows: float(np.sqrt(all_rows[:, 0].mean()))),
        "rmse_mm": bootstrap_over(rows, lambda all_rows: float(np.sqrt(all_rows[:, 1].mean()))),
    }
    if np.isfinite(rows[0][0, 2]):
        figures["within_one_sigma"] = bootstrap_over(rows, lambda all_rows: float(all_rows[:, 2].mean()))
    return figures


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the atmosphere at each place")
    parser.add_argument("--places", nargs="+", choices=[*PLACES, *SIMULATED], default=[*PLACES, *SIMULATED])
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    metrics: dict[str, dict[str, Interval]] = {}
    with recording() as used:
        for place in args.places:
            series = place_series(place)
            for name, method in METHODS.items():
                found = measure(series, method, place, args.draws, Purpose[args.purpose])
                metrics.setdefault(name, {}).update({f"{place} {figure}": value for figure, value in found.items()})
    write(
        args.json,
        "lab.living.hidden_year",
        metrics,
        {},
        task="deformation",
        benchmark="hidden-year",
        code=code_of(used),
    )


if __name__ == "__main__":
    main()
