"""Gridding of points on robust cells of 1 km, and the level against which their rates are measured."""

from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.gridding.cells import assign_cells, cell_median
from ground_motion.methods.deformation.gridding.points import Float32, PointCloud

CELL_M = 1_000.0
MAX_POINTS = 4_000_000  # More points are thinned evenly; a dozen per cell suffice for its median.
MAX_FINE_CELLS = 15_000  # If more cells are known, they are twice as wide: they still show bowls of 5 km.
STABLE_WITHIN_MM_YR = 5.0
STABLE_SHARE = 0.1
SMOOTHED_KM = 2.5
MIN_WEIGHT = 0.02  # Smoothed cells need this weight.


class WideCells(NamedTuple):
    """Cells of the search.

    rate_mm_yr: (rows, cols), median of a cell's points, NaN without; n_points: (rows, cols). Row 0 is the north.
    """

    rate_mm_yr: Float32
    n_points: NDArray[np.int32]
    transform: Affine

    @property
    def cell_km(self) -> float:
        """Size of a cell, km."""
        return float(self.transform.a) / 1000

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each cell's rate is known, (rows, cols)."""
        return np.isfinite(self.rate_mm_yr)


def wide_cells(points: PointCloud, cell_m: float = CELL_M) -> WideCells:
    """Return medians of the points in each cell; cells are at least as wide as the product's posting."""
    step = -(-points.x.size // MAX_POINTS)
    x, y, velocity = points.x[::step], points.y[::step], points.velocity_mm_yr[::step].astype(np.float32)
    size = max(cell_m, float(np.ceil(points.posting_m or 0.0)))
    cells = assign_cells(x, y, size)
    if size <= cell_m and np.unique(cells.cell).size > MAX_FINE_CELLS:
        cells = assign_cells(x, y, 2 * size)
    rate, count = cell_median(cells, velocity)
    return WideCells(rate, count * step, cells.transform)


def stable_level(cells: WideCells, noise_mm_yr: float) -> float:
    """Return the rate of the still part of a scene, mm/yr, for products without a stated reference.

    A processor's reference is ground assumed to be still, so the stable part has rates near zero: within 5 mm/yr or
    three times the noise, or else the tenth of the cells nearest to zero. Its level is the mode of smoothed rates, in
    which a bowl in a plain adds a tail but no second maximum.
    """
    rates = smooth(cells.rate_mm_yr, cells.cell_km)[cells.known].astype(np.float64)
    away = np.abs(rates)
    within = max(STABLE_WITHIN_MM_YR, 3 * noise_mm_yr, float(np.quantile(away, STABLE_SHARE)))
    near = rates[away <= within]
    levels = np.linspace(near.min(), near.max(), 201)
    width = max(noise_mm_yr, 0.05 * float(np.ptp(near)), 0.1) / 2
    counts = [np.exp(-0.5 * np.square((near - level) / width)).sum() for level in levels]
    return float(levels[int(np.argmax(counts))])


def smooth(rate_mm_yr: Float32, cell_km: float, sigma_km: float = SMOOTHED_KM) -> Float32:
    """Return means of the known cells (rows, cols) under a Gaussian; NaN where there are too few."""
    known, wide = np.isfinite(rate_mm_yr), sigma_km / cell_km
    weight = ndimage.gaussian_filter(known.astype(np.float32), wide, mode="constant")
    held = ndimage.gaussian_filter(np.where(known, rate_mm_yr, np.float32(0)), wide, mode="constant")
    return np.where(weight > MIN_WEIGHT, held / np.maximum(weight, MIN_WEIGHT), np.float32(np.nan))
