"""Mathematics of error patterns absent from training: waves, parcels, streams, irregular regions. Pure arrays.

Positions are metres from the south-west corner of a square tile of SIDE_M; rasters have row 0 in the north.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lab.simulation.tiles import SIDE_M
from ml.simulation.ground.frame import Floats

BoolMap = NDArray[np.bool_]
FIELD_M, PARCEL_M, REGION_M = 50.0, 25.0, 50.0  # postings of fields, of land cover and of wrongly unwrapped regions
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


class Waves(NamedTuple):
    """A random field as a sum of plane waves, arrays (k,): wave vectors in rad/m, amplitudes, phases in rad."""

    east_rad_m: Floats
    north_rad_m: Floats
    amplitude: Floats
    phase: Floats

    def at(self, x_m: Floats, y_m: Floats) -> Floats:
        """Return the field at positions inside the tile, (n,), read from a lattice of FIELD_M."""
        axis_m = np.arange(0.0, SIDE_M + FIELD_M, FIELD_M)
        along_y = self.amplitude * np.exp(1j * (np.outer(axis_m, self.north_rad_m) + self.phase))
        lattice = np.real(along_y @ np.exp(1j * np.outer(axis_m, self.east_rad_m)).T)  # (y, x)
        return np.asarray(ndimage.map_coordinates(lattice, [y_m / FIELD_M, x_m / FIELD_M], order=1), dtype=np.float64)

    def semivariance(self, lag_m: float, bearing_deg: float | None = None) -> float:
        """Return the semivariance at a lag, along a bearing (clockwise from north) or averaged over all."""
        bearings = np.radians(np.arange(0, 180, 15.0) if bearing_deg is None else np.array([bearing_deg]))
        turned = np.outer(np.sin(bearings), self.east_rad_m) + np.outer(np.cos(bearings), self.north_rad_m)
        return float((self.amplitude**2 / 2 * (1 - np.cos(turned * lag_m))).sum(axis=1).mean())

    def stretched(self, bearing_deg: float, stretch: float) -> Waves:
        """Return the field stretched along a bearing: structures become `stretch` times as long as wide."""
        sin, cos = math.sin(math.radians(bearing_deg)), math.cos(math.radians(bearing_deg))
        along = (self.east_rad_m * sin + self.north_rad_m * cos) / math.sqrt(stretch)
        across = (self.east_rad_m * cos - self.north_rad_m * sin) * math.sqrt(stretch)
        return self._replace(east_rad_m=along * sin + across * cos, north_rad_m=along * cos - across * sin)

    def of_semivariance(self, value: float, lag_m: float) -> Waves:
        """Return the field scaled to a mean semivariance `value` over bearings, at a lag."""
        return self._replace(amplitude=self.amplitude * math.sqrt(value / self.semivariance(lag_m)))


def draw_waves(
    rng: np.random.Generator, slope: float, shortest_m: float = 300.0, longest_m: float = 30_000.0, count: int = 384
) -> Waves:
    """Draw waves of every direction, evenly in the logarithm of their length; 2-D power ∝ k^slope, no knee."""
    length_m = np.exp(rng.uniform(math.log(shortest_m), math.log(longest_m), count))
    number, bearing = 2 * math.pi / length_m, rng.uniform(0, 2 * math.pi, count)
    amplitude = number ** ((slope + 2) / 2)
    phase = rng.uniform(0, 2 * math.pi, count)
    return Waves(number * np.sin(bearing), number * np.cos(bearing), amplitude / np.linalg.norm(amplitude), phase)


def smooth_share(rng: np.random.Generator, x_m: Floats, y_m: Floats) -> Floats:
    """Draw a slowly varying field with values from 0 to 1 over the tile."""
    waves = draw_waves(rng, -3.0, 8_000.0, 30_000.0, 24)
    axis_m = np.linspace(0, SIDE_M, 41)
    everywhere = waves.at(*(plane.ravel() for plane in np.meshgrid(axis_m, axis_m)))
    low, high = float(everywhere.min()), float(everywhere.max())
    return np.clip((waves.at(x_m, y_m) - low) / (high - low), 0.0, 1.0)


def parcels(rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw fields of a farmed country on PARCEL_M: a label for each, (rows, cols).

    Communes of 1–4 km have strips of one bearing; a strip is 80–250 m deep and cut every 100–700 m.
    """
    size = round(SIDE_M / PARCEL_M)
    at = (np.arange(size) + 0.5) * PARCEL_M
    east_m, north_m = np.meshgrid(at, at[::-1])
    seeds = rng.uniform(0, SIDE_M, (int(rng.integers(8, 25)), 2))
    away = np.stack([np.hypot(east_m - east, north_m - north) for east, north in seeds])
    commune = away.argmin(axis=0)
    labels = np.zeros((size, size), dtype=np.int64)
    for number, (east, north) in enumerate(seeds):
        inside = commune == number
        bearing = rng.uniform(0, math.pi)
        along = (east_m[inside] - east) * math.sin(bearing) + (north_m[inside] - north) * math.cos(bearing)
        across = (east_m[inside] - east) * math.cos(bearing) - (north_m[inside] - north) * math.sin(bearing)
        strip = np.searchsorted(_cuts(rng, 80.0, 250.0), across)
        shift_m = rng.uniform(0, 700.0, 2_000)[strip]  # strips are not cut at the same places
        labels[inside] = (number * 2_000 + strip) * 2_000 + np.searchsorted(_cuts(rng, 100.0, 700.0), along + shift_m)
    return np.unique(labels, return_inverse=True)[1].reshape(size, size)


