"""Motion of an alert's ground now: its rate since the last change, and whether it has come to rest. Pure.

Pages, mails, importance and the order of lists all ask here, so that none of them calls a place at rest that another
one calls moving.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

from ml.deformation.motion.series import Trend

TURNED = (Trend.AT_REST, Trend.REVERSED)  # After these, the alert's own rate is mostly that from before the change.
MIN_FAST = 2.0  # A place this many times as fast as the area's median stands for its alert.


class Rate(NamedTuple):
    """Rate with its standard deviation, mm/yr; None: the deviation is not known."""

    mm_yr: float
    sigma_mm_yr: float | None


class MotionFigures(Protocol):
    """Figures of an alert's motion, columns of `detection.models.AlertMotion`: mm/yr, signed as the component."""

    trend: str
    rate_mm_yr: float
    rate_sigma_mm_yr: float
    before_mm_yr: float | None
    before_sigma_mm_yr: float | None
    changed_on: date | None
    changed_sigma_days: float | None
    season_mm: float
    season_month: int | None


def motion_of(alert: Any) -> MotionFigures | None:
    """Return an alert's motion if its series show a change of rate and move in the alert's direction, else None."""
    motion: MotionFigures | None = getattr(alert, "motion", None)
    if motion is None or motion.changed_on is None or motion.trend == Trend.STEADY or alert.rate_mm_yr is None:
        return None
    main = motion.before_mm_yr if motion.trend in TURNED else motion.rate_mm_yr
    return motion if main is not None and main * alert.rate_mm_yr > 0 else None


def is_at_rest(alert: Any) -> bool:
    """Return whether the series of an alert show that it has come to rest."""
    motion = motion_of(alert)
    return motion is not None and motion.trend == Trend.AT_REST


def rate_now(alert: Any) -> Rate:
    """Return the rate of an alert of velocity fields since its last change; without a change, that of all data."""
    motion = motion_of(alert)
    if motion is None:
        return Rate(alert.rate_mm_yr, alert.rate_sigma_mm_yr)
    # The deviation is at least that of the alert's own rate, which includes how much neighbouring points differ.
    return Rate(motion.rate_mm_yr, max(motion.rate_sigma_mm_yr, alert.rate_sigma_mm_yr or 0.0))


def count_fast_places(places: Sequence[Mapping[str, Any]], median_mm_yr: float) -> int:
    """Return how many places surely move at least MIN_FAST times as fast as the area's median, mm/yr.

    places: `ml.rasters.areas.place_as_dict`. All places of an area move in its direction.
    """
    return sum(abs(place["peak_low_mm_yr"]) >= MIN_FAST * abs(median_mm_yr) for place in places)
