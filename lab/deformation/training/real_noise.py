"""Errors of real still ground as training tracks: residual rates of a place after a smooth fit, on a tile's cells."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from lab.deformation.injected.places import place, residual_field
from lab.simulation.tiles import CELLS
from ml.deformation.gridding.cells import grid_robust
from ml.deformation.gridding.points import Float32

PLANES = ("velocity_mm_yr", "n_points", "mad_mm_yr", "raw_mm_yr", "height_m")


@lru_cache(maxsize=1)
def real_tracks(names: Sequence[str]) -> list[list[Float32]]:
    """Read the tracks of each place on common cells, each (PLANES, rows, cols), NaN unknown. InputError: no files."""
    return [_on_common_cells(name) for name in names]


def _on_common_cells(name: str) -> list[Float32]:
    grids = [grid_robust(points, workers=1) for points in residual_field(place(name))]
    top, left = max(grid.transform.f for grid in grids), min(grid.transform.c for grid in grids)
    cell = grids[0].cell_m
    at = [(round((top - grid.transform.f) / cell), round((grid.transform.c - left) / cell)) for grid in grids]
    shapes = [grid.velocity_mm_yr.shape for grid in grids]
    rows = max(row + shape[0] for (row, _), shape in zip(at, shapes, strict=True))
    cols = max(col + shape[1] for (_, col), shape in zip(at, shapes, strict=True))
    tracks = []
    for grid, (row, col), shape in zip(grids, at, shapes, strict=True):
        planes = np.full((len(PLANES), rows, cols), np.nan, dtype=np.float32)
        for plane, key in zip(planes, PLANES, strict=True):
            values = getattr(grid, key)
            if values is not None:
                plane[row : row + shape[0], col : col + shape[1]] = values
        tracks.append(planes)
    return tracks


def draw_real(rng: np.random.Generator, names: Sequence[str], n_tracks: int) -> list[Float32]:
    """Draw tracks of one place somewhere on a tile, (PLANES, CELLS, CELLS) each, of either sign.

    If two tracks are wanted, a place with one is used twice, so that both have the same errors.
    """
    tracks = real_tracks(names)[int(rng.integers(len(names)))]
    rows, cols = tracks[0].shape[1:]
    row, col = (int(rng.integers(min(0, CELLS - size), max(0, CELLS - size) + 1)) for size in (rows, cols))
    order = rng.permutation(len(tracks))
    drawn = []
    for number in range(n_tracks):
        tile = np.full((len(PLANES), CELLS, CELLS), np.nan, dtype=np.float32)
        target, source = zip(_part(row, rows), _part(col, cols), strict=True)
        tile[:, *target] = tracks[order[number % len(tracks)]][:, *source]
        tile[[0, 3]] *= np.float32(rng.choice([-1.0, 1.0]) * rng.uniform(0.85, 1.2))
        drawn.append(tile)
    return drawn


def _part(first: int, size: int) -> tuple[slice, slice]:
    """Return the slices of the tile and of a place that overlap, for a place beginning at cell `first` of the tile."""
    last = min(CELLS, first + size)
    return slice(max(0, first), last), slice(max(0, -first), last - first)
