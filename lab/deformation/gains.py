"""`python -m lab.deformation.gains`: set the threshold of paper 1's detector, and measure what each further gain finds.

Validation tiles are used, which no benchmark has. Each number of gains gets the lowest threshold with at most ALARMS
false alarms per 1,000 km², on tiles with motion and on still tiles with errors of training, so that bowls are compared
at equal false alarms. Then single windows, with and without a bowl in their middle, show at which gain a bowl can be
told from errors, and how that depends on the strength of the errors and on the cells that are known. The card gets all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit

from ground_motion.methods.deformation.features.channels import still_rate_of
from ground_motion.methods.deformation.filters.baseline import LocalRate
from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.methods.deformation.overwrapped import (
    GAINS,
    NAME,
    UNSEEN,
    WAVELENGTH_MM,
    WINDOW,
    YEARS,
    complete,
    judge,
    score_track,
)
from ground_motion.networks.resnet import ResNet18
from ground_motion.rasters.areas import CLASSES, split_by_sign
from ground_motion.runtime.checkpoints import load, read_card, write_card
from ground_motion.runtime.device import ready
from lab.benchmark import auc, over_seeds
from lab.deformation.calibration import ALARMS, FIRST, TABLE, heart_in, options, tiles_of
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, cloud, still_tile
from lab.deformation.measures.scoring import STILL_MM_YR, areas_of, placed, points_on, truth_of
from lab.deformation.training.motion_shapes import bowl
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import CELL_M, CELLS, SIDE_M, Tile

BoolMap = NDArray[np.bool_]
KINDS = ("field", "disturbed")  # False alarms are counted on tiles of these kinds.
THRESHOLDS = np.append(np.arange(-1.0, 4.0, 0.1), 50.0)  # log-odds; the last lets nothing through
ROUNDS = 1000  # Number of bootstrap samples.
ERRORS = (0.1, 0.3, 1.0)  # Strengths of a window's errors, as shares of a validation tile's.
SPARSE = 0.5  # A sparse window keeps this share of its known cells.
CPU = torch.device("cpu")


class Seen(NamedTuple):
    """What the detector says of one track of a tile, (CELLS, CELLS).

    odds: log-odds by each of GAINS alone, (gains, CELLS, CELLS), NaN where the ground itself does not move; moves:
    moving ground, where no area is a false alarm; heart: middle of the bowl; sign: of the bowl, one of CLASSES.
    """

    kind: str
    odds: Float32
    rate_mm_yr: Float32
    points: NDArray[np.int64]
    moves: BoolMap
    heart: BoolMap | None = None
    sign: str = ""


def seen_on(network: ResNet18, number: int) -> list[Seen]:
    """Return what the detector says of the validation tiles of one number."""
    return [_seen(network, kind, tile) for kind, tile in tiles_of(number).items()]


def _seen(network: ResNet18, kind: str, tile: Tile) -> Seen:
    track = tile.tracks[0]
    grid = grid_robust(cloud(track), workers=1)
    by_gain = [score_track(network, grid, CPU, (gain,), LocalRate()) for gain in GAINS]
    odds = np.stack([placed(score, grid.transform, tile) for score, _ in by_gain])
    moves = np.abs(truth_of(tile, [track]).rate_mm_yr) >= STILL_MM_YR
    seen = Seen(kind, odds, placed(by_gain[0][1], grid.transform, tile), points_on(tile, [track]), moves)
    if kind in KINDS:
        return seen
    sign = CLASSES[int(tile.sources[0].peak_mm_yr > 0)]
    return seen._replace(heart=heart_in(tile, BOWLS[kind].radius_m), sign=sign)


def counts(all_seen: Sequence[Seen], kind: str, odds: Sequence[Float32], threshold: float) -> Float64:
    """Return for each tile of a kind its number of false alarms, or 1 if its bowl is found, (tiles,)."""
    counted = []
    for seen, of in zip(all_seen, odds, strict=True):
        if seen.kind != kind:
            continue
        probability = expit(np.nan_to_num(of - np.float32(threshold), nan=UNSEEN))
        signs = dict(zip(CLASSES, split_by_sign(probability, seen.rate_mm_yr), strict=True))
        areas = areas_of(signs, seen.points)
        if seen.heart is None:
            counted.append(sum(not (area.mask & seen.moves).any() for area in areas))
        else:
            counted.append(any(area.kind == seen.sign and (area.mask & seen.heart).any() for area in areas))
    return np.array(counted, dtype=np.float64)


def by_gains(all_seen: Sequence[Seen]) -> dict[str, Any]:
    """Return figures for each number of gains at the threshold for ALARMS; intervals resample tiles and threshold."""
    tables = []
    for n in range(1, len(GAINS) + 1):
        odds = [logit(expit(seen.odds[:n].astype(np.float64)).mean(axis=0)).astype(np.float32) for seen in all_seen]
        rows = [[counts(all_seen, kind, odds, threshold) for kind in (*KINDS, *TABLE)] for threshold in THRESHOLDS]
        tables.append(np.array(rows))  # (thresholds, kinds of tiles, numbers)
    numbers, rng = tables[0].shape[2], np.random.default_rng(1)
    draws = [np.arange(numbers), *rng.integers(0, numbers, (ROUNDS, numbers))]
    drawn = np.array([[_at_alarms(table[:, :, draw]) for table in tables] for draw in draws])  # (draws, gains, figures)
    drawn = np.concatenate([drawn, drawn[..., -1:] - drawn[:, :1, -1:]], axis=2)
    names = (*(f"false alarms, {kind}" for kind in KINDS), *TABLE, "bowls", "bowls, more than by one gain")
    low, high = np.percentile(drawn[1:], [2.5, 97.5], axis=0)
    return {
        ", ".join(map(str, GAINS[: n + 1])): {
            "score_at_half": round(float(drawn[0, n, 0]), 2),
            **{name: _rounded((drawn[0, n, i], low[n, i], high[n, i])) for i, name in enumerate(names, 1)},
        }
        for n in range(len(GAINS))
    }


def _at_alarms(table: Float64) -> Float64:
    """Return the lowest threshold with ALARMS or fewer at it and above, alarms by kind, and shares of bowls found."""
    means = table.mean(axis=2)
    means[:, : len(KINDS)] *= 1000 / (SIDE_M / 1000) ** 2
    above = np.maximum.accumulate(means[::-1, : len(KINDS)].max(axis=1))[::-1]
    at = int((above > ALARMS).sum())
    return np.array([THRESHOLDS[at], *means[at], means[at, len(KINDS) :].mean()])


def windows(network: ResNet18, number: int) -> tuple[Float64, Float64]:
    """Judge the middle of a still tile with each bowl and without, under weaker errors and with fewer known cells.

    Returns log-odds, (conditions, 1 + bowls, gains), and the share of neighbours over half a cycle apart, (gains,).
    """
    tile, rng = still_tile(NATIONAL, number, Purpose.VALIDATION), generator(Purpose.VALIDATION, NAME, number)
    grid = grid_robust(cloud(tile.tracks[0]), workers=1)
    still, first = grid.velocity_mm_yr - np.float32(still_rate_of(grid)), (CELLS - WINDOW) // 2
    errors = placed(still, grid.transform, tile)[first : first + WINDOW, first : first + WINDOW]
    down, right = np.mgrid[:WINDOW, :WINDOW].astype(np.float32) - WINDOW // 2
    shapes = [BOWLS[key].rate_mm_yr * bowl(BOWLS[key].radius_m / CELL_M)(down, right) for key in TABLE]
    motion = np.stack([0 * down, *(rng.choice([-1, 1]) * shape for shape in shapes)])
    sparse = np.where(rng.random(errors.shape) < SPARSE, errors, np.nan)
    fields = np.stack([*(strength * errors + motion for strength in ERRORS), sparse + motion]).astype(np.float32)
    flat = torch.from_numpy(fields.reshape(-1, WINDOW, WINDOW))
    odds = np.array([logit(np.clip(judge(network, flat, (gain,)), 1e-9, 1 - 1e-9)) for gain in GAINS])
    cycles = complete(torch.from_numpy(errors)[None]).diff().abs() * (2 * YEARS / WAVELENGTH_MM)
    folded = [float((gain * cycles > 0.5).float().mean()) for gain in GAINS]
    return np.moveaxis(odds.reshape(len(GAINS), *fields.shape[:2]), 0, -1), np.array(folded)


def told_apart(seen: Sequence[tuple[Float64, Float64]]) -> dict[str, Any]:
    """Return the area under the ROC curve of bowls for each gain and for their mean, by condition."""
    odds, folded = (np.stack(part) for part in zip(*seen, strict=True))  # Tiles are on the first axis of each.
    by_gain = [odds[..., i] for i in range(len(GAINS))] + [expit(odds).mean(axis=-1)]
    moves = np.broadcast_to(np.arange(odds.shape[2]) > 0, (len(odds), odds.shape[2])).ravel()
    names = (*(f"errors × {strength:g}" for strength in ERRORS), f"{SPARSE:g} of the cells")
    return {
        "AUC of bowls by gain, and by the mean": {
            name: [round(auc(of[:, i].ravel(), moves), 3) for of in by_gain] for i, name in enumerate(names)
        },
        "share of folded phases by gain": _rounded(folded.mean(axis=0)),
    }


def _rounded(figures: Iterable[float]) -> list[float]:
    return [round(float(value), 3) for value in figures]


def main() -> None:
    """Measure, and write threshold and figures to the card."""
    args = options(__doc__, "of the card that is changed", tiles=100, processes=2)
    card = read_card(NAME, args.folder)
    network = ResNet18(**card.network)
    load(card, network, args.folder)
    ready(network, CPU)
    seen = over_seeds(partial(seen_on, network), args.tiles, FIRST, args.processes)
    figures = by_gains([one for of_number in seen for one in of_number])
    single = told_apart(over_seeds(partial(windows, network), args.tiles, FIRST, args.processes))
    command = f"python -m lab.deformation.gains --tiles {args.tiles}"
    validation = {"command": command, "found, by gains": figures, **single}
    shipped = figures[", ".join(map(str, GAINS))]
    card = replace(card, training=card.training | {"validation": validation})
    write_card(args.folder, replace(card, settings=card.settings | {"score_at_half": shipped["score_at_half"]}))


if __name__ == "__main__":
    main()
