"""Straight lines through displacement series; the slope is the velocity if a file gives none."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from ground_motion.readers.records import Float32, Float64

DAYS_PER_YEAR = 365.25
BLOCK_ROWS = 20_000  # 20,000 rows of 300 dates in float64 take 48 MB.


class Slopes(NamedTuple):
    """Slopes and their standard errors: (n,), mm/yr, with the sign of the displacement; NaN unknown."""

    velocity_mm_yr: Float32
    velocity_std_mm_yr: Float32


def slope_mm_yr(displacement_mm: Float32, dates: Sequence[date]) -> Float32:
    """Return each row's slope, (n,), mm/yr, NaN with fewer than two dates. displacement_mm: (n, dates), NaN unknown."""
    return slopes(displacement_mm, dates).velocity_mm_yr


def slopes(displacement_mm: Float32, dates: Sequence[date]) -> Slopes:
    """Return each row's least-squares slope and its standard error by ordinary regression (independent residuals).

    displacement_mm: (n, dates), mm, NaN unknown. The slope needs two known dates, its error three; else NaN.
    """
    days = np.array([(day - dates[0]).days for day in dates], dtype=np.float64)
    years = (days - days.mean()) / DAYS_PER_YEAR if days.size else days
    parts = [
        _block(displacement_mm[first : first + BLOCK_ROWS].astype(np.float64), years)
        for first in range(0, len(displacement_mm), BLOCK_ROWS)
    ]
    nothing = np.empty(0, dtype=np.float32)
    return Slopes(*map(np.concatenate, zip(*parts, strict=True))) if parts else Slopes(nothing, nothing)


def _block(displacement_mm: Float64, years: Float64) -> tuple[Float32, Float32]:
    known = np.isfinite(displacement_mm)
    weight = known.astype(np.float64)
    count = weight.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # Rows without a known date become NaN.
        # Moments about each row's own means lose no digits to a large offset.
        time = np.where(known, years - (weight @ years / count)[:, None], 0.0)
        value = np.where(known, displacement_mm, 0.0)
        value = np.where(known, value - (value.sum(axis=1) / count)[:, None], 0.0)
        spread = np.einsum("nd,nd->n", time, time)
        slope = np.where(count >= 2, np.einsum("nd,nd->n", time, value) / spread, np.nan)
        rest = np.square(value - slope[:, None] * time).sum(axis=1)
        error = np.where(count >= 3, np.sqrt(rest / (count - 2) / spread), np.nan)
    return slope.astype(np.float32), error.astype(np.float32)
