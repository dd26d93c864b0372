"""Threshold above which noise is expected to have a given number of maxima, from the tail of drawn block maxima."""

from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.gridding.points import Float32, Float64

BLOCK_CELLS = 20  # Side of a block that counts with its highest value: motion of usual size gives one maximum.
TAIL_SHARE, MIN_TAIL, MAX_TAIL = 0.1, 10, 100  # The highest of the maxima make the tail.


class Tail(NamedTuple):
    """Exponential tail of maxima. count: excesses in it, over `start`; mean: of them; products: areas that were drawn.

    Numbers are those of products: drawn ground counts by its share of the product's own.
    """

    start: float
    count: int
    mean: float
    products: float

    def expected(self, threshold: float) -> float:
        """Return how many maxima of a product exceed a threshold in its tail, as the drawn ones predict.

        The mean excess is known from `count` of them only, so the prediction falls as a power (Pareto), not as an
        exponential: few draws give a higher threshold.
        """
        return self.count / self.products * (1 + max(0.0, threshold - self.start) / self._scale) ** -self.count

    def threshold(self, expected: float) -> float:
        """Return the threshold in the tail that a given number of maxima of a product is expected to exceed."""
        ratio = max(1.0, self.count / self.products / expected)
        return self.start + self._scale * (ratio ** (1 / self.count) - 1)

    @property
    def _scale(self) -> float:
        return self.count * max(self.mean, 1e-6)


def tail_of(maxima: Float64, products: float) -> Tail | None:
    """Fit the tail of maxima (n,), which products' worth of ground has shown; None if there are too few."""
    count = int(np.clip(TAIL_SHARE * maxima.size, MIN_TAIL, MAX_TAIL))
    count = min(count, maxima.size // 2)
    if count < 1:
        return None
    highest = np.sort(maxima)[::-1][: count + 1]
    return Tail(float(highest[-1]), count, float((highest[:-1] - highest[-1]).mean()), products)


def block_maxima(values: Float32) -> Float64:
    """Return the highest value of each block of BLOCK_CELLS that has any, (n,). values: (rows, cols), NaN unknown."""
    rows, cols = (-(-size // BLOCK_CELLS) for size in values.shape)
    whole = np.full((rows * BLOCK_CELLS, cols * BLOCK_CELLS), -np.inf)
    whole[: values.shape[0], : values.shape[1]] = np.where(np.isnan(values), -np.inf, values)
    highest = whole.reshape(rows, BLOCK_CELLS, cols, BLOCK_CELLS).max(axis=(1, 3))
    return highest[np.isfinite(highest)]
