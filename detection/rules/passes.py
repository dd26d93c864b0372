"""What new passes show on an alert's ground beyond the releases: provisional until the next release. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from detection.rules.motion import SHOWN_SIGMAS, Figure


class Passes(NamedTuple):
    """Bend of an alert's ground in living series. Rates: mm/yr, positive toward the satellite.

    Attributes:
        series: Number of the `ml.models.LivingSeries`.
        since: Last day on which the ground still moved at the rate of the release.
        until: Last pass that shows it.
        before_mm_yr: Rate of the release.
        now_mm_yr, sigma_mm_yr: Rate since, and its standard deviation.
        alone: Whether no release shows the place.
        told_mm_yr: Rate that was last reported.
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
        return Figure(self.now_mm_yr, self.sigma_mm_yr, self.since, self.until, along="los")


def passes_of(alert: Any) -> Passes | None:
    """Return what new passes show on an alert's ground, None if they show nothing new."""
    return from_json(alert.passes) if getattr(alert, "passes", None) else None


def as_json(passes: Passes) -> dict[str, Any]:
    """Return the facts as JSON values: dates in ISO 8601."""
    return passes._asdict() | {"since": passes.since.isoformat(), "until": passes.until.isoformat()}


def from_json(stored: Mapping[str, Any]) -> Passes:
    """Restore facts from `as_json`."""
    days = {name: date.fromisoformat(stored[name]) for name in ("since", "until")}
    return Passes(**{**stored, **days})


def differs(before: Passes | None, now: Passes) -> bool:
    """Return whether to report a bend: it is new, or its rate differs surely from the one last reported."""
    if before is None or before.series != now.series:
        return True
    return abs(now.now_mm_yr - before.told_mm_yr) > SHOWN_SIGMAS * now.sigma_mm_yr
