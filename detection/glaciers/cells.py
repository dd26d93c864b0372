"""Cells of a glacier: squares of a fixed grid with centres on its ice, the same for every pair. Pure."""

import math
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from ground_motion.core.geometry import project_geometry, utm_epsg
from ground_motion.core.projections import transformer
from ground_motion.methods.offsets.motion import GroundMotion

Floats = NDArray[np.float64]

SIDE_M = 250.0  # Nodes in 30 m images are no farther apart; smaller cells would stay empty between nodes.
MAX_CELLS = 2000  # Larger glaciers have larger cells.


class Cells(NamedTuple):
    """Cells of a glacier. number: each cell's number, (rows, cols), -1 off the ice; transform: of the grid, metres."""

    epsg: int
    transform: Affine
    number: NDArray[np.intp]
    outline: BaseGeometry

    @property
    def n(self) -> int:
        """Return the number of cells."""
        return int(self.number.max()) + 1

    @property
    def km2(self) -> float:
        """Return the area of one cell, km²."""
        return float(self.transform.a) ** 2 / 1e6

    def numbers_of(self, epsg: int, x_m: Floats, y_m: Floats) -> NDArray[np.intp]:
        """Return the number of the cell in which each point (metres, epsg) lies, -1 for none; (n,)."""
        east, north = transformer(epsg, self.epsg).transform(x_m, y_m)
        col, row = (np.floor(part) for part in ~self.transform @ (np.asarray(east), np.asarray(north)))
        rows, cols = self.number.shape
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
        number = np.full(x_m.shape, -1, dtype=np.intp)
        number[inside] = self.number[row[inside].astype(np.intp), col[inside].astype(np.intp)]
        return number


def cells_of(outline: BaseGeometry) -> Cells:
    """Return the cells of an outline in degrees, EPSG:4326; possibly none if it is smaller than a cell."""
    middle = outline.representative_point()
    epsg = utm_epsg(middle.x, middle.y)
    on_map = project_geometry(outline, 4326, epsg)
    side = max(SIDE_M, math.ceil(math.sqrt(on_map.area / MAX_CELLS)))
    west, south, east, north = on_map.bounds
    left, top = math.floor(west / side) * side, math.ceil(north / side) * side
    shape = max(1, math.ceil((top - south) / side)), max(1, math.ceil((east - left) / side))
    grid = Affine(side, 0, left, 0, -side, top)
    inside = geometry_mask([on_map], shape, grid, invert=True)
    number = np.full(shape, -1, dtype=np.intp)
    number[inside] = np.arange(inside.sum())
    return Cells(epsg, grid, number, on_map)


def pack(motion: GroundMotion) -> bytes:
    """Return the bytes of three float32 arrays, one after the other: east, north and sigma of every cell, m/day."""
    return np.stack(motion).astype("<f4").tobytes()


def unpack(packed: bytes, cells: int) -> GroundMotion | None:
    """Unpack the result of `pack`; None if the number of cells differs because the outline was replaced."""
    values = np.frombuffer(packed, "<f4").astype(np.float64)
    return GroundMotion(*values.reshape(3, cells)) if values.size == 3 * cells else None
