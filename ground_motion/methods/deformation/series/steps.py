"""Steps in the series of many points, and series without their whole cycles."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.cycles import whole_cycles
from ground_motion.methods.deformation.series.regression import RATE, Float32, Projection
from ground_motion.methods.deformation.series.search import pick, project

HALF_WAVE_MM = 27.733  # line-of-sight motion of one cycle, C band (Sentinel-1, 5.405 GHz)
MIN_STEP = 0.4  # cycles


class Steps(NamedTuple):
    """Steps found, one row each, sorted by point, with the series' sign.

    point: index; date: index of the first image after it; size_mm: as fitted; cycles: number of whole cycles undone,
    0 if none; per_year: change of the point's rate by a step of 1 mm there, 1/yr.
    """

    point: NDArray[np.int64]
    date: NDArray[np.int16]
    size_mm: Float32
    cycles: NDArray[np.int8]
    per_year: Float32

    def undone_mm_yr(self, half_wave_mm: float) -> Float32:
        """Return the error in the rate due to the undone cycles, (steps,), mm/yr."""
        return self.cycles * np.float32(half_wave_mm) * self.per_year


NO_STEPS = Steps(
    np.zeros(0, np.int64), np.zeros(0, np.int16), np.zeros(0, np.float32), np.zeros(0, np.int8), np.zeros(0, np.float32)
)


def find_steps(residual_mm: Float32, curves: Projection, days: NDArray[np.integer], half_wave_mm: float) -> Steps:
    """Find steps of every series, and those that are whole cycles. residual_mm: (n, dates), after fitting `curves`."""
    series = project(residual_mm, curves)
    rows, picked = pick(series, MIN_STEP * half_wave_mm)
    if not rows.size:
        return NO_STEPS
    some = series.only(rows)
    cycles = whole_cycles(some, picked, days, half_wave_mm)
    point, slot = np.nonzero(picked.at)
    at = picked.at[point, slot]
    rate_row = np.broadcast_to(curves.factor, (len(residual_mm), *curves.factor.shape[1:]))[rows[point], RATE]
    per_year = np.einsum("mp,mp->m", rate_row, some.basis_sums[point, at])
    return Steps(rows[point], at.astype(np.int16), picked.size_mm[point, slot], cycles[point, slot], per_year)


def undo(series_mm: Float32, steps: Steps, half_wave_mm: float) -> Float32:
    """Return series (n, dates) without the whole cycles of their steps."""
    after = np.arange(series_mm.shape[1]) >= steps.date[:, None]
    jumps = after * (steps.cycles * np.float32(half_wave_mm))[:, None]
    mended = series_mm.copy()
    np.subtract.at(mended, steps.point, jumps)
    return mended
