"""Comparison of a series' step with those of neighbouring points and of the whole product.

An unwrapping error has the same whole number of cycles everywhere inside its edge. Real steps, at an earthquake or in a
wet winter, vary in size from place to place, and some are near a whole cycle by chance.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.deformation.series.regression import Float64
from ml.deformation.series.steps import HALF_WAVE_MM, Steps
from ml.deformation.series.summary import SeriesSummary


@dataclass(frozen=True)
class AgreementConfig:
    """Criteria by which neighbours contradict or confirm whole steps; sizes are shares of a cycle.

    odd: a step farther than this from every whole number is odd. A step is compared with the steps in 3 x 3 cells of
    cell_m around it, at most one image earlier or later, itself included; and with all steps of the product on its date
    if more than everywhere_share of the points step then. It is kept if more than odd_share of these are odd, if the
    others, at least `several`, are off by more than bias on average, or if more than most_share of the product steps
    then: this changes no relative rate, and may be an earthquake. A doubtful step is undone if at least `several` of
    the steps around it are undone, and sure_share of those that are not odd.
    """

    odd: float = 0.25
    cell_m: float = 250.0
    odd_share: float = 0.25
    several: int = 5
    bias: float = 0.08
    everywhere_share: float = 0.02
    most_share: float = 0.4
    sure_share: float = 0.4


class _Around(NamedTuple):
    """Sums over the steps around each step, (steps,).

    odd: number of odd steps; near: of others; distance: sum of the others' distances to whole cycles; undone: number.
    """

    odd: Float64
    near: Float64
    distance: Float64
    undone: Float64

    def contradicts(self, config: AgreementConfig) -> NDArray[np.bool_]:
        many = self.odd > config.odd_share * (self.odd + self.near)
        biased = (self.near >= config.several) & (np.abs(self.distance) > config.bias * self.near)
        return np.asarray(many | biased, dtype=np.bool_)

    def confirms(self, config: AgreementConfig) -> NDArray[np.bool_]:
        enough = np.maximum(config.several, config.sure_share * self.near)
        return np.asarray((self.undone >= enough) & ~self.contradicts(config), dtype=np.bool_)


def agreed(
    summary: SeriesSummary,
    x: Float64,
    y: Float64,
    half_wave_mm: float = HALF_WAVE_MM,
    config: AgreementConfig | None = None,
) -> SeriesSummary:
    """Drop whole steps that neighbouring points contradict, and add those that they confirm.

    x, y: (n,), m, of its points. Rates are corrected; other figures remain those of each series by itself.
    """
    config, steps = config or AgreementConfig(), summary.steps
    cells = [np.floor(axis[steps.point] / config.cell_m).astype(np.int64) for axis in (x, y)]
    dates = steps.date.astype(np.int64)
    evidence = _evidence(steps, half_wave_mm, config)
    everywhere = _around([dates], evidence)
    share = (everywhere.odd + everywhere.near) / max(summary.rate_mm_yr.size, 1)
    against = _around([*cells, dates], evidence).contradicts(config)
    against |= (share > config.everywhere_share) & everywhere.contradicts(config)
    against |= (share > config.most_share) & (everywhere.near >= config.several)
    kept = _of_points(steps, ~against)
    cycles = np.where(kept, steps.cycles, 0)
    around = _around([*cells, dates], evidence._replace(undone=(cycles != 0).astype(np.float64)))
    confirmed = _of_points(steps, ~against & ((cycles != 0) | (evidence.near > 0) & around.confirms(config)))
    cycles = np.where(confirmed, np.rint(steps.size_mm / half_wave_mm), cycles).astype(np.int8)
    changed = steps._replace(cycles=(cycles - steps.cycles).astype(np.int8))
    part = np.bincount(steps.point, changed.undone_mm_yr(half_wave_mm), summary.rate_mm_yr.size)
    return summary._replace(
        rate_mm_yr=(summary.rate_mm_yr - part).astype(np.float32),
        step_mm_yr=(summary.step_mm_yr + part).astype(np.float32),
        steps=steps._replace(cycles=cycles),
    )


def _of_points(steps: Steps, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Flag the steps of points with good steps only, (steps,), because steps of one point were fitted together."""
    return ~np.isin(steps.point, steps.point[~good])


def _evidence(steps: Steps, half_wave_mm: float, config: AgreementConfig) -> _Around:
    """Return the contribution of each single step to the sums of `_Around`."""
    size = np.abs(steps.size_mm.astype(np.float64)) / half_wave_mm
    distance = size - np.maximum(np.rint(size), 1)
    odd = np.abs(distance) > config.odd
    undone = (steps.cycles != 0).astype(np.float64)
    return _Around(odd.astype(np.float64), (~odd).astype(np.float64), np.where(odd, 0, distance), undone)


def _around(axes: list[NDArray[np.int64]], evidence: _Around) -> _Around:
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
