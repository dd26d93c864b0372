"""Rivers of the demo nation as a file: from high ground inland down to the sea, in the tags of OpenStreetMap."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import LineString

from ground_motion.simulation.files.nation import write_features
from ground_motion.simulation.ground.frame import to_geographic
from ground_motion.simulation.ground.terrain import Terrain
from ground_motion.simulation.nation import Nation

NAMES = ("Linder", "Marn", "Tarrow Water", "Hart", "Skarn Beck", "Sallow", "Corrow Burn")
APART_M, COARSE_M, RIVER_M = 8_000.0, 200.0, 12_000.0
CLIMB = 60.0  # A detour of this many metres costs as much as one metre uphill.
SMOOTHED_M = 120.0
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


class River(NamedTuple):
    """A river. cells: of the coarse grid, from the spring to the sea, or to the river into which it flows."""

    cells: list[tuple[int, int]]
    length_m: float


def write_rivers(nation: Nation, path: Path) -> Path:
    """Write rivers and streams as lines with the tags waterway and name."""
    land = nation.region.terrain
    step = max(1, round(COARSE_M / land.posting_m))
    features = []
    for name, river in zip(NAMES, rivers_of(land, step), strict=False):
        middle = (np.array(river.cells) * step + step / 2) * land.posting_m
        line = LineString(np.column_stack([land.west_m + middle[:, 1], land.top_m - middle[:, 0]]))
        degrees = np.column_stack(to_geographic(*np.array(line.simplify(SMOOTHED_M).coords).T))
        tags = {"waterway": "river" if river.length_m >= RIVER_M else "stream", "name": name}
        features.append((LineString(degrees.round(6)), tags))
    return write_features(path, features)


def rivers_of(land: Terrain, step: int) -> list[River]:
    """Return rivers that start at high places far from the sea and end in the sea or in another river."""
    height_m = land.height_m[::step, ::step]
    cell_m = step * land.posting_m
    below, far_m = _ways_down(height_m, cell_m)
    taken = np.zeros(height_m.size, dtype=bool)
    rivers = []
    for spring in _springs(far_m * np.maximum(height_m, 0.0), APART_M / cell_m):
        way = [spring]
        while below[way[-1]] >= 0 and not taken[way[-1]]:
            way.append(below[way[-1]])
        taken[way] = True
        if len(way) > 1:
            cells = [divmod(cell, height_m.shape[1]) for cell in way]
            rivers.append(River(cells, len(way) * cell_m))
    return rivers


def _springs(score: NDArray[np.float64], apart: float) -> list[int]:
    """Return the cells (flat indices) with the highest scores that are at least `apart` cells from each other."""
    rows, cols = np.indices(score.shape)
    left = np.where(np.isfinite(score), score, -np.inf)
    springs = []
    for _ in NAMES:
        row, col = np.unravel_index(np.argmax(left), left.shape)
        springs.append(int(row * left.shape[1] + col))
        left[np.hypot(rows - row, cols - col) < apart] = -np.inf
    return springs


def _ways_down(height_m: NDArray[np.float32], cell_m: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return each cell's next cell on the way to the sea (flat index, -9999: sea), and the way's length, m."""
    dry = np.isfinite(height_m)
    level = np.where(dry, height_m, 0.0).astype(float)
    index = np.arange(height_m.size).reshape(height_m.shape)
    begins, ends, costs = [], [], []
    for down, right in STEPS:
        cells = (slice(0, level.shape[0] - down), slice(max(0, -right), level.shape[1] - max(0, right)))
        neighbours = (slice(down, None), slice(max(0, right), level.shape[1] + min(0, right)))
        across, rise = cell_m * np.hypot(down, right), level[neighbours] - level[cells]
        for here, there, up in (
            (cells, neighbours, rise),
            (neighbours, cells, -rise),
        ):  # water flows from `there` to `here`
            begins.append(index[here].ravel())
            ends.append(index[there].ravel())
            costs.append((across + CLIMB * np.maximum(0, -up)).ravel())
    graph = csr_array((np.concatenate(costs), (np.concatenate(begins), np.concatenate(ends))))
    far_m, before, _ = dijkstra(graph, indices=index[~dry], return_predecessors=True, min_only=True)
    return before, far_m.reshape(height_m.shape)
