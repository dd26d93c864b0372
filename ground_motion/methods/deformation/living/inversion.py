"""Living series of a release: one date more for each pass, by sequential least squares with bounded memory.

A network of interferograms is inverted as it grows. The state holds where each point seems to be on the last few dates,
delay included, relative to its forecast, with covariances. A new date is added with the interferograms that end on it;
the oldest leaves the state, whose other dates keep what was learned from it (marginalisation). So each date is
estimated from all interferograms so far, and costs the same however long the series has grown. Delay is screened once
for each date, after the inversion: closed loops of interferograms hold no delay, so that they show unwrapping errors.

What is left of a date is drift + usual scatter of the point around its curve + delay that screening left. A release
would show the first two, so these are estimated, by a random walk. How fast ground drifts, the release tells.

Sequential estimation of series: Jolivet and Simons 2018, doi 10.1002/2017GL076533.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.living.drift import Drift, learn_drift
from ground_motion.methods.deformation.living.forecast import Forecast, forecast
from ground_motion.methods.deformation.living.screening import Ground, levelled, screen
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, Float32
from ground_motion.statistics.robust import median_of_known

MAX_SAMPLED = 20_000  # This many points of a release are enough to learn its drift.
ACTIVE_DATES = 5  # The state keeps this many dates, because no interferogram reaches back further.
ANCHOR_FADES = timedelta(days=90)  # What neighbourhoods deviated at the end of the release fades at this rate.
MAX_DELAY_MM = 100.0  # Prior standard deviation of the delay on a new date.
SURELY = 3.0  # standard deviations beyond which a point has surely left its forecast
MOVING_MM2_YR = 200.0  # variance by which such ground drifts further in a year
MIN_DELAY_MM = 0.3
SURE_CYCLE = 0.25  # Whole cycles are undone only if what is left is at most this share of one.


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
        displacement_mm: (points,), continues the release; NaN where nothing was measured.
        sigma_mm: (points,), standard deviation; it grows with the number of dates since the release.
        deviation_mm: (points,), screened position less forecast: what changes are sought in.
        delay_sigma_mm: Usual standard deviation of the delay that screening left.
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
        drift: How fast ground leaves its forecast.
        anchor_mm: (points,), mean deviation at the end of the release, to which the first new dates are referenced.
        days: Active dates, ascending, at most ACTIVE_DATES.
        position_mm: (points, days), seeming position less forecast, delay included.
        covariance: (points, days, days), mm², of decorrelation noise.
        drift_mm, drift_variance: (points,), mm and mm²: drift from the forecast on the last day.
        seam_variance: (points,), mm²: of the delay of the release's last dates, which all new dates inherit.
        anchor: (points,), the same number for points that are tied to the same date; 0: to the release.
        cycles: (points,), cycles by which most pairs of the last date contradicted what was expected.
    """

    ground: Ground
    forecast: Forecast
    half_wave_mm: float
    released: date
    drift: Drift
    anchor_mm: Float32
    days: tuple[date, ...]
    position_mm: Float32
    covariance: Float32
    drift_mm: Float32
    drift_variance: Float32
    seam_variance: Float32
    anchor: NDArray[np.int_]
    cycles: NDArray[np.int16]


