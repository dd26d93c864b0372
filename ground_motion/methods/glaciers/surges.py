"""Surges in the velocity series of one glacier: speeds far above season and trend, for long, over an area.

A step of the series ("pair" here) stands out if its speed exceeds season and trend by a robust z of 3. A surge is three
such pairs in a row whose mean speed is also at least twice the median and 1.6 times the seasonal speed, with an
increase of at least max(0.2 m/day, 5 sigma), over at least 0.25 km2 of the glacier and for at least 20 days.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from ground_motion.statistics.robust import MAD_TO_SIGMA

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VERSION = "3"  # Raise it when the numbers change.
YEAR_DAYS = 365.25
ROUNDS = 6
ONSET_SHARE = 0.1  # The onset is at this share of the whole rise.
PEAK_PAIRS = 3  # The peak is that of medians of this many pairs.


@dataclass(frozen=True)
class SurgeRule:
    """Thresholds that define a surge: durations in pairs and days, speeds in m/day, areas in km2."""

    z: float = 3.0
    pairs: int = 3
    least_days: float = 20.0  # The first and last pair have middles this far apart, as overlapping pairs share errors.
    times_median: float = 2.0
    times_season: float = 1.6  # The speed is so many times that by season and trend.
    least_increase_m_day: float = 0.2
    sigmas: float = 5.0
    least_km2: float = 0.25
    gap_pairs: int = 3  # This many quieter pairs do not end a surge.


class Moment(NamedTuple):
    """A day, on the time scale of the series, and its standard deviation, days."""

    day: float
    sigma_days: float


class Surge(NamedTuple):
    """Surge of a glacier. "Rise" is the excess of the speed over season and trend.

    onset, end: days on which the rise passes a tenth of its height; end: None if it is not over in the last known pair.

    peak_m_day: highest median speed of the surging cells (median of three pairs), and its standard deviation;
    usual_m_day: their speed then without the surge; cells: (cells,), whether a cell surges at any time; first, last:
    indices of the first and last pair in which enough cells surge.
    """

    onset: Moment
    peak: Moment
    end: Moment | None
    peak_m_day: float
    peak_sigma_m_day: float
    usual_m_day: float
    cells: Bools
    first: int
    last: int


def surges(
    day: Floats, speed_m_day: Floats, sigma_m_day: Floats, cell_km2: float, rule: SurgeRule | None = None
) -> tuple[Surge, ...]:
    """Find the surges of a glacier.

    day: (pairs,), middles, ascending; speed, sigma: (pairs, cells), NaN unknown. ValueError for other lengths.
    """
    rule = rule or SurgeRule()
    if speed_m_day.shape != sigma_m_day.shape or speed_m_day.shape[0] != day.size:
        raise ValueError(f"{day.size} dates, speeds {speed_m_day.shape} and sigmas {sigma_m_day.shape} do not fit")
    if day.size <= rule.pairs:
        return ()
    usual, spread = season_and_trend(day, speed_m_day, sigma_m_day)
    cells = _surging(day, speed_m_day, sigma_m_day, usual, spread, rule)
    surging = cells.sum(axis=1) * cell_km2 >= rule.least_km2
    return tuple(
        _describe(day, speed_m_day, sigma_m_day, usual, cells, stretch)
        for stretch in _stretches(surging, rule.gap_pairs)
    )


def _surging(day: Floats, speed: Floats, sigma: Floats, usual: Floats, spread: Floats, rule: SurgeRule) -> Bools:
    """Return which pairs are part of a surge, (pairs, cells).

    They lie in windows of `rule.pairs` known pairs, each far above its season, whose mean is fast and much faster than
    usual, provided that such windows last long enough. Pairs without a value are skipped.
    """
    kept = np.zeros(speed.shape, dtype=bool)
    middle = _median(speed)
    with np.errstate(invalid="ignore"):
        stands_out = speed - usual >= rule.z * np.hypot(sigma, spread)
    for cell in np.flatnonzero(stands_out.sum(axis=0) >= rule.pairs):
        known = np.flatnonzero(np.isfinite(speed[:, cell]))
        speeds, normal, errors = (sliding_window_view(part[known, cell], rule.pairs) for part in (speed, usual, sigma))
        fast, season = speeds.mean(axis=1), normal.mean(axis=1)
        error = np.sqrt((errors**2).sum(axis=1)) / rule.pairs
        strong = fast >= np.maximum(rule.times_median * middle[cell], rule.times_season * season)
        strong &= fast - season >= np.maximum(rule.least_increase_m_day, rule.sigmas * error)
        for first in np.flatnonzero(sliding_window_view(stands_out[known, cell], rule.pairs).all(axis=1) & strong):
            kept[known[first : first + rule.pairs], cell] = True
        for begin, end in _stretches(kept[known, cell], 0):
            if day[known[end]] - day[known[begin]] < rule.least_days:
                kept[known[begin : end + 1], cell] = False
    return kept


def _describe(
    day: Floats, speed: Floats, sigma: Floats, usual: Floats, cells: Bools, stretch: tuple[int, int]
) -> Surge:
    first, last = stretch
    body = np.asarray(cells[first : last + 1].any(axis=0))
    known = np.isfinite(speed[:, body]) & np.isfinite(usual[:, body])
    n = known.sum(axis=1)
    seen = n >= max(1, body.sum() // 4)  # A pair that covers only a corner shows too little of the glacier.

    def middle(values: Floats) -> Floats:
        return _median(np.where(known, values[:, body], np.nan)[seen].T)

    rise, normal, noise = middle(speed - usual), middle(usual), middle(sigma)
    at = np.flatnonzero(seen)
    inside = np.flatnonzero((at >= first) & (at <= last))
    days = day[seen]
    lasting = median_filter(rise, PEAK_PAIRS, mode="nearest")  # One wrong pair is no peak.
    peak = int(inside[np.argmax(lasting[inside])])
    near = inside[lasting[inside] >= lasting[peak] - noise[peak]]
    low = max(ONSET_SHARE * float(lasting[peak]), float(noise[peak]))
    width = max(float(np.ptp(days[near])) / 2, _spacing(days, peak) / 2)
    return Surge(
        _crossing(days, rise, low, noise, peak, -1) or Moment(float(days[0]), float(days[peak] - days[0])),
        Moment(float(days[peak]), width),
        _crossing(days, rise, low, noise, peak, 1),
        float(lasting[peak] + normal[peak]),
        float(noise[peak]),
        float(normal[peak]),
        body,
        first,
        last,
    )


def _spacing(days: Floats, at: int) -> float:
    """Return the distance in days to the closer of a pair's two neighbours."""
    return float(np.abs(np.delete(days, at) - days[at]).min()) if days.size > 1 else 0.0


