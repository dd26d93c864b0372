"""Motion of a cell's surroundings against wider ones, which separates weak, wide motion from long-wave delay.

The planes are means over windows, after removal of the trend with height, minus the mean over three times the window;
the same divided by the local scatter of such differences, because atmospheric delay differs tenfold between products;
and the significance of a bowl at the place against the delay (`atmosphere.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.features.atmosphere import CELL_NOISE_MM_YR, standing_out
from ground_motion.methods.deformation.features.atmosphere import PLANES as OF_ATMOSPHERE
from ground_motion.methods.deformation.features.relief import PLANES as OF_HEIGHTS
from ground_motion.methods.deformation.features.relief import relief
from ground_motion.methods.deformation.gridding.points import Float32

WINDOWS_CELLS = (9, 17, 33)
PLANES = OF_HEIGHTS + 2 * len(WINDOWS_CELLS) + OF_ATMOSPHERE
WIDER, SCATTER_CELLS = 3, 99
FASTEST_MM_YR = 20.0  # Faster rates are clipped to this.
MAX_MM_YR = 0.6  # Clip differences before computing the scatter, so that motion does not inflate it.
MIN_SCATTER_MM_YR = 0.1
REACH_CELLS = 128  # No plane depends on cells farther away.
MIN_WEIGHT = 5.0  # The cells with points in a window must have this sum of weights.


class CellRates(NamedTuple):
    """Input of `surroundings`.

    velocity: (rows, cols), mm/yr against the product's background, NaN unknown; height_m: mean of each cell's points,
    NaN unknown, None without heights; noise: standard deviation of one cell's rate.
    """

    velocity: Float32
    n_points: NDArray[np.integer]
    height_m: Float32 | None
    cell_m: float
    noise_mm_yr: float = CELL_NOISE_MM_YR

    def at(self, window: tuple[slice, slice]) -> CellRates:
        """Return the cells of a window on the ground, which begins at whole multiples of ALIGN_CELLS."""
        height = None if self.height_m is None else self.height_m[window]
        return self._replace(velocity=self.velocity[window], n_points=self.n_points[window], height_m=height)


def surroundings(ground: CellRates) -> Float32:
    """Describe the surroundings of each cell, (PLANES, rows, cols).

    The planes: of `relief`; differences of means, mm/yr; these over their scatter; of `atmosphere`. 0: unknown.
    """
    planes = np.zeros((PLANES, *ground.velocity.shape), dtype=np.float32)
    for plane, values in zip(planes, _mean_planes(ground), strict=False):
        plane[:] = values
    planes[-OF_ATMOSPHERE:] = standing_out(*ground)
    return planes


def _mean_planes(ground: CellRates) -> Iterator[Float32]:
    """Yield all planes but those of `atmosphere`, one after the other."""
    velocity, n_points, height_m, cell_m, _ = ground
    nothing = np.zeros((OF_HEIGHTS, *velocity.shape), dtype=np.float32)
    of_heights = nothing if height_m is None else relief(velocity, height_m, cell_m)
    yield from of_heights
    known = np.isfinite(velocity)
    weight = np.where(known, n_points / (n_points + np.float32(1)), 0).astype(np.float32)
    rate = np.where(known, np.clip(velocity - of_heights[-1], -FASTEST_MM_YR, FASTEST_MM_YR), 0) * weight
    seen = np.maximum(_sum(known.astype(np.float32), SCATTER_CELLS), 1)
    ratios: list[Float32] = []
    for window in WINDOWS_CELLS:
        difference = _against_wider(rate, weight, known, window)
        yield difference
        held = np.minimum(np.abs(difference), np.float32(MAX_MM_YR))
        scatter = _sum(held, SCATTER_CELLS) / seen + MIN_SCATTER_MM_YR
        ratios.append(np.asarray(difference / scatter, dtype=np.float32))
    yield from ratios


def _sum(values: Float32, window: int) -> Float32:
    return np.asarray(ndimage.uniform_filter(values, window, mode="constant") * window**2, dtype=np.float32)


def _against_wider(rate: Float32, weight: Float32, known: NDArray[np.bool_], window: int) -> Float32:
    """Return the weighted mean in a window minus that in a wider one; 0 if too little is known. rate: times weight."""
    near, wide = _sum(weight, window), _sum(weight, WIDER * window)
    difference = _sum(rate, window) / np.maximum(near, 1e-3) - _sum(rate, WIDER * window) / np.maximum(wide, 1e-3)
    return np.where(known & (near >= MIN_WEIGHT), difference, np.float32(0))
