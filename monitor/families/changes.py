"""Since when ground moves, and whether faster than before, in words: from `detection.models.AlertMotion`."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

from ml.deformation.motion.series import WITHIN_90, Trend
from monitor.wording.components import direction, moved_plainly
from monitor.wording.dates import day_words, time_words
from monitor.wording.figures import figure, rate_words, round_figure, with_uncertainty

HAS_MOVED = {"sank": "has sunk", "rose": "has risen"}
COMPARED = {Trend.FASTER: "faster", Trend.SLOWER: "slower"}
LEAST_SEASON_MM = 0.5
EVENLY = {Trend.SPEEDING: "faster and faster", Trend.SLOWING: "more and more slowly"}


class MotionFigures(Protocol):
    """Columns of `detection.models.AlertMotion`: rates in mm/yr, signs as the component's."""

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
    """The motion of an alert where its series show a change of the rate; None where there is nothing to add.

    None too where the series contradicts the alert's own rate.
    """
    motion: MotionFigures | None = getattr(alert, "motion", None)
    if motion is None or motion.changed_on is None or motion.trend == Trend.STEADY:
        return None
    main = motion.before_mm_yr if motion.trend in (Trend.AT_REST, Trend.REVERSED) else motion.rate_mm_yr
    return motion if main is not None and main * alert.rate_mm_yr > 0 else None


def is_at_rest(alert: Any) -> bool:
    """Whether its series show that it has come to rest."""
    motion = motion_of(alert)
    return motion is not None and motion.trend == Trend.AT_REST


def changed_when(motion: MotionFigures) -> str:
    """'March 2023', 'mid-2023' or 'about 2023', as well as it is known."""
    if motion.changed_on is None:
        return ""
    return time_words(motion.changed_on, WITHIN_90 * (motion.changed_sigma_days or 0.0))


def change_words(motion: MotionFigures, component: str, verb: str, least_sigma: float = 0.0) -> str:
    """What the ground did and since when: 'has sunk by about 8 mm a year (probably 6 to 10) since March 2023, faster
    than before (about 3 mm a year)'. verb: 'sank', how the alert's kind says it; least_sigma: of the alert's rate,
    which knows what points next to each other differ by.
    """
    sigma = max(motion.rate_sigma_mm_yr, least_sigma)
    now, when = f"by about {rate_words(motion.rate_mm_yr, sigma)}", changed_when(motion)
    before = f"about {round_figure(motion.before_mm_yr or 0.0)} mm a year"
    has_moved = HAS_MOVED.get(verb) or f"has {verb}"
    if motion.trend == Trend.AT_REST:
        rate = rate_words(motion.before_mm_yr or 0.0, motion.before_sigma_mm_yr)
        return f"{verb} by about {rate} and came to rest in {when}"
    if motion.trend == Trend.BEGAN:
        return f"began to move in {when} and {has_moved} {now} since then"
    if motion.trend == Trend.REVERSED:
        turned = HAS_MOVED.get(way := moved_plainly(component, motion.rate_mm_yr)) or f"has {way}"
        return f"{verb} by {before} until {when}; since then it {turned} {now}"
    if motion.trend in EVENLY:
        return f"{has_moved} {EVENLY[Trend(motion.trend)]}: by {before} in {when}, and {now} at the end of the data"
    return f"{has_moved} {now} since {when}, {COMPARED[Trend(motion.trend)]} than before ({before})"


def change_rows(component: str, fit: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every change that a series shows: when, between which dates that is, and what changed."""
    return [_change_when(one) | {"what": what_changed(component, one)} for one in fit["changes"]]


def _change_when(change: Mapping[str, Any]) -> dict[str, str]:
    """A speed that changes evenly does so on no day."""
    if change["kind"] == "curve":
        return {"when": "All the time", "between": ""}
    day, *between = (day_words(date.fromisoformat(change[name])) for name in ("day", "first", "last"))
    return {"when": day, "between": " and ".join(between)}


def what_changed(component: str, change: Mapping[str, Any]) -> str:
    """One change of a series, as its `as_dict` has it, in a sentence."""
    size, way = figure(change["size"]), direction(component, change["size"])
    if change["kind"] == "rate":
        return f"The speed changed by {with_uncertainty(change['size'], change['sigma'])} mm a year ({way})."
    if change["kind"] == "curve":
        return f"The speed changes all the time, by {size} mm a year every year ({way})."
    if change["kind"] == "step":
        return f"A jump of {size} mm ({way})."
    return f"A jump of {size} mm, a whole number of half wavelengths: probably an error of processing, left out."


def curve_sentence(motion: MotionFigures, component: str) -> str:
    """What the curve through the series shows at its end, for the block of the chart."""
    if motion.trend == Trend.AT_REST:
        return f"Since {changed_when(motion)} the ground no longer moves against the ground around it."
    rate = with_uncertainty(motion.rate_mm_yr, motion.rate_sigma_mm_yr)
    last = f"At the end of the series it moves by {rate} mm a year ({direction(component, motion.rate_mm_yr)})"
    if motion.changed_on is None:
        return f"{last}; no change of the speed is sure."
    before = with_uncertainty(motion.before_mm_yr or 0.0, motion.before_sigma_mm_yr)
    way = direction(component, motion.before_mm_yr or 0.0)
    when = "in" if motion.trend in EVENLY else "before"
    return f"{last}; {when} {changed_when(motion)} it was {before} mm a year ({way})."


def season_sentence(motion: MotionFigures) -> list[str]:
    """Where a yearly wave is sure, and large enough for a word."""
    if motion.season_month is None or motion.season_mm < LEAST_SEASON_MM:
        return []
    month = date(2001, motion.season_month, 1)
    return [
        f"Every year the ground swells and shrinks by about {round_figure(motion.season_mm)} mm to either side, and is "
        f"most swollen in {month:%B}."
    ]
