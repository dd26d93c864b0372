"""Training tiles simulated in advance, gridded and stored on disk with motion and errors separate.

The motion of any tile can be added to the errors of another, so that some thousand tiles give millions of samples.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.gridding.cells import Cells, cell_mean, cell_median
from ground_motion.methods.deformation.gridding.despike import median_of, neighbours
from ground_motion.methods.deformation.kinds import kind_of
from ground_motion.simulation.ground.frame import project_to_los_mm_yr
from ground_motion.simulation.ground.scatter import Density
from ground_motion.simulation.velocity.nuisance import Nuisance, Range
from lab.deformation.measures.benchmark_tiles import cloud
from lab.simulation.kept import kept
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import CELLS, Tile, TileConfig, TileTrack, make_tile

NAME = "deformation-training"
TRACKS = 2
NOTHING = 255  # Value of `kind` where nothing moves.
CENTRE_STEPS = 48  # `centre` is stored in this many steps per cell.
RARE_KINDS = ("landslide", "quarry", "fill")  # rare in a tile with national statistics, and small
RARE_SHARE = 0.25
BLOCK_SHARE = 0.06  # twice the benchmark's share, because unwrapping errors are mistaken for motion most easily
_GRID = (TRACKS, CELLS, CELLS)


class TileCache(NamedTuple):
    """Arrays of n tiles on 100 × 100 cells, read-only; rates mm/yr, + toward the satellite, NaN without a point.

    released, released_raw: (n, 2, 100, 100) float16, what each track releases, cells' median, of despiked points and
    of points as they are; errors, errors_raw: the same of the errors alone; mad: spread of the points as released;
    n_points: (n, 2, 100, 100) of each cell; centre: (n, 2, 2, 100, 100) int8, east and south of the cell's middle, of
    the place that the despiked median speaks for, in cells / CENTRE_STEPS; truth: (n, 2, 100, 100), what was put in, of
    every cell; kind: (n, 100, 100) index in kinds.KINDS of what moves most there, NOTHING elsewhere; block: (n, 2)
    whether a track holds an unwrapping error, whose size must not be scaled; height: (n, 2, 100, 100),
    mean of the points above the tile's lowest place, m, NaN without one.
    """

    released: NDArray[np.float16]
    released_raw: NDArray[np.float16]
    errors: NDArray[np.float16]
    errors_raw: NDArray[np.float16]
    mad: NDArray[np.float16]
    n_points: NDArray[np.uint8]
    centre: NDArray[np.int8]
    truth: NDArray[np.float16]
    kind: NDArray[np.uint8]
    block: NDArray[np.uint8]
    height: NDArray[np.float16]


LAYOUT: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
    **dict.fromkeys(TileCache._fields, (_GRID, np.float16)),
    "n_points": (_GRID, np.uint8),
    "centre": ((TRACKS, 2, CELLS, CELLS), np.int8),
    "kind": ((CELLS, CELLS), np.uint8),
    "block": ((TRACKS,), np.uint8),
}


def training_config(rng: np.random.Generator) -> TileConfig:
    """Draw the configuration of a training tile: national, with rare kinds, or noisier with fewer points."""
    nuisance = Nuisance(block_share=BLOCK_SHARE)
    chance = rng.random()
    if chance < RARE_SHARE:
        return TileConfig(signal_share=1.0, second_share=0.5, kinds=RARE_KINDS, nuisance=nuisance)
    if chance < RARE_SHARE + 0.45:
        return TileConfig(signal_share=0.8, nuisance=nuisance)
    points = rng.uniform(0.6, 1.0)
    return TileConfig(
        signal_share=0.8,
        density=Density(*(points * per_km2 for per_km2 in Density())),
        town_share=Range(-0.02, 0.02),
        forest_share=Range(0.2, 0.6),
        nuisance=nuisance._replace(factor=rng.uniform(0.9, 1.6)),
    )


def fill(folder: Path, tiles: int, purpose: Purpose = Purpose.TRAINING) -> TileCache:
    """Simulate the missing tiles of a folder, reproducibly. Raises ValueError if it was made for another number."""
    return TileCache(**kept(folder, tiles, partial(_drawn, purpose), f"tiles of {NAME}, {purpose.name.lower()}"))


def _drawn(purpose: Purpose, number: int) -> dict[str, NDArray[np.generic]]:
    config_rng, tile_rng = generator(purpose, NAME, number).spawn(2)
    return tile_arrays(make_tile(tile_rng, training_config(config_rng)))


def tile_arrays(tile: Tile) -> dict[str, NDArray[np.generic]]:
    """Return one tile's share of each array of the cache."""
    arrays = {name: np.zeros(shape, kind) for name, (shape, kind) in LAYOUT.items()}
    strongest = np.zeros((CELLS, CELLS), dtype=np.float32)
    arrays["kind"][:] = NOTHING
    for number, track in enumerate(tile.tracks):
        for source, motion in zip(tile.sources, tile.motions, strict=True):
            rate = project_to_los_mm_yr(motion, track.geometry.los).clip(-500, 500).astype(np.float32)
            arrays["truth"][number] += rate.astype(np.float16)
            more = np.abs(rate) > np.maximum(strongest, 0.1)
            arrays["kind"][more] = kind_of(source)
            strongest[more] = np.abs(rate)[more]
        for name, values in _track_arrays(tile, track).items():
            arrays[name][number] = values
    return arrays


def _track_arrays(tile: Tile, track: TileTrack) -> dict[str, Any]:
    row, col = tile.terrain.cell_of(track.x_m, track.y_m)
    cells = Cells(row * CELLS + col, (CELLS, CELLS), tile.transform)
    points = cloud(track)
    released, errors = points.velocity_mm_yr, track.errors.rate_mm_yr.astype(np.float32)
    if released.size < 5:
        return dict.fromkeys(("released", "released_raw", "errors", "errors_raw", "mad", "height"), np.nan)
    near = neighbours(points)
    heights = points.height_m if points.height_m is not None else track.height_m
    east = (track.x_m - tile.terrain.west_m) / tile.terrain.posting_m - 0.5 - col
    south = (tile.terrain.top_m - track.y_m) / tile.terrain.posting_m - 0.5 - row
    centres = []
    for offset, at in ((east, col), (south, row)):
        place = np.append(offset + at, np.nan)[near]
        mean = np.nanmean(place, axis=1) - at
        centres.append(np.nan_to_num(cell_mean(cells, mean)) * CENTRE_STEPS)
    raw, count = cell_median(cells, released)
    robust = cell_median(cells, median_of(released, near))[0]
    return {
        "released": robust,
        "released_raw": raw,
        "errors": cell_median(cells, median_of(errors, near))[0],
        "errors_raw": cell_median(cells, errors)[0],
        "mad": cell_median(cells, np.abs(released - robust.flat[cells.cell]))[0],
        "n_points": count.clip(0, 255),
        "centre": np.rint(np.stack(centres)).clip(-127, 127),
        "block": "block" in track.errors.kinds,
        "height": cell_mean(cells, heights) - float(tile.terrain.height_m.min()),
    }
