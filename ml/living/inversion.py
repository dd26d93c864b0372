"""Sequential least squares over a network of interferograms, with bounded memory.

The state holds the deviation of each point from its forecast on the last few dates, with their covariance. A new date
is added with the interferograms that end on it; the oldest date leaves the state, whose other dates keep what was
learned from it (marginalisation). So every date is estimated from all interferograms so far, and a date costs the same
however long the series has grown. For sequential estimation of series: Jolivet and Simons 2018,
doi 10.1002/2017GL076533; Wang et al. 2022 (sequential least squares), both for complete networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import numpy as np

from ml.deformation.series.regression import DAYS_PER_YEAR, Float32
from ml.living.drift import drift_mm2_per_year
from ml.living.forecast import Forecast, forecast
from ml.living.screening import Ground, screen

ACTIVE_DATES = 5  # kept in the state: interferograms reach back so many dates at most
MAX_STEP_SHARE = 0.5  # of half a wave: prior standard deviation of the motion between two passes
SURELY = 3.0  # standard deviations beyond which a point has surely left its forecast
MAX_SIGMA_SHARE = 0.45  # of the same: a date known no better than this is unknown


class Interferogram(NamedTuple):
    """Change of each point between two dates by unwrapped phase.

    Attributes:
        earlier: Day of the reference image; the secondary image is of the new date.
        change_mm: (points,), along the line of sight, positive toward the satellite; NaN where nothing was measured.
        sigma_mm: (points,), standard deviation by decorrelation.
    """

    earlier: date
    change_mm: Float32
    sigma_mm: Float32


class NewDate(NamedTuple):
    """Provisional values of one date.

    Attributes:
        day: The date.
        displacement_mm: (points,), continues the release; NaN where it is unknown.
        sigma_mm: (points,), standard deviation; it grows with the number of dates since the release.
        deviation_mm: (points,), displacement less forecast.
        delay_sigma_mm: Standard deviation of the delay that screening left, the same for all points.
        undone: Number of values from which whole cycles were taken.
    """

    day: date
    displacement_mm: Float32
    sigma_mm: Float32
    deviation_mm: Float32
    delay_sigma_mm: float
    undone: int


@dataclass(frozen=True)
class LivingState:
    """What is kept between two passes.

    Attributes:
        ground: Places of the points.
        forecast: Of the release.
        half_wave_mm: Motion of one cycle.
        released: Last day of the release.
        drift_mm2_yr: Variance, mm² a year, by which what neighbourhoods share leaves the forecast unseen.
        anchor_mm: (points,), mean deviation at the end of the release, to which new dates are referenced.
        days: Active dates, ascending, at most ACTIVE_DATES.
        deviation_mm: (points, days), displacement less forecast.
        covariance: (points, days, days), mm².
    """

    ground: Ground
    forecast: Forecast
    half_wave_mm: float
    released: date
    drift_mm2_yr: float
    anchor_mm: Float32
    days: tuple[date, ...]
    deviation_mm: Float32
    covariance: Float32


def begin(ground: Ground, dates: Sequence[date], displacement_mm: Float32, half_wave_mm: float) -> LivingState:
    """Begin at a release: its last dates are taken as known.

    Args:
        ground: Places of the points.
        dates: Of the release, ascending.
        displacement_mm: (points, dates), mm, NaN where missing.
        half_wave_mm: Motion along the line of sight of one cycle of phase.
    """
    curve = forecast(dates, displacement_mm)
    last = tuple(dates[-ACTIVE_DATES:])
    expected = np.column_stack([curve.on(day) for day in last])
    deviation = displacement_mm[:, -len(last) :] - expected
    known = np.isfinite(deviation)
    covariance = np.zeros((*deviation.shape, len(last)), dtype=np.float32)
    every = np.arange(len(last))
    covariance[:, every, every] = np.where(known, 0.0, half_wave_mm**2)
    deviation = np.where(known, deviation, 0.0).astype(np.float32)
    anchor = (deviation.sum(axis=1) / np.maximum(known.sum(axis=1), 1)).astype(np.float32)
    drift = drift_mm2_per_year(ground, dates, displacement_mm)
    return LivingState(ground, curve, half_wave_mm, dates[-1], drift, anchor, last, deviation, covariance)


def extend(state: LivingState, day: date, interferograms: Sequence[Interferogram]) -> tuple[LivingState, NewDate]:
    """Add one date by the interferograms that end on it and begin on an active date; others are left out.

    Raises ValueError if the day is not after the active dates.
    """
    if day <= state.days[-1]:
        raise ValueError(f"{day} is not after {state.days[-1]}")
    used = [one for one in interferograms if one.earlier in state.days]
    reference = _reference(state)
    position = _positions(state, day, used, reference)
    undone = _undo_cycles(position, state.deviation_mm[:, -1], state.half_wave_mm)
    deviation, covariance = _with_prior(state)
    for pair, measured in zip(used, position.T, strict=True):
        earlier = state.days.index(pair.earlier)
        _update(deviation, covariance, earlier, measured - state.deviation_mm[:, earlier], pair.sigma_mm)
    variance = covariance[:, -1, -1]
    delay_sigma = screen(state.ground, deviation[:, -1] - reference).left_sigma_mm
    shared = delay_sigma**2 + state.drift_mm2_yr * (day - state.released).days / DAYS_PER_YEAR
    known = variance <= (MAX_SIGMA_SHARE * state.half_wave_mm) ** 2
    displacement = np.where(known, state.forecast.on(day) + deviation[:, -1], np.nan).astype(np.float32)
    new = NewDate(
        day,
        displacement,
        np.sqrt(variance + shared),
        np.where(known, deviation[:, -1], np.nan).astype(np.float32),
        delay_sigma,
        undone,
    )
    keep = slice(-ACTIVE_DATES, None)
    days = (*state.days, day)[keep]
    return replace(state, days=days, deviation_mm=deviation[:, keep], covariance=covariance[:, keep, keep]), new


def _reference(state: LivingState) -> Float32:
    """Return the deviation that is expected of each point, (points,), mm: that of the release, or the last if it moved.

    Points at rest do not hand on the errors of the last date, which would add up.
    """
    moved = state.deviation_mm[:, -1] - state.anchor_mm
    surely = np.abs(moved) > SURELY * np.sqrt(
        state.covariance[:, -1, -1] + screen(state.ground, moved).left_sigma_mm ** 2
    )
    return np.asarray(state.anchor_mm + np.where(surely, moved, 0), dtype=np.float32)


def _positions(state: LivingState, day: date, pairs: Sequence[Interferogram], reference: Float32) -> Float32:
    """Return the new deviation that each pair measures, screened, (points, pairs), mm."""
    positions = np.empty((len(state.deviation_mm), len(pairs)), dtype=np.float32)
    expected_now = state.forecast.on(day)
    for column, pair in enumerate(pairs):
        expected = expected_now - state.forecast.on(pair.earlier)
        measured = pair.change_mm - expected + state.deviation_mm[:, state.days.index(pair.earlier)]
        positions[:, column] = measured - screen(state.ground, measured - reference).shared_mm
    return positions


def _undo_cycles(position: Float32, last_mm: Float32, half_wave_mm: float) -> int:
    """Take whole cycles from the pairs that contradict the others (closure); return the number of values changed.

    Of an even number of pairs that contradict each other, the one that is nearer to the last deviation is believed.
    What all pairs show is motion, whatever its size.
    """
    if not position.shape[1]:
        return 0
    away = np.where(np.isfinite(position), np.abs(position - last_mm[:, None]), np.inf)
    nearest = np.take_along_axis(position, away.argmin(axis=1)[:, None], axis=1)
    cycles = np.nan_to_num(np.rint((position - nearest) / half_wave_mm))
    far = cycles != 0
    known = np.isfinite(position).sum(axis=1)
    moved = (2 * far.sum(axis=1) > known)[:, None]  # Most pairs agree elsewhere: the nearest one is wrong.
    base = np.where(moved, _median_of_far(cycles, far), 0)
    position -= (cycles - base) * half_wave_mm
    return int(np.count_nonzero(cycles != base))


def _median_of_far(cycles: Float32, far: np.ndarray) -> Float32:
    count = np.maximum(far.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.rint(np.where(far, cycles, 0).sum(axis=1, keepdims=True) / count), dtype=np.float32)


def _with_prior(state: LivingState) -> tuple[Float32, Float32]:
    """Return deviations and covariances with a last date more, about which only the largest step is known."""
    points, dates = state.deviation_mm.shape
    deviation = np.concatenate([state.deviation_mm, state.deviation_mm[:, -1:]], axis=1)
    covariance = np.empty((points, dates + 1, dates + 1), dtype=np.float32)
    covariance[:, :dates, :dates] = state.covariance
    covariance[:, dates, :dates] = covariance[:, :dates, dates] = state.covariance[:, -1]
    covariance[:, dates, dates] = state.covariance[:, -1, -1] + (MAX_STEP_SHARE * state.half_wave_mm) ** 2
    return deviation, covariance


def _update(deviation: Float32, covariance: Float32, earlier: int, change_mm: Float32, sigma_mm: Float32) -> None:
    """Update by one pair, in place. change_mm: (points,), of the deviation since the date of index `earlier`."""
    innovation = change_mm - (deviation[:, -1] - deviation[:, earlier])
    known = np.isfinite(innovation)
    shared = covariance[:, :, -1] - covariance[:, :, earlier]  # with the change
    variance = shared[:, -1] - shared[:, earlier] + np.where(known, sigma_mm, 1.0) ** 2
    gain = np.where(known, 1 / variance, 0)[:, None] * shared
    deviation += gain * np.where(known, innovation, 0)[:, None]
    covariance -= gain[:, :, None] * shared[:, None, :]
