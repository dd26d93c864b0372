"""Displacement series, and the figures that a release derives from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.simulation.ground.frame import Floats

DAYS_PER_YEAR = 365.25
WAVELENGTH_MM = 55.5  # Sentinel-1, C band


class TrendChange(NamedTuple):
    """Change of each point's rate since a time, years since the first date: (n,), mm/yr, + toward the satellite."""

    since_yr: float
    change_mm_yr: Floats


class Trend(NamedTuple):
    """Trend of each point along the line of sight: arrays (n,), + toward the satellite."""

    velocity_mm_yr: Floats
    acceleration_mm_yr2: Floats
    seasonal_mm: Floats
    noise_mm: Floats
    changes: Sequence[TrendChange] = ()


class SeriesFit(NamedTuple):
    """Figures of each series, (n,): rates in mm/yr, acceleration in mm/yr², season and residual in mm; std: one sigma.

    velocity: from a fit of offset + rate + yearly wave; all else: from one of offset + rate + ½·a·t² + yearly wave.
    """

    velocity_mm_yr: Floats
    velocity_std_mm_yr: Floats
    acceleration_mm_yr2: Floats
    acceleration_std_mm_yr2: Floats
    seasonality_mm: Floats
    seasonality_std_mm: Floats
    rmse_mm: Floats
    temporal_coherence: Floats


def acquisition_dates(
    rng: np.random.Generator, first: dt.date, years: int, repeat_days: int, count: int
) -> tuple[dt.date, ...]:
    """Sample `count` passes every repeat_days over some years, with the first and last. ValueError if too few."""
    passes = int(years * DAYS_PER_YEAR) // repeat_days
    if not 8 <= count <= passes:
        raise ValueError(
            f"{count} dates wanted, but {years} years of one pass in {repeat_days} days hold 8 to {passes}"
        )
    middle = rng.choice(np.arange(1, passes - 1), count - 2, replace=False)
    kept = np.sort(np.concatenate([[0, passes - 1], middle]))
    return tuple(first + dt.timedelta(days=int(step) * repeat_days) for step in kept)


def years_of(dates: tuple[dt.date, ...]) -> Floats:
    """Return years since the first date, (dates,)."""
    return np.array([(date - dates[0]).days for date in dates]) / DAYS_PER_YEAR


def simulate_series(rng: np.random.Generator, trend: Trend, years: Floats) -> NDArray[np.float32]:
    """Simulate the displacements of each point: (n, dates), mm, + toward the satellite, rounded to 0.1 mm as released.

    The acceleration acts around the middle of the span, so that the mean rate without changes stays velocity_mm_yr.
    """
    middle = years - (years[0] + years[-1]) / 2
    curve = 0.5 * (middle**2 - middle[0] ** 2)
    phase = np.sin(2 * np.pi * (years - 0.15))
    series = rng.standard_normal((len(trend.velocity_mm_yr), len(years)), dtype=np.float32)  # (n, dates)
    series *= trend.noise_mm[:, None].astype(np.float32)
    series += np.outer(trend.velocity_mm_yr, years).astype(np.float32)
    series += np.outer(trend.acceleration_mm_yr2, curve).astype(np.float32)
    series += np.outer(trend.seasonal_mm, phase).astype(np.float32)
    for change in trend.changes:
        series += np.outer(change.change_mm_yr, np.clip(years - change.since_yr, 0, None)).astype(np.float32)
    return np.asarray(np.round(series, 1), dtype=np.float32)


def slope_variance(noise_mm: float, years: Floats) -> float:
    """Return the variance of a fitted rate, (mm/yr)², with white noise of noise_mm on each date."""
    return float(noise_mm**2 / ((years - years.mean()) ** 2).sum())


def fit_series(series_mm: NDArray[np.float32], years: Floats) -> SeriesFit:
    """Fit every series by least squares. series_mm: (n, dates), mm; years: (dates,).

    Temporal coherence is exp(−(4π·rmse/λ)²/2), the value expected of Gaussian phase noise. As in the real 2020–2024
    release, velocity comes from the fit without curvature, and all else from the fit with it.
    """
    centred = years - years.mean()
    yearly = [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    straight, straight_std, _ = _least_squares(series_mm, [np.ones_like(years), centred, *yearly])
    curved, curved_std, rmse_mm = _least_squares(series_mm, [np.ones_like(years), centred, 0.5 * centred**2, *yearly])
    return SeriesFit(
        velocity_mm_yr=straight[1],
        velocity_std_mm_yr=straight_std[1],
        acceleration_mm_yr2=curved[2],
        acceleration_std_mm_yr2=curved_std[2],
        seasonality_mm=np.hypot(curved[3], curved[4]),
        seasonality_std_mm=np.hypot(curved_std[3], curved_std[4]) / np.sqrt(2),
        rmse_mm=rmse_mm,
        temporal_coherence=np.exp(-((4 * np.pi * rmse_mm / WAVELENGTH_MM) ** 2) / 2),
    )


def _least_squares(series_mm: NDArray[np.float32], columns: list[Floats]) -> tuple[Floats, Floats, Floats]:
    """Return coefficients (terms, n), their one-sigma errors (terms, n), and the root mean square residual (n,)."""
    design = np.stack(columns, axis=1)  # (dates, terms)
    dates, terms = design.shape
    inverse = np.asarray(np.linalg.pinv(design), dtype=np.float64)  # (terms, dates)
    coefficients: Floats = inverse @ series_mm.T.astype(np.float64)  # (terms, n)
    residual = series_mm.T - design @ coefficients  # (dates, n)
    squares: Floats = (residual**2).sum(axis=0)
    spread: Floats = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))  # (terms,)
    error: Floats = spread[:, None] * np.sqrt(squares / (dates - terms))
    return coefficients, error, np.sqrt(squares / dates)
