"""What new passes show on an alert's ground beyond the releases: provisional until the next release. Pure."""

from datetime import date
from typing import Any, NamedTuple

from detection.rules.lifecycle import with_dates
from detection.rules.motion import DATUM, SHOWN_SIGMAS, Figure


class Passes(NamedTuple):
    """Bend of an alert's ground in living series. Rates: mm/yr, positive toward the satellite.

    series: number of the `ml.models.LivingSeries`; since: last day on which the ground still moved at the rate of the
    release, before_mm_yr; until: last pass that shows it; now, sigma: rate since, and its standard deviation; alone:
    whether no release shows the place; told: rate that was last reported.
    """

    series: int
    since: date
    until: date
    before_mm_yr: float
    now_mm_yr: float
    sigma_mm_yr: float
    alone: bool
    told_mm_yr: float

    @property
    def now(self) -> Figure:
        """Return the rate since the bend."""
        return Figure(self.now_mm_yr, self.sigma_mm_yr, self.since, self.until, along="los", against=DATUM)


def passes_of(alert: Any) -> Passes | None:
    """Return what new passes show on an alert's ground, None if they show nothing new."""
    return Passes(**with_dates(alert.passes, "since", "until")) if getattr(alert, "passes", None) else None


def differs(before: Passes | None, now: Passes) -> bool:
    """Return whether to report a bend: it is new, or its rate differs surely from the one last reported."""
    if before is None or before.series != now.series:
        return True
    return abs(now.now_mm_yr - before.told_mm_yr) > SHOWN_SIGMAS * now.sigma_mm_yr
