"""Comparison of a series' step with those of neighbouring points and of the whole product.

An unwrapping error has the same whole number of cycles everywhere inside its edge. Real steps, at an earthquake or in a
wet winter, vary in size from place to place, and some are near a whole cycle by chance.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import Float64
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM, Steps
from ground_motion.methods.deformation.series.summary import SeriesSummary

# A step is compared with those in 3 x 3 cells around it, at most one image earlier or later, itself included. It is
# kept if too many of them are odd, or the others off by too much on average; if all steps of the product on its date
# are so and more than MIN_EVERYWHERE of the points step then; or if more than MAX_STEPPING step then, which changes no
# relative rate and may be an earthquake. Sizes are shares of a cycle.
CELL_M = 250.0
ODD_BEYOND, MAX_ODD = 0.25, 0.25  # Distance of an odd step from whole numbers; most share of odd steps.
MIN_STEPS, MAX_BIAS = 5, 0.08  # This many others can contradict, if their mean distance is no larger.
MIN_EVERYWHERE, MAX_STEPPING = 0.02, 0.4
MIN_UNDONE = 0.4  # If this share of the others, and at least MIN_STEPS, are undone, a doubtful step is, too.


class _Around(NamedTuple):
    """Sums over the steps around each step, (steps,).

    odd: number of odd steps; near: of others; distance: sum of the others' distances to whole cycles; undone: number.
    """

    odd: Float64
    near: Float64
    distance: Float64
    undone: Float64

    def contradicts(self) -> NDArray[np.bool_]:
        many = self.odd > MAX_ODD * (self.odd + self.near)
        biased = (self.near >= MIN_STEPS) & (np.abs(self.distance) > MAX_BIAS * self.near)
        return np.asarray(many | biased, dtype=np.bool_)

    def confirms(self) -> NDArray[np.bool_]:
        enough = np.maximum(MIN_STEPS, MIN_UNDONE * self.near)
        return np.asarray((self.undone >= enough) & ~self.contradicts(), dtype=np.bool_)


def agree(summary: SeriesSummary, x: Float64, y: Float64, half_wave_mm: float = HALF_WAVE_MM) -> SeriesSummary:
    """Drop whole steps that neighbouring points contradict, and add those that they confirm.

    x, y: (n,), m, of its points. Rates are corrected; other figures remain those of each series by itself.
    """
    steps = summary.steps
    cells = [np.floor(axis[steps.point] / CELL_M).astype(np.int64) for axis in (x, y)]
    dates = steps.date.astype(np.int64)
    evidence = _evidence(steps, half_wave_mm)
    everywhere = _sum_around([dates], evidence)
    share = (everywhere.odd + everywhere.near) / max(summary.rate_mm_yr.size, 1)
    against = _sum_around([*cells, dates], evidence).contradicts()
    against |= (share > MIN_EVERYWHERE) & everywhere.contradicts()
    against |= (share > MAX_STEPPING) & (everywhere.near >= MIN_STEPS)
    kept = _is_of_good_points(steps, ~against)
    cycles = np.where(kept, steps.cycles, 0)
    around = _sum_around([*cells, dates], evidence._replace(undone=(cycles != 0).astype(np.float64)))
    confirmed = _is_of_good_points(steps, ~against & ((cycles != 0) | (evidence.near > 0) & around.confirms()))
    cycles = np.where(confirmed, np.rint(steps.size_mm / half_wave_mm), cycles).astype(np.int8)
    changed = steps._replace(cycles=(cycles - steps.cycles).astype(np.int8))
    part = np.bincount(steps.point, changed.undone_mm_yr(half_wave_mm), summary.rate_mm_yr.size)
    return summary._replace(
        rate_mm_yr=(summary.rate_mm_yr - part).astype(np.float32),
        step_mm_yr=(summary.step_mm_yr + part).astype(np.float32),
        steps=steps._replace(cycles=cycles),
    )


def _is_of_good_points(steps: Steps, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Flag the steps of points with good steps only, (steps,), because steps of one point were fitted together."""
    return ~np.isin(steps.point, steps.point[~good])


def _evidence(steps: Steps, half_wave_mm: float) -> _Around:
    """Return the contribution of each single step to the sums of `_Around`."""
    size = np.abs(steps.size_mm.astype(np.float64)) / half_wave_mm
    distance = size - np.maximum(np.rint(size), 1)
    odd = np.abs(distance) > ODD_BEYOND
    undone = (steps.cycles != 0).astype(np.float64)
    return _Around(odd.astype(np.float64), (~odd).astype(np.float64), np.where(odd, 0, distance), undone)


def _sum_around(axes: list[NDArray[np.int64]], evidence: _Around) -> _Around:
    """Sum evidence over the steps at most one away on every axis. axes: each (steps,), whole numbers."""
    if not axes[0].size:
        return evidence
    shifted = [axis - axis.min() + 1 for axis in axes]
    strides = np.cumprod([1, *(int(axis.max()) + 2 for axis in shifted[:-1])])
    place = sum(axis * stride for axis, stride in zip(shifted, strides, strict=True))
    held, own = np.unique(place, return_inverse=True)
    sums = [np.bincount(own, weights=part) for part in evidence]
    totals = [np.zeros(held.size) for _ in sums]
    for offset in product((-1, 0, 1), repeat=len(axes)):
        wanted = held + np.dot(offset, strides)
        at = np.minimum(np.searchsorted(held, wanted), held.size - 1)
        for total, part in zip(totals, sums, strict=True):
            total += np.where(held[at] == wanted, part[at], 0)
    return _Around(*(total[own] for total in totals))
