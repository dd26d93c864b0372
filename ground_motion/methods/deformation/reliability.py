"""Calibrated probability that a place moves, from its decision score and a nation's base rate.

A detector's decision score defines the extent of areas. The probability of motion also depends on how rare motion is:
the score's odds are fitted on samples of which half move (Platt), and shifted to the base rate.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.filters.baseline import logistic
from ground_motion.methods.deformation.gridding.points import Float32, Float64

PLACE_CELLS = 10  # side of the square that is one place: 1 km² of 100 m cells
LIKELY = 0.5  # From this probability on, motion is likelier than not.
BASE_RATE = 0.005  # Assumed share of a nation's places with points in which ground moves by 2 mm/yr or more.
MOVING_MM_YR = 2.0
NEWTON_ROUNDS = 50
MAX_LOGIT = 12.0  # Samples of any likely size have no false alarm of a higher score.


class Reliability(NamedTuple):
    """Log-odds of motion where half of all places move: offset + slope · logit of the score."""

    offset: float
    slope: float

    def probability(self, score: float | NDArray[np.floating], base_rate: float = BASE_RATE) -> NDArray[np.floating]:
        """Return the probability that a place moves.

        score: the place's highest, 0-1. Motion means MOVING_MM_YR or more; base_rate: share of places with such motion.
        """
        prior = math.log(base_rate / (1 - base_rate))
        odds = self.offset + self.slope * _logit(score) + prior
        return np.asarray(1 / (1 + np.exp(-odds)))


def reliability_of(settings: Mapping[str, Any], tracks: int) -> Reliability | None:
    """Return a card's reliability for one track or for several; None if the card has none."""
    stated = settings.get("reliability")
    return Reliability(**stated[str(min(tracks, 2))]) if stated else None


def moves_likely(reliability: Reliability | None, score: float) -> bool:
    """Return whether motion is likelier than not; true of a method without reliability."""
    return reliability is None or bool(reliability.probability(score) >= LIKELY)


def highest_of_places(score: Float32) -> Float32:
    """Return the highest score in each place, a square of PLACE_CELLS cells; NaN if none is known. (rows, cols)."""
    rows, cols = (size // PLACE_CELLS for size in score.shape)
    parts = score[: rows * PLACE_CELLS, : cols * PLACE_CELLS].reshape(rows, PLACE_CELLS, cols, PLACE_CELLS)
    highest = np.where(np.isnan(parts), -np.inf, parts).max(axis=(1, 3))
    return np.where(np.isinf(highest), np.float32(np.nan), highest).astype(np.float32)


def fit(score: NDArray[np.floating], moves: NDArray[np.bool_]) -> Reliability:
    """Fit motion to the logit of the score, (n,) each, both outcomes weighing the same. ValueError if one is absent."""
    if moves.all() or not moves.any():
        raise ValueError("there must be places that move and places that do not")
    logit = _logit(score)
    design = np.stack([np.ones_like(logit), logit], axis=1)
    offset, slope = balanced_regression(design, moves, ridge=1e-3)  # The odds of separable samples stay finite.
    return Reliability(float(offset), float(slope))


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


def _logit(score: float | NDArray[np.floating]) -> Float64:
    """Return the logit within MAX_LOGIT."""
    limit = 1 / (1 + math.exp(MAX_LOGIT))
    held = np.clip(np.asarray(score, dtype=np.float64), limit, 1 - limit)
    return np.asarray(np.log(held / (1 - held)))
