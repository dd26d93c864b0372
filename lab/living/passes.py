"""Simulated interferograms of a real series: what new passes would have measured of ground whose motion is known.

Added to the motion: delay of either date, noise by coherence, unwrapping errors of blocks, and gaps.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ground_motion.methods.deformation.living.inversion import Interferogram
from ground_motion.methods.deformation.living.screening import SQUARE_M, Ground
from ground_motion.methods.deformation.series.regression import Float32, Float64
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.simulation.velocity.nuisance import Range, turbulence_field

FIELD_CELLS = 512  # side of a field of turbulence, of which a quarter or less is used
MIN_SIDE_M = 2_000.0
TURBULENCE_MM2 = Range(1.0, 6.0)  # semivariance of a date's delay at 1.25 km: 1–2.5 mm (Hanssen 2001, chapter 4)
RELIEF_MM_KM = 10.0  # standard deviation of a date's slope with height
PLANE_MM_10KM = 5.0  # Standard deviation of a date's slope over 10 km, to the east and to the north.
LOOKS = 20  # Number of independent looks in a usual 80 m product.
BLOCKS_PER_100_KM2 = 0.3  # unwrapping errors of an interferogram; the simulator's releases have 0.03
BLOCK_M = Range(150.0, 800.0)
GAP_SHARE = 0.03  # Share of an interferogram's points without a value.
REACH = 3  # A new date forms pairs with this many earlier dates.


class Series(NamedTuple):
    """A series with its points. coherence: (points,), 0–1; displacement_mm: (points, dates), mm."""

    ground: Ground
    coherence: Float32
    dates: Sequence[date]
    displacement_mm: Float32

    def until(self, number: int) -> "Series":
        """Return the first dates."""
        return self._replace(dates=self.dates[:number], displacement_mm=self.displacement_mm[:, :number])


class Passes:
    """Interferograms of a series, the same for the same generator; delays are drawn once for each date."""

    def __init__(self, rng: np.random.Generator, series: Series) -> None:
        self.rng, self.series = rng, series
        gamma = series.coherence
        self.sigma_mm = HALF_WAVE_MM / (2 * np.pi) * np.sqrt((1 - gamma**2) / (2 * LOOKS * gamma**2))
        squares = np.column_stack([series.ground.x_m, series.ground.y_m]) // SQUARE_M
        self.area_km2 = len(np.unique(squares, axis=0)) * (SQUARE_M / 1000) ** 2
        self._delays: dict[int, Float64] = {}

    def ending_on(self, number: int) -> list[Interferogram]:
        """Return the interferograms from the last REACH dates to date `number` of the series."""
        return [self._interferogram(earlier, number) for earlier in range(number - REACH, number)]

    def _interferogram(self, earlier: int, later: int) -> Interferogram:
        rng, series = self.rng, self.series
        change = series.displacement_mm[:, later] - series.displacement_mm[:, earlier]
        change = change + self._delay(later) - self._delay(earlier) + self.sigma_mm * rng.standard_normal(change.size)
        for _ in range(rng.poisson(BLOCKS_PER_100_KM2 * self.area_km2 / 100)):
            change[self._block()] += rng.choice([-1, 1]) * HALF_WAVE_MM
        change[rng.random(change.size) < GAP_SHARE] = np.nan
        return Interferogram(series.dates[earlier], change.astype(np.float32), self.sigma_mm.astype(np.float32))

    def _delay(self, number: int) -> Float64:
        if number not in self._delays:
            self._delays[number] = self._drawn_delay()
        return self._delays[number]

    def _drawn_delay(self) -> Float64:
        rng, (x, y, height) = self.rng, self.series.ground
        posting_m = 4 * max(np.ptp(x), np.ptp(y), MIN_SIDE_M) / FIELD_CELLS
        field = turbulence_field(rng, FIELD_CELLS, posting_m) * np.sqrt(TURBULENCE_MM2.draw(rng))
        delay = map_coordinates(field, [(y - y.min()) / posting_m, (x - x.min()) / posting_m], order=1)
        if np.isfinite(height).any():
            delay = delay + rng.normal(0, RELIEF_MM_KM / 1000) * np.nan_to_num(height - np.nanmean(height))
        slopes = rng.normal(0, PLANE_MM_10KM / 10_000, 2)
        return np.asarray(delay + slopes[0] * (x - x.mean()) + slopes[1] * (y - y.mean()), dtype=np.float64)

    def _block(self) -> NDArray[np.bool_]:
        x, y, _ = self.series.ground
        around, side_m = self.rng.integers(x.size), BLOCK_M.draw(self.rng)
        return np.asarray((np.abs(x - x[around]) < side_m / 2) & (np.abs(y - y[around]) < side_m / 2))
