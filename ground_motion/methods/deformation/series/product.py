"""Series of a whole product: which products have unwrapping errors, and a summary made piece by piece."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from ground_motion.core.geometry import METRES_PER_DEGREE, longitude_near
from ground_motion.methods.deformation.series.neighbours import agree
from ground_motion.methods.deformation.series.regression import Float32, Float64
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.methods.deformation.series.summary import SeriesSummary, join_summaries, summarise
from ground_motion.readers.records import Component, Technique

WAVELENGTHS = ("wavelength_m", "WAVELENGTH")  # names in the metadata of a file, m
MAX_GAP_DAYS = 90  # Over longer gaps, as those of snow, ground may move by a cycle: then a lost one is not always told.


def has_cycles(has_series: bool, component: str, technique: str) -> bool:
    """Return whether a product's series can contain unwrapping errors: they are phase along the line of sight."""
    return has_series and component == Component.LOS and technique == Technique.INSAR


def half_wave_mm(stated: Mapping[str, Any]) -> float:
    """Return the line-of-sight motion of one cycle, mm, by the wavelength in a file's metadata, else by C band."""
    wavelength_m = next((float(stated[name]) for name in WAVELENGTHS if stated.get(name)), None)
    return HALF_WAVE_MM if wavelength_m is None else 500 * wavelength_m


class SeriesReader:
    """Reader of a product's series piece by piece that keeps only their summary. half_wave: motion of one cycle, mm."""

    def __init__(self, dates: Sequence[date], half_wave: float) -> None:
        self.days = np.array([(day - dates[0]).days for day in dates])
        self.half_wave = half_wave
        self._parts: list[SeriesSummary] = []

    @property
    def all_undone(self) -> bool:
        """Whether the dates have no long gap, so that `summary` finds every lost cycle."""
        return bool((np.diff(self.days) <= MAX_GAP_DAYS).all())

    def add(self, displacement_mm: Float32) -> None:
        """Add the series of the next points, (n, dates), mm, NaN where missing."""
        self._parts.append(summarise(displacement_mm, self.days, self.half_wave))

    def summary(self, longitude: Float64, latitude: Float64) -> SeriesSummary:
        """Summarise all points in their order. Their places (n,), in degrees, show which steps are neighbours."""
        middle = np.median(latitude) if latitude.size else 0.0
        east_m = METRES_PER_DEGREE * np.cos(np.radians(middle)) * longitude_near(longitude, longitude[:1])
        return agree(join_summaries(self._parts), east_m, METRES_PER_DEGREE * latitude, self.half_wave)
