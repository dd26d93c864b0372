"""Velocity series from pairs that overlap in time: the velocity from each date to the next.

A pair measures the mean velocity between its two dates. For each cell, least squares find the velocities of the steps
between neighbouring dates whose means fit all pairs best, weighted by inverse variance. Where the pairs leave this open
(a step covered only by a longer pair), neighbouring steps are assumed alike within CHANGE_M_DAY. A pair that
contradicts overlapping pairs has less weight, since one wrong match would make a surge of several steps.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Floats = NDArray[np.float64]

CHANGE_M_DAY = 2.0  # Speeds change by this standard deviation from one step to the next.
OUTLIER = 5.0  # A pair that differs from the others by this many standard deviations counts less.
OF_THE_WAY = 0.03  # Speeds have this relative error in addition to sigma.
# OUTLIER over the difference has this power in each round: outliers count less and less.
POWERS = (1, 1, 1, 2, 2, 2, 2)


class PairVelocities(NamedTuple):
    """Velocities of pairs. start, end: (pairs,), days; east, north, sigma: (pairs, cells), m/day, NaN unknown."""

    start_day: Floats
    end_day: Floats
    east_m_day: Floats
    north_m_day: Floats
    sigma_m_day: Floats


class SpeedSeries(NamedTuple):
    """Velocities of steps.

    start, end: (steps,), days; east, north, sigma: (steps, cells), m/day, NaN if no pair has a value for the step.
    """

    start_day: Floats
    end_day: Floats
    east_m_day: Floats
    north_m_day: Floats
    sigma_m_day: Floats

    @property
    def day(self) -> Floats:
        """The middle of each step."""
        return np.asarray((self.start_day + self.end_day) / 2)

    @property
    def speed_m_day(self) -> Floats:
        """Return the speed, (steps, cells), m/day; near rest, noise makes it a little too high."""
        return np.hypot(self.east_m_day, self.north_m_day)


def velocity_series(pairs: PairVelocities) -> SpeedSeries:
    """Fit the velocity of each step between neighbouring dates. ValueError if a pair does not end after it begins."""
    if pairs.east_m_day.shape != pairs.sigma_m_day.shape or pairs.east_m_day.shape[0] != pairs.start_day.size:
        raise ValueError(f"{pairs.start_day.size} pairs do not fit velocities of {pairs.east_m_day.shape}")
    if not (pairs.end_day > pairs.start_day).all():
        raise ValueError("a pair ends before it begins: give the earlier image as its reference")
    dates = np.unique(np.concatenate([pairs.start_day, pairs.end_day]))
    covers = (pairs.start_day[:, None] <= dates[:-1]) & (pairs.end_day[:, None] >= dates[1:])  # (pairs, steps)
    kept = covers.any(axis=0)
    start, end, covers = dates[:-1][kept], dates[1:][kept], covers[:, kept]
    share = covers * (end - start) / (pairs.end_day - pairs.start_day)[:, None]
    cells = pairs.east_m_day.shape[1]
    east, north, sigma = (np.full((start.size, cells), np.nan) for _ in range(3))
    known = np.isfinite(pairs.east_m_day) & np.isfinite(pairs.north_m_day) & (pairs.sigma_m_day > 0)
    adjoin = np.isclose(start[1:], end[:-1])
    for cell in np.flatnonzero(known.any(axis=0)):
        at = known[:, cell]
        seen = np.asarray(covers[at].any(axis=0))
        rows, weight = share[at][:, seen], 1.0 / pairs.sigma_m_day[at, cell] ** 2
        links = adjoin & seen[1:] & seen[:-1]
        values = np.column_stack([pairs.east_m_day[at, cell], pairs.north_m_day[at, cell]])
        solution, errors = _least_squares(rows, weight, values, links[seen[1:] & seen[:-1]], seen)
        east[seen, cell], north[seen, cell], sigma[seen, cell] = solution[:, 0], solution[:, 1], errors
    return SpeedSeries(start, end, east, north, sigma)


def _least_squares(
    rows: Floats, weight: Floats, values: Floats, links: NDArray[np.bool_], seen: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the velocities of one cell (steps, 2) and their standard deviation (steps,), m/day."""
    steps = rows.shape[1]
    first, last = (rows > 0).argmax(axis=1), steps - 1 - (rows[:, ::-1] > 0).argmax(axis=1)
    if (first == last).all():  # No pair spans two steps, so that each pair gives one step.
        diagonal = weight @ rows**2
        return np.asarray((rows.T * weight) @ values / diagonal[:, None]), np.asarray(1 / np.sqrt(diagonal))
    band = max(int((last - first).max()), 1)
    overlap = [rows[:, off:] * rows[:, : steps - off] for off in range(band + 1)]
    tied = np.flatnonzero(np.diff(np.flatnonzero(seen)) == 1)[links]

    def factor_of(weight: Floats) -> tuple[Floats, bool]:
        upper = np.zeros((band + 1, steps))  # The diagonal of the normal equations is the last row.
        for off, product in enumerate(overlap):
            upper[band - off, off:] = weight @ product
        upper[band, tied] += CHANGE_M_DAY**-2
        upper[band, tied + 1] += CHANGE_M_DAY**-2
        upper[band - 1, tied + 1] -= CHANGE_M_DAY**-2
        return cholesky_banded(upper), False

    error = np.maximum(weight**-0.5, np.median(weight**-0.5))  # A wrong match may have the smallest error.
    trust = np.ones(weight.size)
    for power in POWERS:
        even = trust / error**2
        fitted = rows @ cho_solve_banded(factor_of(even), (rows.T * even) @ values)
        missed = np.hypot(*(values - fitted).T) / np.hypot(error, OF_THE_WAY * np.hypot(*fitted.T))
        trust = np.minimum(1.0, OUTLIER / np.maximum(missed, OUTLIER)) ** power
        if (trust == 1).all():
            break
    factor = factor_of(weight * trust)
    errors = cho_solve_banded(factor, np.eye(steps)).diagonal()
    return cho_solve_banded(factor, (rows.T * weight * trust) @ values), np.sqrt(errors)
