"""Mathematics of error patterns that training does not draw: waves, irregular regions. Pure arrays.

Positions are metres from the south-west corner of a square tile of SIDE_M; rasters have row 0 in the north.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.simulation.ground.frame import Floats
from lab.simulation.tiles import SIDE_M

BoolMap = NDArray[np.bool_]
FIELD_M, REGION_M = 50.0, 50.0  # postings of fields and of wrongly unwrapped regions
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

    def stretched(self, bearing_deg: float, stretch: float) -> Waves:
        """Return the field stretched along a bearing: structures become `stretch` times as long as wide."""
        sin, cos = math.sin(math.radians(bearing_deg)), math.cos(math.radians(bearing_deg))
        along = (self.east_rad_m * sin + self.north_rad_m * cos) / math.sqrt(stretch)
        across = (self.east_rad_m * cos - self.north_rad_m * sin) * math.sqrt(stretch)
        return self._replace(east_rad_m=along * sin + across * cos, north_rad_m=along * cos - across * sin)


def draw_waves(
    rng: np.random.Generator, slope: float, shortest_m: float = 300.0, longest_m: float = 30_000.0, count: int = 384
) -> Waves:
    """Draw waves in all directions, log-uniform in wavelength; 2-D power ∝ k^slope, without a knee."""
    length_m = np.exp(rng.uniform(math.log(shortest_m), math.log(longest_m), count))
    number, bearing = 2 * math.pi / length_m, rng.uniform(0, 2 * math.pi, count)
    amplitude = number ** ((slope + 2) / 2)
    phase = rng.uniform(0, 2 * math.pi, count)
    return Waves(number * np.sin(bearing), number * np.cos(bearing), amplitude / np.linalg.norm(amplitude), phase)


def grown(cost: Floats, start: tuple[int, int], cells: int) -> BoolMap:
    """Grow a connected region of `cells` cells from a start, cheapest neighbour first, never over infinite cost."""
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
    """Return the cost of growing a region over each cell of REGION_M: low on valley floors, high on their sides."""
    fine = ndimage.zoom(height_m.astype(np.float64), SIDE_M / REGION_M / height_m.shape[0], order=1)
    above_m = fine - ndimage.gaussian_filter(fine, 800.0 / REGION_M)
    return np.asarray(above_m / above_m.std() + 1.5 * ndimage.gaussian_filter(rng.standard_normal(fine.shape), 1))


def fault_cost(rng: np.random.Generator, start: tuple[int, int]) -> Floats:
    """Return the cost of growing a region from a cell at a winding fault: low along the fault, infinite beyond it."""
    size = round(SIDE_M / REGION_M)
    row, col = np.mgrid[:size, :size]
    east_m, north_m = (col - start[1]) * REGION_M, (start[0] - row) * REGION_M
    bearing, length_m = rng.uniform(0, math.pi), rng.uniform(800, 4_000)
    along = east_m * math.sin(bearing) + north_m * math.cos(bearing)
    across = east_m * math.cos(bearing) - north_m * math.sin(bearing)
    across = across + rng.uniform(0.03, 0.10) * length_m * np.sin(2 * math.pi * along / length_m)
    ragged = ndimage.gaussian_filter(rng.standard_normal((size, size)), 1)
    return np.where(across >= -REGION_M, across / 300.0 + np.abs(along) / 1_500.0 + ragged, np.inf)
