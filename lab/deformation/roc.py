"""`python -m lab.deformation.roc`: what the shipped network finds at exactly so many false alarms on a benchmark.

The shipped thresholds were set on validation tiles, so a benchmark has somewhat more or fewer false alarms than were
meant. Here both scores' thresholds are shifted together until the benchmark has as many as requested, one track: to
compare with figures that are given at one rate. Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np

from lab.deformation.benchmark_tiles import CELLS as BOWLS
from lab.deformation.benchmark_tiles import NATIONAL, SHIFTED, bowl_tiles, field_tile
from lab.deformation.calibration import Setting, alarm_rates, bands_at, counts, enter_at, network_views
from lab.deformation.scoring import detects_bowl
from lab.simulation.seeds import Purpose
from lab.workers import over_seeds
from ml.deformation.network import DeformationNetwork
from ml.deformation.points import Float64
from ml.runtime.checkpoints import WEIGHTS, read_card
from ml.statistics.intervals import Interval, bootstrap_over

SHIFTS = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4)  # logits, of all thresholds


def settings_of(folder: Path) -> list[Setting]:
    """The shipped thresholds of one track, shifted."""
    shipped = read_card("deformation", folder).settings["calibration"]["1"]
    return [Setting(*(shipped[name] + shift for name in Setting._fields)) for shift in SHIFTS]


def on_field(benchmark: str, purpose: Purpose, folder: Path, number: int) -> Float64:
    """(SHIFTS, columns of `counts`) of a tile."""
    tile = field_tile(benchmark, number, purpose)
    (view,) = network_views(DeformationNetwork.load("deformation", folder), tile, ([0],))
    return counts(view, tile, settings_of(folder))


def on_bowls(benchmark: str, purpose: Purpose, folder: Path, number: int) -> Float64:
    """(SHIFTS, bowls): detected or not."""
    network, detected = DeformationNetwork.load("deformation", folder), []
    for key, tile in bowl_tiles(benchmark, number, purpose).items():
        (view,) = network_views(network, tile, ([0],))
        radius = BOWLS[key].radius_m
        detected.append([detects_bowl(bands_at(view, one), tile, view.tracks, radius) for one in settings_of(folder)])
    return np.array(detected, dtype=np.float64).T


def at_alarms(fields: list[Float64], bowls: list[Float64], wanted: float) -> dict[str, Interval]:
    """Figures at that many false alarms per 1,000 km², between two shifts; intervals over tiles at that shift."""
    at = enter_at(SHIFTS, alarm_rates(np.sum(fields, axis=0), len(fields)), wanted)

    def between(values: Float64) -> Float64:
        """Of rows (SHIFTS, columns), at that shift, (1, columns)."""
        return np.array([[np.interp(at, SHIFTS, column) for column in values.T]])

    def alarms(rows: Float64) -> float:
        return float(alarm_rates(rows.sum(axis=0), len(rows)))

    def f1(rows: Float64) -> float:
        return float(2 * rows[:, 1].sum() / max(rows[:, 2].sum() + rows[:, 3].sum(), 1))

    of_fields, of_bowls = [between(rows) for rows in fields], [between(rows) for rows in bowls]
    figures = {
        "shift": Interval(at, at, at),
        "false_alarms_per_1000km2": bootstrap_over(
            of_fields, lambda rows: float(alarm_rates(rows.sum(axis=0), len(rows)))
        ),
        "object_f1": bootstrap_over(of_fields, f1),
    }
    for column, key in enumerate(BOWLS):
        figures[key] = bootstrap_over(of_bowls, lambda rows, column=column: float(rows[:, column].mean()))  # type: ignore[misc]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--benchmark", choices=[NATIONAL, SHIFTED], default=NATIONAL)
    parser.add_argument("--alarms", type=float, default=0.5, help="per 1,000 km²")
    parser.add_argument("--tiles", type=int, default=1_000)
    parser.add_argument("--bowls", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    given = args.benchmark, Purpose.BENCHMARK, args.folder
    fields = over_seeds(partial(on_field, *given), args.tiles, processes=args.processes)
    bowls = over_seeds(partial(on_bowls, *given), args.bowls, processes=args.processes)
    figures = at_alarms(fields, bowls, args.alarms)
    for name, one in figures.items():
        print(f"{name:28s} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})")
    if args.json:
        weights = read_card("deformation", args.folder).weights_sha256
        record = {"weights_sha256": weights, "metrics": {name: one._asdict() for name, one in figures.items()}}
        args.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
