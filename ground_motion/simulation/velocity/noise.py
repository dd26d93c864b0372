"""Errors of a velocity field, correlated over tens of metres, with heavy tails."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ground_motion.simulation.ground.frame import Floats

GRID_M = 10.0


class VelocityNoise(NamedTuple):
    """Semivariance of the error: γ(h) = near + (sill − near) · (1 − exp(−h²/L²)), in (mm/yr)², spikes included.

    near: nugget. With L = 45 m, γ is 0.45 on average over pairs closer than 30 m and 1.1 over pairs 60–120 m apart, as
    in the science notes. spike_share: of the points, whose errors are spike_floor plus an exponential tail.
    """

    nugget_mm2_yr2: float = 0.30
    sill_mm2_yr2: float = 1.12
    length_m: float = 45.0
    spike_share: float = 0.01
    spike_floor_mm_yr: float = 3.0
    spike_tail_mm_yr: float = 1.5

    def spike_variance_mm2_yr2(self) -> float:
        """Return the part of the semivariance due to spikes, at every distance."""
        floor, tail = self.spike_floor_mm_yr, self.spike_tail_mm_yr
        return self.spike_share * (floor**2 + 2 * floor * tail + 2 * tail**2)


def velocity_errors(
    rng: np.random.Generator, easting_m: Floats, northing_m: Floats, noise: VelocityNoise, series_variance: float
) -> Floats:
    """Simulate the error of each point's rate, (n,), mm/yr.

    series_variance: (mm/yr)², which the noise of the series will add; it is left out here, so that the total is as
    stated. Raises ValueError if spikes and series alone exceed the nugget.
    """
    white_variance = noise.nugget_mm2_yr2 - noise.spike_variance_mm2_yr2() - series_variance
    if white_variance < 0:
        raise ValueError(
            f"nugget_mm2_yr2 {noise.nugget_mm2_yr2} is less than what spikes and series bring: raise it or lower those"
        )
    related = related_field(rng, easting_m, northing_m, noise.length_m)
    error = related * math.sqrt(noise.sill_mm2_yr2 - noise.nugget_mm2_yr2)
    error += rng.standard_normal(len(error)) * math.sqrt(white_variance)
    return error + _spikes(rng, len(error), noise)


def related_field(rng: np.random.Generator, easting_m: Floats, northing_m: Floats, length_m: float) -> Floats:
    """Generate a Gaussian field of variance 1 and correlation exp(−h²/length_m²) at the points, (n,)."""
    west_m, south_m = easting_m.min() - 5 * length_m, northing_m.min() - 5 * length_m
    cols = math.ceil((easting_m.max() + 5 * length_m - west_m) / GRID_M)
    rows = math.ceil((northing_m.max() + 5 * length_m - south_m) / GRID_M)
    sigma = length_m / 2 / GRID_M  # white noise smoothed by σ correlates as exp(−h²/4σ²)
    grid = ndimage.gaussian_filter(rng.standard_normal((rows, cols), dtype=np.float32), sigma, mode="wrap")
    grid /= grid.std()
    position = [(northing_m - south_m) / GRID_M, (easting_m - west_m) / GRID_M]
    return np.asarray(ndimage.map_coordinates(grid, position, order=1), dtype=np.float64)


def _spikes(rng: np.random.Generator, count: int, noise: VelocityNoise) -> Floats:
    size = noise.spike_floor_mm_yr + rng.exponential(noise.spike_tail_mm_yr, count)
    sign = rng.choice([-1.0, 1.0], count)
    return np.where(rng.random(count) < noise.spike_share, sign * size, 0.0)
