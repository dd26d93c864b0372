"""Forecast of released series: where each point would be if it went on as before."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, Float32, Float64
from ground_motion.statistics.series import curve_terms, fit_curves

MIN_SPARE_DATES = 4  # A series needs this many dates more than its curve has terms.


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
        return np.asarray(self.coefficients @ _terms(self.first, [day], self.coefficients)[0], dtype=np.float32)

    def sigma_mm(self, day: date) -> Float32:
        """Return the standard deviation of the forecast of a day, (points,), mm: it grows with the time since."""
        terms = _terms(self.first, [day], self.coefficients)[0]
        return np.asarray(self.noise_mm * np.sqrt(terms @ self.covariance @ terms), dtype=np.float32)


def _terms(first: date, dates: Sequence[date], coefficients: NDArray[np.floating]) -> Float64:
    """Return the terms of the curve with these coefficients on some days, (dates, terms)."""
    years = np.array([(day - first).days for day in dates]) / DAYS_PER_YEAR
    return curve_terms(years, seasonal=coefficients.shape[1] > 2)


def forecast(dates: Sequence[date], displacement_mm: Float32) -> Forecast:
    """Fit the curve of each released series by least squares.

    Args:
        dates: Of the release, ascending.
        displacement_mm: (points, dates), mm, NaN where missing.
    """
    coefficients, known = fit_curves(dates, displacement_mm), np.isfinite(displacement_mm)
    terms = _terms(dates[0], dates, coefficients)
    spare = known.sum(axis=1) - terms.shape[1]
    left = np.where(known, displacement_mm - coefficients @ terms.T, 0.0)
    noise = np.sqrt((left**2).sum(axis=1) / np.maximum(spare, 1))
    few = spare < MIN_SPARE_DATES
    noise[few] = coefficients[few] = np.nan
    covariance = np.asarray(np.linalg.inv(terms.T @ terms), dtype=np.float64)
    return Forecast(dates[0], coefficients.astype(np.float32), covariance, noise.astype(np.float32))
