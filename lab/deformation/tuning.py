"""`python -m lab.deformation.tuning METHOD`: what a detector's threshold does, on tiles that no benchmark holds.

Prints, for each value of the threshold, false alarms per 1,000 km² and the share of the table's bowls that are
detected. The defaults in `baseline` and `hotspots` are the values that give about half a false alarm per 1,000 km² on
one track; --both shows what two tracks would want. A network's thresholds: `calibration`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lab.deformation.benchmark_tiles import CELLS, NATIONAL, bowl_tiles, cloud, field_tile
from lab.deformation.scoring import detects_bowl, score_tile, truth_of
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import SIDE_M
from lab.workers import over_seeds
from ml.deformation.infer import CONFIGS, Config, DeformationResult, detect_with, strongest
from ml.deformation.points import Float32, Float64, PointCloud

THRESHOLDS = {
    "matched-filter": "score_at_half",
    "threshold": "rate_mm_yr",
    "ada": "quality_at_half",
    "getis-ord": "z_at_half",
    "whitening": "score_at_half",
}
WIDTHS = {"score_at_half": "score_width", "quality_at_half": "quality_width", "z_at_half": "z_width"}


def results(points: Sequence[PointCloud], configs: Sequence[Config], threshold: str) -> list[DeformationResult]:
    """Each configuration on some tracks together. They differ in `threshold`, so that one run mostly serves for all."""
    if threshold not in WIDTHS:
        return [strongest([detect_with(each, config) for each in points]) for config in configs]
    lowest = min(configs, key=lambda config: float(getattr(config, threshold)))
    detected = strongest([detect_with(each, lowest) for each in points])
    at, width = (float(getattr(lowest, name)) for name in (threshold, WIDTHS[threshold]))
    return [raised(detected, (float(getattr(config, threshold)) - at) / width) for config in configs]


def raised(result: DeformationResult, by: float) -> DeformationResult:
    """The result at a threshold that lies `by` widths of the logistic curve higher."""

    def lower(p: Float32) -> Float32:
        return np.asarray(p / (p + (1 - p) * np.float32(np.exp(by))), dtype=np.float32)

    maps = result.maps
    return result._replace(
        maps=maps._replace(
            probability=lower(maps.probability), subsidence=lower(maps.subsidence), uplift=lower(maps.uplift)
        )
    )


def alarms(configs: Sequence[Config], threshold: str, n_tracks: int, number: int) -> Float64:
    """False alarms, detected objects and objects of each configuration on a validation tile, (configs, 3)."""
    tile = field_tile(NATIONAL, number, Purpose.VALIDATION)
    tracks = tile.tracks[:n_tracks]
    truth = truth_of(tile, tracks)
    detected = results([cloud(track) for track in tracks], configs, threshold)
    scores = [score_tile(result, tile, tracks, truth) for result in detected]
    return np.array([(score.false_alarms, score.n_detected, score.n_objects) for score in scores], dtype=np.float64)


def bowls_detected(configs: Sequence[Config], threshold: str, n_tracks: int, number: int) -> Float64:
    """Which bowls each configuration finds in a validation tile, (configs, bowls)."""
    detected = []
    for key, tile in bowl_tiles(NATIONAL, number, Purpose.VALIDATION).items():
        tracks = tile.tracks[:n_tracks]
        seen = results([cloud(track) for track in tracks], configs, threshold)
        detected.append([detects_bowl(result, tile, tracks, CELLS[key].radius_m) for result in seen])
    return np.array(detected, dtype=np.float64).T


def table(
    configs: Sequence[Config], threshold: str, n_tracks: int, n_tiles: int, n_bowls: int
) -> tuple[Float64, Float64, Float64]:
    """False alarms per 1,000 km² and recall (configs,), detected shares (configs, bowls)."""
    counts = np.sum(over_seeds(partial(alarms, configs, threshold, n_tracks), n_tiles), axis=0)
    rate = counts[:, 0] / n_tiles / (SIDE_M / 1000) ** 2 * 1000
    detected: Float64 = np.mean(over_seeds(partial(bowls_detected, configs, threshold, n_tracks), n_bowls), axis=0)
    return rate, counts[:, 1] / np.maximum(counts[:, 2], 1), detected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("method", choices=[*THRESHOLDS])
    parser.add_argument("--values", type=float, nargs="+", required=True, help="thresholds to try")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER", help="other constants")
    parser.add_argument("--both", action="store_true", help="two tracks together")
    parser.add_argument("--tiles", type=int, default=400)
    parser.add_argument("--bowls", type=int, default=100)
    args = parser.parse_args()
    others = {name: float(value) for name, value in (pair.split("=") for pair in args.set)}
    base = replace(CONFIGS[args.method](), **others)  # type: ignore[arg-type]
    configs = [replace(base, **{THRESHOLDS[args.method]: value}) for value in args.values]
    rates, recall, detected = table(configs, THRESHOLDS[args.method], 1 + args.both, args.tiles, args.bowls)
    print(f"{THRESHOLDS[args.method]:>16s}  alarms  recall  " + "  ".join(key[3:] for key in CELLS))
    for value, rate, share, row in zip(args.values, rates, recall, detected, strict=True):
        print(f"{value:16.2f}  {rate:6.2f}  {share:6.2f}  " + "  ".join(f"{p:7.2f}" for p in row))


if __name__ == "__main__":
    main()
