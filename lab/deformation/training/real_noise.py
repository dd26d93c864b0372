"""Errors of real still ground as training tracks: residual rates of a place after a smooth fit, on a tile's cells."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ground_motion.methods.deformation.gridding.boxes import common_grid, overlap
from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.gridding.points import Float32
from lab.deformation.injected.places import PLACES, place, residual_field
from lab.simulation.tiles import CELLS

PLANES = ("velocity_mm_yr", "n_points", "mad_mm_yr", "raw_mm_yr", "height_m")


@lru_cache(maxsize=len(PLACES))
def real_tracks(name: str) -> list[Float32]:
    """Read the tracks of a place on common cells, each (PLANES, rows, cols), NaN unknown. InputError: no files."""
    grids = [grid_robust(points, workers=1) for points in residual_field(place(name))]
    _, size, windows = common_grid([at.transform for at in grids], [at.velocity_mm_yr.shape for at in grids])
    tracks = []
    for grid, window in zip(grids, windows, strict=True):
        planes = np.full((len(PLANES), *size), np.nan, dtype=np.float32)
        for plane, key in zip(planes, PLANES, strict=True):
            values = getattr(grid, key)
            if values is not None:
                plane[window] = values
        tracks.append(planes)
    return tracks


def draw_real(rng: np.random.Generator, names: Sequence[str], n_tracks: int) -> list[Float32]:
    """Draw tracks of one place somewhere on a tile, (PLANES, CELLS, CELLS) each, of either sign.

    If two tracks are wanted, a place with one is used twice, so that both have the same errors.
    """
    tracks = real_tracks(names[int(rng.integers(len(names)))])
    rows, cols = tracks[0].shape[1:]
    row, col = (int(rng.integers(min(0, CELLS - size), max(0, CELLS - size) + 1)) for size in (rows, cols))
    order = rng.permutation(len(tracks))
    drawn = []
    for number in range(n_tracks):
        tile = np.full((len(PLANES), CELLS, CELLS), np.nan, dtype=np.float32)
        target, source = overlap((row, col), (rows, cols), (CELLS, CELLS))
        tile[:, *target] = tracks[order[number % len(tracks)]][:, *source]
        tile[[0, 3]] *= np.float32(rng.choice([-1.0, 1.0]) * rng.uniform(0.85, 1.2))
        drawn.append(tile)
    return drawn
