"""Differences between two products over the same ground, cell by cell."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float64
from ground_motion.statistics.relations import correlation
from ground_motion.statistics.robust import MAD_TO_SIGMA
from ingest.products.pyramid import CELLS

MAX_PIXELS = 160  # longest side of the map of differences


class Cells(NamedTuple):
    """Mean velocities of a product in cells of the web map, (n,). column, row: from north-west; sigma may be NaN."""

    column: NDArray[np.int64]
    row: NDArray[np.int64]
    velocity_mm_yr: Float64
    sigma_mm_yr: Float64


class Difference(NamedTuple):
    """Velocities of two products on the n cells that both have, and statistics of second minus first, mm/yr."""

    column: NDArray[np.int64]
    row: NDArray[np.int64]
    first_mm_yr: Float64
    second_mm_yr: Float64
    n_only_first: int
    n_only_second: int
    median_mm_yr: float
    spread_mm_yr: float  # Spread from the median absolute deviation
    correlation: float
    share_beyond: float  # share of cells more than two combined sigmas off the median; NaN if none is stated
    usual_sigma_mm_yr: float

    @property
    def change_mm_yr(self) -> Float64:
        """Return second minus first for each cell, (n,), mm/yr."""
        return self.second_mm_yr - self.first_mm_yr


class Picture(NamedTuple):
    """Map of differences. longitude (columns,), latitude (rows,): degrees; change_mm_yr (rows, columns): may be NaN."""

    longitude: Float64
    latitude: Float64
    change_mm_yr: Float64
    side_m: float  # Side of a pixel.


def difference(first: Cells, second: Cells) -> Difference | None:
    """Compare two products on the cells that both have; None if they share no cell."""
    mine, theirs = (cells.column << 32 | cells.row for cells in (first, second))
    shared, here, there = np.intersect1d(mine, theirs, return_indices=True)
    if not shared.size:
        return None
    before, after = first.velocity_mm_yr[here], second.velocity_mm_yr[there]
    sigma = np.hypot(first.sigma_mm_yr[here], second.sigma_mm_yr[there])
    change = after - before
    median = float(np.median(change))
    stated = np.isfinite(sigma) & (sigma > 0)
    beyond = np.abs(change - median)[stated] > 2 * sigma[stated]
    return Difference(
        column=first.column[here],
        row=first.row[here],
        first_mm_yr=before,
        second_mm_yr=after,
        n_only_first=int(mine.size - shared.size),
        n_only_second=int(theirs.size - shared.size),
        median_mm_yr=median,
        spread_mm_yr=MAD_TO_SIGMA * float(np.median(np.abs(change - median))),
        correlation=correlation(before, after) if shared.size > 2 else float("nan"),
        share_beyond=float(beyond.mean()) if beyond.size else float("nan"),
        usual_sigma_mm_yr=float(np.median(sigma[stated])) if beyond.size else float("nan"),
    )


def cells_of_points(
    longitude: Float64, latitude: Float64, velocity_mm_yr: Float64, sigma_mm_yr: Float64, zoom: int
) -> Cells:
    """Return the mean values of points, given as arrays (n,), in the cells of a zoom level; positions in degrees."""
    # Errors of neighbours are correlated, so the sigma of a cell is the mean sigma of its points, not a smaller one.
    across = CELLS * 2**zoom
    column = ((longitude + 180) / 360 * across).astype(np.int64)
    row = ((1 - np.arcsinh(np.tan(np.radians(latitude))) / np.pi) / 2 * across).astype(np.int64)
    keys, place, count = np.unique(column << 32 | row, return_inverse=True, return_counts=True)
    means = [np.bincount(place, weights=values) / count for values in (velocity_mm_yr, sigma_mm_yr)]
    return Cells(keys >> 32, keys & 0xFFFFFFFF, *means)


def picture(column: NDArray[np.int64], row: NDArray[np.int64], values: Float64, zoom: int) -> Picture:
    """Average cells onto a grid of at most MAX_PIXELS a side; pixels without cells are NaN."""
    side = CELLS * 2**zoom
    if np.ptp(column) > side / 2:  # The cells lie on both sides of 180 degrees.
        column = np.where(column < side / 2, column + side, column)
    left, top = int(column.min()), int(row.min())
    step = -(-max(int(column.max()) - left + 1, int(row.max()) - top + 1) // MAX_PIXELS)
    across, down = (column - left) // step, (row - top) // step
    columns, rows = int(across.max()) + 1, int(down.max()) + 1
    place = down * columns + across
    count = np.bincount(place, minlength=rows * columns)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, weights=values, minlength=rows * columns) / count
    longitude = (left + step * (np.arange(columns) + 0.5)) / side * 360 - 180
    north = np.pi * (1 - 2 * (top + step * (np.arange(rows) + 0.5)) / side)
    latitude = np.degrees(np.arctan(np.sinh(north)))
    return Picture(longitude, latitude, mean.reshape(rows, columns), step * cell_side_m(zoom, float(latitude.mean())))


def cell_side_m(zoom: int, latitude_deg: float) -> float:
    """Return the side, in metres, of the cells of a zoom on the ground at a latitude."""
    return 40_075_017 / (CELLS * 2.0**zoom) * math.cos(math.radians(latitude_deg))
