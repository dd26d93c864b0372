"""Made series for `lab.deformation.steps`: dates, noise, ground that moves in many ways, and unwrapping errors.

Written apart from the simulator of files and from what the detector assumes: noise is partly related in time and has
wild values, the season's phase differs from point to point, snow leaves summers only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ml.deformation.series.steps import HALF_WAVE_MM

Float64 = NDArray[np.float64]
Rng = np.random.Generator
DAYS_PER_YEAR = 365.25


class Errors(NamedTuple):
    """Unwrapping errors of n series: at: (n, k), date of the first image after it, 0 for none; cycles: (n, k)."""

    at: NDArray[np.intp]
    cycles: NDArray[np.intp]

    def added_mm(self, dates: int) -> Float64:
        """(n, dates)."""
        after = (np.arange(dates) >= self.at[:, :, None]) & (self.at > 0)[:, :, None]
        return np.asarray((after * self.cycles[:, :, None]).sum(axis=1) * HALF_WAVE_MM, dtype=np.float64)


def draw_days(rng: Rng, snow: bool) -> NDArray[np.int64]:
    """Images every 6 or 12 days over 3 to 8 years, some missing; in snow country from late spring to autumn only."""
    days = np.arange(0, int(rng.uniform(3, 8) * DAYS_PER_YEAR), rng.choice([6, 12]))
    if snow:
        of_year = days % DAYS_PER_YEAR
        days = days[(of_year > rng.uniform(120, 170)) & (of_year < rng.uniform(270, 320))]
    else:
        days = days[rng.random(days.size) > rng.uniform(0, 0.15)]
    return np.asarray(days - days[0], dtype=np.int64)


def draw_noise(rng: Rng, n: int, years: Float64, sigma_mm: float) -> Float64:
    """(n, dates): sigma_mm from date to date, up to 60 % of its variance related over 15 to 60 days; 2 % wild values;
    a season of up to 6 mm.
    """
    shape = n, years.size
    keep = np.exp(-np.diff(years) * DAYS_PER_YEAR / rng.uniform(15, 60))
    related, fresh = np.empty(shape), rng.standard_normal(shape)
    related[:, 0] = fresh[:, 0]
    for date, kept in enumerate(keep, 1):
        related[:, date] = kept * related[:, date - 1] + np.sqrt(1 - kept**2) * fresh[:, date]
    share = rng.uniform(0, 0.6)
    noise = np.sqrt(1 - share) * rng.standard_normal(shape) + np.sqrt(share) * related
    noise += 4 * rng.standard_normal(shape) * (rng.random(shape) < 0.02)
    season = rng.uniform(0, 6, (n, 1)) * np.sin(2 * np.pi * (years - rng.random((n, 1))))
    return np.asarray(sigma_mm * noise + season, dtype=np.float64)


def draw_errors(rng: Rng, n: int, days: NDArray[np.int64], snow: bool) -> Errors:
    """One or two errors of each series on any date; in snow country at each winter with a chance of one in ten."""
    if snow:
        winters = np.flatnonzero(np.diff(days) > 40) + 1
        at = np.where(rng.random((n, winters.size)) < 0.1, winters, 0)
    else:
        at = np.sort(rng.integers(1, days.size, (n, 2)), axis=1)
        at[rng.random(n) < 0.7, 1] = 0
    cycles = rng.choice([-1, 1], at.shape) * np.where(rng.random(at.shape) < 0.9, 1, 2)
    return Errors(at, np.where(at > 0, cycles, 0))


def _linear(rng: Rng, n: int, years: Float64) -> Float64:
    return np.asarray(rng.uniform(-30, 30, (n, 1)) * years, dtype=np.float64)


def _speeding_up(rng: Rng, n: int, years: Float64) -> Float64:
    return np.asarray(rng.uniform(-30, 30, (n, 1)) * (0.3 * years + 0.35 * years**2 / years[-1]), dtype=np.float64)


def _coming_to_rest(rng: Rng, n: int, years: Float64) -> Float64:
    return np.asarray(
        rng.uniform(-100, 100, (n, 1)) * (1 - np.exp(-rng.uniform(0.3, 2, (n, 1)) * years)), dtype=np.float64
    )


def _beginning(rng: Rng, n: int, years: Float64) -> Float64:
    return np.asarray(
        rng.uniform(-60, 60, (n, 1)) * np.clip(years - rng.uniform(0.1, 0.8) * years[-1], 0, None), dtype=np.float64
    )


def _every_spring(rng: Rng, n: int, years: Float64) -> Float64:
    steps = np.floor(years + 0.3) + 1 / (1 + np.exp(-((years + 0.3) % 1 - 0.5) * 30))
    return np.asarray(rng.uniform(-40, 40, (n, 1)) * steps, dtype=np.float64)


def _slide_of_weeks(rng: Rng, n: int, years: Float64) -> Float64:
    """Up to 90 mm in two weeks to four months, less toward the edge: the same weeks for all points."""
    begun, lasts = rng.uniform(0.1, 0.9) * years[-1], rng.uniform(15, 120) / DAYS_PER_YEAR
    return np.asarray(rng.uniform(30, 90) * rng.random((n, 1)) * expit(8 * (years - begun) / lasts), dtype=np.float64)


def _sudden_slide(rng: Rng, n: int, years: Float64) -> Float64:
    """Two sudden slides and a creep; as far as each point's share of the largest."""
    share = rng.random((n, 1))
    moved = rng.uniform(-5, 5) * years
    for _ in range(2):
        moved = moved + rng.uniform(-70, 70) * (years >= rng.uniform(0.05, 0.95) * years[-1])
    return np.asarray(share * moved, dtype=np.float64)


def _earthquake(rng: Rng, n: int, years: Float64) -> Float64:
    """Up to 60 mm on one day everywhere, varying by some millimetres within the place."""
    jump = rng.uniform(-60, 60) + rng.uniform(-8, 8) * rng.random((n, 1))
    return np.asarray(jump * (years >= rng.uniform(0.1, 0.9) * years[-1]), dtype=np.float64)


MOTIONS: dict[str, Callable[[Rng, int, Float64], Float64]] = {
    "linear": _linear,
    "speeding_up": _speeding_up,
    "coming_to_rest": _coming_to_rest,
    "beginning": _beginning,
    "every_spring": _every_spring,
    "slide_of_weeks": _slide_of_weeks,
    "sudden_slide": _sudden_slide,
    "earthquake": _earthquake,
}


def draw_places(rng: Rng, n: int, side_m: float) -> tuple[Float64, Float64]:
    """x, y of n points in a square, m."""
    x, y = rng.uniform(0, side_m, (2, n))
    return x, y


def region_around(rng: Rng, x: Float64, y: Float64) -> NDArray[np.bool_]:
    """Points inside a crooked outline, 100 to 400 m around one of them, with one unwrapping error."""
    at = rng.integers(x.size)
    east, north = x - x[at], y - y[at]
    bearing = np.arctan2(east, north)
    edge = 1 + sum(rng.uniform(0, 0.35) * np.sin(k * bearing + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5))
    return np.asarray(np.hypot(east, north) < rng.uniform(100, 400) * edge, dtype=np.bool_)
