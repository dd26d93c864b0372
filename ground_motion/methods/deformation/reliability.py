"""Places of a map that move or rest, and regressions in which both outcomes weigh the same."""

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.filters.baseline import logistic
from ground_motion.methods.deformation.gridding.points import Float32, Float64

PLACE_CELLS = 10  # side of the square that is one place: 1 km² of 100 m cells
MOVING_MM_YR = 2.0
NEWTON_ROUNDS = 50


def highest_of_places(score: Float32) -> Float32:
    """Return the highest score in each place, a square of PLACE_CELLS cells; NaN if none is known. (rows, cols)."""
    rows, cols = (size // PLACE_CELLS for size in score.shape)
    parts = score[: rows * PLACE_CELLS, : cols * PLACE_CELLS].reshape(rows, PLACE_CELLS, cols, PLACE_CELLS)
    highest = np.where(np.isnan(parts), -np.inf, parts).max(axis=(1, 3))
    return np.where(np.isinf(highest), np.float32(np.nan), highest).astype(np.float32)


def balanced_regression(design: Float64, positive: NDArray[np.bool_], ridge: float) -> Float64:
    """Fit a logistic regression in which both outcomes weigh the same, by Newton's method; return its coefficients.

    Args:
        design: (n, coefficients).
        positive: (n,), with both outcomes.
        ridge: Penalty on every coefficient.
    """
    weight = np.where(positive, 0.5 / positive.mean(), 0.5 / (~positive).mean())
    at = np.zeros(design.shape[1])
    for _ in range(NEWTON_ROUNDS):
        p = logistic(design @ at)
        gradient = design.T @ (weight * (positive - p)) - ridge * at
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + ridge * np.eye(at.size)
        at += np.linalg.solve(curvature, gradient)
    return at
