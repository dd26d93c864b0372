"""`python -m lab.deformation.calibration`: fit the decision's offset on tiles that no benchmark uses.

For one track and for two, it is the highest offset with at most ALARMS. False alarms are counted on tiles with motion
and on still tiles with errors of training (`disturbances`, one group per tile); the higher count is used. The weights
are fixed: those of some thirty choices with which one track finds most of the tiles' bowls and objects at ALARMS. The
card gets it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.decision import Weights, terms
from ground_motion.methods.deformation.filters.baseline import logistic
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.infer import look
from ground_motion.methods.deformation.nation import NetworkConfig
from ground_motion.methods.deformation.network import DeformationNetwork
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS
from ground_motion.rasters.regions import Region, regions
from ground_motion.runtime.checkpoints import WEIGHTS, read_card, write_card
from lab.benchmark import over_seeds
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, bowl_tile, cloud, field_tile, still_tile
from lab.deformation.measures.scoring import STILL_MM_YR, heart_of, placed, truth_of
from lab.deformation.training.disturbances import GROUPS
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import CELL_M, CELLS, SIDE_M, Tile

ALARMS = 0.45  # per 1,000 km²; a little under one half, because the count on few tiles is uncertain
TABLE = ("pd_4mm_300m", "pd_3mm_800m", "pd_3mm_2000m")
NAME = "deformation-disturbed"
DISTURBED = tuple(name for name in GROUPS if name != "regions")  # "regions", cycles over km², look like motion
FIRST = 50_000  # Number of the first tile.
METHODS = {
    "model": Weights(rarity=0.2, wide=0.2, network=0.8, rate=1.0, patch=-2.0, offset=0.0),
    "network": Weights(rarity=0.0, wide=0.0, network=0.8, rate=0.0, patch=0.0, offset=0.0),
    "without-network": Weights(rarity=0.6, wide=0.2, network=0.0, rate=1.0, patch=-1.0, offset=0.0),
}
OFFSETS, STEPS = (-40.0, 8.0), 13  # Limits of the offset, and number of bisection steps between them.
MATCHING_SHARE = 0.3  # A piece of moving ground is found if areas cover this share of it.
WIDENED_CELLS = 2  # Areas are widened by this to be joined within 500 m, as in `ground_motion.rasters.areas`.
IMPOSSIBLE = (*[-1e3] * (len(Weights._fields) - 1), 1.0)  # terms of a cell without evidence
BoolMap = NDArray[np.bool_]


class Evidence(NamedTuple):
    """Terms of the decision on one tile, and the truth, (CELLS, CELLS).

    terms: float16, (CELLS, CELLS, len(Weights)), IMPOSSIBLE where unknown; toward: whether the rate is positive; moves:
    moving ground, where no area is a false alarm; heart: cells in the middle of the bowl to be found whose rate has its
    sign, None for a tile where false alarms are counted; disturbed: whether it is a `disturbed_tile`, counted apart;
    objects: connected pieces of moving ground that are large enough to be reported.
    """

    terms: NDArray[np.float16]
    toward: BoolMap
    moves: BoolMap
    heart: BoolMap | None
    disturbed: bool = False
    objects: tuple[Region, ...] = ()


def disturbed_tile(number: int) -> Tile:
    """Make a still validation tile with additional errors of one group of DISTURBED."""
    tile, rng = still_tile(NATIONAL, number, Purpose.VALIDATION), generator(Purpose.VALIDATION, NAME, number)
    height_m, draw = tile.terrain.height_m.astype(np.float32), GROUPS[DISTURBED[number % len(DISTURBED)]]
    more, tracks = draw(rng, height_m).rate_mm_yr, []
    for track in tile.tracks:
        at_points = more[tile.terrain.cell_of(track.x_m, track.y_m)]
        tracks.append(track._replace(errors=track.errors._replace(rate_mm_yr=track.errors.rate_mm_yr + at_points)))
        if rng.random() < 0.5:  # Otherwise the error is the same in both tracks, as for land cover.
            more = draw(rng, height_m).rate_mm_yr
    return replace(tile, tracks=tuple(tracks))


def tiles_of(number: int) -> dict[str, Tile]:
    """Make the validation tiles of one number: with motion, with more errors, and with each bowl of TABLE."""
    field, disturbed = field_tile(NATIONAL, number, Purpose.VALIDATION), disturbed_tile(number)
    bowls = {key: bowl_tile(NATIONAL, key, number, Purpose.VALIDATION) for key in TABLE}
    return {"field": field, "disturbed": disturbed, **bowls}


def heart_in(tile: Tile, radius_m: float) -> BoolMap:
    """Return the cells in the inner half of the tile's only source, (CELLS, CELLS)."""
    cells = np.zeros((CELLS, CELLS), dtype=bool)
    cells[tile.terrain.cell_of(*heart_of(tile, radius_m))] = True
    return cells


