"""How far ground as a whole leaves its forecast, learned from the release itself.

What neighbourhoods share is taken for delay in each new interferogram, so what the ground really shares beyond its
forecast stays unseen until the next release. How large that usually is, earlier years of the release tell: each is
forecast from the years before it.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from ml.deformation.series.regression import DAYS_PER_YEAR, MIN_SEASON_SPAN_YEARS, Float32
from ml.living.forecast import forecast
from ml.living.screening import Ground, square_medians

MAX_POINTS = 20_000  # of a release that are enough to learn from
AHEAD = timedelta(days=365)
STEP = timedelta(days=91)  # between the days from which earlier years are forecast
ANCHOR_DATES = 3  # before such a day: the deviation from the forecast is counted from their mean
WITHOUT_HISTORY_MM2_YR = 16.0  # variance a year of a release too short to learn from: 4 mm after a year


def drift_mm2_per_year(ground: Ground, dates: Sequence[date], displacement_mm: Float32) -> float:
    """Return the variance, mm², by which shared deviations from the forecast grow in a year, like a random walk.

    Args:
        ground: Places of the points.
        dates: Of the release, ascending.
        displacement_mm: (points, dates), mm, NaN where missing.
    """
    chosen = slice(None, None, -(-len(displacement_mm) // MAX_POINTS))
    ground = Ground(*(column[chosen] for column in ground))
    series = displacement_mm[chosen]
    end = dates[0] + timedelta(days=round(MIN_SEASON_SPAN_YEARS * DAYS_PER_YEAR))
    leads, squares = [], []
    while end < dates[-1] - STEP:
        known = sum(day <= end for day in dates)
        curve = forecast(dates[:known], series[:, :known])
        ahead = [number for number in range(known, len(dates)) if dates[number] <= end + AHEAD]
        anchors = range(known - ANCHOR_DATES, known)
        start = np.nanmean([series[:, number] - curve.on(dates[number]) for number in anchors], axis=0)
        for number in ahead:
            shared = square_medians(ground, series[:, number] - curve.on(dates[number]) - start)
            leads.append((dates[number] - dates[known - 1]).days / DAYS_PER_YEAR)
            squares.append(float(np.mean(shared**2)) if shared.size else np.nan)
        end += STEP
    lead, square = np.array(leads), np.array(squares)
    usable = np.isfinite(square)
    if not usable.any():
        return WITHOUT_HISTORY_MM2_YR
    return float(lead[usable] @ square[usable] / (lead[usable] @ lead[usable]))
