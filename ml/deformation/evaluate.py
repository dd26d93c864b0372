"""Probability of detection and false alarms of a detector on simulated tiles whose truth is known.

A first, small benchmark: one track, 100 km² tiles, Gaussian bowls, no hard negatives but long-wave noise. The frozen
benchmarks with all forward models take its place; metric names stay.
"""

import hashlib
from functools import partial
from typing import NamedTuple

import numpy as np
from shapely import Point

from ml.areas import Area
from ml.benchmark import Benchmark
from ml.deformation.infer import VERSIONS, detect_deformation, flagged_areas
from ml.deformation.points import Float64, PointCloud
from ml.intervals import Interval, bootstrap
from ml.simulation.noise import VelocityNoise, velocity_errors
from ml.simulation.scatter import Density
from ml.simulation.terrain import fractal_field
from ml.workers import over_seeds

NAME, VERSION = "tiles-100km2", "1"
SIDE_M, BLOCK_M = 10_000.0, 50.0
LONG_WAVE_MM_YR = 0.3
COVER_SHARES = ((0.08, "town_per_km2"), (0.30, "suburb_per_km2"), (0.75, "open_per_km2"))  # the rest is forest
BOWLS = {
    "pd_3mm_800m": (3.0, 800.0),
    "pd_4mm_300m": (4.0, 300.0),
    "pd_4mm_800m": (4.0, 800.0),
    "pd_3mm_2000m": (3.0, 2000.0),
}
FIRST_SEED = 9_000_000  # no training may use seeds from here on
FEWEST_POINTS = 30


class Bowl(NamedTuple):
    """LOS rate rate_mm_yr · exp(−(r / radius_m)²) around x, y."""

    rate_mm_yr: float
    radius_m: float
    x: float
    y: float


def make_tile(seed: int, rate_mm_yr: float = 0.0, radius_m: float = 0.0) -> tuple[PointCloud, Bowl | None]:
    """Make the points of a tile, and the bowl in it where a rate is given (its sign is drawn)."""
    rng = np.random.default_rng([FIRST_SEED, seed])
    x, y = _scatter(rng)
    velocity = velocity_errors(rng, x, y, VelocityNoise(), 0.0) + _long_wave(rng, x, y)
    bowl = None
    if rate_mm_yr:
        bowl = _place(rng, x, y, rate_mm_yr, radius_m)
        distance = np.hypot(x - bowl.x, y - bowl.y)
        velocity = velocity + bowl.rate_mm_yr * np.exp(-((distance / radius_m) ** 2))
    return PointCloud(x, y, np.round(velocity, 1).astype(np.float32), 3035), bowl


def _scatter(rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Points at EGMS densities on fractal land cover, m."""
    blocks = int(SIDE_M / BLOCK_M)
    cover = fractal_field(rng, blocks, -3.0)
    rank = np.argsort(np.argsort(cover.ravel())).reshape(cover.shape) / cover.size  # 0-1
    per_km2 = np.zeros(cover.shape)
    for share, name in reversed(COVER_SHARES):
        per_km2[rank < share] = getattr(Density(), name)
    row, col = np.nonzero(per_km2)
    times = rng.poisson(per_km2[row, col] * (BLOCK_M / 1000) ** 2)
    row, col = np.repeat(row, times), np.repeat(col, times)
    return (col + rng.random(col.size)) * BLOCK_M, (row + rng.random(row.size)) * BLOCK_M


def _long_wave(rng: np.random.Generator, x: Float64, y: Float64) -> Float64:
    """What is left of the atmosphere: a smooth field over kilometres, mm/yr."""
    field = fractal_field(rng, 100, -11 / 3)
    field *= LONG_WAVE_MM_YR / field.std()
    values: Float64 = field[(y / 100).astype(int).clip(0, 99), (x / 100).astype(int).clip(0, 99)]
    return values


def _place(rng: np.random.Generator, x: Float64, y: Float64, rate_mm_yr: float, radius_m: float) -> Bowl:
    """A centre away from the edge that enough points see."""
    sign = rng.choice([-1.0, 1.0])
    for _ in range(1000):
        cx, cy = rng.uniform(1000, SIDE_M - 1000, 2)
        if (np.hypot(x - cx, y - cy) < radius_m).sum() >= FEWEST_POINTS:
            return Bowl(sign * rate_mm_yr, radius_m, float(cx), float(cy))
    raise ValueError(f"no place of radius {radius_m} m has {FEWEST_POINTS} points")


def _areas(method: str, points: PointCloud) -> list[Area]:
    return [area for area, _ in flagged_areas(detect_deformation(points, method), [points])]


def _false_alarms(method: str, seed: int) -> float:
    """Areas flagged on a still tile."""
    points, _ = make_tile(seed)
    return float(len(_areas(method, points)))


def _is_found(method: str, rate_mm_yr: float, radius_m: float, seed: int) -> float:
    """1 where an area of the right sign meets the inner half of the bowl."""
    points, bowl = make_tile(seed, rate_mm_yr, radius_m)
    if bowl is None:
        raise ValueError("a bowl needs a rate")
    heart = Point(bowl.x, bowl.y).buffer(radius_m / 2)
    kind = "uplift" if bowl.rate_mm_yr > 0 else "subsidence"
    return float(any(area.kind == kind and area.polygon.intersects(heart) for area in _areas(method, points)))


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Measure a method on so many tiles, still ones and of each bowl. Returns metric name -> interval."""
    still = np.array(over_seeds(partial(_false_alarms, method), size))
    metrics = {"false_alarms_per_1000km2": bootstrap(still, 1000 / (SIDE_M / 1000) ** 2)}
    for index, (name, (rate, radius)) in enumerate(BOWLS.items(), start=1):
        found = over_seeds(partial(_is_found, method, rate, radius), size, first=100_000 * index)
        metrics[name] = bootstrap(np.array(found))
    return metrics


def truth_sha256(size: int) -> str:
    """A hash of what the tiles are: name, version, seeds, bowls, counts, and the very first tile's velocities."""
    first, _ = make_tile(0)
    recipe = repr((NAME, VERSION, FIRST_SEED, BOWLS, size)).encode()
    return hashlib.sha256(recipe + first.velocity_mm_yr.tobytes()).hexdigest()


BENCHMARKS = (Benchmark(NAME, VERSION, 300, "tiles of each kind", VERSIONS, evaluate, truth_sha256),)