def evidence_of(folder: Path, number: int) -> list[list[Evidence]]:
    """Return the evidence on the tiles of one number, by one track and by both. folder: of the network."""
    network = DeformationNetwork.load("deformation", folder)
    seen: list[list[Evidence]] = [[], []]
    for name, tile in tiles_of(number).items():
        heart = heart_in(tile, BOWLS[name].radius_m) if name in TABLE else None
        for count, target in enumerate(seen, start=1):
            tracks = tile.tracks[:count]
            # The decision "network" runs the network on all cells, not only near proposed ones.
            known = look([cloud(track) for track in tracks], network, config=NetworkConfig(decision="network"))
            planes = np.stack([placed(plane, known.transform, tile) for plane in terms(known.evidence)], axis=-1)
            planes[np.isnan(planes).any(axis=-1)] = IMPOSSIBLE
            toward = placed(known.rate_mm_yr, known.transform, tile) > 0
            moves = np.abs(truth_of(tile, tracks)) >= STILL_MM_YR
            right = None if heart is None else heart & (toward == (tile.sources[0].peak_mm_yr > 0))
            objects = tuple(filter(_large, regions(moves.astype(np.float32), 0.5, 0.5)))
            target.append(Evidence(planes.astype(np.float16), toward, moves, right, name == "disturbed", objects))
    return seen


def flagged(log_odds: Float32, toward: BoolMap) -> list[Region]:
    """Return the areas, from a probability of one half down to a fifth, each of one sign, as in `rasters.areas`."""
    probability, limits = logistic(log_odds), (DEFAULT_THRESHOLDS.enter, DEFAULT_THRESHOLDS.leave)
    both = (regions(np.where(toward == sign, probability, 0), *limits, WIDENED_CELLS) for sign in (False, True))
    return [area for of_sign in both for area in of_sign if _large(area)]


def _large(area: Region) -> bool:
    return bool(area.mask.sum() * CELL_M**2 >= DEFAULT_THRESHOLDS.smallest_m2)


class Found(NamedTuple):
    """False alarms per 1,000 km², the higher count of both sorts of tiles, and shares of bowls and of objects found."""

    alarms: float
    bowls: float
    objects: float


def odds_of(seen: Sequence[Evidence], weights: Weights) -> list[Float32]:
    """Return each tile's log-odds without the offset."""
    at = np.array(weights._replace(offset=0.0), dtype=np.float32)
    return [one.terms.astype(np.float32) @ at for one in seen]


def found(seen: Sequence[Evidence], odds: Sequence[Float32], offset: float) -> Found:
    """Count false alarms and finds at an offset. odds: `odds_of` the tiles."""
    alarms, tiles = [0, 0], [0, 0]
    hits: list[bool] = []
    objects: list[bool] = []
    for one, log_odds in zip(seen, odds, strict=True):
        areas = flagged(log_odds + np.float32(offset), one.toward)
        if one.heart is None:
            alarms[one.disturbed] += sum(not (area.mask & one.moves[area.window]).any() for area in areas)
            tiles[one.disturbed] += 1
            drawn = np.zeros_like(one.moves)
            for area in areas:
                drawn[area.window] |= area.mask
            objects += [drawn[thing.window][thing.mask].mean() >= MATCHING_SHARE for thing in one.objects]
        else:
            hits.append(any((area.mask & one.heart[area.window]).any() for area in areas))
    per_km2 = [n / max(1, count) / (SIDE_M / 1000) ** 2 for n, count in zip(alarms, tiles, strict=True)]
    return Found(1000 * max(per_km2), float(np.mean(hits)), float(np.mean(objects)) if objects else 1.0)


def at_alarms(seen: Sequence[Evidence], weights: Weights, alarms: float) -> tuple[float, Found]:
    """Return the highest offset that keeps false alarms per 1,000 km² within a limit, and the counts with it."""
    odds = odds_of(seen, weights)
    low, high = OFFSETS
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if found(seen, odds, middle).alarms <= alarms else (low, middle)
    return low, found(seen, odds, low)


def decisions(by_tile: Sequence[list[list[Evidence]]]) -> dict[str, Any]:
    """Return the weights of each method with the offset for ALARMS, for one track and for two."""
    chosen: dict[str, Any] = {method: {} for method in METHODS}
    for (method, weights), both in product(METHODS.items(), (0, 1)):
        offset, reached = at_alarms([one for tile in by_tile for one in tile[both]], weights, ALARMS)
        print(method, both + 1, round(offset, 2), reached, flush=True)
        chosen[method][str(both + 1)] = weights._replace(offset=round(offset, 2))._asdict()
    return chosen


def options(about: str | None, folder_help: str, tiles: int, processes: int) -> argparse.Namespace:
    """Parse --folder, --tiles and --processes of a command that writes beside the weights.

    about: the module's docstring; folder_help: of --folder; tiles, processes: defaults.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0] if about else None)
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help=folder_help)
    parser.add_argument("--tiles", type=int, default=tiles)
    parser.add_argument("--processes", type=int, default=processes)
    return parser.parse_args()


def main() -> None:
    """Calibrate and update the card."""
    args = options(__doc__, "of the card that is changed", tiles=240, processes=2)
    by_tile = over_seeds(partial(evidence_of, args.folder), args.tiles, FIRST, args.processes)
    card = read_card("deformation", args.folder)
    card = replace(card, settings=card.settings | {"decision": decisions(by_tile)})
    write_card(args.folder, card)


if __name__ == "__main__":
    main()
