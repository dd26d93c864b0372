"""Evidence from the series inside a flagged area: sudden steps, and the agreement of odd and even dates."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from ground_motion.methods.deformation.series.regression import Float32
from ground_motion.methods.deformation.series.summary import summarise

MOSTLY = 0.5  # If a step is a larger share of a point's rate, it mostly makes up the rate.
WHOLE_WITHIN = 0.15  # A median step this near to a whole number of cycles counts as one.


class SeriesEvidence(NamedTuple):
    """Evidence on the series of an area's points.

    jump_share: share of points whose rate is mostly due to one step within an image of jump_date, the first date after
    it; jump_mm: median size, with the series' sign; jump_cycles: whole number of cycles, 0 if it is not near one.
    odd_even_mm_yr: median absolute difference between the rates of odd and even dates. None without steps, or without
    a summary.
    """

    jump_share: float = 0.0
    jump_date: date | None = None
    jump_mm: float | None = None
    jump_cycles: int = 0
    odd_even_mm_yr: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the evidence for JSON: rounded, the date as 2024-05-31."""

        def as_json(value: Any) -> Any:
            return value.isoformat() if isinstance(value, date) else round(value, 2) if value is not None else None

        return {name: as_json(value) for name, value in self._asdict().items()}


def series_evidence(displacement_mm: Float32, dates: Sequence[date], half_wave_mm: float) -> SeriesEvidence:
    """Collect the evidence of series (n, dates), mm, NaN where missing."""
    days = np.array([(day - dates[0]).days for day in dates])
    summary = summarise(displacement_mm, days, half_wave_mm)
    known = np.isfinite(summary.odd_even_mm_yr)
    odd_even = abs(float(np.median(summary.odd_even_mm_yr[known]))) if known.any() else None
    steps, released = summary.steps, summary.rate_mm_yr + summary.step_mm_yr
    made = steps.size_mm * steps.per_year
    mostly = made * np.sign(released[steps.point]) > MOSTLY * np.abs(released[steps.point])
    if not mostly.any():
        return SeriesEvidence(odd_even_mm_yr=odd_even)
    when = np.bincount(steps.date[mostly], minlength=len(dates))
    around = np.convolve(when, [1, 1, 1], "same") + when / (when.sum() + 1)  # If equal, the date with most steps wins.
    at = int(np.argmax(around))
    those = mostly & (np.abs(steps.date - at) <= 1)
    size = float(np.median(steps.size_mm[those]))
    cycles = round(size / half_wave_mm)
    return SeriesEvidence(
        jump_share=np.unique(steps.point[those]).size / len(displacement_mm),
        jump_date=dates[at],
        jump_mm=size,
        jump_cycles=cycles if abs(size / half_wave_mm - cycles) <= WHOLE_WITHIN else 0,
        odd_even_mm_yr=odd_even,
    )
