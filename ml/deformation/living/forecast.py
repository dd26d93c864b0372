"""Forecast of released series: where each point would be if it went on as before."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from ml.deformation.series.regression import DAYS_PER_YEAR, MIN_SEASON_SPAN_YEARS, Float32, Float64

MIN_SPARE_DATES = 4  # A series needs so many dates more than its curve has terms.


class Forecast(NamedTuple):
    """Curve of each point: offset, rate and, from a year and a half of dates on, a yearly wave.

    Attributes:
        first: Day from which years are counted.
        coefficients: (points, terms), mm and mm/yr, positive toward the satellite; NaN without enough dates.
        covariance: (terms, terms), of the coefficients where a date's noise has variance 1 and all dates are known.
        noise_mm: (points,), standard deviation of a date around the curve.
    """

    first: date
    coefficients: Float32
    covariance: Float64
    noise_mm: Float32

    def on(self, day: date) -> Float32:
        """Return the displacement on a day, (points,), mm."""
        return np.asarray(self.coefficients @ self._terms([day])[0], dtype=np.float32)

    def sigma_mm(self, day: date) -> Float32:
        """Return the standard deviation of the forecast of a day, (points,), mm: it grows with the time since."""
        terms = self._terms([day])[0]
        return np.asarray(self.noise_mm * np.sqrt(terms @ self.covariance @ terms), dtype=np.float32)

    def _terms(self, dates: Sequence[date]) -> Float64:
        return curve_terms(self.first, dates, seasonal=self.coefficients.shape[1] > 2)


def curve_terms(first: date, dates: Sequence[date], *, seasonal: bool) -> Float64:
    """Return the terms of the curve on some days, (dates, 2 or 4)."""
    years = np.array([(day - first).days for day in dates]) / DAYS_PER_YEAR
    terms = [np.ones_like(years), years]
    if seasonal:
        terms += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    return np.column_stack(terms)


def forecast(dates: Sequence[date], displacement_mm: Float32) -> Forecast:
    """Fit the curve of each released series by least squares.

    Args:
        dates: Of the release, ascending.
        displacement_mm: (points, dates), mm, NaN where missing.
    """
    seasonal = (dates[-1] - dates[0]).days >= MIN_SEASON_SPAN_YEARS * DAYS_PER_YEAR
    terms = curve_terms(dates[0], dates, seasonal=seasonal)
    known = np.isfinite(displacement_mm)
    values = np.where(known, displacement_mm, 0.0)
    enough = known.sum(axis=1) >= terms.shape[1] + MIN_SPARE_DATES
    coefficients = np.full((len(values), terms.shape[1]), np.nan)
    whole = known.all(axis=1) & enough
    coefficients[whole] = values[whole] @ np.linalg.pinv(terms).T
    part = enough & ~whole
    if part.any():
        products = (terms[:, :, None] * terms[:, None, :]).reshape(len(dates), -1)
        normal = (known[part] @ products).reshape(-1, terms.shape[1], terms.shape[1])
        coefficients[part] = (np.linalg.pinv(normal, hermitian=True) @ (values[part] @ terms)[:, :, None])[:, :, 0]
    left = np.where(known, displacement_mm - coefficients @ terms.T, 0.0)
    noise = np.sqrt((left**2).sum(axis=1) / np.maximum(known.sum(axis=1) - terms.shape[1], 1))
    noise[~enough] = np.nan
    covariance = np.asarray(np.linalg.inv(terms.T @ terms), dtype=np.float64)
    return Forecast(dates[0], coefficients.astype(np.float32), covariance, noise.astype(np.float32))
