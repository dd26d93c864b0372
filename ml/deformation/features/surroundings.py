"""Motion of a cell's surroundings against wider ones, which separates weak, wide motion from long-wave delay.

The planes are means over windows, after removal of the trend with height, minus the mean over three times the window;
the same divided by the local scatter of such differences, because atmospheric delay differs tenfold between products;
and the significance of a bowl at the place against the delay (`atmosphere.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.deformation.features.atmosphere import CELL_NOISE_MM_YR, standing_out
from ml.deformation.features.atmosphere import PLANES as OF_ATMOSPHERE
from ml.deformation.features.relief import PLANES as OF_HEIGHTS
from ml.deformation.features.relief import relief
from ml.deformation.gridding.points import Float32

WINDOWS_CELLS = (9, 17, 33)
PLANES = OF_HEIGHTS + 2 * len(WINDOWS_CELLS) + OF_ATMOSPHERE
WIDER, SCATTER_CELLS = 3, 99
FASTEST_MM_YR = 20.0  # faster rates are clipped to this
LARGEST_MM_YR = 0.6  # larger differences are clipped to this in the scatter, which is that of still ground
LEAST_SCATTER_MM_YR = 0.1
REACH_CELLS = 128  # no plane depends on cells farther away: windows of rates on heights, of means, of their scatter
STRIP_CELLS, THREADS = 320, 2  # rows that a thread fills at a time: whole multiples of ALIGN_CELLS; one thread a core
FEWEST = 5.0  # cells with points, each counted as its weight, in a window


def surroundings(
    velocity: Float32,
    n_points: NDArray[np.integer],
    height_m: Float32 | None,
    cell_m: float,
    noise_mm_yr: float = CELL_NOISE_MM_YR,
) -> Float32:
    """Describe the surroundings of each cell, (PLANES, rows, cols).

    The planes: of `relief`; differences of means, mm/yr; these over their scatter; of `atmosphere`. They are 0 where
    unknown.

    velocity: (rows, cols), mm/yr against the product's background, NaN unknown; height_m: mean of each cell's points,
    NaN unknown, None without heights; noise: standard deviation of one cell's rate.
    """
    planes = np.zeros((PLANES, *velocity.shape), dtype=np.float32)
    _fill(Ground(velocity, n_points, height_m, cell_m, noise_mm_yr), planes, slice(0, len(velocity)))
    return planes


class Ground(NamedTuple):
    """Input of `surroundings`."""

    velocity: Float32
    n_points: NDArray[np.integer]
    height_m: Float32 | None
    cell_m: float
    noise_mm_yr: float

    def around(self, own: slice, reach: int) -> tuple[Ground, slice]:
        """Return the ground of some rows widened by `reach` on both sides, and the position of these rows in it."""
        first = max(0, own.start - reach)
        seen = slice(first, own.stop + reach)
        height = None if self.height_m is None else self.height_m[seen]
        part = Ground(self.velocity[seen], self.n_points[seen], height, self.cell_m, self.noise_mm_yr)
        return part, slice(own.start - first, own.stop - first)


class Ahead:
    """Surroundings computed by threads, strip by strip from the north; the first strips can be used meanwhile."""

    def __init__(self) -> None:
        self._grounds: list[tuple[Ground, Float32]] = []
        self._strips: list[tuple[int, Future[None]]] = []

    def __call__(
        self,
        velocity: Float32,
        n_points: NDArray[np.integer],
        height_m: Float32 | None,
        cell_m: float,
        noise_mm_yr: float = CELL_NOISE_MM_YR,
    ) -> Float32:
        """Begin to compute `surroundings`; rows of the result are valid only after `wait`."""
        planes = np.zeros((PLANES, *velocity.shape), dtype=np.float32)
        self._grounds.append((Ground(velocity, n_points, height_m, cell_m, noise_mm_yr), planes))
        return planes

    @contextmanager
    def working(self) -> Iterator[None]:
        """Run the threads during a `with` block; work that has not begun at its end is dropped."""
        rows = max(len(ground.velocity) for ground, _ in self._grounds)
        pool = ThreadPoolExecutor(THREADS)
        try:
            for first in range(0, rows, STRIP_CELLS):
                own = slice(first, min(first + STRIP_CELLS, rows))
                self._strips += [(first, pool.submit(_fill, *each, own)) for each in self._grounds]
            yield
        finally:
            pool.shutdown(cancel_futures=True)

    def wait(self, row: int) -> None:
        """Wait until all rows before this one are filled. Raises the exceptions of their threads."""
        for first, strip in self._strips:
            if first < row:
                strip.result()


def _fill(ground: Ground, planes: Float32, own: slice) -> None:
    part, inner = ground.around(own, REACH_CELLS)
    for plane, values in zip(planes, _of_means(part), strict=False):
        plane[own] = values[inner]
    planes[-OF_ATMOSPHERE:, own] = standing_out(*part[:4], inner, part.noise_mm_yr)


def _of_means(ground: Ground) -> Iterator[Float32]:
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
        held = np.minimum(np.abs(difference), np.float32(LARGEST_MM_YR))
        scatter = _sum(held, SCATTER_CELLS) / seen + LEAST_SCATTER_MM_YR
        ratios.append(np.asarray(difference / scatter, dtype=np.float32))
    yield from ratios


def _sum(values: Float32, window: int) -> Float32:
    return np.asarray(ndimage.uniform_filter(values, window, mode="constant") * window**2, dtype=np.float32)


def _against_wider(rate: Float32, weight: Float32, known: NDArray[np.bool_], window: int) -> Float32:
    """Return the weighted mean in a window minus that in a wider one; 0 if too little is known. rate: times weight."""
    near, wide = _sum(weight, window), _sum(weight, WIDER * window)
    difference = _sum(rate, window) / np.maximum(near, 1e-3) - _sum(rate, WIDER * window) / np.maximum(wide, 1e-3)
    return np.where(known & (near >= FEWEST), difference, np.float32(0))