def begin(ground: Ground, dates: Sequence[date], blocks: Iterable[Float32], half_wave_mm: float) -> LivingState:
    """Begin at a release: its last dates are taken as known.

    Args:
        ground: Places of the points.
        dates: Of the release, ascending.
        blocks: Displacements of the points, in their order, each (some points, dates), mm, NaN where missing.
        half_wave_mm: Motion along the line of sight of one cycle of phase.
    """
    every_nth = -(-ground.x_m.size // MAX_SAMPLED)
    thinned = Ground(ground.x_m[::every_nth], ground.y_m[::every_nth], ground.height_m[::every_nth])
    days = tuple(dates[-ACTIVE_DATES:])
    curves, last, sampled, start = [], [], [], 0
    for block in blocks:
        curves.append(forecast(dates, block))
        last.append(block[:, -len(days) :] - np.column_stack([curves[-1].on(day) for day in days]))
        sampled.append(block[-start % every_nth :: every_nth].copy())
        start += len(block)
    curve = curves[0]._replace(
        coefficients=np.concatenate([part.coefficients for part in curves]),
        noise_mm=np.concatenate([part.noise_mm for part in curves]),
    )
    position = np.concatenate(last)
    known = np.isfinite(position)
    position = np.where(known, position, 0.0).astype(np.float32)
    count = np.maximum(known.sum(axis=1), 1)
    anchor = (position.sum(axis=1) / count).astype(np.float32)
    unknown = np.where(known, 0.0, half_wave_mm**2).astype(np.float32)
    covariance = unknown[:, None] * np.eye(len(days), dtype=np.float32)
    return LivingState(
        ground=ground,
        forecast=curve,
        half_wave_mm=half_wave_mm,
        released=dates[-1],
        drift=learn_drift(thinned, dates, np.concatenate(sampled), half_wave_mm),
        anchor_mm=anchor,
        days=days,
        position_mm=position,
        covariance=covariance,
        drift_mm=anchor,
        drift_variance=(curve.noise_mm**2 / count).astype(np.float32),
        seam_variance=np.zeros_like(anchor),
        anchor=np.zeros(anchor.shape, dtype=int),
        cycles=np.zeros(anchor.shape, dtype=np.int16),
    )


def extend(state: LivingState, day: date, interferograms: Sequence[Interferogram]) -> tuple[LivingState, NewDate]:
    """Add one date by the interferograms that end on it and begin on an active date.

    Raises ValueError if the day is not after the active dates, or no interferogram begins on one of them.
    """
    used = [pair for pair in interferograms if pair.earlier in state.days]
    if day <= state.days[-1] or not used:
        raise ValueError(f"no interferogram leads from {state.days[0]} to {state.days[-1]} to {day}")
    moved = np.abs(state.drift_mm) > SURELY * np.sqrt(state.drift_variance)
    growth = np.where(moved, MOVING_MM2_YR, state.drift.local_mm2_yr) * (day - state.days[-1]).days / DAYS_PER_YEAR
    drift_variance = state.drift_variance + growth
    expected = drift_variance + state.forecast.noise_mm**2
    fading = np.exp(-(day - state.released) / ANCHOR_FADES)
    reference = np.where(moved, state.drift_mm, fading * state.anchor_mm)
    seen = _seen_by(state, day, used, reference)
    measured = np.isfinite([pair.change_mm for pair in used]).any(axis=0)
    lost = np.asarray(measured & ~np.isfinite(seen).any(axis=1))
    unexpected = median_of_known(seen.T[:, None])[0] - reference
    for _ in range(2):  # Blocks that lost a cycle distort the first estimate of the delay.
        delay = screen(state.ground, unexpected, float(np.nanmedian(expected)))
        unexpected -= state.half_wave_mm * np.rint((unexpected - delay.shared_mm) / state.half_wave_mm)
    cycles, undone = undo_cycles(seen, delay.shared_mm + state.drift_mm, state.cycles, state.half_wave_mm)
    position, covariance = _with_new_date(state, lost)
    for pair, column in zip(used, seen.T, strict=True):
        earlier = state.days.index(pair.earlier)
        _update(position, covariance, earlier, column - state.position_mm[:, earlier], pair.sigma_mm)
    known = np.isfinite(seen).any(axis=1)
    deviation = np.where(known, position[:, -1] - delay.shared_mm, np.nan).astype(np.float32)
    left = np.maximum(delay.left_sigma_mm, MIN_DELAY_MM) ** 2 + covariance[:, -1, -1]
    # A point inherits the delay of the release's last dates on its own first date, which its burst may have missed.
    seam = np.where(known & (state.seam_variance == 0), left / len(used), state.seam_variance)
    seam = np.where(lost, left + drift_variance, seam)
    left = np.asarray(left + seam, dtype=np.float32)
    innovation = np.where(known, deviation - state.drift_mm, 0.0)
    shown = np.where(known, expected / (expected + left), 0.0)  # Share that a release would show as well.
    gain = np.where(known, drift_variance / (expected + left), 0.0)
    years = (day - state.released).days / DAYS_PER_YEAR
    displacement = np.where(known, state.forecast.on(day) + state.drift_mm + shown * innovation, np.nan)
    sigma = np.sqrt((1 - shown) * expected + state.drift.shared_mm2_yr * years)
    after = replace(
        state,
        days=(*state.days, day)[-ACTIVE_DATES:],
        position_mm=position[:, -ACTIVE_DATES:],
        covariance=covariance[:, -ACTIVE_DATES:, -ACTIVE_DATES:],
        drift_mm=(state.drift_mm + gain * innovation).astype(np.float32),
        drift_variance=((1 - gain) * drift_variance).astype(np.float32),
        seam_variance=np.asarray(seam, dtype=np.float32),
        anchor=np.where(lost, state.anchor.max() + 1, state.anchor),
        cycles=cycles,
    )
    values = (displacement.astype(np.float32), sigma.astype(np.float32), deviation)
    return after, NewDate(day, *values, float(np.median(delay.left_sigma_mm)), undone)


def _seen_by(state: LivingState, day: date, pairs: Sequence[Interferogram], reference: Float32) -> Float32:
    """Return the position on a day that each pair shows, less the forecast, (points, pairs), mm, with the same delay.

    Each pair has its own zero, and may have its own slope: these are set so that most ground is at its reference.
    Where a point was not measured on the pair's earlier date, the value is NaN.
    """
    seen = np.empty((len(state.position_mm), len(pairs)), dtype=np.float32)
    expected = state.forecast.on(day)
    for column, pair in enumerate(pairs):
        at = state.days.index(pair.earlier)
        change = pair.change_mm - expected + state.forecast.on(pair.earlier) + state.position_mm[:, at]
        change[state.covariance[:, at, at] > (state.half_wave_mm / 2) ** 2] = np.nan
        seen[:, column] = levelled(state.ground, change - reference, state.anchor, state.half_wave_mm) + reference
    return seen


def undo_cycles(
    seen: Float32, expected_mm: Float32, before: NDArray[np.int16], half_wave_mm: float
) -> tuple[NDArray[np.int16], int]:
    """Take whole cycles from pairs that contradict what is expected, in place; return cycles and the number of changes.

    All pairs of a date may share an error. A jump that two dates in succession show is motion, whatever its size.
    A contradicting value that is not near a whole number of cycles becomes NaN.

    Args:
        seen: (points, pairs), the same position seen by each pair, mm; NaN where it was not measured.
        expected_mm: (points,), expected position, mm.
        before: (points,), cycles that most pairs of the last date showed.
        half_wave_mm: Motion of one cycle.
    """
    cycles = np.rint((seen - expected_mm[:, None]) / half_wave_mm)
    most = np.rint(median_of_known(cycles.T[:, None])[0])
    moved = np.where(most == before, most, 0)
    wrong = np.nan_to_num(cycles - moved[:, None])
    seen -= wrong * half_wave_mm
    far = np.abs(seen - (expected_mm + moved * half_wave_mm)[:, None]) > SURE_CYCLE * half_wave_mm
    seen[far & (wrong != 0)] = np.nan
    return np.where(np.isfinite(most), most, before).astype(np.int16), int(np.count_nonzero(wrong))


def _with_new_date(state: LivingState, lost: NDArray[np.bool_]) -> tuple[Float32, Float32]:
    """Return positions and covariances with one more date, about which nothing is known.

    lost: (points,), true where no pair leads to a date on which the point was measured. It starts where it drifted.
    """
    points, size = state.position_mm.shape
    position = np.concatenate([state.position_mm, state.position_mm[:, -1:]], axis=1)
    position[lost, -1] = state.drift_mm[lost]
    covariance = np.zeros((points, size + 1, size + 1), dtype=np.float32)
    covariance[:, :size, :size] = state.covariance
    covariance[:, size, size] = np.where(lost, 0, MAX_DELAY_MM**2)
    return position, covariance


def _update(position: Float32, covariance: Float32, earlier: int, change_mm: Float32, sigma_mm: Float32) -> None:
    """Update by one pair, in place.

    Args:
        position: (points, dates); the last is the new date.
        covariance: (points, dates, dates).
        earlier: Index of the earlier date.
        change_mm: (points,), between the two positions; NaN where nothing was measured.
        sigma_mm: (points,), its standard deviation.
    """
    innovation = change_mm - (position[:, -1] - position[:, earlier])
    known = np.isfinite(innovation)
    shared = covariance[:, :, -1] - covariance[:, :, earlier]  # The covariance of each earlier date with the change.
    variance = shared[:, -1] - shared[:, earlier] + np.where(known, sigma_mm, 1.0) ** 2
    gain = np.where(known, 1 / variance, 0)[:, None] * shared
    position += gain * np.where(known, innovation, 0)[:, None]
    covariance -= gain[:, :, None] * shared[:, None, :]
