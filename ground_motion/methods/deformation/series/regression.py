"""Least squares for many series at once, with different missing dates.

A mask is (1, dates), which is cheap, if all series of a block miss the same dates, else (n, dates).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.statistics.robust import MAD_TO_SIGMA

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

DAYS_PER_YEAR = 365.25
MIN_SEASON_SPAN_YEARS = 1.5
RATE = 1  # column of `curves`
MAX_LAG_ONE = 0.95
HUBER = 1.5  # A value's weight falls from this number of robust standard deviations on.
REWEIGHTED = 2
RIDGE = 1e-3  # dates: if the dates cannot separate the curves, errors are large instead of infinite


def curves(days: NDArray[np.integer]) -> Float32:
    """Return the columns constant, years, half their square, and the yearly wave from 1.5 years on: (dates, 3 or 5).

    days: (dates,). The square is orthogonal to the line, so that the rate remains the mean rate.
    """
    years = (days - days.mean()) / DAYS_PER_YEAR
    line = np.stack([np.ones_like(years), years], axis=1)
    square = years**2 / 2
    columns = [*line.T, square - line @ np.linalg.lstsq(line, square, rcond=None)[0]]
    if np.ptp(years) >= MIN_SEASON_SPAN_YEARS:
        columns += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    return np.stack(columns, axis=1).astype(np.float32)


class Projection(NamedTuple):
    """The curves made orthonormal on the dates of each mask, (1 or n, dates, curves); 0 where a date is missing.

    factor: (1 or n, curves, curves); coefficients are factor @ (basis.T @ series), and their variances, per mm² of
    noise, the sums of its squared rows. mask: (1 or n, dates), 1 where there is a value, else 0.
    """

    basis: Float32
    factor: Float32
    mask: Float32

    def residual(self, series_mm: Float32) -> Float32:
        """Return the residuals of series (n, dates) after the curves are fitted; 0 where a date is missing."""
        if len(self.basis) == 1:
            fitted: Float32 = (series_mm @ self.basis[0]) @ self.basis[0].T
            return np.asarray((series_mm - fitted) * self.mask, dtype=np.float32)
        fitted = (self.basis @ np.einsum("nt,ntp->np", series_mm, self.basis)[:, :, None])[:, :, 0]
        return np.asarray((series_mm - fitted) * self.mask, dtype=np.float32)


def fill(series_mm: Float32) -> tuple[Float32, Float32]:
    """Return series (n, dates) with 0 where missing, and their mask, (1, dates) if all miss the same dates."""
    known = np.isfinite(series_mm)
    mask = known[:1] if (known == known[:1]).all() else known
    return np.where(known, series_mm, np.float32(0)), mask.astype(np.float32)


def projection(columns: Float32, mask: Float32) -> Projection:
    """Prepare the projection off columns (dates, curves)."""
    factor = np.linalg.inv(np.linalg.cholesky(_normal(columns, mask))).swapaxes(1, 2).astype(np.float32)
    return Projection((columns @ factor) * mask[:, :, None], factor, mask)


def robust_fit(series_mm: Float32, columns: Float32, mask: Float32, left: Float32) -> tuple[Float64, Float32]:
    """Fit by Huber's weights: coefficients (n, curves), residuals (n, dates), both of the last round.

    series_mm: (n, dates), 0 where missing; left: its residuals by least squares.
    """
    for _ in range(REWEIGHTED):
        sigma = np.maximum(robust_sigma(left, mask), np.float32(1e-3))[:, None]
        weight = mask * np.minimum(1, HUBER * sigma / np.maximum(np.abs(left), 1e-6))
        right = ((series_mm * weight) @ columns).astype(np.float64)
        found = np.linalg.solve(_normal(columns, weight), right[:, :, None])[:, :, 0]
        left = (series_mm - found.astype(np.float32) @ columns.T) * mask
    return found.astype(np.float64), left


def _normal(columns: Float32, weight: Float32) -> Float64:
    dates, curves_ = columns.shape
    products = (columns[:, :, None] * columns[:, None, :]).reshape(dates, curves_**2)
    return (weight @ products).reshape(-1, curves_, curves_).astype(np.float64) + RIDGE * np.eye(curves_)


def robust_sigma(values: Float32, mask: Float32) -> Float32:
    """Return 1.4826 times the median of |values|, (n,). values: (n, dates); mask: (1 or n, dates)."""
    size = np.abs(values)
    counts = (mask > 0).sum(axis=1)
    if counts.min() < mask.shape[1]:
        size = np.where(mask > 0, size, np.float32(np.inf))
    size.sort(axis=1)
    rows = np.arange(len(size))
    low, high = (size[rows, np.broadcast_to(at, len(size))] for at in ((counts - 1) // 2, counts // 2))
    return np.asarray(MAD_TO_SIGMA * (low + high) / 2, dtype=np.float32)


def widening(residual: Float32, mask: Float32) -> Float32:
    """Return the factor by which correlated residuals (n, dates), 0 where missing, widen a standard error, (n,).

    It is sqrt((1 + r) / (1 - r)), r the lag-one correlation, 0 to 0.95: Santer et al. 2000, doi 10.1029/1999JD901105.
    """
    power = np.einsum("nt,nt->n", residual, residual) / np.maximum(mask.sum(axis=1), 1)
    pairs = np.einsum("nt,nt->n", residual[:, 1:], residual[:, :-1])
    pairs /= np.maximum((mask[:, 1:] * mask[:, :-1]).sum(axis=1), 1)
    r = np.clip(pairs / np.maximum(power, 1e-9), 0.0, MAX_LAG_ONE)
    return np.asarray(np.sqrt((1 + r) / (1 - r)), dtype=np.float32)


def standard_error(fitted: Projection, left: Float32, column: int) -> Float32:
    """Return the standard error of a curve's coefficient, (n,), from its correlated residuals (n, dates)."""
    unit = np.linalg.norm(fitted.factor[:, column], axis=1)
    return np.asarray(robust_sigma(left, fitted.mask) * unit * widening(left, fitted.mask))
