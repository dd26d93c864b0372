"""Simulated displacement series: dates, many kinds of noise, and motion that changes once or never.

The search assumes noise such as `white` and `coloured`; all other kinds break its assumptions. `drifting` has a
1/frequency spectrum, the amplitude of `seasonal` differs from year to year, `heavy` has outliers of Student's t, and
unwrapping errors shift a mean over all points by whole cycles.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM

Float64 = NDArray[np.float64]
Rng = np.random.Generator
Noise = Callable[[Rng, Float64], Float64]
DAYS_PER_YEAR = 365.25
YEARS = 5.0
NOISE_MM = (1.0, 4.0)  # standard deviation of one date, uniform
MOTIONS: dict[str, Callable[[Rng, float], tuple[float, float]]] = {  # rates before and after, mm/yr
    "begins": lambda rng, change: (0.0, change),
    "rests": lambda rng, change: (change, 0.0),
    "faster": lambda rng, change: (start := rng.uniform(2.5, 10), start + change),
    "slower": lambda rng, change: (start := rng.uniform(2.5, 10) + change, start - change),
}


class SimulatedSeries(NamedTuple):
    """A simulated series. days, values_mm: (dates,); changed_day: when the motion changed, None if it never did."""

    days: Float64
    values_mm: Float64
    changed_day: float | None = None


def white(rng: Rng, days: Float64) -> Float64:
    """Draw white noise."""
    return np.asarray(rng.standard_normal(days.size), dtype=np.float64)


def correlated(rng: Rng, days: Float64, fade_days: float) -> Float64:
    """Draw an Ornstein-Uhlenbeck process of unit variance."""
    values = rng.standard_normal(days.size)
    for date, kept in enumerate(np.exp(-np.diff(days) / fade_days), 1):
        values[date] = kept * values[date - 1] + np.sqrt(1 - kept**2) * values[date]
    return values


def coloured(rng: Rng, days: Float64) -> Float64:
    """Draw white noise plus noise whose correlation decays over 15 to 150 days."""
    share = rng.uniform(0.2, 0.8)
    related = correlated(rng, days, rng.uniform(15, 150))
    return np.asarray(np.sqrt(1 - share) * white(rng, days) + np.sqrt(share) * related, dtype=np.float64)


def drifting(rng: Rng, days: Float64) -> Float64:
    """Draw noise of equal parts white and flicker, the latter made day by day by a fractional filter (Hosking 1981)."""
    lags = np.arange(1, 2 * int(days[-1]))
    weights = np.concatenate([[1.0], np.cumprod((lags - 0.5) / lags)])
    length = 2 * weights.size
    spectrum = np.fft.rfft(weights, length) * np.fft.rfft(rng.standard_normal(weights.size), length)
    flicker = np.fft.irfft(spectrum, length)[weights.size - int(days[-1]) - 1 : weights.size]
    flicker = (flicker - flicker.mean()) / flicker.std()
    return np.asarray(np.sqrt(0.5) * (white(rng, days) + flicker[days.astype(int)]), dtype=np.float64)


def seasonal(rng: Rng, days: Float64) -> Float64:
    """Draw yearly and half-yearly waves of varying amplitude, and noise that is stronger in one season."""
    years = days / DAYS_PER_YEAR
    heights = rng.normal(1, 0.25, int(YEARS) + 2)
    wave = np.sin(2 * np.pi * (years - rng.random())) + 0.3 * np.sin(4 * np.pi * (years - rng.random()))
    noisier = 1 + 0.5 * np.sin(2 * np.pi * (years - rng.random()))
    yearly = rng.uniform(0.5, 2.5) * np.interp(years, np.arange(heights.size), heights) * wave
    return np.asarray(yearly + noisier * coloured(rng, days), dtype=np.float64)


def heavy(rng: Rng, days: Float64) -> Float64:
    """Draw noise half of which has the tails of Student's t; the other half is Gaussian and correlated in time."""
    return np.asarray(0.5 * rng.standard_t(3, days.size) + 0.5 * correlated(rng, days, 30.0), dtype=np.float64)


NOISES: dict[str, Noise] = {
    "white": white,
    "coloured": coloured,
    "drifting": drifting,
    "seasonal": seasonal,
    "heavy": heavy,
    "unwrapping": coloured,
    "winter": coloured,
}


def dates(rng: Rng, every: int, winter: bool) -> Float64:
    """Draw days since the first image, up to a tenth of them missing; with `winter`, snow seasons are missing too."""
    days = np.arange(0, YEARS * DAYS_PER_YEAR, every)
    if winter:
        of_year = (days + rng.uniform(0, DAYS_PER_YEAR)) % DAYS_PER_YEAR
        days = days[of_year > rng.uniform(120, 180)]
    days = days[rng.random(days.size) >= rng.uniform(0, 0.1)]
    return np.asarray(days - days[0], dtype=np.float64)


def still(rng: Rng, noise: str, every: int) -> SimulatedSeries:
    """Draw a series with a constant rate of up to 15 mm/yr."""
    days = dates(rng, every, winter=noise == "winter")
    values = rng.uniform(*NOISE_MM) * NOISES[noise](rng, days) + rng.uniform(-15, 15) * days / DAYS_PER_YEAR
    if noise == "unwrapping":
        for _ in range(rng.integers(1, 3)):
            values += rng.choice([-1, 1]) * HALF_WAVE_MM * (days >= rng.uniform(0.1, 0.9) * days[-1])
    return SimulatedSeries(days, np.asarray(values, dtype=np.float64))


def changing(rng: Rng, motion: str, noise: str, change_mm_yr: float, every: int) -> SimulatedSeries:
    """Draw one of `MOTIONS`, in noise of 1 to 4 mm; its rate changes by change_mm_yr in the middle three fifths."""
    days = dates(rng, every, winter=False)
    changed = float(rng.uniform(0.2, 0.8) * days[-1])
    before, after = MOTIONS[motion](rng, change_mm_yr)
    years, since = days / DAYS_PER_YEAR, np.maximum(days - changed, 0) / DAYS_PER_YEAR
    sign = rng.choice([-1, 1])
    values = rng.uniform(*NOISE_MM) * NOISES[noise](rng, days) + sign * (before * years + (after - before) * since)
    return SimulatedSeries(days, np.asarray(values, dtype=np.float64), changed)
