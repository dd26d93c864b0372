"""Ground as a radar sees it: cover, texture, relief, water, roads, towns, seasons.

Everything is drawn on the fine grid (rows, cols), which is periodic; lengths are in pixels of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from lab.simulation.sar.system import Float32, System
from lab.simulation.seeds import log_uniform

Bools = NDArray[np.bool_]
Cells = tuple[int, int]  # Rows and columns of the fine grid: of the whole grid, or of one pixel.


class Points(NamedTuple):
    """Stable point scatterers: positions (rows, cols) in fine cells, power relative to unit clutter, and gamma."""

    rows: Float32
    cols: Float32
    power: Float32
    gamma: Float32


class Ground(NamedTuple):
    """Ground with thermal noise. power: (2, rows, cols), at both dates; gamma: (rows, cols), of the scatterers.

    before: (rows, cols), what gamma was before the pair, None if it was the same. relief_cols: how far each cell is
    displaced toward the radar by its height, fine cells; None for flat ground.
    """

    power: Float32
    gamma: Float32
    relief_cols: Float32 | None
    points: Points
    before: Float32 | None = None


@dataclass(frozen=True)
class Likely:
    """Probabilities, 0-1, and ranges of all random parameters of one kind of landscape."""

    texture_shape: tuple[float, float] = (1.0, 20.0)  # of the K-distribution, drawn in logarithms
    texture_px: tuple[float, float] = (1.0, 12.0)
    textured: float = 0.85
    parcels: tuple[int, int] = (2, 14)
    parcel_db: float = 2.5
    gamma: tuple[float, float] = (0.02, 0.98)
    relief: float = 0.4
    relief_slope: tuple[float, float] = (0.1, 0.6)
    relief_px: tuple[float, float] = (15.0, 60.0)
    layover: float = 0.25
    water: float = 0.25
    roads: float = 0.6
    town: float = 0.4
    point_db: tuple[float, float] = (10.0, 40.0)
    change: float = 0.4
    noise_db: tuple[float, float] = (-28.0, -14.0)


def no_points() -> Points:
    """Return an empty set of point scatterers."""
    none = np.zeros(0, dtype=np.float32)
    return Points(none, none, none, none)


def even(shape: tuple[int, int], gamma: float) -> Ground:
    """Return ground of uniform power and coherence."""
    ones = np.ones((2, *shape), dtype=np.float32)
    return Ground(ones, np.full(shape, gamma, dtype=np.float32), None, no_points())


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], length: tuple[float, float]) -> Float32:
    """Draw a Gaussian field of unit variance whose correlation falls to 1/e^0.5 over length (rows, cols)."""
    rows, cols = (np.exp(-0.5 * (np.pi * fft.fftfreq(n) * reach) ** 2) for n, reach in zip(shape, length, strict=True))
    return _coloured(rng, shape, (rows[:, None] * cols[: shape[1] // 2 + 1]).astype(np.float32))


def power_law_field(
    rng: np.random.Generator, shape: tuple[int, int], slope: float, fine: tuple[int, int], longest_px: float = 1e9
) -> Float32:
    """Draw a Gaussian field of unit variance with 2-D power spectrum k^slope, flat at wavelengths above longest_px."""
    rows = fft.fftfreq(shape[0]) * fine[0]
    cols = fft.rfftfreq(shape[1]) * fine[1]
    squared = rows[:, None] ** 2 + cols**2
    least = max(1 / longest_px, 0.5 / max(size / cells for size, cells in zip(shape, fine, strict=True)))
    return _coloured(rng, shape, ((squared + least**2) ** (slope / 4)).astype(np.float32))


def _coloured(rng: np.random.Generator, shape: tuple[int, int], amplitude: Float32) -> Float32:
    amplitude[0, 0] = 0.0
    white = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    field = fft.irfft2(white * amplitude, s=shape)
    return np.asarray(field / max(float(field.std()), 1e-12), dtype=np.float32)


def gamma_texture(normal: Float32, shape: float) -> Float32:
    """Return a gamma-distributed power of unit mean from a normal field (Wilson and Hilferty 1931, by table)."""
    at = np.linspace(-5, 5, 513)
    power = np.maximum(1 - 1 / (9 * shape) + at / (3 * np.sqrt(shape)), 0.02) ** 3
    density = np.exp(-(at**2) / 2)
    return np.asarray(np.interp(normal, at, power / (power * density).sum() * density.sum()), dtype=np.float32)


def structured(rng: np.random.Generator, size: tuple[int, int], system: System, likely: Likely) -> Ground:
    """Draw ground for images of a size in pixels (rows, cols), margins included."""
    fine = system.fine
    shape = size[0] * fine[0], size[1] * fine[1]
    rows, cols = (((np.arange(n) + 0.5) / cells).astype(np.float32) for n, cells in zip(shape, fine, strict=True))
    y, x = np.meshgrid(rows, cols, indexing="ij")
    level_db, gamma = _parcels(rng, y, x, size, likely)
    slope, relief = _relief(rng, shape, system, likely)
    level_db += slope
    power = np.asarray(10 ** (level_db / 10), dtype=np.float32)
    if rng.random() < likely.textured:
        k, reach = log_uniform(rng, *likely.texture_shape), log_uniform(rng, *likely.texture_px)
        length = reach * fine[0], reach * fine[1] * float(rng.uniform(0.6, 1.7))
        power *= gamma_texture(smooth_field(rng, shape, length), k)
    if rng.random() < likely.water:
        wet = _patches(rng, fine, shape, (15, 50), (0.3, 1.5))
        power[wet] = 10 ** (rng.uniform(-16, -8) / 10)
        gamma[wet] = 0.0
    _roads(rng, y, x, power, gamma, likely)
    points = _town(rng, fine, power, gamma, likely)
    both = np.stack([power, power])
    if rng.random() < likely.change:  # Vegetation, snow or moisture change the power in place and lower gamma.
        where = _patches(rng, fine, shape, (8, 40), (-0.5, 1.5))
        both[1][where] *= 10 ** (rng.uniform(-4, 4) / 10)
        gamma[where] *= rng.uniform(0.3, 1.0)
    return with_noise(Ground(both, gamma, relief, points), float(rng.uniform(*likely.noise_db)))


def _patches(
    rng: np.random.Generator, fine: Cells, shape: Cells, reach_px: tuple[float, float], above: tuple[float, float]
) -> Bools:
    """Draw patches of a size in pixels: where a smooth field exceeds a threshold drawn from `above`."""
    reach = rng.uniform(*reach_px)
    return np.asarray(smooth_field(rng, shape, (reach * fine[0], reach * fine[1])) > rng.uniform(*above))


def with_noise(ground: Ground, noise_db: float) -> Ground:
    """Add thermal noise, dB relative to mean power, which lowers the coherence; then scale to unit mean power."""
    mean = float(ground.power.mean())
    noise = np.float32(10 ** (noise_db / 10) * mean)
    power = ground.power + noise
    share = np.sqrt(ground.power[0] * ground.power[1] / (power[0] * power[1]))
    points = ground.points._replace(power=ground.points.power / np.float32(mean))
    return Ground(power / np.float32(mean), (ground.gamma * share).astype(np.float32), ground.relief_cols, points)


def _parcels(
    rng: np.random.Generator, y: Float32, x: Float32, size: tuple[int, int], likely: Likely
) -> tuple[Float32, Float32]:
    """Draw power in dB and gamma of parcels with straight edges; gamma also has a linear trend over the whole area."""
    n = int(rng.integers(*likely.parcels))
    seeds = rng.uniform(0, 1, (n, 2)) * size
    stretch = rng.uniform(0.5, 2.0)
    nearest = np.full(y.shape, 1e9, dtype=np.float32)
    which = np.zeros(y.shape, dtype=np.int32)
    for index, (row, col) in enumerate(seeds.astype(np.float32)):
        distance = (y - row) ** 2 + np.float32(stretch) * (x - col) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        which[closer] = index
    level = rng.normal(0, likely.parcel_db, n).astype(np.float32)[which]
    gamma = rng.uniform(*likely.gamma, n).astype(np.float32)[which]
    tilt = rng.normal(0, 0.25, 2) / size
    gamma = gamma + (tilt[0] * (y - size[0] / 2) + tilt[1] * (x - size[1] / 2)).astype(np.float32)
    return level, np.clip(gamma, likely.gamma[0], likely.gamma[1]).astype(np.float32)


def _relief(
    rng: np.random.Generator, shape: tuple[int, int], system: System, likely: Likely
) -> tuple[Float32, Float32 | None]:
    """Draw slopes along the range (columns): their brightness in dB, and their layover in fine cells, None if none."""
    if rng.random() >= likely.relief:
        return np.zeros(shape, dtype=np.float32), None
    fine = system.fine
    height = power_law_field(rng, shape, -3.6, fine, log_uniform(rng, *likely.relief_px))
    slope = np.diff(height, axis=1, append=height[:, :1]) * fine[1]
    slope *= rng.uniform(*likely.relief_slope) / max(float(slope.std()), 1e-9)
    level = -12.0 * np.tanh(slope) * np.sign(rng.uniform(-1, 1))
    if rng.random() >= likely.layover:
        return level.astype(np.float32), None
    # At 39 degrees of incidence a slope s moves ground by s / tan(39 deg); above 0.81 it lies over.
    rise = np.cumsum(slope - slope.mean(axis=1, keepdims=True), axis=1) / np.tan(np.radians(39))
    return level.astype(np.float32), (rise - rise.mean()).astype(np.float32)


def _roads(rng: np.random.Generator, y: Float32, x: Float32, power: Float32, gamma: Float32, likely: Likely) -> None:
    if rng.random() >= likely.roads:
        return
    for _ in range(int(rng.integers(1, 5))):
        angle, through = rng.uniform(0, np.pi), rng.uniform(0, 1, 2) * (y.max(), x.max())
        off = (y - through[0]) * np.cos(angle) - (x - through[1]) * np.sin(angle)
        on = np.abs(off + rng.uniform(0, 3) * np.sin((x + y) / rng.uniform(20, 60))) < rng.uniform(0.4, 1.5)
        power[on] *= 10 ** (rng.uniform(-8, -3) / 10)
        gamma[on] = np.maximum(gamma[on], rng.uniform(0.3, 0.9))


def _town(rng: np.random.Generator, fine: Cells, power: Float32, gamma: Float32, likely: Likely) -> Points:
    """Draw a town: write decorrelating clutter into `power` and `gamma`; return point scatterers at its houses."""
    if rng.random() >= likely.town:
        return no_points()
    rows, cols = gamma.shape
    built = _patches(rng, fine, (rows, cols), (10, 40), (-0.3, 1.2))
    gamma[built] = rng.uniform(0.05, 0.5)
    power[built] *= 10 ** (rng.uniform(0, 4) / 10)
    cells = np.flatnonzero(built)
    n = min(cells.size, int(cells.size / (fine[0] * fine[1]) * log_uniform(rng, 0.01, 0.15)))
    if n == 0:
        return no_points()
    chosen = rng.choice(cells, n, replace=False)
    row, col = np.divmod(chosen, cols)
    low, high = likely.point_db
    # Few are strong: decibels above the weakest fall off exponentially.
    level_db = low + np.minimum(rng.exponential(rng.uniform(3, 8), n), high - low)
    pixel = fine[0] * fine[1]  # The power of a point is spread over the cells of its pixel.
    strength = 10 ** (level_db / 10) * pixel * power.reshape(-1)[chosen]
    stable = 1 - np.minimum(rng.exponential(0.03, n), 0.5)
    off = rng.uniform(0, 1, (2, n))
    parts = (row + off[0], col + off[1], strength, stable)
    return Points(*(np.asarray(part, dtype=np.float32) for part in parts))