def _cuts(rng: np.random.Generator, narrowest_m: float, widest_m: float) -> Floats:
    """Draw positions of boundaries from 15 km on this side of the origin to 15 km on the other."""
    widths = rng.uniform(narrowest_m, widest_m, math.ceil(30_000 / narrowest_m))
    return np.asarray(np.cumsum(widths) - 15_000.0)


def streams(height_m: NDArray[np.float32], fewest_cells: int) -> BoolMap:
    """Return the cells through which at least `fewest_cells` others drain, by steepest descent, (rows, cols).

    O'Callaghan and Mark 1984; pits are not filled: water ends there.
    """
    smooth = ndimage.gaussian_filter(height_m.astype(np.float64), 1.0)
    rows, cols = smooth.shape
    padded = np.pad(smooth, 1, constant_values=np.inf)
    fall = np.stack(
        [(smooth - padded[1 + r : 1 + r + rows, 1 + c : 1 + c + cols]) / math.hypot(r, c) for r, c in NEIGHBOURS]
    )
    step = np.array([r * cols + c for r, c in NEIGHBOURS])[fall.argmax(axis=0)]
    falls = (fall.max(axis=0) > 0).ravel()
    receiver = np.arange(rows * cols) + step.ravel()
    drained = np.ones(rows * cols, dtype=np.int64)
    for cell in np.argsort(-smooth, axis=None, kind="stable"):
        if falls[cell]:
            drained[receiver[cell]] += drained[cell]
    return np.asarray(drained.reshape(rows, cols) >= fewest_cells)


def grown(cost: Floats, start: tuple[int, int], cells: int) -> BoolMap:
    """Grow a connected region of the given size from one cell over the cheapest neighbours; inf is never entered."""
    region = np.zeros(cost.shape, dtype=bool)
    edge = [(0.0, *start)]
    seen = {start}
    while edge and cells > 0:
        _, row, col = heapq.heappop(edge)
        region[row, col] = True
        cells -= 1
        for down, right in NEIGHBOURS:
            cell = row + down, col + right
            inside = 0 <= cell[0] < cost.shape[0] and 0 <= cell[1] < cost.shape[1]
            if inside and cell not in seen and np.isfinite(cost[cell]):
                seen.add(cell)
                heapq.heappush(edge, (float(cost[cell]), *cell))
    return region


def valley_cost(rng: np.random.Generator, height_m: NDArray[np.float32]) -> Floats:
    """Return the cost of growing a region, on REGION_M: low on the floor of a valley, high on its sides."""
    fine = ndimage.zoom(height_m.astype(np.float64), SIDE_M / REGION_M / height_m.shape[0], order=1)
    above_m = fine - ndimage.gaussian_filter(fine, 800.0 / REGION_M)
    return np.asarray(above_m / above_m.std() + 1.5 * ndimage.gaussian_filter(rng.standard_normal(fine.shape), 1))


def fault_cost(rng: np.random.Generator, start: tuple[int, int]) -> Floats:
    """Return the cost of growing a region from a cell at a winding fault: low along it, infinite across it."""
    size = round(SIDE_M / REGION_M)
    row, col = np.mgrid[:size, :size]
    east_m, north_m = (col - start[1]) * REGION_M, (start[0] - row) * REGION_M
    bearing, length_m = rng.uniform(0, math.pi), rng.uniform(800, 4_000)
    along = east_m * math.sin(bearing) + north_m * math.cos(bearing)
    across = east_m * math.cos(bearing) - north_m * math.sin(bearing)
    across = across + rng.uniform(0.03, 0.10) * length_m * np.sin(2 * math.pi * along / length_m)
    ragged = ndimage.gaussian_filter(rng.standard_normal((size, size)), 1)
    return np.where(across >= -REGION_M, across / 300.0 + np.abs(along) / 1_500.0 + ragged, np.inf)


def slope_of_step(step_mm: float, at_share: float, years: float) -> float:
    """Return the least-squares rate of a constant series with one step of A, mm/yr: 6 A f (1 − f) / T.

    at_share: time of the step as a share f of the span T; the formula assumes many evenly spaced dates.
    """
    return 6 * step_mm * at_share * (1 - at_share) / years
