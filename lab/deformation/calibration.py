"""`python -m lab.deformation.calibration`: tune the thresholds of areas on tiles that no benchmark uses.

For one track and for two, an area's entry score is that with ALARMS false alarms per 1,000 km², on tiles and on still
tiles with other errors (`disturbances` of training, in turn); the stricter one is used. False alarms are divided
between the two scores, of small areas and of motion unlike its surroundings, so that most bowls of the table are found,
with the best F1 and overlap. Finally, `reliability` fits the probability of motion at each score. All results are
written to the card.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lab.benchmark import over_seeds
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, bowl_tiles, cloud, field_tile, still_tile
from lab.deformation.measures.scoring import detects_bowl, on_tile, places_of, score_tile, truth_of
from lab.deformation.training.disturbances import GROUPS
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import SIDE_M, Tile, TileTrack
from ml.deformation.filters.baseline import DeformationMaps
from ml.deformation.gridding.cells import grid_robust
from ml.deformation.gridding.points import Float32, Float64
from ml.deformation.infer import DeformationResult
from ml.deformation.network import REACH_M, DeformationNetwork, calibrated, on_lattice, predict_logits
from ml.deformation.reliability import fit
from ml.runtime.checkpoints import WEIGHTS, Card, read_card, write_card

ALARMS = 0.45  # per 1,000 km²; a little under one half, because the count on few tiles is uncertain
FINES = tuple(np.arange(-2.1, 4.91, 0.7).tolist())[3:]
AGREED = (1.5, 1.75, 2.0, 2.25, 2.5, math.inf)
GAP = 1.5
NEVER = 1e3  # a score that no area reaches
TABLE = ("pd_4mm_300m", "pd_3mm_800m", "pd_3mm_2000m")
NAME = "deformation-disturbed"
DISTURBED = tuple(name for name in GROUPS if name != "regions")  # whole cycles over square kilometres look like motion
RELIABILITY_FIRST = 20_000  # tiles not used to choose thresholds


class Setting(NamedTuple):
    """One candidate for the thresholds.

    Areas begin where the score of small ones passes `fine`, or where the ground moves unlike its surroundings and the
    lowest threshold's logit passes `agreed`; they end where both fall GAP below.
    """

    fine: float
    agreed: float = math.inf


class TrackScores(NamedTuple):
    """Result for some tracks of a tile: logits (2, rows, cols) of the lowest thresholds, rate, `network.standing`."""

    tracks: Sequence[TileTrack]
    logits: Float32
    rate_mm_yr: Float32
    standing: Float32
    result: DeformationResult


def bands_at(view: TrackScores, setting: Setting) -> DeformationResult:
    """Return the scores as a result in which areas begin at a probability of one half and end at one fifth."""
    scores = {**setting._asdict(), "gap": GAP}
    logit = calibrated(torch.from_numpy(view.logits), scores, torch.from_numpy(view.standing))
    p, unknown = torch.sigmoid(logit).numpy(), np.isnan(view.result.maps.probability)
    rate = view.rate_mm_yr
    maps = DeformationMaps(
        np.where(unknown, np.nan, p).astype(np.float32),
        np.where(unknown, np.nan, np.where(rate < 0, p, 0)).astype(np.float32),
        np.where(unknown, np.nan, np.where(rate > 0, p, 0)).astype(np.float32),
        rate,
        0.0,
        1.0,
    )
    return view.result._replace(maps=maps)


def _view(tracks: Sequence[TileTrack], logits: Float32, rate: Float32, standing: Float32, lattice: Any) -> TrackScores:
    reach = np.minimum.reduce([track.distance_m for track in lattice.tracks]) <= REACH_M
    known = np.where(reach, 0, np.nan).astype(np.float32)
    maps = DeformationMaps(known, known, known, rate, 0.0, 1.0)
    return TrackScores(tracks, logits, rate, standing, DeformationResult(maps, lattice.transform, lattice.epsg))


def network_views(network: DeformationNetwork, tile: Tile, choices: Sequence[Sequence[int]]) -> list[TrackScores]:
    """Run the shipped network on several selections of a tile's tracks."""
    grids = [grid_robust(cloud(track), workers=1) for track in tile.tracks]
    views = []
    for choice in choices:
        lattice = on_lattice([grids[i] for i in choice])
        logits, rate, standing = predict_logits(network, lattice.tracks)
        seen = [tile.tracks[i] for i in choice]
        views.append(_view(seen, logits, rate * np.float32(lattice.scale), standing, lattice))
    return views


