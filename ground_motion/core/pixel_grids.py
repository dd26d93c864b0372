"""Pixel grids of images: their position, and the common grid of two images. Pure functions."""

from typing import NamedTuple

import numpy as np
from affine import Affine
from rasterio.warp import transform_bounds
from shapely import MultiPolygon, box

from ground_motion.core.areas import polygons_of
from ground_motion.core.geometry import to_degrees

ALIGNED_PX = 1e-3  # Grids that differ by less are the same lattice.


class PixelGrid(NamedTuple):
    """A north-up grid of square pixels. transform: from (col, row) to metres of the projected system `epsg`."""

    epsg: int
    transform: Affine
    rows: int
    cols: int

    @property
    def posting_m(self) -> float:
        """The side of a pixel, metres."""
        return float(self.transform.a)

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, metres."""
        west, north = self.transform @ (0, 0)
        east, south = self.transform @ (self.cols, self.rows)
        return west, south, east, north

    def part(self, row: int, col: int, rows: int, cols: int) -> "PixelGrid":
        """Return the part of the grid with `rows` x `cols` pixels whose first pixel is (row, col)."""
        return PixelGrid(self.epsg, self.transform @ Affine.translation(col, row), rows, cols)

    def shift_from(self, other: "PixelGrid") -> tuple[float, float]:
        """Return (row, column) in another grid, of the same system and posting, at which this grid begins."""
        col, row = ~other.transform @ (self.transform.c, self.transform.f)
        return row, col


def same_lattice(first: PixelGrid, second: PixelGrid) -> bool:
    """Return whether the pixels of both grids coincide, so that neither image must be resampled."""
    if first.epsg != second.epsg or not np.isclose(first.posting_m, second.posting_m, rtol=1e-9):
        return False
    return all(abs(shift - round(shift)) < ALIGNED_PX for shift in first.shift_from(second))


def common_grid(reference: PixelGrid, secondary: PixelGrid) -> PixelGrid | None:
    """Return the grid of the reference's pixels that the secondary covers, never resampled; None if there is none."""
    if not np.isclose(reference.posting_m, secondary.posting_m, rtol=1e-6):
        return None
    if reference.epsg == secondary.epsg:
        west, south, east, north = secondary.bounds_m
    else:
        west, south, east, north = transform_bounds(
            f"EPSG:{secondary.epsg}", f"EPSG:{reference.epsg}", *secondary.bounds_m
        )
    # Keep fully covered pixels, within the tolerance ALIGNED_PX for grids on one lattice.
    first_col, first_row = ~reference.transform @ (west, north)
    last_col, last_row = ~reference.transform @ (east, south)
    left, top = (max(0, int(np.ceil(edge - ALIGNED_PX))) for edge in (first_col, first_row))
    right = min(reference.cols, int(np.floor(last_col + ALIGNED_PX)))
    bottom = min(reference.rows, int(np.floor(last_row + ALIGNED_PX)))
    if right <= left or bottom <= top:
        return None
    return reference.part(top, left, bottom - top, right - left)


def footprint_of(grid: PixelGrid) -> MultiPolygon:
    """Return the outline of a grid in degrees (EPSG:4326), with edges densified to follow the projection."""
    west, south, east, north = grid.bounds_m
    outline = box(west, south, east, north).segmentize(max(east - west, north - south) / 8)
    return polygons_of(to_degrees(outline, grid.epsg))
