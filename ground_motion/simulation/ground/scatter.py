"""Stable radar points: many in a town, few in fields, none in a forest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.simulation.ground.frame import Floats
from ground_motion.simulation.ground.terrain import LandCover, Terrain


class Density(NamedTuple):
    """Points per square kilometre by land cover: a little more than the minimum that EGMS states."""

    town_per_km2: float = 5_300.0
    suburb_per_km2: float = 1_100.0
    open_per_km2: float = 110.0
    forest_per_km2: float = 0.0


def scatter_points(
    rng: np.random.Generator, terrain: Terrain, cover: NDArray[np.uint8], density: Density
) -> tuple[Floats, Floats]:
    """Scatter points over the land, a Poisson number per cell; return (easting_m, northing_m), each (n,), to 1 cm."""
    per_km2 = np.zeros(len(LandCover))
    per_km2[LandCover.TOWN] = density.town_per_km2
    per_km2[LandCover.SUBURB] = density.suburb_per_km2
    per_km2[LandCover.OPEN] = density.open_per_km2
    per_km2[LandCover.FOREST] = density.forest_per_km2
    expected = per_km2[cover] * (terrain.posting_m / 1_000.0) ** 2  # (rows, cols)
    row, col = np.nonzero(expected)
    times = rng.poisson(expected[row, col])
    row, col = np.repeat(row, times), np.repeat(col, times)  # (n,)
    inset = 0.01 / terrain.posting_m  # Rounding to the centimetre then keeps a point in its cell.
    easting_m = terrain.west_m + (col + rng.uniform(inset, 1 - inset, len(col))) * terrain.posting_m
    northing_m = terrain.top_m - (row + rng.uniform(inset, 1 - inset, len(row))) * terrain.posting_m
    return np.round(easting_m, 2), np.round(northing_m, 2)
