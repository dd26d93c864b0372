"""Threshold above which noise is expected to have a given number of maxima, from the tail of drawn block maxima."""

from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.bowls.edges import CANDIDATE
from ground_motion.methods.deformation.gridding.points import Float32, Float64

BLOCK_CELLS = 20  # Side of a block that counts with its highest value: motion of usual size gives one maximum.
TAIL_SHARE, MIN_TAIL, MAX_TAIL = 0.1, 10, 100  # This share of the maxima, within these numbers, is the tail.
# Noise exceeds log-odds of t at most as often as exp(-t) (Ville), so this replaces excesses missing to MIN_TAIL.
USUAL_EXCESS = 1.0


class Tail(NamedTuple):
    """Tail of maxima. begun: number expected above `start` in a product; count: of excesses; total: their sum."""

    start: float
    begun: float
    count: int  # type: ignore[assignment]  # This hides tuple.count, which nobody calls.
    total: float

    def expected(self, threshold: float) -> float:
        """Return how many maxima of a product exceed a threshold in its tail, as the drawn ones predict.

        The mean excess is known from few draws, so the prediction falls as a power (Lomax), not as an exponential:
        the fewer draws, the higher the threshold.
        """
        return self.begun * (1 + max(0.0, threshold - self.start) / self.total) ** -self.count

    def threshold(self, expected: float) -> float:
        """Return the threshold in the tail that a given number of maxima of a product is expected to exceed."""
        return self.start + self.total * (max(1.0, self.begun / expected) ** (1 / self.count) - 1)  # type: ignore[no-any-return]


def tail_of(maxima: Float64, products: float) -> Tail | None:
    """Fit the tail of maxima (n,) on drawn ground as large as a number of products; None if there are too few.

    The tail begins at CANDIDATE or above, because lower values belong to ground that was not examined.
    """
    if maxima.size < 2:
        return None
    count = min(int(np.clip(TAIL_SHARE * maxima.size, MIN_TAIL, MAX_TAIL)), maxima.size // 2)
    start = max(float(np.sort(maxima)[-count - 1]), CANDIDATE)
    excess = maxima[maxima > start] - start
    presumed = max(0, MIN_TAIL - excess.size)
    total = float(excess.sum()) + presumed * USUAL_EXCESS
    return Tail(start, max(excess.size, 1) / products, excess.size + presumed, max(total, 1e-6))


def block_maxima(values: Float32) -> Float64:
    """Return the highest value of each block of BLOCK_CELLS that has any, (n,). values: (rows, cols), NaN unknown."""
    rows, cols = (-(-size // BLOCK_CELLS) for size in values.shape)
    whole = np.full((rows * BLOCK_CELLS, cols * BLOCK_CELLS), -np.inf)
    whole[: values.shape[0], : values.shape[1]] = np.where(np.isnan(values), -np.inf, values)
    highest = whole.reshape(rows, BLOCK_CELLS, cols, BLOCK_CELLS).max(axis=(1, 3))
    return highest[np.isfinite(highest)]  # type: ignore[no-any-return]
