"""Attributes computed from many series at once."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from ground_motion.readers.records import Float32, Float64

MIN_DATES = 8


class Fitted(NamedTuple):
    """Results of fits, (n,); NaN for a short series. acceleration: mm/yr²; season: amplitude of the yearly wave, mm."""

    acceleration_mm_yr2: Float64
    season_mm: Float64


def fit_parabolas(dates: Sequence[date], series_mm: Float32) -> Fitted:
    """Fit a parabola with a yearly wave to each series, (n, dates), mm, NaN where missing, by least squares."""
    years = np.array([(day - dates[0]).days for day in dates]) / 365.25
    years -= years.mean() if years.size else 0.0
    turn = 2 * np.pi * years
    design = np.column_stack([np.ones_like(years), years, years**2, np.sin(turn), np.cos(turn)])
    nothing = np.full(len(series_mm), np.nan)
    acceleration, season = nothing.copy(), nothing.copy()
    known = np.isfinite(series_mm)
    enough = known.sum(axis=1) >= MIN_DATES
    if not enough.any() or np.ptp(years) < 1.5:
        return Fitted(acceleration, season)
    weights = known[enough].astype(float)
    values = np.where(known[enough], series_mm[enough], 0.0)
    normal = np.einsum("nd,di,dj->nij", weights, design, design)  # (n, 5, 5)
    right = np.einsum("nd,di->ni", values, design)
    usable = np.linalg.cond(normal) < 1e12
    solved = np.full((len(values), design.shape[1]), np.nan)
    solved[usable] = np.linalg.solve(normal[usable], right[usable][..., None])[..., 0]
    acceleration[enough] = 2 * solved[:, 2]
    season[enough] = np.hypot(solved[:, 3], solved[:, 4])
    return Fitted(acceleration, season)
