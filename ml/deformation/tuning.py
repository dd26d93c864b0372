"""`python -m ml.deformation.tuning METHOD`: what a detector's threshold does, on tiles that no benchmark holds.

Prints, for each value of the threshold, false alarms per 1,000 km² and the share of the table's bowls that are found.
The defaults in `baseline` and `hotspots` are the values that give about half a false alarm per 1,000 km².
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ml.deformation.benchmark_tiles import CELLS, NATIONAL, bowl_tiles, cloud, field_tile
from ml.deformation.infer import CONFIGS, METHODS, Config, detect_with
from ml.deformation.points import Float64
from ml.deformation.scoring import finds_bowl, score_tile, truth_of
from ml.simulation.seeds import Purpose
from ml.simulation.tiles import SIDE_M
from ml.workers import over_seeds

THRESHOLDS = {
    "matched-filter": "score_at_half",
    "threshold": "rate_mm_yr",
    "ada": "quality_at_half",
    "getis-ord": "z_at_half",
}


def alarms(configs: Sequence[Config], number: int) -> Float64:
    """False alarms and found objects of each configuration on the first track of a validation tile, (configs, 3)."""
    tile = field_tile(NATIONAL, number, Purpose.VALIDATION)
    first = tile.tracks[:1]
    truth = truth_of(tile, first)
    scores = [score_tile(detect_with(cloud(first[0]), config), tile, first, truth) for config in configs]
    return np.array([(score.false_alarms, score.n_found, score.n_objects) for score in scores], dtype=np.float64)


def finds(configs: Sequence[Config], number: int) -> Float64:
    """Which bowls each configuration finds in the first track of a validation tile, (configs, bowls)."""
    tiles = bowl_tiles(NATIONAL, number, Purpose.VALIDATION)
    return np.array(
        [
            [
                finds_bowl(detect_with(cloud(tile.tracks[0]), config), tile, tile.tracks[:1], CELLS[key].radius_m)
                for key, tile in tiles.items()
            ]
            for config in configs
        ],
        dtype=np.float64,
    )


def table(configs: Sequence[Config], n_tiles: int, n_bowls: int) -> tuple[Float64, Float64, Float64]:
    """False alarms per 1,000 km² and recall (configs,), found shares (configs, bowls)."""
    counts = np.sum(over_seeds(partial(alarms, configs), n_tiles), axis=0)
    rate = counts[:, 0] / n_tiles / (SIDE_M / 1000) ** 2 * 1000
    found: Float64 = np.mean(over_seeds(partial(finds, configs), n_bowls), axis=0)
    return rate, counts[:, 1] / np.maximum(counts[:, 2], 1), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--values", type=float, nargs="+", required=True, help="thresholds to try")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER", help="other constants")
    parser.add_argument("--tiles", type=int, default=400)
    parser.add_argument("--bowls", type=int, default=100)
    args = parser.parse_args()
    others = {name: float(value) for name, value in (pair.split("=") for pair in args.set)}
    base = replace(CONFIGS[args.method](), **others)  # type: ignore[arg-type]
    configs = [replace(base, **{THRESHOLDS[args.method]: value}) for value in args.values]
    rates, recall, found = table(configs, args.tiles, args.bowls)
    print(f"{THRESHOLDS[args.method]:>16s}  alarms  recall  " + "  ".join(key[3:] for key in CELLS))
    for value, rate, share, row in zip(args.values, rates, recall, found, strict=True):
        print(f"{value:16.2f}  {rate:6.2f}  {share:6.2f}  " + "  ".join(f"{p:7.2f}" for p in row))


if __name__ == "__main__":
    main()