def counts(view: TrackScores, tile: Tile, settings: Sequence[Setting]) -> Float64:
    """Return (settings, 5): false alarms, detected, objects, areas, sum of overlaps."""
    truth = truth_of(tile, view.tracks)
    rows = []
    for setting in settings:
        s = score_tile(bands_at(view, setting), tile, view.tracks, truth)
        rows.append((s.false_alarms, s.n_detected, s.n_objects, s.n_areas, sum(s.overlaps)))
    return np.array(rows, dtype=np.float64)


def shipped_on_field(folder: Path, settings: Sequence[Setting], number: int) -> Float64:
    """Count on a validation tile, (2, settings, 5), see `counts`: mean over single tracks, and both tracks."""
    network, tile = DeformationNetwork.load("deformation", folder), field_tile(NATIONAL, number, Purpose.VALIDATION)
    either = [counts(view, tile, settings) for view in network_views(network, tile, ([0], [1], [0, 1]))]
    return np.stack([(either[0] + either[1]) / 2, either[2]])


def disturbed_tile(number: int) -> Tile:
    """Make a still validation tile whose tracks have errors of one group of DISTURBED as well."""
    tile, rng = still_tile(NATIONAL, number, Purpose.VALIDATION), generator(Purpose.VALIDATION, NAME, number)
    height_m, draw = tile.terrain.height_m.astype(np.float32), GROUPS[DISTURBED[number % len(DISTURBED)]]
    more, tracks = draw(rng, height_m).rate_mm_yr, []
    for track in tile.tracks:
        at_points = more[tile.terrain.cell_of(track.x_m, track.y_m)]
        tracks.append(track._replace(errors=track.errors._replace(rate_mm_yr=track.errors.rate_mm_yr + at_points)))
        if rng.random() < 0.5:  # else the error is the same in both tracks, as for land cover
            more = draw(rng, height_m).rate_mm_yr
    return replace(tile, tracks=tuple(tracks))


def shipped_on_disturbed(folder: Path, settings: Sequence[Setting], number: int) -> Float64:
    """Count false alarms on a disturbed still tile, (2, settings): mean over single tracks, and both tracks."""
    network, tile = DeformationNetwork.load("deformation", folder), disturbed_tile(number)
    first, second, both = (counts(v, tile, settings)[:, 0] for v in network_views(network, tile, ([0], [1], [0, 1])))
    return np.stack([(first + second) / 2, both])


def shipped_on_places(folder: Path, number: int) -> Float64:
    """Return (k, 3) of the places of a validation tile: 0 for one track or 1 for both, highest score, moving or not."""
    network, tile = DeformationNetwork.load("deformation", folder), field_tile(NATIONAL, number, Purpose.VALIDATION)
    rows = []
    for both, choice in enumerate(([0], [0, 1])):
        (view,) = network_views(network, tile, [choice])
        result = bands_at(view, Setting(**_scores_of(network.card, both + 1)))
        score, moves = places_of(on_tile(result, tile)["probability"], truth_of(tile, view.tracks).rate_mm_yr)
        rows.append(np.stack([np.full(score.size, both), score, moves], axis=1))
    return np.concatenate(rows)


def _scores_of(card: Card, tracks: int) -> dict[str, float]:
    chosen = card.settings["calibration"][str(tracks)]
    return {key: chosen[key] for key in Setting._fields}


def shipped_on_bowls(folder: Path, settings: Sequence[Setting], number: int) -> Float64:
    """Return whether bowls are detected by the first track and by both, (2, settings, bowls)."""
    network = DeformationNetwork.load("deformation", folder)
    detected = np.zeros((2, len(settings), len(TABLE)))
    tiles = bowl_tiles(NATIONAL, number, Purpose.VALIDATION)
    for j, key in enumerate(TABLE):
        for i, view in enumerate(network_views(network, tiles[key], ([0], [0, 1]))):
            for k, setting in enumerate(settings):
                detected[i, k, j] = detects_bowl(bands_at(view, setting), tiles[key], view.tracks, BOWLS[key].radius_m)
    return detected


