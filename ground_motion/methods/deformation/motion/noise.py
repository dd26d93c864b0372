"""Noise of a displacement series: white, and an Ornstein-Uhlenbeck part whose correlation fades with time.

Covariance between dates of unit variance: (1 - share) on the diagonal, and share * exp(-|dt| / days) everywhere. The
second part is Markov, so its inverse is tridiagonal, and products with the inverse of the sum cost O(dates).
"""

from typing import NamedTuple

import numpy as np
import scipy  # Parts of scipy load when they are used.
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class NoiseModel(NamedTuple):
    """Model of noise.

    share: of the variance that is correlated in time, 0-1; days: after which the correlation has fallen to 1/e.
    """

    share: float
    days: float


WHITE = NoiseModel(0.0, 1.0)
NOISE_MODELS = (
    WHITE,
    *(NoiseModel(share, days) for days in (15.0, 60.0, 200.0, 700.0) for share in (0.15, 0.4, 0.75, 0.95)),
)


class Whitening:
    """Products with the inverse covariances of several noise models on the same dates. days: (dates,), ascending."""

    def __init__(self, days: Float64, models: tuple[NoiseModel, ...] = NOISE_MODELS) -> None:
        self.models = models
        self._bands = [_bands(days, model) for model in models]
        self.log_determinant = np.array([0.0 if bands is None else bands.log_determinant for bands in self._bands])

    def weight_rows(self, rows: Float64) -> Float64:
        """Return curves (m, dates) times the inverse covariance of each model: (models, m, dates)."""
        result = np.empty((len(self.models), *rows.shape))
        for bands, curves in zip(self._bands, result, strict=True):
            curves[:] = rows
            if bands is not None:
                curves *= bands.diagonal
                curves[:, :-1] += bands.beside * rows[:, 1:]
                curves[:, 1:] += bands.beside * rows[:, :-1]
                scipy.linalg.lapack.dpttrs(bands.pivots, bands.below, curves.T, overwrite_b=True)
        return result


class _Bands(NamedTuple):
    """Factors of a covariance.

    diagonal, beside: of the inverse covariance of the correlated part, (dates,), (dates - 1,); pivots, below: LDL'
    factors of one plus (1 - share) times it; log_determinant: of the whole covariance.
    """

    diagonal: Float64
    beside: Float64
    pivots: Float64
    below: Float64
    log_determinant: float


def _bands(days: Float64, model: NoiseModel) -> _Bands | None:
    if model.share == 0:
        return None
    kept = np.exp(-np.diff(days) / model.days)
    fresh = 1 - kept**2
    diagonal = np.ones(days.size)
    diagonal[:-1] += kept**2 / fresh
    diagonal[1:] += kept**2 / fresh
    diagonal, beside = diagonal / model.share, -kept / fresh / model.share
    pivots, below, _ = scipy.linalg.lapack.dpttrf(1 + (1 - model.share) * diagonal, (1 - model.share) * beside)
    log_determinant = np.log(pivots).sum() + days.size * np.log(model.share) + np.log(fresh).sum()
    return _Bands(diagonal, beside, pivots, below, float(log_determinant))
