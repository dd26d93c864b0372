"""Velocities of a glacier from image pairs: overlapping pairs of 6 and 12 days, missing images, wrong matches.

Results of the tracker are simulated, not images: speeds of cells along a glacier. Errors are in pixels of 10 m, those
of the network at gamma 0.5 to 0.9 (docs/models/offsets.md); the farther the ground moved, the more errors and gaps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.simulation.seeds import log_uniform

Floats = NDArray[np.float64]

POSTING_M = 10.0
CELL_KM2 = 0.05
YEAR_DAYS = 365.25
SHORT_DAYS, LONG_DAYS = 6, 12
NODE_SIGMA_PX = 0.05
OF_THE_WAY = 0.01  # Error by shear and rotation within a cell, as share of the displacement; not part of sigma.
FAR_PX = 36.0  # 30 m/day over 12 days
REACH_M_DAY = 50.0  # Wrong matches lie within this speed.
PEAK_M_DAY = (0.5, 30.0)
FACTOR = (4.0, 60.0)  # Ratio of a surge's speed to quiet flow; in nature it is about ten to a hundred.
QUIET_M_DAY = (0.03, 3.0)
TENTH = 0.1


class GlacierPairs(NamedTuple):
    """Velocities of pairs. start, end: (pairs,), days, by end; east, north, sigma: (pairs, cells), m/day, NaN unknown.

    onset_day, over_day: first and last day on which the surging cells' mean rise in speed exceeds a tenth of its
    maximum, None without a surge; peak_m_day: the highest speed, with or without a surge.
    """

    start_day: Floats
    end_day: Floats
    east_m_day: Floats
    north_m_day: Floats
    sigma_m_day: Floats
    cell_km2: float
    years: float
    onset_day: float | None
    over_day: float | None
    peak_m_day: float


def simulate_glacier_pairs(rng: np.random.Generator, surges: bool) -> GlacierPairs:
    """Simulate a glacier over 4 to 7 years from its motion on each day; a surge peaks at 0.5 to 30 m/day."""
    years = float(rng.uniform(4, 7))
    day = np.arange(0, years * YEAR_DAYS) + 0.5
    cells = int(rng.integers(8, 20))
    peak, factor = log_uniform(rng, *PEAK_M_DAY), log_uniform(rng, *FACTOR)
    base = float(np.clip(peak / factor, 0.02, 2.0)) if surges else log_uniform(rng, *QUIET_M_DAY)
    profile = base * (0.4 + 0.9 * np.sin(np.pi * (np.arange(cells) + 0.5) / cells))
    trend = 1 + rng.normal(0, 0.03) * (day / YEAR_DAYS)
    speed = _season(rng, day)[:, None] * profile * np.maximum(trend, 0.2)[:, None]
    onset = end = None
    if surges:
        shape, where = _surge(rng, day, cells)
        body = shape[:, where >= 0.5].mean(axis=1)
        above = np.flatnonzero(body > TENTH * body.max())
        onset, end = float(day[above[0]]), float(day[above[-1]])
        speed = speed + (peak - base) * shape * where
    return _tracked(rng, speed, years, onset, end)


def _season(rng: np.random.Generator, day: Floats) -> Floats:
    """Return each day's factor on the speed: a yearly wave, and a speed-up in early summer that varies by year."""
    wave = 1 + rng.uniform(0, 0.3) * np.cos(2 * np.pi * (day / YEAR_DAYS - rng.uniform()))
    start, width, height = rng.uniform(150, 190), rng.uniform(10, 35), rng.uniform(0, 0.8)
    for year in range(int(day[-1] / YEAR_DAYS) + 1):
        strength = height * rng.uniform(0.5, 1.5)
        wave += strength * np.exp(-0.5 * ((day - year * YEAR_DAYS - start - rng.normal(0, 10)) / width) ** 2)
    return np.asarray(wave)