def enter_at(enters: Sequence[float], alarms: NDArray[np.float64], wanted: float = ALARMS) -> float:
    """Return the entry score at which false alarms per 1,000 km² (n,) fall to `wanted`; log-interpolated."""
    rates = np.log(np.maximum(np.maximum.accumulate(alarms[::-1])[::-1], 0.02))
    if rates[-1] > np.log(wanted):
        return float(enters[-1])
    return float(np.interp(-np.log(wanted), -rates, enters))


def alarm_rates(detected: Float64, n_tiles: int) -> Float64:
    """Return false alarms per 1,000 km². detected: (…, columns of `counts`), sums over the tiles."""
    return detected[..., 0] / n_tiles / (SIDE_M / 1000) ** 2 * 1000


def calibrate_shipped(folder: Path, tiles: int, bowls: int, processes: int) -> dict[str, Any]:
    """Choose the scores of one track and of two, by the share of bowls detected, F1 and overlap."""
    grid = [Setting(*values) for values in product(FINES, AGREED)]
    fields = np.sum(over_seeds(partial(shipped_on_field, folder, grid), tiles, processes=processes), axis=0)
    still = np.sum(over_seeds(partial(shipped_on_disturbed, folder, grid), tiles, processes=processes), axis=0)
    detected = np.mean(over_seeds(partial(shipped_on_bowls, folder, grid), bowls, processes=processes), axis=0)
    chosen = {}
    for i, label in enumerate(("1", "2")):
        best: tuple[float, dict[str, float]] = (-math.inf, {})
        for agreed in AGREED:
            at = [k for k, one in enumerate(grid) if one.agreed == agreed]
            alarms = np.maximum(alarm_rates(fields[i, at], tiles), alarm_rates(still[i, at][:, None], tiles))
            if alarms[-1] > ALARMS:
                continue  # the other score alone gives too many false alarms
            fine = enter_at(FINES, alarms)
            totals = [np.interp(fine, FINES, fields[i, at, column]) for column in range(1, 5)]
            f1 = 2 * totals[0] / max(totals[1] + totals[2], 1)
            overlap = totals[3] / max(totals[0], 1)
            pd = [float(np.interp(fine, FINES, detected[i, at, j])) for j in range(len(TABLE))]
            value = float(np.mean(pd)) + 0.5 * f1 + 0.25 * overlap
            print(f"{label} agreed {agreed:.2f} fine {fine:5.2f} F1 {f1:.3f} IoU {overlap:.3f} {pd}")
            if value > best[0]:
                best = (value, _scores(fine, agreed))
        chosen[label] = best[1]
    return chosen


def _scores(fine: float, agreed: float = math.inf) -> dict[str, float]:
    """Return scores in the format of the card."""
    return {"fine": round(fine, 2), "agreed": min(agreed, NEVER), "gap": GAP}


def reliabilities(folder: Path, tiles: int, processes: int) -> dict[str, dict[str, float]]:
    """Fit the probability of motion at each score, for one track and for two, on tiles used for nothing else."""
    parts = over_seeds(partial(shipped_on_places, folder), tiles, RELIABILITY_FIRST, processes)
    both, score, moves = np.concatenate(parts).T
    fitted = (fit(score[both == i], moves[both == i] > 0) for i in (0, 1))
    return {str(i): {key: round(value, 4) for key, value in one._asdict().items()} for i, one in enumerate(fitted, 1)}


def main() -> None:
    """Calibrate and update the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="of the card that is changed")
    parser.add_argument("--tiles", type=int, default=300)
    parser.add_argument("--bowls", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    chosen = calibrate_shipped(args.folder, args.tiles, args.bowls, args.processes)
    _update(args.folder, calibration=chosen)
    _update(args.folder, reliability=reliabilities(args.folder, args.tiles, args.processes))


def _update(folder: Path, **settings: Any) -> None:
    card = read_card("deformation", folder)
    write_card(folder, replace(card, settings=card.settings | settings))


if __name__ == "__main__":
    main()
