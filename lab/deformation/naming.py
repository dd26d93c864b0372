"""`python -m lab.deformation.naming`: how often the network names an area's kind rightly, by how sure it is.

On validation tiles, first track alone. `ml.rasters.areas.SURE_SHARE` was chosen by it.
"""

import argparse
from functools import partial
from typing import NamedTuple

import numpy as np

from lab.deformation.benchmark_tiles import NATIONAL, cloud, field_tile
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import CELL_M, CELLS, Tile
from lab.workers import over_seeds
from ml.deformation.infer import detect_deformation, flagged_areas
from ml.deformation.kinds import kind_of
from ml.rasters.areas import KINDS, Area
from ml.statistics.intervals import bootstrap

FIRST_TILE = 5_000  # apart from those that thresholds were chosen on
SHARES = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Named(NamedTuple):
    """One area that lies on something that was put in: how sure the name is, and whether it is right."""

    share: float
    right: bool


def named_areas(method: str, number: int) -> list[Named]:
    """Areas of a validation tile that lie on a source."""
    tile = field_tile(NATIONAL, number, Purpose.VALIDATION)
    points = cloud(tile.tracks[0])
    areas = flagged_areas(detect_deformation(points, method), [points])
    kinds = [(area, _true_kind(tile, area)) for area, _ in areas]
    return [Named(max(area.kinds.values()), area.kind == kind) for area, kind in kinds if kind]


def _true_kind(tile: Tile, area: Area) -> str | None:
    """Of the source that moves most at a place inside the area."""
    place = area.polygon.representative_point()
    row, col = int((tile.terrain.top_m - place.y) / CELL_M), int((place.x - tile.terrain.west_m) / CELL_M)
    if not (0 <= row < CELLS and 0 <= col < CELLS):
        return None
    here = [truth for truth in tile.truths(tile.tracks[0].geometry.los) if truth.mask[row, col]]
    if not here:
        return None
    return KINDS[kind_of(max(here, key=lambda truth: abs(truth.rate_mm_yr[row, col])).source)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=400)
    parser.add_argument("--method", default="model")
    args = parser.parse_args()
    named = [one for each in over_seeds(partial(named_areas, args.method), args.tiles, FIRST_TILE) for one in each]
    print(f"{args.tiles} validation tiles, {len(named)} areas on something that moves")
    for share in SHARES:
        sure = np.array([one.right for one in named if one.share >= share], dtype=float)
        if sure.size:
            right = bootstrap(sure)
            figure = f"{right.value:.3f} ({right.low:.3f} to {right.high:.3f}) right"
            print(f"share {share:.1f} or more: {sure.size / len(named):.2f} of them, {figure}")


if __name__ == "__main__":
    main()
