"""Unwrapping errors among steps: whole cycles, half a wavelength of motion each, and nothing else.

Steps count as errors only if all criteria are met (constants below): keeping an error costs a false alarm, but removing
real motion hides a landslide. Unwrapping joins series across gaps (snow) and may be wrong by a cycle from
one season to the next; national services search seasons whose slope differs from the line of all years and whose edge
is a step (NORCE, insar-norway-ml). Least squares of a step at the gap, with line and season, weighs both; the choice
must be clearly better than every other choice of one or two gaps.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, Float32, robust_sigma, widening
from ground_motion.methods.deformation.series.search import PickedSteps, ProjectedSeries

# All steps of a series must meet these limits, in cycles, or none is undone.
# A step may differ from a whole number by this many standard errors, and by cycles between these limits.
WHOLE_SIGMAS, MIN_WHOLE, MAX_WHOLE = 2.5, 0.08, 0.16
# Steps have at most this many cycles, at least this size in standard errors, and at most this standard error.
MAX_CYCLES, MIN_SIGMAS, MAX_ERROR = 3, 6.0, 0.12
# A gap's cycles may differ this much from the jump between means of this many dates on either side.
MAX_JUMP_OFF, JUMP_DATES = 0.3, 5
MAX_SCATTER, MAX_JUMP = 0.25, 0.4  # A series' residuals may scatter, and jump across other gaps, by this many cycles.
GAP_DAYS, TRIMMED = 40, 1  # A gap is longer than this many days; at its edges, this many dates are left out.
MARGIN = 16.0  # A change of rate, or other cycles, must fit worse: squares larger by this many noise variances.
KINKS = 20  # A change of the rate is tried on this many dates.


def whole_cycles(
    series: ProjectedSeries, picked: PickedSteps, days: NDArray[np.integer], half_wave_mm: float
) -> NDArray[np.int8]:
    """Return the cycles to undo at every step (s, most), + where the series jumps up; 0 if any step is in doubt."""
    left = _subtract_steps(series, picked.at, picked.size_mm)
    noise_mm = robust_sigma(left, series.mask) * widening(left, series.mask)
    gaps = _gaps(series.mask, days)
    whole = _look_whole(series, picked, left, noise_mm, gaps, half_wave_mm)
    trusted = (whole | (picked.at == 0)).all(axis=1) & _calm(series, picked, left, gaps, half_wave_mm)
    cycles = np.where(trusted[:, None] & whole, np.rint(picked.size_mm / half_wave_mm), 0).astype(np.int8)
    rows = np.flatnonzero(cycles.any(axis=1))
    some = series.only(rows)
    mended = _subtract_steps(some, picked.at[rows], cycles[rows] * np.float32(half_wave_mm))
    margin = MARGIN * noise_mm[rows] ** 2
    sure = _squares_with_kink(some, days) - _squares(mended) >= margin
    for growth in _other_choices(some, mended, gaps[rows], half_wave_mm):
        sure &= growth >= margin
    cycles[rows[~sure]] = 0
    return cycles


def _look_whole(
    series: ProjectedSeries,
    picked: PickedSteps,
    left: Float32,
    noise_mm: Float32,
    gaps: NDArray[np.intp],
    half_wave_mm: float,
) -> NDArray[np.bool_]:
    """Return whether each step, considered alone, is a whole number of cycles, (s, most)."""
    size = picked.size_mm / np.float32(half_wave_mm)
    error = np.sqrt(picked.variance) * (noise_mm / half_wave_mm)[:, None]
    cycles = np.rint(size)
    jumps = [_jump(left, series.mask, at, (gaps == at[:, None]).any(axis=1)) for at in picked.at.T]
    jump = size + np.stack(jumps, axis=1) / half_wave_mm
    whole = np.abs(size - cycles) <= np.clip(WHOLE_SIGMAS * error, MIN_WHOLE, MAX_WHOLE)
    whole &= (np.abs(cycles) >= 1) & (np.abs(cycles) <= MAX_CYCLES)
    whole &= (np.abs(size) >= MIN_SIGMAS * error) & (error <= MAX_ERROR)
    return np.asarray(whole & (np.abs(jump - cycles) <= MAX_JUMP_OFF), dtype=np.bool_)


def _calm(
    series: ProjectedSeries, picked: PickedSteps, left: Float32, gaps: NDArray[np.intp], half_wave_mm: float
) -> NDArray[np.bool_]:
    """Flag series (s,) with low scatter, no other jumps at gaps, and fewer than half of the gaps wrong."""
    calm = robust_sigma(left, series.mask) <= MAX_SCATTER * half_wave_mm
    wrong = np.zeros(len(left), dtype=np.int64)
    for gap in gaps.T:
        edge = _jump(left, series.mask, gap, gap > 0)
        calm &= (gap == 0) | (np.abs(edge) <= MAX_JUMP * half_wave_mm)
        wrong += ((picked.at == gap[:, None]) & (picked.at > 0)).sum(axis=1)
    return np.asarray(calm & ((wrong == 0) | (2 * wrong < (gaps > 0).sum(axis=1))), dtype=np.bool_)


def _gaps(mask: Float32, days: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return indices of the first dates after gaps of each series, (s, gaps), padded with 0."""
    last = np.maximum.accumulate(np.where(mask > 0, days, days[0]), axis=1)
    after = np.zeros(mask.shape, dtype=bool)
    after[:, 1:] = (mask[:, 1:] > 0) & (days[1:] - last[:, :-1] > GAP_DAYS)
    most = int(after.sum(axis=1).max(initial=0))
    dates = np.where(after, np.arange(mask.shape[1]), 0)
    return np.sort(dates, axis=1)[:, mask.shape[1] - most :]


