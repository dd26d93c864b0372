"""Filling of cells without points, for comparisons with arXiv 2005.03221: pure functions of one track's grid.

velocity: (rows, cols), mm/yr, NaN unknown. Each returns a copy without NaN; known cells are unchanged.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from ml.deformation.gridding.points import Float32

REACH_CELLS = 20  # of the inverse distances
RANK, ROUNDS, SHRINK = 8, 15, 3.0


def none(velocity: Float32) -> Float32:
    """Fill unknown cells with zero, the background."""
    return np.nan_to_num(velocity, nan=0.0)


def nearest(velocity: Float32) -> Float32:
    """Fill unknown cells with the rate of the nearest known cell."""
    known = np.isfinite(velocity)
    if not known.any():
        return none(velocity)
    row, col = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(velocity[row, col], dtype=np.float32)


@lru_cache(maxsize=1)
def _inverse_squares() -> NDArray[np.float32]:
    offset = np.arange(-REACH_CELLS, REACH_CELLS + 1, dtype=np.float32)
    square = offset[:, None] ** 2 + offset**2
    square[REACH_CELLS, REACH_CELLS] = np.inf
    return np.where(square <= REACH_CELLS**2, 1 / square, 0).astype(np.float32)


def inverse_distance(velocity: Float32) -> Float32:
    """Fill unknown cells with the inverse-square mean of known cells within REACH_CELLS; with zero beyond."""
    known = np.isfinite(velocity)
    total, weight = (
        signal.fftconvolve(plane.astype(np.float32), _inverse_squares(), mode="same")
        for plane in (none(velocity), known)
    )
    filled = np.where(weight > 1 / (2 * REACH_CELLS**2), total / np.maximum(weight, 1e-9), 0)
    return np.where(known, velocity, filled).astype(np.float32)


def soft_impute(velocity: Float32) -> Float32:
    """Fill unknown cells by matrix completion: a field of low rank and small singular values that fits the known cells.

    Alternating ridge regressions of rank RANK from a fixed start. Hastie et al. 2015, JMLR 16 (softImpute-ALS);
    the modified matrix completion of arXiv 2005.03221 is of this family.
    """
    known = np.isfinite(velocity)
    rank = min(RANK, *velocity.shape)
    field = none(velocity).astype(np.float64)
    columns = np.linalg.qr(np.random.default_rng(0).standard_normal((velocity.shape[1], rank)))[0]
    ridge = SHRINK * np.eye(rank)
    low = np.zeros_like(field)
    for _ in range(ROUNDS):
        whole = np.where(known, field, low)
        rows = np.linalg.solve(columns.T @ columns + ridge, columns.T @ whole.T).T
        whole = np.where(known, field, rows @ columns.T)
        columns = np.linalg.solve(rows.T @ rows + ridge, rows.T @ whole).T
        low = rows @ columns.T
    return np.where(known, field, low).astype(np.float32)


FILLS: dict[str, Callable[[Float32], Float32]] = {
    "none": none,
    "nearest": nearest,
    "idw": inverse_distance,
    "soft-impute": soft_impute,
}
