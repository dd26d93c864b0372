"""Glacier surges in the velocity series of one glacier: far above its season and trend, for long, over an area.

A pair counts where the robust z of the speed, seasons and trend removed, is at least 3; a surge is three such pairs in
a row in which the speed is also at least twice its median and the increase at least max(0.2 m/day, 5 sigma), over at
least 0.25 km2 of the glacier.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.robust import MAD_TO_SIGMA

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

METHODS = ("surge-rule",)
VERSIONS = {"surge-rule": "1"}  # raise when the numbers change
YEAR_DAYS = 365.25
ROUNDS = 6


@dataclass(frozen=True)
class SurgeRule:
    """The thresholds. Lengths in pairs, speeds in m/day, areas in km2."""

    z: float = 3.0
    pairs: int = 3
    times_median: float = 2.0
    least_increase_m_day: float = 0.2
    sigmas: float = 5.0
    least_km2: float = 0.25
    gap_pairs: int = 3  # quieter pairs that do not end a surge


class Surge(NamedTuple):
    """Days on the series' own scale; peak_m_day: the speed at the peak, mean of the cells that surge."""

    onset_day: float
    peak_day: float
    end_day: float
    peak_m_day: float


def surges(
    day: Floats, speed_m_day: Floats, sigma_m_day: Floats, cell_km2: float, rule: SurgeRule | None = None
) -> tuple[Surge, ...]:
    """Find the surges of a glacier.

    day: (pairs,), the middle of each pair, rising; speed, sigma: (pairs, cells), NaN unknown; cell_km2: of one cell.
    ValueError where a series is not as long as its dates.
    """
    rule = rule or SurgeRule()
    if speed_m_day.shape != sigma_m_day.shape or speed_m_day.shape[0] != day.size:
        raise ValueError(f"{day.size} dates, speeds {speed_m_day.shape} and sigmas {sigma_m_day.shape} do not fit")
    if day.size <= rule.pairs:
        return ()
    stands_out, strong = _flags(day, speed_m_day, sigma_m_day, rule)
    cells = _in_a_row(stands_out & strong, np.isfinite(speed_m_day), rule.pairs)
    surging = cells.sum(axis=1) * cell_km2 >= rule.least_km2
    found = []
    for first, last in _stretches(surging, rule.gap_pairs):
        inside = np.where(cells[first : last + 1], speed_m_day[first : last + 1], np.nan)
        counts = np.isfinite(inside).sum(axis=1)
        means = np.nansum(inside, axis=1) / np.maximum(counts, 1)
        peak = int(np.argmax(means))
        found.append(Surge(float(day[first]), float(day[first + peak]), float(day[last]), float(means[peak])))
    return tuple(found)


def _flags(day: Floats, speed: Floats, sigma: Floats, rule: SurgeRule) -> tuple[Bools, Bools]:
    """(pairs, cells) twice: whether a speed stands out of its season, and whether it is fast and much faster."""
    usual, spread = season_and_trend(day, speed, sigma)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(speed)
        middle = np.array(
            [np.median(column[ok]) if ok.any() else np.nan for column, ok in zip(speed.T, known.T, strict=True)]
        )
        residual = speed - usual
        z = residual / np.hypot(sigma, spread)
        least = np.maximum(rule.least_increase_m_day, rule.sigmas * sigma)
        strong = (speed >= rule.times_median * middle) & (residual >= least)
        return np.asarray(z >= rule.z), np.asarray(strong)


def season_and_trend(day: Floats, speed: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """What each cell would do without a surge (pairs, cells), and the robust spread around it (cells,).

    Level, trend and two harmonics of a year (without harmonics below two years, without a trend below one), fitted with
    Tukey's weights from the lower half of the speeds on, so that a surge, which only ever adds, does not pull the fit.
    """
    years = (day - day.mean()) / YEAR_DAYS
    span = float(years.max() - years.min())
    columns = [np.ones_like(years)]
    if span >= 1:
        columns.append(years)
    if span >= 2:
        columns += [wave(2 * np.pi * n * years) for n in (1, 2) for wave in (np.cos, np.sin)]
    design = np.column_stack(columns)
    usual, spread = np.full(speed.shape, np.nan), np.full(speed.shape[1], np.nan)
    for cell in range(speed.shape[1]):
        known = np.isfinite(speed[:, cell])
        if known.sum() > design.shape[1] + 2:
            usual[:, cell], spread[cell] = _robust_fit(design, speed[:, cell], sigma[:, cell], known)
    return usual, spread


def _robust_fit(design: Floats, speed: Floats, sigma: Floats, known: Bools) -> tuple[Floats, float]:
    inside, values = design[known], speed[known]
    floor = float(np.median(sigma[known]))
    fit = np.asarray(design[known] @ np.zeros(design.shape[1]) + np.median(values))
    scale = max(floor, MAD_TO_SIGMA * float(np.median(np.abs(values - fit))))
    coefficients: Any = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        off = (values - fit) / (4.0 * scale)
        weight = np.where(np.abs(off) < 1, (1 - off**2) ** 2, 0.0) + 1e-4
        # A ridge on all but the level keeps harmonics from running away through gaps.
        ridge = np.diag([0.0, *([1e-2 * weight.sum()] * (design.shape[1] - 1))])
        coefficients = np.linalg.solve((inside.T * weight) @ inside + ridge, (inside.T * weight) @ values)
        fit = np.asarray(inside @ coefficients).ravel()
        scale = max(floor, MAD_TO_SIGMA * float(np.median(np.abs(values - fit))))
    return np.asarray(design @ coefficients), scale


def _in_a_row(flags: Bools, known: Bools, least: int) -> Bools:
    """Keep flags (pairs, cells) that stand with at least so many others in a row; unknown pairs are skipped."""
    kept = np.zeros_like(flags)
    for cell in range(flags.shape[1]):
        at = np.flatnonzero(known[:, cell])
        for first, last in _stretches(flags[at, cell], 0):
            if last - first + 1 >= least:
                kept[at[first : last + 1], cell] = True
    return kept


def _stretches(flags: Bools, gap: int) -> list[tuple[int, int]]:
    """First and last index of every stretch of True; stretches with no more than gap False between them are one."""
    at = np.flatnonzero(flags)
    if not at.size:
        return []
    breaks = np.flatnonzero(np.diff(at) > gap + 1)
    firsts, lasts = at[np.r_[0, breaks + 1]], at[np.r_[breaks, at.size - 1]]
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]
