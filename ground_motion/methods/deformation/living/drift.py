"""How far ground as a whole leaves its forecast, learned from the release itself.

What neighbourhoods share is taken for delay in each new interferogram, so what the ground really shares beyond its
forecast stays unseen until the next release. How large that usually is, earlier years of the release tell: each is
forecast from the years before it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.living.forecast import forecast
from ground_motion.methods.deformation.living.screening import Ground, levelled, screen
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, MIN_SEASON_SPAN_YEARS, Float32
from ground_motion.statistics.robust import MAD_TO_SIGMA

BACK = timedelta(days=2 * 365)  # Earlier years are forecast from too few years to be like the next one.
AHEAD = timedelta(days=365)
STEP = timedelta(days=91)  # Earlier years are forecast from days this far apart.
EVERY = 4  # Only every fourth date is compared, to save time.
MIN_ROWS = 8
MIN_LOCAL_MM2_YR = 0.5


class Drift(NamedTuple):
    """Variances, mm², by which deviations from the forecast grow in a year, like a random walk.

    Attributes:
        shared_mm2_yr: Of what neighbourhoods share, which new passes do not show.
        local_mm2_yr: Of single points against their neighbourhood.
    """

    shared_mm2_yr: float
    local_mm2_yr: float


WITHOUT_HISTORY = Drift(16.0, 4.0)  # of a release too short to learn from: 4 and 2 mm after a year


def learn_drift(ground: Ground, dates: Sequence[date], displacement_mm: Float32, half_wave_mm: float) -> Drift:
    """Learn the drift from a release.

    Args:
        ground: Places of the points.
        dates: Of the release, ascending.
        displacement_mm: (points, dates), mm, NaN where missing.
        half_wave_mm: Motion of one cycle.
    """
    end = max(dates[0] + timedelta(days=round(MIN_SEASON_SPAN_YEARS * DAYS_PER_YEAR)), dates[-1] - BACK)
    rows: list[tuple[float, float, float]] = []
    while end < dates[-1] - STEP:
        known = sum(day <= end for day in dates)
        curve = forecast(dates[:known], displacement_mm[:, :known])
        for at in range(known, len(dates), EVERY):
            deviation = displacement_mm[:, at] - curve.on(dates[at])
            if dates[at] <= end + AHEAD and np.isfinite(deviation).any():
                local = levelled(ground, deviation, np.zeros(len(deviation), dtype=int), half_wave_mm)
                local -= screen(ground, local).shared_mm
                lead = (dates[at] - dates[known - 1]).days / DAYS_PER_YEAR
                rows.append((lead, float(np.nanmean((deviation - local) ** 2)), _variance(local)))
        end += STEP
    if len(rows) < MIN_ROWS:
        return WITHOUT_HISTORY
    lead, shared_square, local_square = np.array(rows).T
    line = np.polyfit(lead, local_square, 1)  # its value at 0 is the scatter of single dates
    return Drift(float(lead @ shared_square / (lead @ lead)), max(float(line[0]), MIN_LOCAL_MM2_YR))


def _variance(values: Float32) -> float:
    """Return the variance of most values."""
    return float((MAD_TO_SIGMA * np.nanmedian(np.abs(values))) ** 2)