def _crossing(days: Floats, rise: Floats, low: float, noise: Floats, peak: int, step: int) -> Moment | None:
    """Return when the rise crosses `low` before (step -1) or after (step 1) `peak`; None if it never does.

    The rise is interpolated linearly between pairs. Its error combines noise over slope and the error of interpolation.
    """
    at = peak
    while 0 <= at + step < days.size:
        if rise[at + step] < low:
            slope = (rise[at] - rise[at + step]) / (days[at] - days[at + step])
            day = float(days[at + step] + (low - rise[at + step]) / slope)
            gap = abs(float(days[at] - days[at + step]))
            return Moment(day, float(np.hypot(noise[at + step] / abs(slope), gap / np.sqrt(12))))
        at += step
    return None


def season_and_trend(day: Floats, speed: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Fit the speed of each cell without a surge, (pairs, cells), and the robust spread around it, (cells,).

    Terms: level, trend and two harmonics of a year (no harmonics below two years of data, no trend below one). Tukey's
    weights start at the median, so that surges do not affect the fit. NaN for a cell with too few pairs.
    """
    design = _design(day)
    freedom = design.shape[1]
    known = np.isfinite(speed)
    fitted = known.sum(axis=0) > freedom + 2
    usual, spread = np.full(speed.shape, np.nan), np.full(speed.shape[1], np.nan)
    if not fitted.any():
        return usual, spread
    values, known = np.where(known, speed, np.nan)[:, fitted], known[:, fitted]
    floor = _median(np.where(known, sigma[:, fitted], np.nan))
    fit = np.broadcast_to(_median(values), values.shape)
    # A ridge on all terms except the level keeps harmonics from diverging in gaps.
    ridge = np.diag([0.0, *([1e-2] * (freedom - 1))])
    squares = (design[:, :, None] * design[:, None, :]).reshape(day.size, -1)
    for _ in range(ROUNDS):
        scale = np.maximum(floor, MAD_TO_SIGMA * _median(np.abs(values - fit)))
        off = np.where(known, (values - fit) / (4.0 * scale), np.inf)
        weight = np.where(np.abs(off) < 1, (1 - np.minimum(np.abs(off), 1) ** 2) ** 2, 0.0) + 1e-4 * known
        normal = (weight.T @ squares).reshape(-1, freedom, freedom) + weight.sum(axis=0)[:, None, None] * ridge
        right = (weight * np.where(known, values, 0.0)).T @ design
        fit = design @ np.linalg.solve(normal, right[..., None])[..., 0].T
    usual[:, fitted] = fit
    spread[fitted] = np.maximum(floor, MAD_TO_SIGMA * _median(np.abs(values - fit)))
    return usual, spread


def _design(day: Floats) -> Floats:
    years = (day - day.mean()) / YEAR_DAYS
    span = float(np.ptp(years))
    columns = [np.ones_like(years)]
    if span >= 1:
        columns.append(years)
    if span >= 2:
        columns += [wave(2 * np.pi * n * years) for n in (1, 2) for wave in (np.cos, np.sin)]
    return np.column_stack(columns)


def _median(values: Floats) -> Floats:
    """Return the median of the known values in each column, (cells,); NaN for a column without any."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    n = np.isfinite(values).sum(axis=0)
    cols = np.arange(values.shape[1])
    low, high = ordered[np.maximum(n - 1, 0) // 2, cols], ordered[np.minimum(n // 2, values.shape[0] - 1), cols]
    return np.asarray(np.where(n > 0, (low + high) / 2, np.nan))


def _stretches(flags: Bools, gap: int) -> list[tuple[int, int]]:
    """Return (first, last) index of each run of True; runs with at most `gap` False between them are joined."""
    at = np.flatnonzero(flags)
    if not at.size:
        return []
    breaks = np.flatnonzero(np.diff(at) > gap + 1)
    firsts, lasts = at[np.r_[0, breaks + 1]], at[np.r_[breaks, at.size - 1]]
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]
