"""The series of an area: the mean of its points against the ground around it, without their unwrapping errors."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import Float32, Float64
from ground_motion.methods.deformation.series.steps import undo
from ground_motion.methods.deformation.series.summary import summarise

MIN_AROUND = 5
KNOWN = 0.8  # A point needs values on this share of the dates, because points that come and go cause jumps in a mean.


def series_of_area(
    inside_mm: Float32, around_mm: Float32 | None, days: NDArray[np.integer], half_wave_mm: float | None
) -> Float64:
    """Return the displacement of an area, (dates,), mm, NaN where unknown.

    If enough points are around, their median is subtracted, which removes shared delay and motion.

    Args:
        inside_mm: Series of points inside the area, (n, dates), mm, NaN where missing.
        around_mm: Series of points around it, likewise.
        days: Days of the dates.
        half_wave_mm: None if the series cannot contain unwrapping errors.
    """
    inside = _complete(_mend_cycles(inside_mm, days, half_wave_mm))
    if not inside.size:
        return np.full(days.size, np.nan)
    series = _apply_to_dates(np.nanmean, inside)
    around = _complete(_mend_cycles(around_mm, days, half_wave_mm)) if around_mm is not None else inside[:0]
    return series - _apply_to_dates(np.nanmedian, around) if len(around) >= MIN_AROUND else series


def _mend_cycles(series_mm: Float32, days: NDArray[np.integer], half_wave_mm: float | None) -> Float32:
    if half_wave_mm is None or not len(series_mm):
        return series_mm
    return undo(series_mm, summarise(series_mm, days, half_wave_mm).steps, half_wave_mm)


def _complete(series_mm: Float32) -> Float64:
    """Return the series with values on most dates, each minus its own mean, so that gaps shift no mean over points."""
    known = np.isfinite(series_mm)
    kept = series_mm[known.sum(axis=1) >= KNOWN * known.any(axis=0).sum()].astype(np.float64)
    return np.asarray(kept - np.nanmean(kept, axis=1, keepdims=True)) if kept.size else kept


def _apply_to_dates(statistic: Callable[..., Float64], series_mm: Float64) -> Float64:
    """Apply a statistic to the points on each date; NaN on dates without values."""
    result = np.full(series_mm.shape[1], np.nan)
    known = np.isfinite(series_mm).any(axis=0)
    result[known] = statistic(series_mm[:, known], axis=0)
    return result
