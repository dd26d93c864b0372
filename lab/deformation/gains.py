"""`python -m lab.deformation.gains`: set the threshold of paper 1's detector.

It is the lowest with at most ALARMS false alarms per 1,000 km², there and above, on tiles with motion and on still
tiles with errors of training. No benchmark has these tiles.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.special import expit

from ground_motion.methods.deformation.filters.baseline import LocalRate
from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.overwrapped import GAINS, NAME, UNSEEN, score_track
from ground_motion.networks.resnet import ResNet18
from ground_motion.rasters.areas import CLASSES, split_by_sign
from ground_motion.runtime.checkpoints import load, read_card, write_card
from ground_motion.runtime.device import ready
from lab.benchmark import over_seeds
from lab.deformation.calibration import ALARMS, FIRST, disturbed_tile, options
from lab.deformation.measures.benchmark_tiles import NATIONAL, TILE_KM2, cloud, field_tile
from lab.deformation.measures.scoring import STILL_MM_YR, areas_of, placed, points_on, truth_of
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import Tile

THRESHOLDS = np.append(np.arange(-1.0, 4.0, 0.1), 50.0)  # log-odds; the last lets nothing through
CPU = torch.device("cpu")


def alarms_in(network: ResNet18, tile: Tile) -> list[int]:
    """Return the number of false alarms in a tile at each of THRESHOLDS."""
    track = tile.tracks[0]
    grid = grid_robust(cloud(track), workers=1)
    score, rate = (placed(at, grid.transform, tile) for at in score_track(network, grid, CPU, GAINS, LocalRate()))
    moves, points = np.abs(truth_of(tile, [track])) >= STILL_MM_YR, points_on(tile, [track])
    counts = []
    for threshold in THRESHOLDS:
        probability = expit(np.nan_to_num(score - np.float32(threshold), nan=UNSEEN))
        areas = areas_of(dict(zip(CLASSES, split_by_sign(probability, rate), strict=True)), points)
        counts.append(sum(not (area.mask & moves).any() for area in areas))
    return counts


def alarms_of(network: ResNet18, number: int) -> Float64:
    """Return false alarms per 1,000 km², (2, thresholds), in the validation tiles of one number."""
    tiles = field_tile(NATIONAL, number, Purpose.VALIDATION), disturbed_tile(number)
    return np.array([alarms_in(network, tile) for tile in tiles]) * (1000 / TILE_KM2)


def threshold_for(alarms: Float64) -> float:
    """Return the lowest of THRESHOLDS from which on both sorts of tiles, (numbers, 2, thresholds), keep to ALARMS."""
    above = np.maximum.accumulate(alarms.mean(axis=0).max(axis=0)[::-1])[::-1]
    return round(float(THRESHOLDS[int((above > ALARMS).sum())]), 2)


def main() -> None:
    """Measure, and write the threshold to the card."""
    args = options(__doc__, "of the card that is changed", tiles=100, processes=2)
    card = read_card(NAME, args.folder)
    network = ResNet18(**card.network)
    load(card, network, args.folder)
    ready(network, CPU)
    alarms = np.stack(over_seeds(partial(alarms_of, network), args.tiles, FIRST, args.processes))
    write_card(args.folder, replace(card, settings=card.settings | {"score_at_half": threshold_for(alarms)}))


if __name__ == "__main__":
    main()
