"""Frozen tiles of velocity fields.

A tile is defined by benchmark, purpose and number. A change of the simulator that changes a tile requires a new version
of the benchmark.
"""

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.simulation.ground.deformation import Ellipse
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import GroundwaterSubsidence
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import SIDE_M, Tile, TileConfig, TileTrack, make_tile, with_sources

NATIONAL = "deformation-national"
TILE_KM2 = (SIDE_M / 1000) ** 2
CONFIGS = {NATIONAL: TileConfig(signal_share=0.8)}
MIN_POINTS = 30  # Least number of the first track's points within a bowl's radius.
KEEP_OFF_M = 1_000.0
HEIGHT_ERROR_M = 2.0  # standard deviation, as in the simulated regions


class TableBowl(NamedTuple):
    """One cell of the table of detection probabilities: LOS rate rate_mm_yr · exp(−(r / radius_m)²)."""

    rate_mm_yr: float
    radius_m: float


BOWLS = {
    "pd_3mm_800m": TableBowl(3.0, 800.0),
    "pd_4mm_300m": TableBowl(4.0, 300.0),
    "pd_4mm_800m": TableBowl(4.0, 800.0),
    "pd_3mm_2000m": TableBowl(3.0, 2000.0),
    "pd_3mm_300m": TableBowl(3.0, 300.0),
    "pd_4mm_2000m": TableBowl(4.0, 2000.0),
}


def field_tile(name: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> Tile:
    """Make a tile of a benchmark, with or without moving ground."""
    return make_tile(generator(purpose, name, number), CONFIGS[name])


def still_tile(name: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> Tile:
    """Make a tile without motion, to which the table's bowls are added."""
    return make_tile(generator(purpose, f"{name} still", number), CONFIGS[name]._replace(signal_share=0.0))


_still_tile = lru_cache(maxsize=1)(still_tile)  # Keep the last one, because the bowls of one number follow each other.


def bowl_tile(name: str, key: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> Tile:
    """Make a still tile with one bowl of the table, vertical, with its rate along the first line of sight.

    Raises ValueError if none of a thousand positions has MIN_POINTS.
    """
    tile, rng, cell = _still_tile(name, number, purpose), generator(purpose, f"{name} {key}", number), BOWLS[key]
    track = tile.tracks[0]
    x_m, y_m = track.x_m - tile.terrain.west_m, track.y_m - tile.terrain.top_m + SIDE_M
    up_mm_yr = rng.choice([-1.0, 1.0]) * cell.rate_mm_yr / track.geometry.los.up
    for _ in range(1000):
        at_x, at_y = rng.uniform(KEEP_OFF_M, SIDE_M - KEEP_OFF_M, 2)
        if np.count_nonzero((x_m - at_x) ** 2 + (y_m - at_y) ** 2 < cell.radius_m**2) >= MIN_POINTS:
            break
    else:
        raise ValueError(f"no place of radius {cell.radius_m} m has {MIN_POINTS} points")
    east_m, north_m = tile.terrain.frame.to_local(
        np.array([tile.terrain.west_m + at_x]), np.array([tile.terrain.top_m - SIDE_M + at_y])
    )
    ellipse = Ellipse(cell.radius_m, cell.radius_m, 0.0)
    bowl = GroundwaterSubsidence(Offset(float(east_m[0]), float(north_m[0])), ellipse, up_mm_yr, flatness=1.0)
    return with_sources(tile, (bowl,))


def cloud(track: TileTrack) -> PointCloud:
    """Return a track's points as input for a detector, with the same random height errors on every call."""
    error_m = np.random.default_rng(track.x_m.size).normal(0, HEIGHT_ERROR_M, track.x_m.size)
    height_m = (track.height_m + error_m).astype(np.float32)
    return PointCloud(
        track.x_m,
        track.y_m,
        track.velocity_mm_yr,
        3035,
        height_m=height_m,
        direction=track.geometry.direction,
    )


def digest(tile: Tile) -> bytes:
    """Return the hash of a tile, 32 bytes: truth along both lines of sight, land cover, points and their rates."""
    seen = hashlib.sha256(tile.land_cover.tobytes())
    for track in tile.tracks:
        seen.update(np.rint(track.x_m * 100).astype("<i8").tobytes())
        seen.update(np.rint(track.y_m * 100).astype("<i8").tobytes())
        seen.update(np.rint(track.velocity_mm_yr * 10).astype("<i4").tobytes())
        for truth in tile.truths(track.geometry.los):
            seen.update(truth.kind.encode() + np.packbits(truth.mask).tobytes())
            seen.update(np.rint(truth.rate_mm_yr * 100).astype("<i4").tobytes())
    return seen.digest()