def _surge(rng: np.random.Generator, day: Floats, cells: int) -> tuple[Floats, Floats]:
    """Draw a surge: its share (0-1) of the full rise on each day, (days, cells), and each cell's share, (cells,).

    The rise begins later in cells farther from where the surge starts.
    """
    rise, hold, fall = log_uniform(rng, 12, 250), rng.uniform(30, 400), rng.uniform(20, 150)
    begin = rng.uniform(0.75 * YEAR_DAYS, max(day[-1] - rise - hold, YEAR_DAYS))
    middle, reach = rng.uniform(0.2, 0.8) * cells, rng.uniform(6, 16)
    away = np.abs(np.arange(cells) - middle)
    where = np.exp(-0.5 * (np.maximum(away - reach / 2, 0) / 3) ** 2)
    since = day[:, None] - begin - away * rng.uniform(0, 6)
    up, down = np.clip(since / rise, 0, 1), np.clip((since - rise - hold) / fall, 0, 1)
    return up**2 * (3 - 2 * up) * (1 - down), where


def _dates(rng: np.random.Generator, days: int) -> NDArray[np.intp]:
    """Draw days of images: every 12, for up to two years every 6; some are missing, sometimes months of them."""
    dates = np.arange(0, days, SHORT_DAYS)
    first, length = rng.uniform(0, days), rng.uniform(0, 2 * YEAR_DAYS)
    both = (dates >= first) & (dates < first + length)
    kept = ((dates % LONG_DAYS == 0) | both) & (rng.random(dates.size) > 0.06)
    if rng.random() < 0.3:
        gap, length = rng.uniform(0, days), rng.uniform(30, 120)
        kept &= (dates < gap) | (dates > gap + length)
    return np.asarray(dates[kept])


def _tracked(
    rng: np.random.Generator, speed: Floats, years: float, onset: float | None, end: float | None
) -> GlacierPairs:
    """Return each pair's mean velocity as a tracker measures it: noise, errors of whole pairs, wrong matches, gaps."""
    way = np.vstack([np.zeros(speed.shape[1]), np.cumsum(speed, axis=0)])
    dates = _dates(rng, speed.shape[0])
    spans = [(a, b) for b in dates for a in (b - LONG_DAYS, b - SHORT_DAYS) if a in dates]
    first, last = (np.array(part) for part in zip(*spans, strict=True))
    days = (last - first)[:, None].astype(float)
    truth = (way[last] - way[first]) / days
    shape = truth.shape
    sigma = NODE_SIGMA_PX * np.exp(rng.normal(0, 0.5, (days.size, 1)) + rng.normal(0, 0.2, shape)) * POSTING_M / days
    direction = rng.uniform(0, 2 * np.pi)
    parts = []
    for share in (np.sin(direction), np.cos(direction)):
        of_pair = rng.normal(0, 0.3, (days.size, 1)) * NODE_SIGMA_PX * POSTING_M / days
        parts.append(truth * share + of_pair + np.hypot(sigma, OF_THE_WAY * truth) * rng.normal(size=shape))
    wrong = _wrong(rng, shape)
    east, north = (np.where(np.isfinite(bad), bad, part) for part, bad in zip(parts, wrong, strict=True))
    far = np.minimum(truth * days / POSTING_M / FAR_PX, 1.5)
    melt = rng.uniform(0, 0.5) * np.exp(-0.5 * (((last[:, None] % YEAR_DAYS) - 200) / 30) ** 2)
    lost = (rng.random(shape) < 0.05 + melt + 0.15 * far) | (rng.random((days.size, 1)) < 0.08)
    east, north = (np.where(lost, np.nan, part) for part in (east, north))
    stated_sigma = sigma * np.exp(rng.normal(0, 0.2, (days.size, 1)))
    return GlacierPairs(
        first.astype(float),
        last.astype(float),
        east,
        north,
        stated_sigma,
        CELL_KM2,
        years,
        onset,
        end,
        float(speed.max()),
    )


def _wrong(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Draw the velocities (east, north) of wrong matches, m/day, (pairs, cells) each; NaN in all other cells.

    They are single cells; in a hundredth of the pairs also a third of the glacier, with one velocity.
    """
    pairs, cells = shape
    single = rng.random(shape) < 0.01
    east, north = (np.where(single, rng.normal(0, 2.5, shape), np.nan) for _ in range(2))
    for pair in np.flatnonzero(rng.random(pairs) < 0.01):
        at = int(rng.integers(cells))
        length, angle = REACH_M_DAY * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        east[pair, at : at + cells // 3] = length * np.sin(angle)
        north[pair, at : at + cells // 3] = length * np.cos(angle)
    return east, north
