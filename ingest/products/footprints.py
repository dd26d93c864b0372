"""Footprint of a product: a box around each group of its points, at 180 degrees in two parts."""

import numpy as np
from scipy import ndimage
from shapely import MultiPolygon, box, union_all

from ground_motion.core.areas import split_at_date_line
from ground_motion.readers.records import Float64

CELLS = (180, 360)  # Cells have one degree; points in neighbouring cells belong to one group.
MAX_PARTS = 100  # If there are more groups, cells farther from each other count as neighbours.
MIN_DEGREES = 1e-6  # The box around one point has this side: 10 cm.
_TOUCHING = np.ones((3, 3), dtype=bool)


class Footprint:
    """Bounds of the points in each cell of a degree, collected batch by batch."""

    def __init__(self) -> None:
        self._west, self._south = np.full((2, *CELLS), np.inf)
        self._east, self._north = np.full((2, *CELLS), -np.inf)

    def add(self, longitude: Float64, latitude: Float64) -> None:
        """Widen the bounds by points (n,), degrees within ±180 and ±90."""
        row = np.minimum(np.floor(latitude + 90), CELLS[0] - 1)
        cell = (row * CELLS[1] + np.minimum(np.floor(longitude + 180), CELLS[1] - 1)).astype(np.uint16)
        order = np.argsort(cell, kind="stable")
        first = np.flatnonzero(np.diff(cell[order], prepend=cell.dtype.type(2**16 - 1)))
        at = np.unravel_index(cell[order[first]], CELLS)
        for low, high, values in (
            (self._west, self._east, longitude[order]),
            (self._south, self._north, latitude[order]),
        ):
            low[at] = np.minimum(low[at], np.minimum.reduceat(values, first))
            high[at] = np.maximum(high[at], np.maximum.reduceat(values, first))

    def outline(self) -> MultiPolygon:
        """Return the footprint, degrees; empty without points."""
        known = np.isfinite(self._west)
        empty = np.flatnonzero(~known.any(axis=0))
        turn = int(empty[0]) if empty.size else 0  # A group on both sides of 180 degrees begins behind an empty column.
        west, south, east, north, known = (
            np.roll(part, -turn, axis=1) for part in (self._west, self._south, self._east, self._north, known)
        )
        beyond = np.where(np.arange(CELLS[1]) >= CELLS[1] - turn, 360.0, 0.0)
        groups, n_groups = ndimage.label(known, _TOUCHING)
        reach = 1
        while n_groups > MAX_PARTS:
            reach *= 2
            near = ndimage.maximum_filter(known, size=2 * reach - 1, mode="constant")
            groups, n_groups = ndimage.label(near, _TOUCHING)
        numbers = np.arange(1, n_groups + 1)
        lows = (ndimage.minimum(part, groups, numbers) for part in (west + beyond, south))
        highs = (ndimage.maximum(part, groups, numbers) for part in (east + beyond, north))
        bounds = np.array([*lows, *highs])
        flat = np.tile(bounds[:2] == bounds[2:], (2, 1)) * MIN_DEGREES / 2
        boxes = box(*(bounds + flat * np.array([-1, -1, 1, 1])[:, None]))
        return split_at_date_line(union_all(boxes))
