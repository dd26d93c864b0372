"""Strength and exponent of a scene's own noise: white scatter of cells, and a power law of long waves.

Both are fitted to second differences z(-h) - 2 z(0) + z(h) of the cells: slopes cancel and the curvature of a wide bowl
hardly counts over a few kilometres. Medians keep narrow motion and unwrapping errors out of it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ground_motion.methods.deformation.filters.baseline import second_differences
from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.statistics.robust import MAD_TO_SIGMA

LAGS_KM = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
MIN_LAGS, LAGS_A_SCENE = 4, 12  # A scene has this many lags: motion that fills it is nearly straight over one.
KNEE_KM = 10.0
# The two-dimensional spectrum has one of these exponents; turbulent atmosphere has 8/3.
EXPONENTS = (2.2, 2.4, 2.67, 3.0, 3.3, 3.67)
USUAL_EXPONENT = 2.67
OUTER_KM = 100.0  # waves longer than this have no more power
MIN_DIFFERENCES = 30
MIN_WHITE_MM2_YR2, MIN_LONG_MM2_YR2 = 0.01, 0.1
MIN_WHITE_SHARE = 0.05  # Less white noise beside the long waves would only slow the solution down.
TABLE_KM, TABLE_STEP_KM = 1024.0, 0.5


class WideNoise(NamedTuple):
    """Noise of long-wavelength cells.

    white_mm2_yr2: variance of one cell; long_mm2_yr2: semivariance of the long waves at KNEE_KM; exponent: of their
    two-dimensional spectrum, f to the power of -exponent up to OUTER_KM.
    """

    white_mm2_yr2: float
    long_mm2_yr2: float
    exponent: float

    def power(self, frequency_per_km: Float64) -> Float64:
        """Return the two-dimensional spectrum, (mm/yr)² km²."""
        return self.long_mm2_yr2 / _unit(self.exponent) * _shape(frequency_per_km, self.exponent)


def noise_of(rate_mm_yr: Float32, cell_km: float) -> WideNoise:
    """Fit the noise of cells (rows, cols), NaN unknown; typical values if too few cells are known."""
    lags, variances, counts = _second_differences(rate_mm_yr, cell_km)
    if len(lags) < 2:
        white = variances[0] / 6 if len(lags) else 1.0
        return WideNoise(max(white, MIN_WHITE_MM2_YR2), max(0.3 * white, MIN_LONG_MM2_YR2), USUAL_EXPONENT)
    exponents = EXPONENTS if len(lags) > 3 else (USUAL_EXPONENT,)
    return min((_fit(exponent, lags, variances, counts) for exponent in exponents), key=lambda fit: fit[0])[1]


def _fit(exponent: float, lags: Float64, variances: Float64, counts: Float64) -> tuple[float, WideNoise]:
    """Return the misfit of one exponent, and its noise. variances: of second differences, (n,), at lags, km."""
    gamma = 8 * semivariance(lags, exponent) - 2 * semivariance(2 * lags, exponent)
    weight = np.sqrt(np.minimum(counts, 1000.0)) / variances
    parts, misfit = nnls(np.stack([np.full_like(gamma, 6.0), gamma], axis=1) * weight[:, None], variances * weight)
    strength = max(parts[1], MIN_LONG_MM2_YR2)
    white = max(parts[0], MIN_WHITE_MM2_YR2, MIN_WHITE_SHARE * strength)
    return float(misfit), WideNoise(float(white), float(strength), exponent)


def _second_differences(rate: Float32, cell_km: float) -> tuple[Float64, Float64, Float64]:
    """Return lags, km; robust variances of second differences; numbers of differences; (lags,) each."""
    found = []
    farthest = max(MIN_LAGS, max(_extent(rate)) / LAGS_A_SCENE)
    for steps in sorted({max(1, round(lag / cell_km)) for lag in LAGS_KM}):
        if steps > farthest:
            break
        bends = second_differences(rate, steps)
        if bends.size >= MIN_DIFFERENCES and (spread := MAD_TO_SIGMA * float(np.median(np.abs(bends)))) > 0:
            found.append((steps * cell_km, spread**2, bends.size))
    lags, variances, counts = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return lags, variances, counts


def _extent(rate: Float32) -> tuple[int, int]:
    """Return the rows and columns from the first known cell to the last."""
    known = np.isfinite(rate)
    rows, cols = (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
    return int(rows[-1] - rows[0]) + 1, int(cols[-1] - cols[0]) + 1


def semivariance(lag_km: Float64, exponent: float) -> Float64:
    """Return the semivariance of the long waves, 1 at KNEE_KM. lag_km: (n,)."""
    lags, covariance = _covariance(exponent)
    return np.asarray((covariance[0] - np.interp(lag_km, lags, covariance)) / _unit(exponent))


def _shape(frequency_per_km: Float64, exponent: float) -> Float64:
    power: NDArray[np.float64] = (frequency_per_km**2 + OUTER_KM**-2) ** (-exponent / 2)
    return power


@cache
def _covariance(exponent: float) -> tuple[Float64, Float64]:
    """Return lags, km, and the covariance of unit spectrum at them."""
    size = int(TABLE_KM / TABLE_STEP_KM)
    frequency = np.hypot(np.fft.fftfreq(size, TABLE_STEP_KM)[:, None], np.fft.rfftfreq(size, TABLE_STEP_KM))
    covariance = np.fft.irfft2(_shape(frequency, exponent), s=(size, size))[0, : size // 2] / TABLE_STEP_KM**2
    return np.arange(size // 2, dtype=np.float64) * TABLE_STEP_KM, covariance


@cache
def _unit(exponent: float) -> float:
    lags, covariance = _covariance(exponent)
    return float(covariance[0] - np.interp(KNEE_KM, lags, covariance))
