"""Figures of a glacier's velocity series for pages and alerts, and a test for landslides. Pure functions."""

import datetime as dt
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.glaciers.series import PairVelocities, SpeedSeries, velocity_series
from ground_motion.methods.glaciers.surges import Moment, Surge, SurgeRule, season_and_trend, surges
from ground_motion.methods.offsets.motion import GroundMotion

Floats = NDArray[np.float64]

RULE = SurgeRule()
MIN_STEPS = 8  # Fewer steps do not give a usual speed.
MIN_SHOWN = 0.25  # A mean speed needs this share of the cells.
MOSTLY_ICE = 0.5
STEEP_DEG, DOWNHILL_DEG = 8.0, 60.0
EPOCH = dt.date(1970, 1, 1)


class PairSample(NamedTuple):
    """Sample from one pair: its two days, and the velocities of the glacier's cells."""

    first: dt.date
    last: dt.date
    motion: GroundMotion


class GlacierView(NamedTuple):
    """Series from one track, and the surges found in it. speed, sigma, usual: (steps,), means over all cells."""

    series: SpeedSeries
    speed_m_day: Floats
    sigma_m_day: Floats
    usual_m_day: Floats
    surges: tuple[Surge, ...]


def day_number(day: dt.date) -> float:
    """Return the days since 1970."""
    return float((day - EPOCH).days)


def day_of(number: float) -> dt.date:
    """Return the date of a day number (days since EPOCH)."""
    return EPOCH + dt.timedelta(days=round(number))


def view_of(samples: list[PairSample], cell_km2: float) -> GlacierView:
    """Join samples of pairs to one velocity series and find its surges by RULE. samples: one or more, same cells."""
    stacked = (np.stack([getattr(sample.motion, name) for sample in samples]) for name in GroundMotion._fields)
    first, last = (np.array([day_number(getattr(sample, name)) for sample in samples]) for name in ("first", "last"))
    series = velocity_series(PairVelocities(first, last, *stacked))
    detected = surges(series.day, series.speed_m_day, series.sigma_m_day, cell_km2, RULE) if _enough(series) else ()
    speed, sigma = mean_speed(series, np.ones(series.sigma_m_day.shape[1], dtype=bool))
    usual = season_and_trend(series.day, speed[:, None], sigma[:, None])[0][:, 0]
    return GlacierView(series, speed, sigma, usual, detected)


def _enough(series: SpeedSeries) -> bool:
    return series.day.size >= MIN_STEPS


def mean_speed(series: SpeedSeries, cells: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return cells' mean speed and error, (steps,) m/day, NaN if few are known; cells share the pair's error."""
    speeds, errors = series.speed_m_day[:, cells], series.sigma_m_day[:, cells]
    known = np.isfinite(speeds)
    n = known.sum(axis=1)
    shown = n >= max(1.0, MIN_SHOWN * cells.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [np.where(known, part, 0.0).sum(axis=1) / n for part in (speeds, errors)]
    return np.where(shown, means[0], np.nan), np.where(shown, means[1], np.nan)


def bearing_of(series: SpeedSeries, step: int, cells: NDArray[np.bool_]) -> float:
    """Return the direction in which cells moved in a step, degrees clockwise from true north."""
    known = cells & np.isfinite(series.east_m_day[step])
    east, north = series.east_m_day[step, known].mean(), series.north_m_day[step, known].mean()
    return float(np.degrees(np.arctan2(east, north)) % 360)


def as_json(view: GlacierView, name: str) -> dict[str, Any]:
    """Return a view as it is stored: dates in ISO 8601, speeds in m/day, null for unknown values."""
    steps = range(view.series.day.size)
    return {
        "name": name,
        "start": [day_of(view.series.start_day[n]).isoformat() for n in steps],
        "end": [day_of(view.series.end_day[n]).isoformat() for n in steps],
        "speed_m_day": _numbers(view.speed_m_day),
        "sigma_m_day": _numbers(view.sigma_m_day),
        "usual_m_day": _numbers(view.usual_m_day) if _enough(view.series) else [None for _ in steps],
        "surges": [_surge(view, surge) for surge in view.surges],
    }


def _surge(view: GlacierView, surge: Surge) -> dict[str, Any]:
    speed, sigma = mean_speed(view.series, surge.cells)
    return {
        "onset": _moment(surge.onset),
        "peak": _moment(surge.peak),
        "end": _moment(surge.end) if surge.end else None,
        "peak_m_day": round(surge.peak_m_day, 3),
        "peak_sigma_m_day": round(surge.peak_sigma_m_day, 3),
        "usual_m_day": round(surge.usual_m_day, 3),
        "n_cells": int(surge.cells.sum()),
        "speed_m_day": _numbers(speed),
        "sigma_m_day": _numbers(sigma),
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {"day": day_of(moment.day).isoformat(), "sigma_days": round(moment.sigma_days, 1)}


def _numbers(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 4) for value in values]


def slides(slope_deg: float, aspect_deg: float | None, bearing_deg: float) -> bool:
    """Return whether moving ground is a landslide: it lies on a steep slope and moves down it. Angles in degrees."""
    if not slope_deg >= STEEP_DEG or aspect_deg is None:
        return False
    return abs((bearing_deg - aspect_deg + 180) % 360 - 180) <= DOWNHILL_DEG