def _subtract_steps(series: ProjectedSeries, at: NDArray[np.intp], size_mm: Float32) -> Float32:
    """Subtract steps at dates (s, most) from the residual, (s, dates), mm."""
    left = series.residual.copy()
    for date, size in zip(at.T, size_mm.T, strict=True):
        rows = np.flatnonzero(size)
        if rows.size:
            left[rows] -= size[rows, None] * series.only(rows).step(date[rows])
    return np.asarray(left * series.mask, dtype=np.float32)


def _squares(left: Float32) -> Float32:
    total: Float32 = np.einsum("st,st->s", left, left)
    return total


def _squares_with_kink(series: ProjectedSeries, days: NDArray[np.integer]) -> Float32:
    """Return the smallest sum of squares with a change of the rate in place of all steps, (s,), mm²."""
    at = np.linspace(days[0], days[-1], KINKS + 2)[1:-1]
    kinks = (np.clip(days[:, None] - at, 0, None) / DAYS_PER_YEAR).astype(np.float32)
    product = series.residual @ kinks
    power = series.mask @ kinks**2 - ((series.basis.swapaxes(1, 2) @ kinks) ** 2).sum(axis=1)
    explained = np.where(power > 1e-3, product**2 / np.maximum(power, 1e-3), 0).max(axis=1)
    return np.asarray(_squares(series.residual) - explained, dtype=np.float32)


def _other_choices(
    series: ProjectedSeries, mended: Float32, gaps: NDArray[np.intp], half_wave_mm: float
) -> Iterator[Float32]:
    """Yield the growth of the sum of squares if one or two gaps get one cycle more or less, (s,) for each choice."""
    steps = [series.step(gap) * np.float32(half_wave_mm) for gap in gaps.T]
    product = [np.einsum("st,st->s", step, mended) for step in steps]
    square = [np.where(gap > 0, _squares(step), np.inf) for gap, step in zip(gaps.T, steps, strict=True)]
    for first in range(len(steps)):
        yield square[first] - 2 * np.abs(product[first])
        for second in range(first):
            both = 2 * np.einsum("st,st->s", steps[first], steps[second])
            for sign in (-1, 1):
                yield square[first] + square[second] + sign * both - 2 * np.abs(product[first] + sign * product[second])


def _jump(left: Float32, mask: Float32, at: NDArray[np.intp], gap: NDArray[np.bool_]) -> Float32:
    """Return the mean just after a date (s,) minus that just before, (s,), mm. gap: whether a gap ends there."""
    reach = np.arange(2 * JUMP_DATES)
    first = np.where(gap, TRIMMED, 0)[:, None]
    total = np.zeros(len(left), dtype=np.float32)
    for sign, where in ((1, at[:, None] + reach), (-1, at[:, None] - 1 - reach)):
        inside = (where >= 0) & (where < left.shape[1])
        place = np.clip(where, 0, left.shape[1] - 1)
        seen = np.take_along_axis(mask, place, axis=1) * inside
        order = np.cumsum(seen, axis=1)
        seen *= (order > first) & (order <= first + JUMP_DATES)
        values = np.take_along_axis(left, place, axis=1) * seen
        total += sign * values.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return total
