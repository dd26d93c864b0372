"""Summary of displacement series in a few figures per point, in blocks: a nation's series never fit into memory."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import (
    RATE,
    Float32,
    curves,
    fill,
    projection,
    robust_fit,
    standard_error,
)
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM, NO_STEPS, Steps, find_steps, undo

BLOCK = 1024
MIN_DATES = 12
SHARING, MIN_SHARING = 2_000, 100  # This many points of a piece show what all share; fewer than the second do not.


class SeriesSummary(NamedTuple):
    """Summary of the series of n points, (n,), NaN for points with fewer than MIN_DATES, with the series' sign.

    Of a robust fit of rate, curvature and yearly wave, after steps of whole cycles were undone: rate_mm_yr, mean over
    the span; odd_even_mm_yr, rate of the odd minus rate of the even dates: real noise, twice the standard error where
    dates are independent; noise_mm_yr, standard error of the rate, widened for dates that are not. step_mm_yr: error in
    the rate due to the undone steps, 0 without any.
    """

    steps: Steps
    rate_mm_yr: Float32
    step_mm_yr: Float32
    odd_even_mm_yr: Float32
    noise_mm_yr: Float32


def summarise(displacement_mm: Float32, days: NDArray[np.integer], half_wave_mm: float = HALF_WAVE_MM) -> SeriesSummary:
    """Summarise series (n, dates), mm, NaN where missing. days: (dates,), ascending, since any day.

    Steps are searched without the errors of whole images; `neighbours.agree` compares them. ValueError for shapes.
    """
    if displacement_mm.shape[1:] != days.shape:
        raise ValueError(f"{displacement_mm.shape[1]} columns of displacement for {days.size} dates")
    shared, blocks = _shared_errors(displacement_mm, days, half_wave_mm), range(0, len(displacement_mm), BLOCK)
    return join_summaries([_block(displacement_mm[at : at + BLOCK], days, shared, half_wave_mm) for at in blocks])


def _shared_errors(displacement_mm: Float32, days: NDArray[np.integer], half_wave_mm: float) -> Float32:
    """Return the median residual of a piece's points at each date, (dates,), mm: the errors of its images.

    They hide or feign steps. 0 if few points show it, or if it has a step, because then most points may be wrong.
    """
    some = displacement_mm[:: max(1, len(displacement_mm) // SHARING)]
    nothing = np.zeros(days.size, dtype=np.float32)
    if (np.isfinite(some).sum(axis=0) < MIN_SHARING).any():
        return nothing
    fitted = projection(curves(days), np.ones((1, days.size), dtype=np.float32))
    left = fitted.residual(np.nanmedian(some, axis=0)[None].astype(np.float32))
    return nothing if find_steps(left, fitted, days, half_wave_mm).point.size else left[0]


def join_summaries(parts: Sequence[SeriesSummary]) -> SeriesSummary:
    """Join the summaries of pieces of one product, in their order."""
    parts = parts or [_unknown(0)]
    ends = np.cumsum([0, *(part.rate_mm_yr.size for part in parts)])
    moved = [part.steps._replace(point=part.steps.point + end) for part, end in zip(parts, ends[:-1], strict=True)]
    steps = Steps(*(np.concatenate(column) for column in zip(*moved, strict=True)))
    figures: Any = zip(*(part[1:] for part in parts), strict=True)
    return SeriesSummary(steps, *(np.concatenate(column) for column in figures))


def _unknown(n: int) -> SeriesSummary:
    nothing = np.full(n, np.nan, dtype=np.float32)
    return SeriesSummary(NO_STEPS, nothing, np.zeros(n, dtype=np.float32), *(nothing.copy() for _ in range(2)))


def _block(displacement_mm: Float32, days: NDArray[np.integer], shared: Float32, half_wave_mm: float) -> SeriesSummary:
    usable = np.flatnonzero(np.isfinite(displacement_mm).sum(axis=1) >= MIN_DATES)
    whole = _unknown(len(displacement_mm))
    if not usable.size:
        return whole
    part = _summary(*fill(displacement_mm[usable]), days, shared, half_wave_mm)
    for column, values in zip(whole[1:], part[1:], strict=True):
        column[usable] = values
    return whole._replace(steps=part.steps._replace(point=usable[part.steps.point]))


def _summary(
    series_mm: Float32, mask: Float32, days: NDArray[np.integer], shared: Float32, half_wave_mm: float
) -> SeriesSummary:
    """Summarise a piece. series_mm: (n, dates), 0 where missing; mask: (1 or n, dates); shared: of `_shared_errors`."""
    columns = curves(days)
    fitted = projection(columns, mask)
    left = fitted.residual(series_mm)
    steps = find_steps(left - fitted.residual(shared * mask), fitted, days, half_wave_mm)
    undone = np.unique(steps.point[steps.cycles != 0])
    if undone.size:
        series_mm = undo(series_mm, steps, half_wave_mm) * mask
        left = fitted.residual(series_mm)
    found, left = robust_fit(series_mm, columns, mask, left)
    noise = standard_error(fitted, left, RATE)
    step = np.bincount(steps.point, weights=steps.undone_mm_yr(half_wave_mm), minlength=len(series_mm))
    odd_even = _odd_even(left, mask, columns[:, RATE])
    return SeriesSummary(steps, *(figure.astype(np.float32) for figure in (found[:, RATE], step, odd_even, noise)))


def _odd_even(left: Float32, mask: Float32, years: Float32) -> Float32:
    """Return the residual's slope on odd dates minus that on even ones, (n,), mm/yr; NaN: a half has too few."""
    half = np.arange(years.size) % 2
    slopes = []
    for part in (half, 1 - half):
        count, first, second = ((mask * part) @ power for power in (years**0, years, years**2))
        spread = second - first**2 / np.maximum(count, 1)
        product = left @ (part * years) - first * (left @ part.astype(np.float32)) / np.maximum(count, 1)
        slopes.append(np.where(spread > 1e-3, product / np.maximum(spread, 1e-3), np.nan))
    return np.asarray(slopes[1] - slopes[0], dtype=np.float32)  # The first date is an odd one.
