"""Simulated interferograms of a real series: what new passes would have measured of ground whose motion is known.

Added to the motion: delay of either date, noise by coherence, unwrapping errors, a zero of each pair, gaps and bursts
that are missing. The draws of a case differ from those of another only by what the cases differ in.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from scipy.ndimage import map_coordinates

from ground_motion.methods.deformation.living.inversion import ACTIVE_DATES, Interferogram
from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.regression import Float32, Float64
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.simulation.velocity.nuisance import Range, turbulence_field

FIELD_CELLS = 256  # side of a field of turbulence, of which a quarter or less is used
MIN_SIDE_M = 2_000.0
SCALE_HEIGHT_KM = Range(0.3, 2.0)  # Stratified delay falls to 1/e over this height.
PLANE_MM_10KM = 5.0  # Standard deviation of a date's slope over 10 km, to the east and to the north.
ZERO_MM = 20.0  # Standard deviation of the zero of each interferogram.
LOOKS = 20  # Number of independent looks in a usual 80 m product.
BLOCK_M = Range(150.0, 800.0)
GAP_SHARE = 0.03  # Share of an interferogram's points without a value.
REACH = 3  # Each burst of a new date forms pairs with its last dates, this many, if these are active.


class Case(NamedTuple):
    """Errors that a simulation draws.

    Attributes:
        turbulence_mm2: Semivariance of a date's delay at 1.25 km (1–6 mm²: Hanssen 2001, chapter 4).
        relief_mm_km: Standard deviation of a date's slope with height on the lowest ground.
        single, common: Mean number of blocks of a whole cycle in a pair, and in all pairs that end on a date.
        missing: Share of passes that miss half of the ground, always the same one.
    """

    turbulence_mm2: Range = Range(1.0, 6.0)
    relief_mm_km: float = 10.0
    single: float = 0.1
    common: float = 0.0
    missing: float = 0.0


CASES = {
    "calm": Case(turbulence_mm2=Range(0.4, 1.5)),
    "strong": Case(turbulence_mm2=Range(4.0, 12.0), relief_mm_km=30.0),
    "common": Case(common=0.15),
    "missing": Case(missing=0.3),
    "all": Case(common=0.15, missing=0.3),
    "all, strong": Case(turbulence_mm2=Range(4.0, 12.0), relief_mm_km=30.0, common=0.15, missing=0.3),
}


class Series(NamedTuple):
    """A series with its points. coherence: (points,), 0–1; displacement_mm: (points, dates), mm."""

    ground: Ground
    coherence: Float32
    dates: Sequence[date]
    displacement_mm: Float32


class Passes:
    """Interferograms of a series. Each kind of error of each date is drawn from a generator of its own.

    known: Number of dates of the release, which has all bursts.
    """

    def __init__(self, seed: int, series: Series, known: int, case: Case) -> None:
        self.seed, self.series, self.known, self.case = seed, series, known, case
        gamma = series.coherence
        self.sigma_mm = HALF_WAVE_MM / (2 * np.pi) * np.sqrt((1 - gamma**2) / (2 * LOOKS * gamma**2))
        self.beyond = series.ground.y_m < np.median(series.ground.y_m)
        self._delays: dict[int, Float64] = {}

    def ending_on(self, number: int) -> list[Interferogram]:
        """Return the interferograms from the last REACH dates to date `number` of the series."""
        lost = self._blocks(self._rng("common", number), self.case.common)
        active = range(number - 1, number - 1 - ACTIVE_DATES, -1)
        whole = [earlier for earlier in active if not self._misses(earlier)]
        return [self._interferogram(earlier, number, lost) for earlier in sorted({*active[:REACH], *whole[:REACH]})]

    def _misses(self, number: int) -> bool:
        return number >= self.known and self._rng("missing", number).random() < self.case.missing

    def _rng(self, kind: str, *dates: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *kind.encode(), *dates])

    def _interferogram(self, earlier: int, later: int, lost: Float64) -> Interferogram:
        rng, series = self._rng("pair", earlier, later), self.series
        change = series.displacement_mm[:, later] - series.displacement_mm[:, earlier] + rng.normal(0, ZERO_MM)
        change = change + self._delay(later) - self._delay(earlier) + lost
        change = change + self.sigma_mm * rng.standard_normal(change.size) + self._blocks(rng, self.case.single)
        change[rng.random(change.size) < GAP_SHARE] = np.nan
        if self._misses(earlier) or self._misses(later):
            change[self.beyond] = np.nan
        return Interferogram(series.dates[earlier], change.astype(np.float32), self.sigma_mm.astype(np.float32))

    def _delay(self, number: int) -> Float64:
        if number not in self._delays:
            self._delays[number] = self._drawn_delay(self._rng("delay", number))
        return self._delays[number]

    def _drawn_delay(self, rng: np.random.Generator) -> Float64:
        x, y, height = self.series.ground
        posting_m = 4 * max(np.ptp(x), np.ptp(y), MIN_SIDE_M) / FIELD_CELLS
        field = turbulence_field(rng, FIELD_CELLS, posting_m) * np.sqrt(self.case.turbulence_mm2.draw(rng))
        delay = map_coordinates(field, [(y - y.min()) / posting_m, (x - x.min()) / posting_m], order=1)
        slope, scale = rng.normal(0, self.case.relief_mm_km), SCALE_HEIGHT_KM.draw(rng)
        if np.isfinite(height).any():
            above_km = np.nan_to_num(height - np.nanmin(height)) / 1000
            delay = delay - slope * scale * np.exp(-above_km / scale)
        slopes = rng.normal(0, PLANE_MM_10KM / 10_000, 2)
        return np.asarray(delay + slopes[0] * (x - x.mean()) + slopes[1] * (y - y.mean()), dtype=np.float64)

    def _blocks(self, rng: np.random.Generator, mean: float) -> Float64:
        """Return whole cycles lost in blocks, (points,), mm."""
        x, y, _ = self.series.ground
        lost = np.zeros(x.size)
        for _ in range(rng.poisson(mean)):
            around, side_m = rng.integers(x.size), BLOCK_M.draw(rng)
            inside = (np.abs(x - x[around]) < side_m / 2) & (np.abs(y - y[around]) < side_m / 2)
            lost[inside] += rng.choice([-1, 1]) * HALF_WAVE_MM
        return lost
