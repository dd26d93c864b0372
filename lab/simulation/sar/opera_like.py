"""Simulated chips with the statistics of the three real land chips of OPERA RTC-S1 (30 m, VV).

Fitted by hand to averages over the chips: spread and skewness of the logarithm of power, its correlation over 1 to
16 px (longer along the rows' direction), looks and lag-1 correlation of speckle, and correlation between dates.
"""

from __future__ import annotations

import numpy as np

from lab.simulation.sar.ground import Ground, Points, power_law_field, smooth_field
from lab.simulation.sar.system import Float32, System

# Geocoding widens the radar's resolution of 22 m and 5 m, as required by looks and lag-1 of the real chips.
OPERA = System(posting_m=30.0, resolution_px=(0.85, 0.5), looks=4, uneven=0.3)


def open_land(rng: np.random.Generator, size: tuple[int, int]) -> Ground:
    """Draw hills, fields, scattered houses and trees in a 30 m image; gamma as after 12 dry or wet days."""
    fine = OPERA.fine
    shape = size[0] * fine[0], size[1] * fine[1]
    level = _relief(rng, shape, fine) + _cover(rng, shape, fine)
    grain = smooth_field(rng, shape, (fine[0] * rng.uniform(0.5, 1.0), fine[1] * rng.uniform(0.35, 0.7)))
    level += rng.uniform(0.2, 0.4) * grain
    power = np.exp(level - 0.5 * float(level.var())).astype(np.float32)
    points = _scattered(rng, shape, fine, power)
    dry = float(rng.uniform(0.15, 0.8))
    gamma = np.clip(dry + 0.12 * smooth_field(rng, shape, (12.0 * fine[0], 12.0 * fine[1])), 0, 0.97)
    return Ground(np.stack([power, power]), gamma.astype(np.float32), None, points)


def _relief(rng: np.random.Generator, shape: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw brightness (natural log of power) of slopes: ridges on all scales, stretched along the flight direction."""
    stretch = float(rng.uniform(1.2, 2.0))
    long = max(1, round(fine[0] / stretch)), fine[1]
    slopes = power_law_field(rng, shape, float(rng.uniform(-3.2, -2.2)), long, rng.uniform(30, 150))
    return np.asarray(rng.uniform(0.2, 0.4) * slopes, dtype=np.float32)


def _cover(rng: np.random.Generator, shape: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw patches of bare, wooded and built land with edges."""
    level = np.zeros(shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        reach = float(np.exp(rng.uniform(np.log(3), np.log(60))))
        patch = smooth_field(rng, shape, (1.5 * reach * fine[0], reach * fine[1])) > rng.uniform(-0.3, 1.3)
        level[patch] += rng.normal(0, 0.35)
    return level


def _scattered(rng: np.random.Generator, shape: tuple[int, int], fine: tuple[int, int], power: Float32) -> Points:
    """Draw houses, masts and lone trees: few, mostly in groups, stable; these are the brightest pixels."""
    built = smooth_field(rng, shape, (8.0 * fine[0], 8.0 * fine[1])) > rng.uniform(0.5, 2.0)
    share = np.where(built, rng.uniform(0.05, 0.3), rng.uniform(0.001, 0.02)) / (fine[0] * fine[1])
    cells = np.flatnonzero(rng.random(shape) < share)
    row, col = np.divmod(cells, shape[1])
    level_db = rng.uniform(-2, 4) + rng.exponential(rng.uniform(2, 4.5), cells.size)
    strength = 10 ** (np.minimum(level_db, 20) / 10) * fine[0] * fine[1] * power.reshape(-1)[cells]
    off = rng.uniform(0, 1, (2, cells.size))
    parts = row + off[0], col + off[1], strength, np.clip(1 - rng.exponential(0.05, cells.size), 0.5, 1)
    return Points(*(np.asarray(part, dtype=np.float32) for part in parts))
