"""Velocity series of many glaciers with seasons, trends, noise, gaps and, in some, a surge.

Simulated where the tracker ends: speeds of cells of CELL_KM2 along a glacier from 12-day pairs, with its error.
At gamma 0.7 whitened correlation of 10 m images is off by 0.07 px a node (docs/models/offsets.md), 0.06 m/day over 12
days; a cell of 0.05 km2 holds eight nodes whose windows overlap, so nothing is taken off for the mean of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REPEAT_DAYS = 12.0
CELL_KM2 = 0.05
NODE_SIGMA_M_DAY = 0.06
YEAR_DAYS = 365.25
LEAST_RISE_M_DAY = 0.5


class GlacierSeries(NamedTuple):
    """day: (pairs,), middles; speed, sigma: (pairs, cells), m/day, NaN unknown. onset_day: of the surge, or None.

    onset: the day from which a tenth of the whole rise is reached; end_day: when it is last above a tenth.
    usual_m_day, rise_m_day: (pairs, cells), the truth without the surge, and what the surge adds.
    """

    day: Floats
    speed_m_day: Floats
    sigma_m_day: Floats
    cell_km2: float
    years: float
    onset_day: float | None
    end_day: float | None
    usual_m_day: Floats
    rise_m_day: Floats


def simulate_glacier(rng: np.random.Generator, surges: bool) -> GlacierSeries:
    """One glacier over 4 to 8 years. A surge at least doubles the speed and adds at least LEAST_RISE_M_DAY."""
    years = float(rng.uniform(4, 8))
    day = np.arange(0, years * YEAR_DAYS, REPEAT_DAYS) + REPEAT_DAYS / 2
    cells = int(rng.integers(10, 40))
    base = float(np.exp(rng.uniform(np.log(0.03), np.log(1.5))))
    profile = base * (0.4 + 0.9 * np.sin(np.pi * (np.arange(cells) + 0.5) / cells))
    usual = season(rng, day)[:, None] * profile * (1 + rng.normal(0, 0.02) * (day / YEAR_DAYS))[:, None]
    added = np.zeros_like(usual)
    onset = end = None
    if surges:
        rise = max(LEAST_RISE_M_DAY, base) * float(np.exp(rng.uniform(0, np.log(12))))
        shape, onset, end = _surge(rng, day)
        middle, reach = rng.uniform(0.2, 0.8) * cells, rng.uniform(6, 20)
        where = np.exp(-0.5 * (np.maximum(np.abs(np.arange(cells) - middle) - reach / 2, 0) / 3) ** 2)
        added = rise * shape[:, None] * where
    speed, sigma = _tracked(rng, day, usual + added)
    return GlacierSeries(day, speed, sigma, CELL_KM2, years, onset, end, usual, added)


def season(rng: np.random.Generator, day: Floats) -> Floats:
    """Factor of every day: a yearly wave, and a speed-up in early summer whose height differs from year to year."""
    wave = 1 + rng.uniform(0, 0.3) * np.cos(2 * np.pi * (day / YEAR_DAYS - rng.uniform()))
    start, width, height = rng.uniform(150, 190), rng.uniform(10, 35), rng.uniform(0, 0.8)
    for year in range(int(day[-1] / YEAR_DAYS) + 1):
        strength = height * rng.uniform(0.5, 1.5)
        wave += strength * np.exp(-0.5 * ((day - year * YEAR_DAYS - start - rng.normal(0, 10)) / width) ** 2)
    return np.asarray(wave)


def _surge(rng: np.random.Generator, day: Floats) -> tuple[Floats, float, float]:
    """Share of the rise on every day, 0-1, and the days on which it first and last exceeds a tenth."""
    rise, hold, fall = rng.uniform(24, 250), rng.uniform(30, 500), rng.uniform(20, 150)
    begin = rng.uniform(0.5 * YEAR_DAYS, max(day[-1] - rise - hold, YEAR_DAYS))
    up = np.clip((day - begin) / rise, 0, 1) ** 2 * (3 - 2 * np.clip((day - begin) / rise, 0, 1))
    down = np.clip((day - begin - rise - hold) / fall, 0, 1)
    fine = np.linspace(0, 1, 1001)
    tenth = float(np.interp(0.1, fine**2 * (3 - 2 * fine), fine))
    return up * (1 - down), float(begin + tenth * rise), float(begin + rise + hold + 0.9 * fall)


def _tracked(rng: np.random.Generator, day: Floats, speed: Floats) -> tuple[Floats, Floats]:
    """What the tracker sees of it: noise, an error of the whole pair, outliers, cells and pairs that are missing."""
    noise = NODE_SIGMA_M_DAY * float(np.exp(rng.normal(0, 0.3))) * np.exp(rng.normal(0, 0.3, (day.size, 1)))
    sigma = np.broadcast_to(noise, speed.shape)
    of_pair = rng.normal(0, 0.3 * NODE_SIGMA_M_DAY, (day.size, 1))
    vector = speed + of_pair + sigma * rng.normal(size=speed.shape), sigma * rng.normal(size=speed.shape)
    seen = np.hypot(*vector)
    wild = rng.random(speed.shape) < 0.01
    seen = np.where(wild, np.abs(rng.normal(0, 2.5, speed.shape)), seen)
    melt = 0.05 + rng.uniform(0, 0.5) * np.exp(-0.5 * (((day % YEAR_DAYS) - 200) / 30) ** 2)
    lost = (rng.random(speed.shape) < melt[:, None]) | (rng.random((day.size, 1)) < 0.08)
    return np.where(lost, np.nan, seen), np.array(sigma)
