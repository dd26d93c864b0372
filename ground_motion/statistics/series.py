"""A curve through one displacement series: the trend with its uncertainty, and the yearly wave."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 365.25
MIN_SEASON_SPAN_YEARS = 1.5


class SeriesFit(NamedTuple):
    """Fit of a series.

    fit_mm: (dates,), the curve, mm. rate_sigma: standard deviation of the rate. sigma_mm: that of the residuals.
    """

    fit_mm: NDArray[np.float32]
    rate_mm_yr: float
    rate_sigma_mm_yr: float
    sigma_mm: float


def fit_series(dates: Sequence[date], displacement_mm: NDArray[np.floating]) -> SeriesFit | None:
    """Fit offset, rate and, from a year and a half on, a yearly wave; None with too few values.

    displacement_mm: (dates,), mm, NaN where missing; signs stay. The standard error of the rate is widened by
    sqrt((1 + r) / (1 - r)) for residuals whose lag-1 correlation r is positive (AR(1), Santer et al. 2000,
    doi 10.1029/1999JD901105): neighbouring images share their atmosphere and are not independent.
    """
    design = _design(dates)
    known = np.isfinite(displacement_mm)
    freedom = int(known.sum()) - design.shape[1]
    if freedom < 1:
        return None
    solution, *_ = np.linalg.lstsq(design[known], displacement_mm[known], rcond=None)
    residual = displacement_mm[known] - design[known] @ solution
    sigma = float(np.sqrt(np.sum(residual**2) / freedom))
    spread = float(np.sqrt(np.linalg.inv(design[known].T @ design[known])[1, 1]))
    return SeriesFit(
        (design @ solution).astype(np.float32), float(solution[1]), sigma * spread * _widening(residual), sigma
    )


def fit_rates(dates: Sequence[date], displacement_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fit the rates of many series by `fit_curves`, (n,), mm/yr; NaN with too few values."""
    return fit_curves(dates, displacement_mm)[:, 1] if dates else np.full(len(displacement_mm), np.nan)


def fit_curves(dates: Sequence[date], displacement_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fit the curve of `fit_series` to many series, (n, terms), mm and mm/yr; NaN with too few values.

    displacement_mm: (n, dates), mm, NaN where missing. Series with missing dates have normal equations of their own.
    """
    design, known = _design(dates), np.isfinite(displacement_mm)
    found = np.full((len(displacement_mm), design.shape[1]), np.nan)
    enough = known.sum(axis=1) > design.shape[1]
    values = np.where(known, displacement_mm, 0.0)[enough].astype(np.float64)
    if known[enough].all():
        found[enough] = values @ np.linalg.pinv(design).T
        return found
    products = (design[:, :, None] * design[:, None, :]).reshape(len(dates), -1)
    normal = (known[enough] @ products).reshape(-1, design.shape[1], design.shape[1])
    found[enough] = (np.linalg.pinv(normal, hermitian=True) @ (values @ design)[:, :, None])[:, :, 0]
    return found


def curve_terms(years: NDArray[np.float64], *, seasonal: bool) -> NDArray[np.float64]:
    """Return the curve's terms, (dates, 2 or 4): offset, years since the first date and, if seasonal, a yearly wave."""
    columns = [np.ones_like(years), years]
    if seasonal:
        columns += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    return np.column_stack(columns)


def _design(dates: Sequence[date]) -> NDArray[np.float64]:
    """Return the curve's terms on the dates; with a yearly wave from a year and a half on."""
    years = np.array([(day - dates[0]).days for day in dates]) / DAYS_PER_YEAR
    return curve_terms(years, seasonal=bool(years[-1] >= MIN_SEASON_SPAN_YEARS))


def _widening(residual: NDArray[np.floating]) -> float:
    power = float(np.sum(residual**2))
    if power == 0 or residual.size < 4:
        return 1.0
    lag_one = min(max(float(np.sum(residual[1:] * residual[:-1])) / power, 0.0), 0.95)
    return float(np.sqrt((1 + lag_one) / (1 - lag_one)))
