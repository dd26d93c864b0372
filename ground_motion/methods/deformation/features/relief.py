"""Relief from the heights of a product's points, by which slides and stratified delay are recognised.

Stratified atmospheric delay leaves a rate that is proportional to height over kilometres; a slide needs a slope. The
three planes do not depend on the orientation of the map; they are zero where unknown.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.gridding.points import Float32

PLANES = 3
NEAR_CELLS, WIDE_CELLS = 21, 61  # windows: of the mean height; of the regression of rates on heights
SMOOTH_CELLS = 1.5  # Heights are smoothed before the slope is computed.
FASTEST_MM_YR = 5.0  # The regression clips faster rates to this.
FLAT_M = 30.0  # If heights spread less, the regression's slope is shrunk toward 0.
MIN_WEIGHT = 1e-3


def relief(velocity: Float32, height_m: Float32, cell_m: float) -> Float32:
    """Return (3, rows, cols): height over the surroundings, 100 m; slope, m/m; rate explained by height, mm/yr.

    velocity: (rows, cols), mm/yr against the product's background; height_m: mean of each cell's points; NaN unknown.
    """
    known = np.isfinite(height_m) & np.isfinite(velocity)
    if not known.any():
        return np.zeros((PLANES, *height_m.shape), dtype=np.float32)
    height = np.where(known, height_m - np.float32(np.median(height_m[known])), 0).astype(np.float32)
    (near,) = _means(known, NEAR_CELLS, height)
    planes = (height - near) / 100, _slope(height, known) / cell_m, _rate_by_height(height, velocity, known)
    return np.stack([np.where(known, plane, 0) for plane in planes]).astype(np.float32)


def _means(known: NDArray[np.bool_], size: int, *planes: Float32) -> list[Float32]:
    """Average the known values of each plane in a square window. planes: zero where unknown."""
    share = np.maximum(ndimage.uniform_filter(known.astype(np.float32), size, mode="constant"), 1 / size**2)
    return [ndimage.uniform_filter(plane, size, mode="constant") / share for plane in planes]


def _slope(height: Float32, known: NDArray[np.bool_]) -> Float32:
    """Return the rise per cell of heights smoothed over the gaps, m."""
    weight = ndimage.gaussian_filter(known.astype(np.float32), SMOOTH_CELLS, mode="constant")
    smooth = ndimage.gaussian_filter(height, SMOOTH_CELLS, mode="constant") / np.maximum(weight, MIN_WEIGHT)
    if min(height.shape) < 2:
        return np.zeros_like(height)
    return np.asarray(np.hypot(*np.gradient(smooth)), dtype=np.float32)


def _rate_by_height(height: Float32, velocity: Float32, known: NDArray[np.bool_]) -> Float32:
    """Return the rate at each cell's height by a line through rates and heights of WIDE_CELLS around, mm/yr."""
    rate = np.where(known, np.clip(velocity, -FASTEST_MM_YR, FASTEST_MM_YR), 0).astype(np.float32)
    mean_height, mean_rate, square, product = _means(known, WIDE_CELLS, height, rate, height**2, height * rate)
    variance = square - mean_height**2
    slope = (product - mean_height * mean_rate) / (np.maximum(variance, 0) + FLAT_M**2)
    return np.asarray(slope * (height - mean_height), dtype=np.float32)
