"""How a cell's surroundings move against wider ones: that is how weak, wide motion stands out of long-wave air.

Means over windows of points whose rates go with height no more, less the mean over three times the window; and the same
in units of how much such differences scatter there. The air over a place differs tenfold in strength between products.
At last, how far a bowl at the place would stand out of the air (`air.py`).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.deformation.air import PLANES as OF_AIR
from ml.deformation.air import standing_out
from ml.deformation.points import Float32
from ml.deformation.relief import PLANES as OF_HEIGHTS
from ml.deformation.relief import relief

WINDOWS_CELLS = (9, 17, 33)
PLANES = OF_HEIGHTS + 2 * len(WINDOWS_CELLS) + OF_AIR
WIDER, SCATTER_CELLS = 3, 99
FASTEST_MM_YR = 20.0  # a rate beyond counts as so much
LARGEST_MM_YR = 0.6  # a difference beyond counts as so much in the scatter, which is of still ground
LEAST_SCATTER_MM_YR = 0.1
REACH_CELLS = 128  # no plane depends on what lies farther: windows of rates on heights, of means, of their scatter
FEWEST = 5.0  # cells with points, each counted as its weight, in a window


def surroundings(velocity: Float32, n_points: NDArray[np.integer], height_m: Float32 | None, cell_m: float) -> Float32:
    """(PLANES, rows, cols): of `relief`; differences of means, mm/yr; the same over their scatter; of `air`. 0 unknown.

    velocity: (rows, cols), mm/yr against the product's background, NaN unknown; height_m: mean of each cell's points,
    NaN unknown, None where nobody tells heights.
    """
    planes = np.zeros((PLANES, *velocity.shape), dtype=np.float32)
    if height_m is not None:
        planes[:OF_HEIGHTS] = relief(velocity, height_m, cell_m)
    known = np.isfinite(velocity)
    weight = np.where(known, n_points / (n_points + np.float32(1)), 0).astype(np.float32)
    rate = np.where(known, np.clip(velocity - planes[OF_HEIGHTS - 1], -FASTEST_MM_YR, FASTEST_MM_YR), 0) * weight
    seen = np.maximum(_sum(known.astype(np.float32), SCATTER_CELLS), 1)
    for i, window in enumerate(WINDOWS_CELLS):
        difference = _against_wider(rate, weight, known, window)
        held = np.minimum(np.abs(difference), np.float32(LARGEST_MM_YR))
        planes[OF_HEIGHTS + i] = difference
        planes[OF_HEIGHTS + len(WINDOWS_CELLS) + i] = difference / (
            _sum(held, SCATTER_CELLS) / seen + LEAST_SCATTER_MM_YR
        )
    planes[-OF_AIR:] = standing_out(velocity, n_points, height_m, cell_m)
    return planes


def _sum(values: Float32, window: int) -> Float32:
    return np.asarray(ndimage.uniform_filter(values, window, mode="constant") * window**2, dtype=np.float32)


def _against_wider(rate: Float32, weight: Float32, known: NDArray[np.bool_], window: int) -> Float32:
    """Weighted mean in a window less that in a wider one; 0 where too little is known. rate: times weight."""
    near, wide = _sum(weight, window), _sum(weight, WIDER * window)
    difference = _sum(rate, window) / np.maximum(near, 1e-3) - _sum(rate, WIDER * window) / np.maximum(wide, 1e-3)
    return np.where(known & (near >= FEWEST), difference, np.float32(0))
