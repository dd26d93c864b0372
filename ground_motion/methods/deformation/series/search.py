"""Search for steps of a series: every date is tried, and the steps that explain most are fitted together.

Orthogonal matching pursuit (Pati et al. 1993, doi 10.1109/ACSSC.1993.342465) with one step of refinement. A step is
tried beside the curves of `regression`: with their orthonormal basis all that is needed are sums from each date on.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import Float32, Projection, robust_sigma

MAX_STEPS = 5  # A series has at most this many steps.
MIN_DATES = 5  # Each side of a step needs this many dates.
MIN_SIGMAS = 5.0  # size of a step, in standard errors of the noise between neighbouring dates
MIN_NOISE_MM = 0.2


class ProjectedSeries(NamedTuple):
    """Series minus their fitted curves, and a step at each date likewise. All (s, dates), or more.

    residual: mm, 0 where missing; mask: 1 or 0; basis: (s, dates, curves). From each date on: sums of the residual,
    counts of the values, sums of the basis (s, dates, curves). power: squared length of a step there, 0 where too few
    dates are before or after it, or where there is no value.
    """

    residual: Float32
    mask: Float32
    basis: Float32
    sums: Float32
    counts: Float32
    basis_sums: Float32
    power: Float32

    def only(self, rows: NDArray[np.intp]) -> "ProjectedSeries":
        """Return the series of these rows."""
        return ProjectedSeries(*(part[rows] if len(part) == len(self.residual) else part for part in self)).spread()

    def spread(self) -> "ProjectedSeries":
        """Expand every part to a row for each series, without copies."""
        return ProjectedSeries(*(np.broadcast_to(part, (len(self.residual), *part.shape[1:])) for part in self))

    def overlaps(self, at: NDArray[np.intp]) -> Float32:
        """Return the product of a step at a date (s,) with one at every date, both minus the curves, (s, dates)."""
        rows = np.arange(len(at))
        after_both = np.minimum(self.counts, self.counts[rows, at][:, None])  # counts fall from date to date
        common = _product(self.basis_sums, self.basis_sums[rows, at])
        return np.asarray(after_both - common, dtype=np.float32)

    def step(self, at: NDArray[np.intp]) -> Float32:
        """Return a step of 1 mm at a date (s,), minus the curves, (s, dates)."""
        after = (np.arange(self.sums.shape[1]) >= at[:, None]) * self.mask
        common = _product(self.basis, self.basis_sums[np.arange(len(at)), at])
        return np.asarray(after - common, dtype=np.float32)


def _product(curves: Float32, factors: Float32) -> Float32:
    """Multiply curves (s, dates, curves) by factors (s, curves). OpenBLAS flags finite values: numpy issue 24067."""
    with np.errstate(invalid="ignore"):
        return np.asarray((curves @ factors[:, :, None])[:, :, 0])


class PickedSteps(NamedTuple):
    """Steps found.

    at: (s, most), dates of the steps, 0 where there is none; size_mm and their variance per mm² of noise: the same.
    sums: (s, dates), of the residual from each date on, without the steps.
    """

    at: NDArray[np.intp]
    size_mm: Float32
    variance: Float32
    sums: Float32


def pick(series: ProjectedSeries, min_mm: float) -> tuple[NDArray[np.intp], PickedSteps]:
    """Return the indices of series with steps, (k,), and their steps. min_mm: least size of a step."""
    noise_mm = _noise_between_dates(series.residual, series.mask)
    rows = np.flatnonzero(_best(series, series.sums, noise_mm, min_mm))
    some, noise_mm = series.only(rows), noise_mm[rows]
    steps = fit(some, np.zeros((rows.size, MAX_STEPS), dtype=np.intp))
    for refined in (False, True):  # Fit them one after the other, then each again with the others known.
        active = np.flatnonzero((steps.at > 0).sum(axis=1) > 1) if refined else np.arange(rows.size)
        for slot in range(MAX_STEPS):
            if not active.size:
                break
            those, at = some.only(active), steps.at[active]
            at[:, slot] = 0
            at[:, slot] = _best(those, fit(those, at).sums, noise_mm[active], min_mm)
            found: Any = zip(steps, fit(those, at), strict=True)
            for part, new in found:
                part[active] = new
            if not refined:
                active = active[at[:, slot] > 0]
    return rows, steps


def fit(series: ProjectedSeries, at: NDArray[np.intp]) -> PickedSteps:
    """Fit the sizes of steps at dates (s, most), together by least squares."""
    used = at > 0
    slots = np.flatnonzero(used.any(axis=0))
    overlaps = [series.overlaps(at[:, slot]) for slot in slots]
    normal = np.zeros((*at.shape, at.shape[1]))
    for slot, overlap in zip(slots, overlaps, strict=True):
        normal[:, :, slot] = np.take_along_axis(overlap, at, axis=1)
    normal = np.where(used[:, :, None] & used[:, None, :], normal, 0.0)
    normal += np.eye(at.shape[1]) * np.where(used, 1e-3, 1.0)[:, :, None]
    inverse = np.linalg.inv(normal)
    right = np.where(used, np.take_along_axis(series.sums, at, axis=1), 0.0)
    size = (inverse @ right[:, :, None])[:, :, 0].astype(np.float32)
    left = series.sums.copy()
    for slot, overlap in zip(slots, overlaps, strict=True):
        left -= size[:, [slot]] * overlap
    variance = np.where(used, np.einsum("nkk->nk", inverse), np.inf).astype(np.float32)
    return PickedSteps(at, size, variance, left)


def project(residual_mm: Float32, curves: Projection) -> ProjectedSeries:
    """Prepare series (n, dates) from which `curves` have been taken."""
    counts, basis_sums = (_sum_from_each(part) for part in (curves.mask, curves.basis))
    power = counts - np.einsum("mtp,mtp->mt", basis_sums, basis_sums)
    inside = (counts >= MIN_DATES) & (counts[:, :1] - counts >= MIN_DATES)
    power = np.where(inside & (curves.mask > 0) & (power > 0.5), power, np.float32(0))
    return ProjectedSeries(
        residual_mm, curves.mask, curves.basis, _sum_from_each(residual_mm), counts, basis_sums, power
    )


def _sum_from_each(values: Float32) -> Float32:
    sums: Float32 = np.cumsum(values[:, ::-1], axis=1, dtype=np.float32)[:, ::-1]
    return sums


def _noise_between_dates(residual_mm: Float32, mask: Float32) -> Float32:
    """Return the standard deviation of one date, (n,), mm, from differences of neighbours: steps do not change it."""
    both = mask[:, 1:] * mask[:, :-1]
    sigma = robust_sigma(np.diff(residual_mm, axis=1), both) / np.sqrt(2)
    return np.asarray(np.maximum(sigma, MIN_NOISE_MM), dtype=np.float32)


def _best(series: ProjectedSeries, sums: Float32, noise_mm: Float32, min_mm: float) -> NDArray[np.intp]:
    """Return the date at which a step explains most of the residual, (s,); 0 if none is large and sure enough."""
    power = np.maximum(series.power, np.float32(1e-6))
    explained = np.where(series.power > 0, np.abs(sums) / np.sqrt(power), np.float32(0))
    at = np.argmax(explained, axis=1)
    rows = np.arange(len(sums))
    size = np.abs(sums[rows, at]) / np.broadcast_to(power, sums.shape)[rows, at]
    sure = explained[rows, at] >= MIN_SIGMAS * noise_mm
    return np.asarray(np.where(sure & (size >= min_mm), at, 0), dtype=np.intp)
